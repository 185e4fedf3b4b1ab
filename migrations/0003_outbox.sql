-- The log. One row an event, written in the transaction of the change it tells of (I1); never updated.

CREATE TABLE outbox (
    vault_id   uuid        NOT NULL,
    -- Position in this vault's log: 1, 2, 3, … up to vaults.head_seq, without a hole (I2). There is deliberately no
    -- global number: ids of concurrent transactions become visible out of order, and a cursor over them loses events.
    seq        bigint      NOT NULL,
    -- Names the event for ever. Random, and not indexed: nothing looks events up by it.
    event_id   uuid        NOT NULL,
    type       text        NOT NULL,
    -- The event as subscribers receive it, to the byte. json, not jsonb, since jsonb would rewrite it.
    payload    json        NOT NULL,
    -- The user who made the change.
    actor_id   uuid        NOT NULL,
    -- When the change was made, with the vault locked: ascends with seq. Milliseconds, as in the payload.
    created_at timestamptz NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (vault_id, seq),
    CONSTRAINT outbox_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults (id),
    CONSTRAINT outbox_seq_positive CHECK (seq > 0),
    CONSTRAINT outbox_type_known CHECK (type IN (
        'vault:created', 'vault:updated', 'vault:deleted',
        'member:added', 'member:updated', 'member:removed',
        'source:created', 'source:updated', 'source:deleted'))
);
