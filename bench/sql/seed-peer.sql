-- Vaults and members for the peers' schema. @users@ and @vaults@ are filled in.
INSERT INTO users (id, email, name, password_hash)
SELECT md5('user' || n)::uuid, 'user' || n || '@bench.test', 'Benchmark User ' || n, u.password_hash
FROM users u, generate_series(1, @users@ - 1) n WHERE u.email = 'user0@bench.test';

INSERT INTO vaults (id, name)
SELECT ('00000000-0000-4000-8000-' || (100000000000 + n))::uuid, 'Vault ' || n FROM generate_series(0, @vaults@ - 1) n;

INSERT INTO vault_users (vault_id, user_id, role)
SELECT v.id, u.id, CASE u.email WHEN 'user0@bench.test' THEN 'owner' ELSE 'contributor' END FROM vaults v, users u;
