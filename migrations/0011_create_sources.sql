-- Sources that are asked for at the same time are created in one transaction: they share its commit, which costs more
-- than what is in it, and the start of each statement. What is promised of each stays what it was when it was alone.

-- As to_json is: called immutable it could not be expanded in place, and took half as long as the rest of an append.
ALTER FUNCTION actor_json(uuid, text, text) STABLE;

-- Creates sources, each for an actor in a vault; in the order given where the vault is the same. Each is refused for
-- itself, and the refusal of one changes nothing for the others:
--   SY404, SY403  as in 0004_append.sql
--   busy          another transaction has the vault, and p_wait is false
-- Without p_wait it waits for no vault, so that one that is held for long delays nothing but itself, and transactions
-- with several vaults cannot wait for each other in a circle. With p_wait, give sources of a single vault.
CREATE FUNCTION sources_create(
    p_source uuid[], p_vault uuid[], p_actor uuid[], p_title text[], p_file_url text[], p_wait boolean)
RETURNS TABLE (place bigint, refusal text, seq bigint, created_at timestamptz)
LANGUAGE plpgsql
-- One plan for any number of sources, and by index: it is made early, and stays when the tables have grown.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_locked uuid[];
    v_at     timestamptz;
BEGIN
    -- The lock that the update of head_seq would take. A statement of its own, so that the next one sees what was
    -- committed by whoever had the vault before: the role that is read there is the role at this place of the log.
    IF p_wait THEN
        v_locked := ARRAY(SELECT id FROM vaults WHERE id = ANY (p_vault) FOR NO KEY UPDATE);
    ELSE
        v_locked := ARRAY(SELECT id FROM vaults WHERE id = ANY (p_vault) FOR NO KEY UPDATE SKIP LOCKED);
        -- Nor for anything else that one of them alone may run into, such as a user's row.
        PERFORM set_config('lock_timeout', '250ms', true);
    END IF;
    v_at := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY
    WITH judged AS (
        SELECT m.*, u.name, r.role, v.head_seq,
            CASE WHEN v.id IS NULL THEN 'SY404'
                 WHEN v.id <> ALL (v_locked) THEN 'busy'
                 WHEN r.role IS NULL THEN 'SY404'
                 WHEN r.role NOT IN ('owner', 'contributor') THEN 'SY403' END AS refusal
        FROM unnest(p_source, p_vault, p_actor, p_title, p_file_url)
            WITH ORDINALITY m (source, vault, actor, title, file_url, place)
        LEFT JOIN vaults v ON v.id = m.vault AND v.deleted_at IS NULL
        LEFT JOIN vault_users r ON r.vault_id = m.vault AND r.user_id = m.actor
        LEFT JOIN users u ON u.id = m.actor
    ), placed AS MATERIALIZED (
        -- Only those that are not refused take a seq: the log has no hole (I2).
        SELECT j.*, gen_random_uuid() AS event,
            j.head_seq + count(*) FILTER (WHERE j.refusal IS NULL) OVER (PARTITION BY j.vault ORDER BY j.place) AS seq
        FROM judged j
    ), bumped AS (
        UPDATE vaults v SET head_seq = last.seq
        FROM (SELECT p.vault, max(p.seq) AS seq FROM placed p WHERE p.refusal IS NULL GROUP BY p.vault) last
        WHERE v.id = last.vault
    ), created AS (
        INSERT INTO sources (id, vault_id, title, file_url, version, created_at, updated_at)
        SELECT p.source, p.vault, p.title, p.file_url, 1, v_at, v_at FROM placed p WHERE p.refusal IS NULL
        RETURNING sources AS source
    ), logged AS (
        INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
        SELECT p.vault, p.seq, p.event, 'source:created',
            ('{"source":' || source_json(c.source) || ',"actor":' || actor_json(p.actor, p.name, p.role)
                || ',"timestamp":"' || event_time(v_at) || '","seq":' || p.seq || ',"eventId":"' || p.event || '"}')::json,
            p.actor, v_at
        FROM placed p JOIN created c ON (c.source).id = p.source
    )
    SELECT p.place, p.refusal, CASE WHEN p.refusal IS NULL THEN p.seq END, v_at FROM placed p;
END $$;

-- One source, with the refusal raised: what servers of an earlier version call while they are being replaced.
CREATE OR REPLACE FUNCTION source_create(p_vault uuid, p_actor uuid, p_source uuid, p_title text, p_file_url text)
RETURNS TABLE (seq bigint, source sources)
LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    SELECT * INTO c
        FROM sources_create(ARRAY[p_source], ARRAY[p_vault], ARRAY[p_actor], ARRAY[p_title], ARRAY[p_file_url], true);
    IF c.refusal IS NOT NULL THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = c.refusal;
    END IF;
    RETURN QUERY SELECT c.seq, s FROM sources s WHERE s.id = p_source;
END $$;
