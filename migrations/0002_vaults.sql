-- The projection: what folding each vault's log gives. Only the functions of 0004_append.sql write here.

CREATE TABLE vaults (
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    -- Position of the newest event of this vault. Bumped first in every append, so the row lock makes the order of
    -- seq the order of commit, and a rollback takes the bump back: the log has no hole (I2).
    head_seq   bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- A deleted vault keeps its row and its log; its members and sources are gone.
    deleted_at timestamptz,
    CONSTRAINT vaults_pkey PRIMARY KEY (id),
    CONSTRAINT vaults_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT vaults_head_seq_positive CHECK (head_seq > 0)
)
-- head_seq changes with every event and is in no index: room on the page keeps those updates heap-only.
WITH (fillfactor = 50);

CREATE TABLE vault_users (
    vault_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    role       text        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT vault_users_pkey PRIMARY KEY (vault_id, user_id),
    CONSTRAINT vault_users_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    CONSTRAINT vault_users_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT vault_users_role_known CHECK (role IN ('owner', 'contributor', 'viewer'))
);
CREATE INDEX vault_users_user_id_idx ON vault_users (user_id);

CREATE TABLE sources (
    id         uuid        NOT NULL,
    -- Never changes: a source stays in the vault it was created in.
    vault_id   uuid        NOT NULL,
    title      text        NOT NULL,
    -- An absolute http or https URL; other schemes (javascript:, data:) could run in a member's browser.
    file_url   text        NOT NULL,
    -- 1 at creation, one more with every change: the ETag.
    version    integer     NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT sources_pkey PRIMARY KEY (id),
    CONSTRAINT sources_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    CONSTRAINT sources_title_length CHECK (char_length(title) BETWEEN 1 AND 500),
    CONSTRAINT sources_file_url_http CHECK (char_length(file_url) <= 2048 AND file_url ~* '^https?://'),
    CONSTRAINT sources_version_positive CHECK (version > 0)
);
-- The order of a listing, and its cursor.
CREATE INDEX sources_vault_id_idx ON sources (vault_id, created_at, id);
