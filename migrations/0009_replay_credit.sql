-- Replays slower than the servers look at them, and vaults compacted past their end.

-- What a replay has gained by its rate and not yet moved on by: at two events a second, most looks gain half an event.
ALTER TABLE replays ADD COLUMN credit double precision NOT NULL DEFAULT 0;

-- As before, and a snapshot says when the vault was deleted, if it stands behind that.
CREATE OR REPLACE FUNCTION fold_vault(p_vault uuid, p_upto bigint)
RETURNS TABLE (name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT v.payload -> 'vault' ->> 'name', (v.payload -> 'vault' ->> 'createdAt')::timestamptz,
           (v.payload -> 'vault' ->> 'updatedAt')::timestamptz,
           coalesce((v.payload -> 'vault' ->> 'deletedAt')::timestamptz,
               (SELECT d.created_at FROM outbox d
                WHERE d.vault_id = p_vault AND d.seq <= p_upto AND d.type = 'vault:deleted'))
    FROM outbox v
    WHERE v.vault_id = p_vault AND v.seq <= p_upto AND v.type IN ('vault:created', 'vault:updated', 'vault:snapshot')
    ORDER BY v.seq DESC LIMIT 1;
END;

-- As before, with deletedAt in the snapshot of a deleted vault. Its members and sources are empty then.
CREATE OR REPLACE FUNCTION compact_vault(p_vault uuid, p_before bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_cut   bigint := p_before - 1;
    v_at    timestamptz := date_trunc('milliseconds', clock_timestamp());
    v_event uuid := gen_random_uuid();
    v_actor uuid;
    v_body  text;
    v_gone  bigint;
BEGIN
    PERFORM 1 FROM vaults WHERE id = p_vault AND p_before BETWEEN 2 AND head_seq + 1 FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such position' USING ERRCODE = 'SY404';
    END IF;
    -- The snapshot takes the place of an event; it is kept in the name of who made that one.
    SELECT actor_id INTO v_actor FROM outbox WHERE vault_id = p_vault AND seq = v_cut;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such position' USING ERRCODE = 'SY404';
    END IF;
    SELECT '{"vaultId":"' || p_vault || '","vault":{"id":"' || p_vault || '","name":' || to_json(f.name)
            || ',"createdAt":"' || event_time(f.created_at) || '","updatedAt":"' || event_time(f.updated_at)
            || coalesce('","deletedAt":"' || event_time(f.deleted_at), '') || '"}'
            || ',"members":' || coalesce((SELECT json_agg(json_build_object('userId', m.user_id, 'userName', u.name,
                    'role', m.role, 'createdAt', event_time(m.created_at)))
                FROM fold_members(p_vault, v_cut) m LEFT JOIN users u ON u.id = m.user_id)::text, '[]')
            || ',"sources":' || coalesce((SELECT json_agg(source_json(ROW(s.*)::sources)::json)
                FROM fold_sources(p_vault, v_cut) s)::text, '[]')
            || ',"timestamp":"' || event_time(v_at) || '","seq":' || v_cut || ',"eventId":"' || v_event || '"}'
        INTO v_body FROM fold_vault(p_vault, v_cut) f;
    DELETE FROM outbox WHERE vault_id = p_vault AND seq <= v_cut;
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
        VALUES (p_vault, v_cut, v_event, 'vault:snapshot', v_body::json, v_actor, v_at);
    RETURN v_gone;
END $$;
