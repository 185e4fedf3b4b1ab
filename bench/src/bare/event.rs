//! The event that the ceiling servers send.

/// Returns the JSON of an event as SyncScript sends it, with the title of this request body.
pub fn event(request: &str) -> String {
    let title = request.split("\"title\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    format!(
        r#"{{"source":{{"id":"0199aaaa-0000-7000-8000-000000000001","title":"{title}","fileUrl":"https://example.com/papers/2026/a-paper.pdf","vaultId":"00000000-0000-4000-8000-100000000000","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z","version":1}},"actor":{{"userId":"0199aaaa-0000-7000-8000-000000000002","userName":"Benchmark User 0","role":"owner"}},"timestamp":"2026-01-01T00:00:00.000Z","seq":100000,"eventId":"0199aaaa-0000-4000-8000-000000000003"}}"#
    )
}
