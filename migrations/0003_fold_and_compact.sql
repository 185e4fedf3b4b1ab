-- The fold: the state that a vault's log describes (I7). The projection holds the same state unless somebody changed it
-- by hand. `outbox-worker verify` compares the two, `rebuild` repairs the projection, and `compact` shortens the log.
--
-- Each source event carries the whole source, so folding keeps the last event of each source. Postgres sorts on disk
-- what does not fit in memory. A compacted log begins with vault:snapshot, which holds the state at its position.

-- The vault's own row after the event p_upto, without head_seq, which is the position itself.
CREATE FUNCTION fold_vault(p_vault uuid, p_upto bigint)
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

-- The members after the event p_upto. Empty if the vault is deleted by then.
CREATE FUNCTION fold_members(p_vault uuid, p_upto bigint)
RETURNS TABLE (user_id uuid, role text, created_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT last.user_id, last.member ->> 'role', (last.member ->> 'createdAt')::timestamptz
    FROM (
        SELECT DISTINCT ON (entry.user_id) entry.user_id, entry.member
        FROM (
            SELECT o.seq, (o.payload -> 'member' ->> 'userId')::uuid AS user_id, o.payload -> 'member' AS member
            FROM outbox o WHERE o.vault_id = p_vault AND o.seq <= p_upto
                AND o.type IN ('vault:created', 'member:added', 'member:updated')
            UNION ALL
            SELECT o.seq, (o.payload ->> 'userId')::uuid, NULL
            FROM outbox o WHERE o.vault_id = p_vault AND o.seq <= p_upto AND o.type = 'member:removed'
            UNION ALL
            SELECT o.seq, (m ->> 'userId')::uuid, m
            FROM outbox o, json_array_elements(o.payload -> 'members') m
            WHERE o.vault_id = p_vault AND o.seq <= p_upto AND o.type = 'vault:snapshot'
        ) AS entry
        ORDER BY entry.user_id, entry.seq DESC
    ) AS last
    WHERE last.member IS NOT NULL AND NOT EXISTS (
        SELECT FROM outbox d WHERE d.vault_id = p_vault AND d.seq <= p_upto AND d.type = 'vault:deleted');
END;

-- The sources after the event p_upto. Empty if the vault is deleted by then.
CREATE FUNCTION fold_sources(p_vault uuid, p_upto bigint)
RETURNS TABLE (id uuid, vault_id uuid, title text, file_url text, version integer,
               created_at timestamptz, updated_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT last.id, p_vault, last.source ->> 'title', last.source ->> 'fileUrl', (last.source ->> 'version')::integer,
           (last.source ->> 'createdAt')::timestamptz, (last.source ->> 'updatedAt')::timestamptz
    FROM (
        SELECT DISTINCT ON (entry.id) entry.id, entry.source
        FROM (
            SELECT o.seq, (o.payload -> 'source' ->> 'id')::uuid AS id, o.payload -> 'source' AS source
            FROM outbox o WHERE o.vault_id = p_vault AND o.seq <= p_upto
                AND o.type IN ('source:created', 'source:updated')
            UNION ALL
            SELECT o.seq, (o.payload ->> 'sourceId')::uuid, NULL
            FROM outbox o WHERE o.vault_id = p_vault AND o.seq <= p_upto AND o.type = 'source:deleted'
            UNION ALL
            SELECT o.seq, (s ->> 'id')::uuid, s
            FROM outbox o, json_array_elements(o.payload -> 'sources') s
            WHERE o.vault_id = p_vault AND o.seq <= p_upto AND o.type = 'vault:snapshot'
        ) AS entry
        ORDER BY entry.id, entry.seq DESC
    ) AS last
    WHERE last.source IS NOT NULL AND NOT EXISTS (
        SELECT FROM outbox d WHERE d.vault_id = p_vault AND d.seq <= p_upto AND d.type = 'vault:deleted');
END;

-- The differences between fold and projection of one vault: one row per difference, with the table, the row's id and
-- both versions as JSON (null where the row is missing).
CREATE FUNCTION fold_differences(p_vault uuid)
RETURNS TABLE (relation text, id uuid, folded text, projected text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'sources', coalesce(f.id, s.id), CASE WHEN f.id IS NOT NULL THEN row_to_json(f)::text END,
           CASE WHEN s.id IS NOT NULL THEN row_to_json(s)::text END
    FROM fold_sources(p_vault, (SELECT head_seq FROM vaults WHERE vaults.id = p_vault)) f
    FULL JOIN (SELECT sources.id, sources.vault_id, title, file_url, version, created_at, updated_at
               FROM sources WHERE sources.vault_id = p_vault) s ON s.id = f.id
    WHERE (f.*) IS DISTINCT FROM (s.*)
    UNION ALL
    SELECT 'members', coalesce(f.user_id, m.user_id), CASE WHEN f.user_id IS NOT NULL THEN row_to_json(f)::text END,
           CASE WHEN m.user_id IS NOT NULL THEN row_to_json(m)::text END
    FROM fold_members(p_vault, (SELECT head_seq FROM vaults WHERE vaults.id = p_vault)) f
    FULL JOIN (SELECT user_id, role, created_at FROM vault_users WHERE vault_users.vault_id = p_vault) m
        ON m.user_id = f.user_id
    WHERE (f.*) IS DISTINCT FROM (m.*)
    UNION ALL
    SELECT 'vault', p_vault, row_to_json(f)::text, row_to_json(v)::text
    FROM (SELECT name, created_at, updated_at, deleted_at FROM vaults WHERE vaults.id = p_vault) v
    LEFT JOIN fold_vault(p_vault, (SELECT head_seq FROM vaults WHERE vaults.id = p_vault)) f ON true
    WHERE (f.*) IS DISTINCT FROM (v.*);
END;

-- Replaces the projection of one vault by the fold of its log, and returns the number of rows that it changed. Correct
-- rows are not touched. Locks the vault until the transaction ends.
CREATE FUNCTION rebuild_vault(p_vault uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_head    bigint;
    v_changed bigint := 0;
    v_rows    bigint;
BEGIN
    PERFORM 1 FROM vaults WHERE id = p_vault FOR UPDATE;
    SELECT max(seq) INTO v_head FROM outbox WHERE vault_id = p_vault;
    IF v_head IS NULL THEN
        RAISE EXCEPTION 'vault % has no log', p_vault USING ERRCODE = 'SY404';
    END IF;
    UPDATE vaults v SET name = f.name, created_at = f.created_at, updated_at = f.updated_at,
            deleted_at = f.deleted_at, head_seq = v_head
        FROM fold_vault(p_vault, v_head) f
        WHERE v.id = p_vault AND (v.name, v.created_at, v.updated_at, v.deleted_at, v.head_seq)
            IS DISTINCT FROM (f.name, f.created_at, f.updated_at, f.deleted_at, v_head);
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_changed := v_changed + v_rows;

    DELETE FROM vault_users m WHERE m.vault_id = p_vault
        AND m.user_id NOT IN (SELECT f.user_id FROM fold_members(p_vault, v_head) f);
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_changed := v_changed + v_rows;
    INSERT INTO vault_users AS m (vault_id, user_id, role, created_at)
        SELECT p_vault, f.user_id, f.role, f.created_at FROM fold_members(p_vault, v_head) f
        ON CONFLICT ON CONSTRAINT vault_users_pkey DO UPDATE SET role = excluded.role, created_at = excluded.created_at
            WHERE (m.role, m.created_at) IS DISTINCT FROM (excluded.role, excluded.created_at);
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_changed := v_changed + v_rows;

    DELETE FROM sources s WHERE s.vault_id = p_vault
        AND s.id NOT IN (SELECT f.id FROM fold_sources(p_vault, v_head) f);
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_changed := v_changed + v_rows;
    INSERT INTO sources AS s (id, vault_id, title, file_url, version, created_at, updated_at)
        SELECT f.id, f.vault_id, f.title, f.file_url, f.version, f.created_at, f.updated_at
        FROM fold_sources(p_vault, v_head) f
        ON CONFLICT ON CONSTRAINT sources_pkey DO UPDATE SET vault_id = excluded.vault_id, title = excluded.title,
            file_url = excluded.file_url, version = excluded.version, created_at = excluded.created_at,
            updated_at = excluded.updated_at
            WHERE (s.vault_id, s.title, s.file_url, s.version, s.created_at, s.updated_at) IS DISTINCT FROM
                (excluded.vault_id, excluded.title, excluded.file_url, excluded.version, excluded.created_at,
                 excluded.updated_at);
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RETURN v_changed + v_rows;
END $$;

-- Replaces the events before p_before by one vault:snapshot at p_before - 1, and returns the number of events that it
-- deleted. The snapshot of a deleted vault has vault.deletedAt, and no members or sources. Locks the vault until the
-- transaction ends.
CREATE FUNCTION compact_vault(p_vault uuid, p_before bigint) RETURNS bigint
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
    -- The snapshot replaces an event and keeps that event's actor.
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
