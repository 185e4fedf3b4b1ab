-- The tables: users and their sessions, the log (outbox), and the projection of the log (vaults, vault_users, sources).

-- Users and sessions --------------------------------------------------------------------------------------------------
--
-- None of these tables is event-sourced: the log cannot rebuild them.

-- People who can sign in.
CREATE TABLE users (
    id            uuid        NOT NULL,
    -- As the user typed it. users_email_key makes it unique regardless of case.
    email         text        NOT NULL,
    -- Shown to other members as the actor of events.
    name          text        NOT NULL,
    -- PHC string: argon2id with its parameters and salt. Never leaves the store.
    password_hash text        NOT NULL,
    -- For operators; the programs do not read it.
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    -- The limits of Email and MemberName.
    CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_name_length CHECK (char_length(name) BETWEEN 1 AND 100)
);
-- Serves the login. The server maps a violation of this index to EMAIL_TAKEN by its name.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

-- Sessions that this server issued. The cookie holds the token, the table only its hash.
CREATE TABLE sessions (
    -- SHA-256 of the token: a stolen copy of this table opens no session.
    token_hash bytea       NOT NULL,
    user_id    uuid        NOT NULL,
    -- For operators; the programs do not read it.
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The session is invalid from this time on. The row is deleted some time later.
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (token_hash),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_token_hash_length CHECK (octet_length(token_hash) = 32)
);
-- Serves the deletion of a user and of the user's expired sessions.
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
-- Serves the cleanup.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- Encrypted sessions: tokens that Auth.js encrypted and that carry the whole session, so they have no row in
-- `sessions`. A row here revokes such a token before it expires.
CREATE TABLE revoked_tokens (
    -- SHA-256 of the token, as in `sessions`.
    token_hash bytea       NOT NULL,
    -- When the token itself expires. The row is deleted some time later.
    expires_at timestamptz NOT NULL,
    CONSTRAINT revoked_tokens_pkey PRIMARY KEY (token_hash),
    CONSTRAINT revoked_tokens_token_hash_length CHECK (octet_length(token_hash) = 32)
);
-- Serves the cleanup.
CREATE INDEX revoked_tokens_expires_at_idx ON revoked_tokens (expires_at);

-- Changes of sessions -------------------------------------------------------------------------------------------------
--
-- A session that ends must also end on live sockets (I6). Every node polls the recent rows of the next two tables,
-- instead of asking for each session that it holds a socket of. Triggers write the rows in the transaction of the
-- change, so they cover every cause: a logout, the deletion of a user, or an operator using psql.

-- Sessions that were ended, prolonged or revoked.
CREATE TABLE session_changes (
    token_hash bytea       NOT NULL,
    -- When the statement ran. Readers look back much further than the transaction takes to commit.
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX session_changes_changed_at_idx ON session_changes (changed_at);

-- Users that were deleted. The cascade deletes a user's rows in `sessions`, but encrypted sessions have no row that the
-- trigger on `sessions` could note.
CREATE TABLE user_changes (
    user_id    uuid        NOT NULL,
    -- As in session_changes.
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX user_changes_changed_at_idx ON user_changes (changed_at);

-- Records a session that was deleted or got another end.
CREATE FUNCTION note_session_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_changes (token_hash) VALUES (OLD.token_hash);
    RETURN NULL;
END $$;

CREATE TRIGGER sessions_changed AFTER DELETE OR UPDATE OF expires_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION note_session_change();

-- Records a revoked token.
CREATE FUNCTION note_revoked_token() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_changes (token_hash) VALUES (NEW.token_hash);
    RETURN NULL;
END $$;

CREATE TRIGGER revoked_tokens_added AFTER INSERT ON revoked_tokens
    FOR EACH ROW EXECUTE FUNCTION note_revoked_token();

-- Records a deleted user.
CREATE FUNCTION note_user_deletion() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
    RETURN NULL;
END $$;

CREATE TRIGGER users_deleted AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION note_user_deletion();

-- Secrets -------------------------------------------------------------------------------------------------------------

-- Secrets that all nodes share. `csrf` signs the double-submit tokens of /api/auth/csrf.
CREATE TABLE secrets (
    name  text NOT NULL,
    value text NOT NULL,
    CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
-- gen_random_uuid is the only strong random source that every supported PostgreSQL has without an extension. Two UUIDs
-- hold 244 random bits.
INSERT INTO secrets (name, value)
VALUES ('csrf', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

-- The log and its projection ------------------------------------------------------------------------------------------
--
-- Folding a vault's log gives exactly its rows in the projection (I7). Only the append functions (0002_append.sql) and
-- the operator's rebuild, import and compact write here.

-- Vaults: the unit of access, of ordering and of locking.
CREATE TABLE vaults (
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    -- Position of the vault's newest event. Every append increments it first, so the row lock makes seq order equal to
    -- commit order, and a rollback undoes the increment: the log has no gap (I2).
    head_seq   bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- A deleted vault keeps its row and its log; its members and sources are deleted.
    deleted_at timestamptz,
    CONSTRAINT vaults_pkey PRIMARY KEY (id),
    -- The limit of VaultName.
    CONSTRAINT vaults_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    -- Every log begins with vault:created at seq 1.
    CONSTRAINT vaults_head_seq_positive CHECK (head_seq > 0)
)
-- Every event updates head_seq, which no index contains. Free space on the page keeps these updates heap-only (HOT).
WITH (fillfactor = 50);

-- Members of vaults.
CREATE TABLE vault_users (
    vault_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    role       text        NOT NULL,
    created_at timestamptz NOT NULL,
    -- The server maps a violation to ALREADY_MEMBER by this name.
    CONSTRAINT vault_users_pkey PRIMARY KEY (vault_id, user_id),
    CONSTRAINT vault_users_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    -- Without a cascade: a user who is a member of a vault cannot be deleted.
    CONSTRAINT vault_users_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT vault_users_role_known CHECK (role IN ('owner', 'contributor', 'viewer'))
);
-- Serves the list of a user's vaults.
CREATE INDEX vault_users_user_id_idx ON vault_users (user_id);

-- Sources: the documents of a vault, each a title and a link to a file.
CREATE TABLE sources (
    id         uuid        NOT NULL,
    -- Never changes: a source stays in the vault where it was created.
    vault_id   uuid        NOT NULL,
    title      text        NOT NULL,
    -- An absolute http or https URL. Other schemes (javascript:, data:) could run code in a member's browser.
    file_url   text        NOT NULL,
    -- 1 at creation, incremented by every change. It is the ETag that If-Match is compared with.
    version    integer     NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT sources_pkey PRIMARY KEY (id),
    CONSTRAINT sources_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    -- The limits of SourceTitle and FileUrl.
    CONSTRAINT sources_title_length CHECK (char_length(title) BETWEEN 1 AND 500),
    CONSTRAINT sources_file_url_http CHECK (char_length(file_url) <= 2048 AND file_url ~* '^https?://'),
    CONSTRAINT sources_version_positive CHECK (version > 0)
);
-- The order of a list of sources, and of its page cursor.
CREATE INDEX sources_vault_id_idx ON sources (vault_id, created_at, id);

-- The log: one row per event, written in the transaction of the change that it describes (I1), and never updated.
CREATE TABLE outbox (
    vault_id   uuid        NOT NULL,
    -- Position in this vault's log: 1, 2, 3, … up to vaults.head_seq, without a gap (I2). There is deliberately no
    -- global position: concurrent transactions become visible out of order, and a cursor over them would lose events.
    seq        bigint      NOT NULL,
    -- Identifies the event forever. Random, and not indexed, because no query looks up an event by it.
    event_id   uuid        NOT NULL,
    type       text        NOT NULL,
    -- The event exactly as subscribers receive it. json and not jsonb, because jsonb would reformat it.
    payload    json        NOT NULL,
    -- The user who made the change. No foreign key: the log outlives its users.
    actor_id   uuid        NOT NULL,
    -- When the change was made, read while the vault is locked, so it ascends with seq. In milliseconds, as in the
    -- payload.
    created_at timestamptz NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (vault_id, seq),
    CONSTRAINT outbox_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    CONSTRAINT outbox_seq_positive CHECK (seq > 0),
    -- A compacted log begins with vault:snapshot; see 0003_fold_and_compact.sql.
    CONSTRAINT outbox_type_known CHECK (type IN (
        'vault:created', 'vault:updated', 'vault:deleted', 'vault:snapshot',
        'member:added', 'member:updated', 'member:removed',
        'source:created', 'source:updated', 'source:deleted'))
);

-- Idempotency keys ----------------------------------------------------------------------------------------------------

-- Responses to mutations that carry an Idempotency-Key (I9). The row is written in the transaction of the mutation, so
-- one never exists without the other.
CREATE TABLE idempotency_keys (
    -- Each user has a separate key space.
    user_id      uuid        NOT NULL,
    key          text        NOT NULL,
    -- SHA-256 of the request: the same key with a different request is rejected.
    request_hash bytea       NOT NULL,
    -- The stored outcome, from which a repeated request gets the same response.
    response     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT idempotency_keys_key_length CHECK (char_length(key) BETWEEN 1 AND 255)
);
-- Serves the cleanup.
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
