\set vault random(100000000000, 100000000000 + :vaults - 1)
\set actor random(1, :users - 1)
SELECT f.seq, (f.source).id, (f.source).vault_id, (f.source).title, (f.source).file_url, (f.source).version, (f.source).created_at, (f.source).updated_at FROM source_create(('00000000-0000-4000-8000-' || :vault)::uuid, md5('user' || :actor)::uuid, gen_random_uuid(), 'sent@000000123456789', 'https://example.com/papers/2026/a-paper.pdf') f;
