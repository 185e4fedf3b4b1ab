-- Sessions end on live sockets too (I6). Each node looks at what changed lately, twice a second, instead of asking for
-- every session it holds a socket of. The trigger writes the row in the transaction of the change, whoever makes it:
-- a logout, the deletion of a user, or an operator by hand.

CREATE TABLE session_changes (
    token_hash bytea       NOT NULL,
    -- When the statement ran; it commits at once, and readers look back much further than a commit takes.
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX session_changes_changed_at_idx ON session_changes (changed_at);

CREATE FUNCTION note_session_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_changes (token_hash) VALUES (OLD.token_hash);
    RETURN NULL;
END $$;

CREATE TRIGGER sessions_changed AFTER DELETE OR UPDATE OF expires_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION note_session_change();
