-- Adds @events@ events directly to each of the first @vaults@ vaults, because the append functions would take much longer.
-- The foreign keys hold by construction, so their checks are switched off.
SET session_replication_role = replica;

INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
SELECT v.id, v.head_seq + n, gen_random_uuid(), 'source:updated',
    ('{"source":{"id":"' || gen_random_uuid() || '","title":"filled ' || n
        || '","fileUrl":"https://example.com/papers/2026/a-paper.pdf","vaultId":"' || v.id
        || '","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z","version":2},"actor":{"userId":"'
        || u.id || '","userName":"' || u.name || '","role":"owner"},"timestamp":"2026-01-01T00:00:00.000Z","seq":'
        || v.head_seq + n || ',"eventId":"' || gen_random_uuid() || '"}')::json,
    u.id, '2026-01-01'
FROM generate_series(1, @events@) n
CROSS JOIN (SELECT * FROM vaults ORDER BY id LIMIT @vaults@) v
CROSS JOIN (SELECT * FROM users WHERE email = 'user0@bench.test') u
ORDER BY n;

UPDATE vaults SET head_seq = head_seq + @events@ WHERE id IN (SELECT id FROM vaults ORDER BY id LIMIT @vaults@);

SET session_replication_role = origin;
