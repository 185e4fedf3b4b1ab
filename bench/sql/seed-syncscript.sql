-- Vaults and members for SyncScript's schema, created by its append functions. @users@ and @vaults@ are filled in.
-- One user exists, registered over REST. All other users get the same password hash.
INSERT INTO users (id, email, name, password_hash)
SELECT md5('user' || n)::uuid, 'user' || n || '@bench.test', 'Benchmark User ' || n, u.password_hash
FROM users u, generate_series(1, @users@ - 1) n WHERE u.email = 'user0@bench.test';

SELECT count(*) FROM (
    SELECT vault_create(('00000000-0000-4000-8000-' || (100000000000 + n))::uuid, u.id, 'Vault ' || n)
    FROM users u, generate_series(0, @vaults@ - 1) n WHERE u.email = 'user0@bench.test'
) made;

SELECT count(*) FROM (
    SELECT member_add(('00000000-0000-4000-8000-' || (100000000000 + n))::uuid, o.id, u.email, 'contributor')
    FROM users o, users u, generate_series(0, @vaults@ - 1) n
    WHERE o.email = 'user0@bench.test' AND u.email <> 'user0@bench.test'
) made;
