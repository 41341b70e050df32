-- Sessions. Times are milliseconds since 1970-01-01 UTC, spans are milliseconds.
CREATE TABLE session (
    -- SHA-256 of the secret in the cookie; the secret itself is never here.
    id_hash  BLOB    NOT NULL PRIMARY KEY CHECK (length(id_hash) = 32),
    -- The public name, for device lists.
    handle   BLOB    NOT NULL UNIQUE CHECK (length(handle) = 16),
    account  TEXT,
    -- A JSON object of names, each with its value as JSON text. Flat, so that json_patch merges name by name.
    data     TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    idle     INTEGER NOT NULL,
    absolute INTEGER NOT NULL,
    -- min(seen + idle, created + absolute), kept beside them for the sweep's index.
    expires  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_expires ON session (expires);
CREATE INDEX session_by_account ON session (account) WHERE account IS NOT NULL;

-- Ids that were rotated away a moment ago.
CREATE TABLE retired_id (
    id_hash BLOB    NOT NULL PRIMARY KEY CHECK (length(id_hash) = 32),
    handle  BLOB    NOT NULL,
    -- 1: still reaches the session of that handle (renewal); 0: is only recognised (sign-in).
    reaches INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX retired_id_by_until ON retired_id (until);

CREATE INDEX retired_id_by_handle ON retired_id (handle);

-- One row, written to find out whether the database can be written.
CREATE TABLE probe (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
