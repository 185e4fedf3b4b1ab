-- Mutations of sources that are asked for at the same time are written in one transaction: they share its commit, which
-- costs more than what is in it, and the start of each statement. What is promised of each stays what it was alone.
--
-- Each is judged for itself, and the refusal of one changes nothing for the others:
--   SY404, SY403, SY412  as in 0004_append.sql
--   busy                 another transaction has the vault, or an earlier one of these has the source: ask again
-- Without p_wait a function waits for no vault, so that one that is held for long delays nothing but itself, and
-- transactions with several vaults cannot wait for each other in a circle. With p_wait, give what is in one vault.

-- As to_json is: called immutable it could not be expanded in place, and took half as long as the rest of an append.
ALTER FUNCTION actor_json(uuid, text, text) STABLE;

-- Locks vaults as the update of head_seq does, and says which it has. Statements after this one see what was committed
-- by whoever had a vault before: a role that is read there is the role at this place of the log.
CREATE FUNCTION lock_vaults(p_vault uuid[], p_wait boolean) RETURNS uuid[]
LANGUAGE plpgsql AS $$
BEGIN
    IF p_wait THEN
        RETURN ARRAY(SELECT id FROM vaults WHERE id = ANY (p_vault) FOR NO KEY UPDATE);
    END IF;
    -- Nor is there long waiting for anything else that one of them alone may run into, such as a user's row.
    PERFORM set_config('lock_timeout', '250ms', true);
    RETURN ARRAY(SELECT id FROM vaults WHERE id = ANY (p_vault) FOR NO KEY UPDATE SKIP LOCKED);
END $$;

-- Who asks for what, and whether the vault and the actor's role allow it.
CREATE FUNCTION judge_writers(p_vault uuid[], p_actor uuid[], p_locked uuid[])
RETURNS TABLE (place bigint, vault uuid, actor uuid, name text, role text, head_seq bigint, refusal text)
LANGUAGE sql STABLE AS $$
    SELECT m.place, m.vault, m.actor, u.name, r.role, v.head_seq,
        CASE WHEN v.id IS NULL THEN 'SY404'
             WHEN v.id <> ALL (p_locked) THEN 'busy'
             WHEN r.role IS NULL THEN 'SY404'
             WHEN r.role NOT IN ('owner', 'contributor') THEN 'SY403' END
    FROM unnest(p_vault, p_actor) WITH ORDINALITY m (vault, actor, place)
    LEFT JOIN vaults v ON v.id = m.vault AND v.deleted_at IS NULL
    LEFT JOIN vault_users r ON r.vault_id = m.vault AND r.user_id = m.actor
    LEFT JOIN users u ON u.id = m.actor
$$;

-- Creates sources, in the order given where the vault is the same.
CREATE FUNCTION sources_create(
    p_source uuid[], p_vault uuid[], p_actor uuid[], p_title text[], p_file_url text[], p_wait boolean)
RETURNS TABLE (place bigint, refusal text, vault_id uuid, seq bigint, source sources)
LANGUAGE plpgsql
-- One plan for any number of sources, and by index: it is made early, and stays when the tables have grown.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_locked uuid[] := lock_vaults(p_vault, p_wait);
    v_at     timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
    RETURN QUERY
    WITH placed AS MATERIALIZED (
        -- Only those that are not refused take a seq: the log has no hole (I2).
        SELECT j.*, p_source[j.place] AS source, gen_random_uuid() AS event,
            j.head_seq + count(*) FILTER (WHERE j.refusal IS NULL) OVER (PARTITION BY j.vault ORDER BY j.place) AS seq
        FROM judge_writers(p_vault, p_actor, v_locked) j
    ), bumped AS (
        UPDATE vaults v SET head_seq = last.seq
        FROM (SELECT p.vault, max(p.seq) AS seq FROM placed p WHERE p.refusal IS NULL GROUP BY p.vault) last
        WHERE v.id = last.vault
    ), created AS (
        INSERT INTO sources (id, vault_id, title, file_url, version, created_at, updated_at)
        SELECT p.source, p.vault, p_title[p.place], p_file_url[p.place], 1, v_at, v_at
        FROM placed p WHERE p.refusal IS NULL
        RETURNING sources AS source
    ), logged AS (
        INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
        SELECT p.vault, p.seq, p.event, 'source:created',
            ('{"source":' || source_json(c.source) || ',"actor":' || actor_json(p.actor, p.name, p.role)
                || ',"timestamp":"' || event_time(v_at) || '","seq":' || p.seq || ',"eventId":"' || p.event || '"}')::json,
            p.actor, v_at
        FROM placed p JOIN created c ON (c.source).id = p.source
    )
    SELECT p.place, p.refusal, p.vault, p.seq, c.source
    FROM placed p LEFT JOIN created c ON (c.source).id = p.source
    ORDER BY p.place;
END $$;

-- Changes sources, or deletes them: a null title or URL stays as it is, a null version is any. Of a source that is named
-- twice the later one is busy. A deleted source is returned as it was.
CREATE FUNCTION sources_change(
    p_source uuid[], p_actor uuid[], p_title text[], p_file_url text[], p_version integer[], p_delete boolean[],
    p_wait boolean)
RETURNS TABLE (place bigint, refusal text, vault_id uuid, seq bigint, source sources)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    -- A source never leaves its vault, so this may be read before the vault is locked.
    v_vault  uuid[] := ARRAY(
        SELECT s.vault_id FROM unnest(p_source) WITH ORDINALITY m (source, place)
        LEFT JOIN sources s ON s.id = m.source ORDER BY m.place);
    v_locked uuid[] := lock_vaults(v_vault, p_wait);
    v_at     timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
    RETURN QUERY
    WITH judged AS (
        SELECT j.place, j.vault, j.actor, j.name, j.role, j.head_seq, p_source[j.place] AS source,
            p_delete[j.place] AS goes,
            CASE WHEN j.refusal IS NOT NULL THEN j.refusal
                 WHEN s.id IS NULL THEN 'SY404'
                 WHEN row_number() OVER (PARTITION BY s.id ORDER BY j.place) > 1 THEN 'busy'
                 WHEN p_version[j.place] <> s.version THEN 'SY412' END AS refusal
        FROM judge_writers(v_vault, p_actor, v_locked) j LEFT JOIN sources s ON s.id = p_source[j.place]
    ), placed AS MATERIALIZED (
        SELECT j.*, gen_random_uuid() AS event,
            j.head_seq + count(*) FILTER (WHERE j.refusal IS NULL) OVER (PARTITION BY j.vault ORDER BY j.place) AS seq
        FROM judged j
    ), bumped AS (
        UPDATE vaults v SET head_seq = last.seq
        FROM (SELECT p.vault, max(p.seq) AS seq FROM placed p WHERE p.refusal IS NULL GROUP BY p.vault) last
        WHERE v.id = last.vault
    ), updated AS (
        UPDATE sources s SET title = coalesce(p_title[p.place], s.title),
            file_url = coalesce(p_file_url[p.place], s.file_url), version = s.version + 1, updated_at = v_at
        FROM placed p WHERE s.id = p.source AND p.refusal IS NULL AND NOT p.goes
        RETURNING s AS source
    ), deleted AS (
        DELETE FROM sources s USING placed p WHERE s.id = p.source AND p.refusal IS NULL AND p.goes
        RETURNING s AS source
    ), written AS (
        SELECT source FROM updated UNION ALL SELECT source FROM deleted
    ), logged AS (
        INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
        SELECT p.vault, p.seq, p.event, CASE WHEN p.goes THEN 'source:deleted' ELSE 'source:updated' END,
            ('{' || CASE WHEN p.goes THEN '"sourceId":"' || p.source || '","vaultId":"' || p.vault || '"'
                    ELSE '"source":' || source_json(w.source) END
                || ',"actor":' || actor_json(p.actor, p.name, p.role) || ',"timestamp":"' || event_time(v_at)
                || '","seq":' || p.seq || ',"eventId":"' || p.event || '"}')::json,
            p.actor, v_at
        FROM placed p JOIN written w ON (w.source).id = p.source WHERE p.refusal IS NULL
    )
    SELECT p.place, p.refusal, p.vault, p.seq, w.source
    FROM placed p LEFT JOIN written w ON (w.source).id = p.source AND p.refusal IS NULL
    ORDER BY p.place;
END $$;

-- One at a time, with the refusal raised: what servers of an earlier version call while they are being replaced.

CREATE FUNCTION raise_refusal(p_refusal text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_refusal IS NOT NULL THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = p_refusal;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION source_create(p_vault uuid, p_actor uuid, p_source uuid, p_title text, p_file_url text)
RETURNS TABLE (seq bigint, source sources)
LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    SELECT * INTO c
        FROM sources_create(ARRAY[p_source], ARRAY[p_vault], ARRAY[p_actor], ARRAY[p_title], ARRAY[p_file_url], true);
    PERFORM raise_refusal(c.refusal);
    RETURN QUERY SELECT c.seq, c.source;
END $$;

CREATE OR REPLACE FUNCTION source_update(
    p_source uuid, p_actor uuid, p_title text, p_file_url text, p_version integer)
RETURNS TABLE (seq bigint, source sources)
LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    SELECT * INTO c FROM sources_change(
        ARRAY[p_source], ARRAY[p_actor], ARRAY[p_title], ARRAY[p_file_url], ARRAY[p_version], '{false}', true);
    PERFORM raise_refusal(c.refusal);
    RETURN QUERY SELECT c.seq, c.source;
END $$;

CREATE OR REPLACE FUNCTION source_delete(p_source uuid, p_actor uuid, p_version integer)
RETURNS TABLE (seq bigint, vault_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    SELECT * INTO c
        FROM sources_change(ARRAY[p_source], ARRAY[p_actor], '{null}', '{null}', ARRAY[p_version], '{true}', true);
    PERFORM raise_refusal(c.refusal);
    RETURN QUERY SELECT c.seq, c.vault_id;
END $$;

DROP FUNCTION require_version(uuid, integer);
DROP FUNCTION source_vault(uuid);
