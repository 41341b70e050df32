-- Sessions. Times are milliseconds since 1970-01-01 UTC, spans are milliseconds.
CREATE TABLE hardtack.session (
    -- SHA-256 of the secret in the cookie; the secret itself is never here.
    id_hash        bytea    NOT NULL PRIMARY KEY CHECK (octet_length(id_hash) = 32),
    -- The public name, for device lists.
    handle         uuid     NOT NULL UNIQUE,
    account        text,
    -- Where it was signed in, for the list of devices.
    device_label   text,
    device_address text,
    -- An object of names, each with its value as JSON text. Flat, so that || merges name by name.
    data           jsonb    NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    version        bigint   NOT NULL,
    created        bigint   NOT NULL,
    -- When it got its present id.
    renewed        bigint   NOT NULL,
    seen           bigint   NOT NULL,
    idle           bigint   NOT NULL,
    absolute       bigint   NOT NULL,
    -- least(seen + idle, created + absolute). Moves with every use, and so is in no index: see due.
    expires        bigint   NOT NULL,
    -- When the sweep is to look at it: never later than expires, and moved on to it by the sweep alone. The index that
    -- the sweep needs thus stays as it is while a session is used, and such an update costs no index anything (HOT).
    due            bigint   NOT NULL CHECK (due <= expires)
) WITH (
    -- A fifth of each page stays free for the next version of a row: an update is HOT only when that fits beside the old
    -- one, and nearly every request of a session is an update at some time.
    fillfactor = 80,
    -- Rows come and go all day. A fifth of a large table, the default, is a long time to wait for their room.
    autovacuum_vacuum_scale_factor = 0.05
);

CREATE INDEX session_by_due ON hardtack.session (due);
CREATE INDEX session_by_account ON hardtack.session (account) WHERE account IS NOT NULL;

-- Ids that were rotated away a moment ago.
CREATE TABLE hardtack.retired_id (
    id_hash bytea   NOT NULL PRIMARY KEY CHECK (octet_length(id_hash) = 32),
    handle  uuid    NOT NULL,
    -- True: still reaches the session of that handle (renewal); false: is only recognised (sign-in).
    reaches boolean NOT NULL,
    until   bigint  NOT NULL
);

CREATE INDEX retired_id_by_until ON hardtack.retired_id (until);
CREATE INDEX retired_id_by_handle ON hardtack.retired_id (handle);

-- One row: which node sweeps, and until when.
CREATE TABLE hardtack.sweeper (
    id     smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    holder uuid     NOT NULL,
    until  bigint   NOT NULL
);

-- One row, written to find out whether the database can be written.
CREATE TABLE hardtack.probe (
    id    smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    count bigint   NOT NULL
);
