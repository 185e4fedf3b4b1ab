-- What operators ask of the servers, and what the servers tell them. Both are rows: every node finds them the same way.

CREATE TABLE replays (
    id           uuid             NOT NULL,
    vault_id     uuid             NOT NULL,
    -- The events from_seq to to_seq are sent again, of the given type and to the given user where one is set.
    from_seq     bigint           NOT NULL,
    to_seq       bigint           NOT NULL,
    type         text,
    user_id      uuid,
    -- Events a second.
    rate         double precision NOT NULL,
    -- As the operator's system names the operator.
    requested_by text             NOT NULL,
    state        text             NOT NULL DEFAULT 'running',
    -- The last event that may be sent; moved by one node at a time, followed by all.
    position     bigint           NOT NULL,
    -- The node that moves the position, and when it last did; another takes over once that is some seconds ago.
    driver       uuid,
    driven_at    timestamptz,
    created_at   timestamptz      NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz,
    CONSTRAINT replays_pkey PRIMARY KEY (id),
    CONSTRAINT replays_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    CONSTRAINT replays_range CHECK (from_seq >= 1 AND to_seq >= from_seq AND position BETWEEN from_seq - 1 AND to_seq),
    CONSTRAINT replays_rate_positive CHECK (rate > 0),
    CONSTRAINT replays_state_known CHECK (state IN ('running', 'done', 'cancelled'))
);
CREATE INDEX replays_running_idx ON replays (id) WHERE state = 'running';

CREATE TABLE nodes (
    id            uuid        NOT NULL,
    version       text        NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Renewed every few seconds; a node that has not been seen for longer is dead.
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    sockets       bigint      NOT NULL,
    vaults_in_use bigint      NOT NULL,
    -- Committed events of the vaults in use that the node had not emitted.
    lag_events    bigint      NOT NULL,
    CONSTRAINT nodes_pkey PRIMARY KEY (id)
);
