-- Messages between operators and servers: rows in both directions, so that every node reads the same messages.

-- Replays: operators ask the servers to send stored events again. `outbox-worker replay` inserts a row.
CREATE TABLE replays (
    id           uuid             NOT NULL,
    vault_id     uuid             NOT NULL,
    -- The events from_seq to to_seq are sent, limited to one type and one user where these are set.
    from_seq     bigint           NOT NULL,
    to_seq       bigint           NOT NULL,
    type         text,
    user_id      uuid,
    -- Events per second.
    rate         double precision NOT NULL,
    -- The operator, as named by the operator's system.
    requested_by text             NOT NULL,
    state        text             NOT NULL DEFAULT 'running',
    -- The last event that may be sent. One node at a time (the driver) advances it; all nodes follow it.
    position     bigint           NOT NULL,
    -- The driver, and when it last advanced the position. Another node takes over when that was some seconds ago.
    driver       uuid,
    driven_at    timestamptz,
    created_at   timestamptz      NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz,
    -- The fraction of an event that the rate allows so far and that the position has not used: at a low rate, one step
    -- earns less than one event.
    credit       double precision NOT NULL DEFAULT 0,
    CONSTRAINT replays_pkey PRIMARY KEY (id),
    CONSTRAINT replays_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    -- position is from_seq - 1 before the first event.
    CONSTRAINT replays_range CHECK (from_seq >= 1 AND to_seq >= from_seq AND position BETWEEN from_seq - 1 AND to_seq),
    CONSTRAINT replays_rate_positive CHECK (rate > 0),
    CONSTRAINT replays_state_known CHECK (state IN ('running', 'done', 'cancelled'))
);
-- Nodes poll for running replays; this index holds nothing else.
CREATE INDEX replays_running_idx ON replays (id) WHERE state = 'running';

-- Nodes: each server renews its row every few seconds. `outbox-worker status` reads them.
CREATE TABLE nodes (
    id            uuid        NOT NULL,
    version       text        NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- A node that has not renewed its row for longer than a few periods counts as dead.
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Open connections of this node.
    sockets       bigint      NOT NULL,
    -- Vaults that sockets of this node are members of.
    vaults_in_use bigint      NOT NULL,
    -- Committed events of these vaults that the node has not emitted yet.
    lag_events    bigint      NOT NULL,
    CONSTRAINT nodes_pkey PRIMARY KEY (id)
);
