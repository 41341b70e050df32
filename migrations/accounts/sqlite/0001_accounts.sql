-- Accounts. Times are milliseconds since 1970-01-01 UTC. PostgreSQL has the same tables, and one set of statements is for both.
CREATE TABLE account (
    -- A UUID v4. Sessions are owned by it, so that an e-mail address can change.
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    -- An e-mail address as its owner writes it, the domain in lower case.
    username   TEXT    NOT NULL,
    -- The same in lower case: nobody else's differs from it in nothing but that.
    signs_in   TEXT    NOT NULL UNIQUE,
    -- A PHC string; none when the account signs in by other means.
    password   TEXT,
    -- How often its owner has chosen another password. Hashing the same one anew is none.
    changes    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    -- When it was closed, if it was.
    closed     INTEGER
) STRICT;

-- Attempts to sign in, by whom or from where: keyed hashes, so that nobody can read here who has tried.
CREATE TABLE attempt (
    bucket TEXT    NOT NULL PRIMARY KEY,
    made   INTEGER NOT NULL,
    -- When counting begins anew.
    until  INTEGER NOT NULL
) STRICT;

CREATE INDEX attempt_by_until ON attempt (until);
