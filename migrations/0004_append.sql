-- The append: one function a mutation, one round trip, one transaction.
--
-- Each locks the vault row by bumping head_seq, only then reads the actor's role, then writes the projection and the
-- event. The order matters: every statement of a volatile PL/pgSQL function sees what was committed before that
-- statement, so the role read after the lock is the role at this position of the log. Read in one statement with the
-- bump, it would be the role from before the wait for the lock, and a member removed meanwhile could still write.
--
-- Lock order is vault, then member, then source. A refusal raises its own SQLSTATE, which undoes the bump:
--   SY404  no such vault, source or member, or one that the actor may not know of
--   SY403  the actor's role does not allow this
--   SY409  the vault's last owner cannot be removed or demoted
--   SY412  the source's version is not the expected one
--   SY422  no user has that email address

-- Times in events have milliseconds, as JavaScript's do; stored times are cut to match, so the log tells all of them.
CREATE FUNCTION event_time(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- A place in a vault's log that this transaction holds, and who writes there.
CREATE TYPE append_ticket AS (
    vault_id uuid,
    seq      bigint,
    at       timestamptz,
    actor_id uuid,
    -- The actor as events show it, already JSON.
    actor    text
);

CREATE FUNCTION actor_json(p_user uuid, p_name text, p_role text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN '{"userId":"' || p_user || '","userName":' || to_json(p_name) || ',"role":"' || p_role || '"}';

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

-- Writes the event. p_fields is its own part of the payload: JSON members without the braces.
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

-- Creates the vault with p_actor as its owner; its log begins with vault:created at seq 1.
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

-- Marks the vault deleted and empties its projection; the log stays.
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

-- Refuses when p_user is the only owner: a vault without one could never be changed again.
CREATE FUNCTION require_other_owner(p_vault uuid, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM vault_users WHERE vault_id = p_vault AND role = 'owner' AND user_id <> p_user) THEN
        RAISE EXCEPTION 'last owner' USING ERRCODE = 'SY409';
    END IF;
END $$;

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

-- An owner removes anyone, and anyone may remove oneself.
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

CREATE FUNCTION source_create(p_vault uuid, p_actor uuid, p_source uuid, p_title text, p_file_url text)
RETURNS TABLE (seq bigint, source sources)
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(p_vault, p_actor, '{owner,contributor}');
    s sources;
BEGIN
    INSERT INTO sources (id, vault_id, title, file_url, version, created_at, updated_at)
        VALUES (p_source, p_vault, p_title, p_file_url, 1, t.at, t.at) RETURNING * INTO s;
    PERFORM append_event(t, 'source:created', '"source":' || source_json(s));
    RETURN QUERY SELECT t.seq, s;
END $$;

-- The vault a source is in. It never changes, so reading it before the lock is safe.
CREATE FUNCTION source_vault(p_source uuid) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v uuid;
BEGIN
    SELECT vault_id INTO v FROM sources WHERE id = p_source;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source not found' USING ERRCODE = 'SY404';
    END IF;
    RETURN v;
END $$;

-- With the vault locked: is the source still there, and at the version the caller expects (null: any)?
CREATE FUNCTION require_version(p_source uuid, p_version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v integer;
BEGIN
    SELECT version INTO v FROM sources WHERE id = p_source FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source not found' USING ERRCODE = 'SY404';
    END IF;
    IF v <> p_version THEN
        RAISE EXCEPTION 'version is %', v USING ERRCODE = 'SY412';
    END IF;
END $$;

-- A null title or URL stays as it is.
CREATE FUNCTION source_update(p_source uuid, p_actor uuid, p_title text, p_file_url text, p_version integer)
RETURNS TABLE (seq bigint, source sources)
LANGUAGE plpgsql AS $$
DECLARE
    t append_ticket := append_begin(source_vault(p_source), p_actor, '{owner,contributor}');
    s sources;
BEGIN
    PERFORM require_version(p_source, p_version);
    UPDATE sources SET title = coalesce(p_title, title), file_url = coalesce(p_file_url, file_url),
            version = version + 1, updated_at = t.at
        WHERE id = p_source RETURNING * INTO s;
    PERFORM append_event(t, 'source:updated', '"source":' || source_json(s));
    RETURN QUERY SELECT t.seq, s;
END $$;

CREATE FUNCTION source_delete(p_source uuid, p_actor uuid, p_version integer)
RETURNS TABLE (seq bigint, vault_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    t append_ticket := append_begin(source_vault(p_source), p_actor, '{owner,contributor}');
BEGIN
    PERFORM require_version(p_source, p_version);
    DELETE FROM sources WHERE id = p_source;
    PERFORM append_event(t, 'source:deleted', '"sourceId":"' || p_source || '","vaultId":"' || t.vault_id || '"');
    RETURN QUERY SELECT t.seq, t.vault_id;
END $$;
