-- Mutations that may be repeated (I9). The row is written in the transaction of the mutation: there is no moment at
-- which one of them is there without the other.

CREATE TABLE idempotency_keys (
    -- Keys of different users do not meet.
    user_id      uuid        NOT NULL,
    key          text        NOT NULL,
    -- SHA-256 of what was asked for: the same key with another request is refused.
    request_hash bytea       NOT NULL,
    -- What was answered, in our own terms; the same answer is made of it again.
    response     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT idempotency_keys_key_length CHECK (char_length(key) BETWEEN 1 AND 255)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
