-- What servers noted when they last started, by the address of their site (site.url). PostgreSQL has the same.
CREATE TABLE start (
    site  TEXT    NOT NULL PRIMARY KEY,
    -- JSON: the session cookie, names of keys, spans of time. No secret.
    facts TEXT    NOT NULL,
    -- When, in milliseconds since 1970.
    noted INTEGER NOT NULL
) STRICT;
