-- The append functions: each mutation is one function call, one round trip, one transaction.
--
-- Every function first locks the vault, then reads the actor's role, then writes the projection and the event. The
-- order matters: each statement of a volatile PL/pgSQL function sees what was committed before that statement, so a
-- role that is read after the lock is the role at this position of the log. A role read in the same statement as the
-- lock would be from before the wait for the lock, and a member who was removed during the wait could still write.
--
-- Lock order: vault, then member, then source. Reasons for a rejection:
--   SY404  no such vault, source or member, or the actor has no access to it
--   SY403  the actor's role does not allow the mutation
--   SY409  the vault's last owner cannot be removed or demoted
--   SY412  the source is not at the expected version
--   SY422  no user has that email address
--   busy   (sources only) retry: another transaction holds the vault, or an earlier write of the batch has the source
-- Vault and member functions raise the code as SQLSTATE, which also rolls back the increment of head_seq. Source
-- functions return the reason per write.

-- Helpers ------------------------------------------------------------------------------------------------------------

-- A timestamp as events show it. Milliseconds, like JavaScript's Date; the tables store times cut to milliseconds too,
-- so that the log contains them completely.
CREATE FUNCTION event_time(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- A position in a vault's log that this transaction holds, and the actor of its event.
CREATE TYPE append_ticket AS (
    vault_id uuid,
    seq      bigint,
    at       timestamptz,
    actor_id uuid,
    -- The actor as events show it, serialized as JSON.
    actor    text
);

-- An event's actor, serialized as JSON. STABLE and not IMMUTABLE: it calls to_json, which is STABLE, and Postgres would
-- not inline an IMMUTABLE function that does; the call then takes half as long as the rest of an append.
CREATE FUNCTION actor_json(p_user uuid, p_name text, p_role text) RETURNS text
LANGUAGE sql STABLE
RETURN '{"userId":"' || p_user || '","userName":' || to_json(p_name) || ',"role":"' || p_role || '"}';

-- A source, a vault and a member as events show them, serialized as JSON.
CREATE FUNCTION source_json(s sources) RETURNS text
LANGUAGE sql STABLE
RETURN '{"id":"' || (s).id || '","title":' || to_json((s).title) || ',"fileUrl":' || to_json((s).file_url)
    || ',"vaultId":"' || (s).vault_id || '","createdAt":"' || event_time((s).created_at)
    || '","updatedAt":"' || event_time((s).updated_at) || '","version":' || (s).version || '}';

CREATE FUNCTION vault_json(v vaults) RETURNS text
LANGUAGE sql STABLE
RETURN '{"id":"' || (v).id || '","name":' || to_json((v).name)
    || ',"createdAt":"' || event_time((v).created_at) || '","updatedAt":"' || event_time((v).updated_at) || '"}';

CREATE FUNCTION member_json(m vault_users, p_name text) RETURNS text
LANGUAGE sql STABLE
RETURN '{"userId":"' || (m).user_id || '","userName":' || to_json(p_name) || ',"role":"' || (m).role
    || '","createdAt":"' || event_time((m).created_at) || '"}';

-- Locks the vault, takes the next seq, then checks that the actor's role is one of p_roles.
CREATE FUNCTION append_begin(p_vault uuid, p_actor uuid, p_roles text[]) RETURNS append_ticket
LANGUAGE plpgsql AS $$
DECLARE
    t      append_ticket;
    v_role text;
    v_name text;
BEGIN
    UPDATE vaults SET head_seq = head_seq + 1 WHERE id = p_vault AND deleted_at IS NULL
        RETURNING head_seq INTO t.seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'vault not found' USING ERRCODE = 'SY404';
    END IF;
    SELECT m.role, u.name INTO v_role, v_name
        FROM vault_users m JOIN users u ON u.id = m.user_id
        WHERE m.vault_id = p_vault AND m.user_id = p_actor;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'vault not found' USING ERRCODE = 'SY404';
    END IF;
    IF v_role <> ALL (p_roles) THEN
        RAISE EXCEPTION 'role not sufficient' USING ERRCODE = 'SY403';
    END IF;
    t.vault_id := p_vault;
    t.at := date_trunc('milliseconds', clock_timestamp());
    t.actor_id := p_actor;
    t.actor := actor_json(p_actor, v_name, v_role);
    RETURN t;
END $$;

-- Writes the event. p_fields is the event's own part of the payload: JSON members without the braces.
CREATE FUNCTION append_event(t append_ticket, p_type text, p_fields text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_event uuid := gen_random_uuid();
BEGIN
    INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
    VALUES (t.vault_id, t.seq, v_event, p_type,
        ('{' || p_fields || ',"actor":' || t.actor || ',"timestamp":"' || event_time(t.at)
            || '","seq":' || t.seq || ',"eventId":"' || v_event || '"}')::json,
        t.actor_id, t.at);
END $$;

-- Vaults -------------------------------------------------------------------------------------------------------------

-- Creates a vault that p_actor owns. Its log begins with vault:created at seq 1.
CREATE FUNCTION vault_create(p_vault uuid, p_actor uuid, p_name text)
RETURNS TABLE (seq bigint, vault vaults)
LANGUAGE plpgsql AS $$
DECLARE
    t      append_ticket;
    v      vaults;
    m      vault_users;
    v_name text;
BEGIN
    t.at := date_trunc('milliseconds', clock_timestamp());
    SELECT u.name INTO STRICT v_name FROM users u WHERE u.id = p_actor;
    INSERT INTO vaults (id, name, head_seq, created_at, updated_at)
        VALUES (p_vault, p_name, 1, t.at, t.at) RETURNING * INTO v;
    INSERT INTO vault_users (vault_id, user_id, role, created_at)
        VALUES (p_vault, p_actor, 'owner', t.at) RETURNING * INTO m;
    t.vault_id := p_vault;
    t.seq := 1;
    t.actor_id := p_actor;
    t.actor := actor_json(p_actor, v_name, 'owner');
    PERFORM append_event(t, 'vault:created', '"vaultId":"' || p_vault || '","vault":' || vault_json(v)
        || ',"member":' || member_json(m, v_name));
    RETURN QUERY SELECT t.seq, v;
END $$;

-- Renames a vault. Owners only.
CREATE FUNCTION vault_update(p_vault uuid, p_actor uuid, p_name text)
RETURNS TABLE (seq bigint, vault vaults)
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(p_vault, p_actor, '{owner}');
    v vaults;
BEGIN
    UPDATE vaults SET name = p_name, updated_at = t.at WHERE id = p_vault RETURNING * INTO v;
    PERFORM append_event(t, 'vault:updated', '"vaultId":"' || p_vault || '","vault":' || vault_json(v));
    RETURN QUERY SELECT t.seq, v;
END $$;

-- Marks a vault as deleted, and deletes its members and sources. The log stays. Owners only.
CREATE FUNCTION vault_delete(p_vault uuid, p_actor uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(p_vault, p_actor, '{owner}');
BEGIN
    DELETE FROM vault_users WHERE vault_id = p_vault;
    DELETE FROM sources WHERE vault_id = p_vault;
    UPDATE vaults SET deleted_at = t.at WHERE id = p_vault;
    PERFORM append_event(t, 'vault:deleted', '"vaultId":"' || p_vault || '"');
    RETURN t.seq;
END $$;

-- Members ------------------------------------------------------------------------------------------------------------

-- Adds the user with this email address. A user who is already a member violates vault_users_pkey. Owners only.
CREATE FUNCTION member_add(p_vault uuid, p_actor uuid, p_email text, p_role text)
RETURNS TABLE (seq bigint, member vault_users, name text, email text)
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(p_vault, p_actor, '{owner}');
    u users;
    m vault_users;
BEGIN
    SELECT * INTO u FROM users WHERE lower(users.email) = lower(p_email);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no user has this email address' USING ERRCODE = 'SY422';
    END IF;
    INSERT INTO vault_users (vault_id, user_id, role, created_at)
        VALUES (p_vault, u.id, p_role, t.at) RETURNING * INTO m;
    PERFORM append_event(t, 'member:added', '"vaultId":"' || p_vault || '","member":' || member_json(m, u.name));
    RETURN QUERY SELECT t.seq, m, u.name, u.email;
END $$;

-- Rejects if p_user is the only owner: nobody could administer a vault without an owner.
CREATE FUNCTION require_other_owner(p_vault uuid, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM vault_users WHERE vault_id = p_vault AND role = 'owner' AND user_id <> p_user) THEN
        RAISE EXCEPTION 'last owner' USING ERRCODE = 'SY409';
    END IF;
END $$;

-- Changes a member's role. Owners only.
CREATE FUNCTION member_update(p_vault uuid, p_actor uuid, p_user uuid, p_role text)
RETURNS TABLE (seq bigint, member vault_users, name text, email text)
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(p_vault, p_actor, '{owner}');
    u users;
    m vault_users;
BEGIN
    IF p_role <> 'owner' THEN
        PERFORM require_other_owner(p_vault, p_user);
    END IF;
    UPDATE vault_users SET role = p_role WHERE vault_id = p_vault AND user_id = p_user RETURNING * INTO m;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'member not found' USING ERRCODE = 'SY404';
    END IF;
    SELECT * INTO u FROM users WHERE id = p_user;
    PERFORM append_event(t, 'member:updated', '"vaultId":"' || p_vault || '","member":' || member_json(m, u.name));
    RETURN QUERY SELECT t.seq, m, u.name, u.email;
END $$;

-- Removes a member. Owners may remove anyone; every member may leave.
CREATE FUNCTION member_remove(p_vault uuid, p_actor uuid, p_user uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(p_vault, p_actor,
        CASE WHEN p_actor = p_user THEN '{owner,contributor,viewer}'::text[] ELSE '{owner}' END);
BEGIN
    PERFORM require_other_owner(p_vault, p_user);
    DELETE FROM vault_users WHERE vault_id = p_vault AND user_id = p_user;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'member not found' USING ERRCODE = 'SY404';
    END IF;
    PERFORM append_event(t, 'member:removed', '"vaultId":"' || p_vault || '","userId":"' || p_user || '"');
    RETURN t.seq;
END $$;

-- Sources ------------------------------------------------------------------------------------------------------------
--
-- Source mutations are group-committed: mutations that arrive at the same time are written by one call of
-- sources_create or sources_change and share its commit, which costs more than the writes themselves. Each write of a
-- batch is checked separately, and a rejected write does not affect the others.
--
-- Without p_wait, the functions skip vaults that another transaction holds, so a vault that is locked for long delays
-- only its own writes, and transactions over several vaults cannot deadlock. With p_wait, all writes must be to one
-- vault.
--
-- The two functions repeat two CTEs (numbered, heads). Sharing them would cost time in the hottest statement: Postgres
-- does not inline a function that is volatile or modifies data, so it would run as a statement of its own.

-- Locks the vaults as an update of head_seq does, and returns those that it locked. Statements after the call see
-- everything that earlier holders of the locks committed.
CREATE FUNCTION lock_vaults(p_vault uuid[], p_wait boolean) RETURNS uuid[]
LANGUAGE plpgsql AS $$
BEGIN
    IF p_wait THEN
        RETURN ARRAY(SELECT id FROM vaults WHERE id = ANY (p_vault) FOR NO KEY UPDATE);
    END IF;
    -- Also limits the wait for any other lock that a single write of the batch may need, such as on a user's row.
    PERFORM set_config('lock_timeout', '250ms', true);
    RETURN ARRAY(SELECT id FROM vaults WHERE id = ANY (p_vault) FOR NO KEY UPDATE SKIP LOCKED);
END $$;

-- Pairs each write with the actor's name and role and the vault's head, and rejects it if the vault or the role does
-- not allow it. Call it after lock_vaults. `ordinal` is the position of the write in the arrays.
CREATE FUNCTION authorize_writers(p_vault uuid[], p_actor uuid[], p_locked uuid[])
RETURNS TABLE (ordinal bigint, vault uuid, actor uuid, name text, role text, head_seq bigint, rejection text)
LANGUAGE sql STABLE AS $$
    SELECT m.ordinal, m.vault, m.actor, u.name, r.role, v.head_seq,
        CASE WHEN v.id IS NULL THEN 'SY404'
             WHEN v.id <> ALL (p_locked) THEN 'busy'
             WHEN r.role IS NULL THEN 'SY404'
             WHEN r.role NOT IN ('owner', 'contributor') THEN 'SY403' END
    FROM unnest(p_vault, p_actor) WITH ORDINALITY m (vault, actor, ordinal)
    LEFT JOIN vaults v ON v.id = m.vault AND v.deleted_at IS NULL
    LEFT JOIN vault_users r ON r.vault_id = m.vault AND r.user_id = m.actor
    LEFT JOIN users u ON u.id = m.actor
$$;

-- Creates sources. Sources of the same vault get their seq in the given order.
CREATE FUNCTION sources_create(
    p_source uuid[], p_vault uuid[], p_actor uuid[], p_title text[], p_file_url text[], p_wait boolean)
RETURNS TABLE (ordinal bigint, rejection text, vault_id uuid, seq bigint, source sources)
LANGUAGE plpgsql
-- One index-based plan for batches of any size. Postgres caches the plan early, possibly while the tables are still
-- small, and keeps it when they grow.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_locked uuid[] := lock_vaults(p_vault, p_wait);
    v_at     timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
    RETURN QUERY
    WITH numbered AS MATERIALIZED (
        -- Only writes that are not rejected take a seq, so the log has no gap (I2).
        SELECT a.*, p_source[a.ordinal] AS source, gen_random_uuid() AS event_id,
            a.head_seq + count(*) FILTER (WHERE a.rejection IS NULL)
                OVER (PARTITION BY a.vault ORDER BY a.ordinal) AS seq
        FROM authorize_writers(p_vault, p_actor, v_locked) a
    ), heads AS (
        UPDATE vaults v SET head_seq = last.seq
        FROM (SELECT n.vault, max(n.seq) AS seq FROM numbered n WHERE n.rejection IS NULL GROUP BY n.vault) last
        WHERE v.id = last.vault
    ), created AS (
        INSERT INTO sources (id, vault_id, title, file_url, version, created_at, updated_at)
        SELECT n.source, n.vault, p_title[n.ordinal], p_file_url[n.ordinal], 1, v_at, v_at
        FROM numbered n WHERE n.rejection IS NULL
        RETURNING sources AS source
    ), logged AS (
        INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
        SELECT n.vault, n.seq, n.event_id, 'source:created',
            ('{"source":' || source_json(c.source)
                || ',"actor":' || actor_json(n.actor, n.name, n.role) || ',"timestamp":"' || event_time(v_at)
                || '","seq":' || n.seq || ',"eventId":"' || n.event_id || '"}')::json,
            n.actor, v_at
        FROM numbered n JOIN created c ON (c.source).id = n.source
    )
    SELECT n.ordinal, n.rejection, n.vault, n.seq, c.source
    FROM numbered n LEFT JOIN created c ON (c.source).id = n.source
    ORDER BY n.ordinal;
END $$;

-- Changes or deletes sources. A null title or URL keeps the current value; a null version matches any version. If a
-- batch has several writes to one source, all but the first are busy. A deleted source is returned as it was before.
CREATE FUNCTION sources_change(
    p_source uuid[], p_actor uuid[], p_title text[], p_file_url text[], p_version integer[], p_delete boolean[],
    p_wait boolean)
RETURNS TABLE (ordinal bigint, rejection text, vault_id uuid, seq bigint, source sources)
LANGUAGE plpgsql
-- As for sources_create.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    -- A source never changes its vault, so reading it before the lock is safe.
    v_vault  uuid[] := ARRAY(
        SELECT s.vault_id FROM unnest(p_source) WITH ORDINALITY m (source, ordinal)
        LEFT JOIN sources s ON s.id = m.source ORDER BY m.ordinal);
    v_locked uuid[] := lock_vaults(v_vault, p_wait);
    v_at     timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
    RETURN QUERY
    WITH checked AS (
        SELECT a.ordinal, a.vault, a.actor, a.name, a.role, a.head_seq, p_source[a.ordinal] AS source,
            p_delete[a.ordinal] AS deletes,
            CASE WHEN a.rejection IS NOT NULL THEN a.rejection
                 WHEN s.id IS NULL THEN 'SY404'
                 WHEN row_number() OVER (PARTITION BY s.id ORDER BY a.ordinal) > 1 THEN 'busy'
                 WHEN p_version[a.ordinal] <> s.version THEN 'SY412' END AS rejection
        FROM authorize_writers(v_vault, p_actor, v_locked) a LEFT JOIN sources s ON s.id = p_source[a.ordinal]
    ), numbered AS MATERIALIZED (
        SELECT a.*, gen_random_uuid() AS event_id,
            a.head_seq + count(*) FILTER (WHERE a.rejection IS NULL)
                OVER (PARTITION BY a.vault ORDER BY a.ordinal) AS seq
        FROM checked a
    ), heads AS (
        UPDATE vaults v SET head_seq = last.seq
        FROM (SELECT n.vault, max(n.seq) AS seq FROM numbered n WHERE n.rejection IS NULL GROUP BY n.vault) last
        WHERE v.id = last.vault
    ), updated AS (
        UPDATE sources s SET title = coalesce(p_title[n.ordinal], s.title),
            file_url = coalesce(p_file_url[n.ordinal], s.file_url), version = s.version + 1, updated_at = v_at
        FROM numbered n WHERE s.id = n.source AND n.rejection IS NULL AND NOT n.deletes
        RETURNING s AS source
    ), deleted AS (
        DELETE FROM sources s USING numbered n WHERE s.id = n.source AND n.rejection IS NULL AND n.deletes
        RETURNING s AS source
    ), written AS (
        SELECT source FROM updated UNION ALL SELECT source FROM deleted
    ), logged AS (
        INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
        SELECT n.vault, n.seq, n.event_id, CASE WHEN n.deletes THEN 'source:deleted' ELSE 'source:updated' END,
            ('{' || CASE WHEN n.deletes THEN '"sourceId":"' || n.source || '","vaultId":"' || n.vault || '"'
                    ELSE '"source":' || source_json(w.source) END
                || ',"actor":' || actor_json(n.actor, n.name, n.role) || ',"timestamp":"' || event_time(v_at)
                || '","seq":' || n.seq || ',"eventId":"' || n.event_id || '"}')::json,
            n.actor, v_at
        FROM numbered n JOIN written w ON (w.source).id = n.source WHERE n.rejection IS NULL
    )
    SELECT n.ordinal, n.rejection, n.vault, n.seq, w.source
    FROM numbered n LEFT JOIN written w ON (w.source).id = n.source AND n.rejection IS NULL
    ORDER BY n.ordinal;
END $$;
