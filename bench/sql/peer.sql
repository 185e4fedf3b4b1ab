-- The schema of the peers: the plan's models, with the constraints and indexes that its queries need.
CREATE TABLE users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email         text NOT NULL UNIQUE,
    name          text NOT NULL,
    password_hash text NOT NULL
);
CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE TABLE vaults (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL,
    head_seq   bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
)
WITH (fillfactor = 50);
CREATE TABLE vault_users (
    vault_id uuid NOT NULL REFERENCES vaults (id),
    user_id  uuid NOT NULL REFERENCES users (id),
    role     text NOT NULL,
    PRIMARY KEY (vault_id, user_id)
);
CREATE TABLE sources (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    vault_id   uuid NOT NULL REFERENCES vaults (id),
    title      text NOT NULL,
    file_url   text NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON sources (vault_id, created_at, id);
-- Peer (b).
CREATE TABLE outbox (
    vault_id   uuid NOT NULL,
    seq        bigint NOT NULL,
    type       text NOT NULL,
    payload    json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (vault_id, seq)
);
-- Peer (c).
CREATE TABLE socket_io_attachments (
    id         bigserial UNIQUE,
    created_at timestamptz DEFAULT now(),
    payload    bytea
);
-- Peer (d), as its package creates it.
CREATE TABLE package_outbox (
    id                uuid PRIMARY KEY,
    aggregate_type    text NOT NULL,
    aggregate_id      text NOT NULL,
    message_type      text NOT NULL,
    segment           text,
    concurrency       text NOT NULL DEFAULT 'sequential',
    payload           jsonb NOT NULL,
    metadata          jsonb,
    locked_until      timestamptz NOT NULL DEFAULT to_timestamp(0),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    processed_at      timestamptz,
    abandoned_at      timestamptz,
    started_attempts  smallint NOT NULL DEFAULT 0,
    finished_attempts smallint NOT NULL DEFAULT 0
);
