\set vault random(100000000000, 100000000000 + :vaults - 1)
\set actor random(1, :users - 1)
SELECT rejection, vault_id, seq, (source).id, (source).vault_id, (source).title, (source).file_url, (source).version, (source).created_at, (source).updated_at FROM sources_create(ARRAY[gen_random_uuid()], ARRAY[('00000000-0000-4000-8000-' || :vault)::uuid], ARRAY[md5('user' || :actor)::uuid], ARRAY['sent@000000123456789'], ARRAY['https://example.com/papers/2026/a-paper.pdf'], true) ORDER BY ordinal;
