-- Accounts. Times are milliseconds since 1970-01-01 UTC. SQLite has the same tables, and one set of statements is for both.
CREATE TABLE hardtack.account (
    -- A UUID v4. Sessions are owned by it, so that an e-mail address can change.
    id         text   NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    -- An e-mail address as its owner writes it, the domain in lower case.
    username   text   NOT NULL,
    -- The same in lower case: nobody else's differs from it in nothing but that.
    signs_in   text   NOT NULL UNIQUE,
    -- A PHC string; none when the account signs in by other means.
    password   text,
    -- How often its owner has chosen another password. Hashing the same one anew is none.
    changes    bigint NOT NULL,
    created    bigint NOT NULL,
    -- When it was closed, if it was.
    closed     bigint
);

-- Attempts to sign in, by whom or from where: keyed hashes, so that nobody can read here who has tried.
CREATE TABLE hardtack.attempt (
    bucket text   NOT NULL PRIMARY KEY,
    made   bigint NOT NULL,
    -- When counting begins anew.
    until  bigint NOT NULL
);

CREATE INDEX attempt_by_until ON hardtack.attempt (until);
