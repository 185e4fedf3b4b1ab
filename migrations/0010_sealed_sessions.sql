-- Sessions that Auth.js issues to be kept in the cookie itself, encrypted: no row stands for them while they last. Only
-- what ends one before its time is written down, and found by the nodes like the end of any session (0005).

CREATE TABLE revoked_tokens (
    -- SHA-256 of the token, as in sessions.
    token_hash bytea       NOT NULL,
    -- When the token ends by itself; from then on the row says nothing new, and goes.
    expires_at timestamptz NOT NULL,
    CONSTRAINT revoked_tokens_pkey PRIMARY KEY (token_hash),
    CONSTRAINT revoked_tokens_token_hash_length CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX revoked_tokens_expires_at_idx ON revoked_tokens (expires_at);

CREATE FUNCTION note_revoked_token() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_changes (token_hash) VALUES (NEW.token_hash);
    RETURN NULL;
END $$;

CREATE TRIGGER revoked_tokens_added AFTER INSERT ON revoked_tokens
    FOR EACH ROW EXECUTE FUNCTION note_revoked_token();

-- Rows of sessions go with their user, and are noted; such a token does not, so its user's end is.
CREATE TABLE user_changes (
    user_id    uuid        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX user_changes_changed_at_idx ON user_changes (changed_at);

CREATE FUNCTION note_user_deletion() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO user_changes (user_id) VALUES (OLD.id);
    RETURN NULL;
END $$;

CREATE TRIGGER users_deleted AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION note_user_deletion();

-- What all nodes must know and nobody else. gen_random_uuid is the one source of strong randomness that every supported
-- PostgreSQL has without an extension; two of them hold 244 random bits.
CREATE TABLE secrets (
    name  text NOT NULL,
    value text NOT NULL,
    CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
INSERT INTO secrets (name, value)
VALUES ('csrf', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
