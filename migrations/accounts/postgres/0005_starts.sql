-- What servers noted when they last started, by the address of their site (site.url). SQLite has the same.
CREATE TABLE hardtack.start (
    site  text   NOT NULL PRIMARY KEY,
    -- JSON: the session cookie, names of keys, spans of time. No secret.
    facts text   NOT NULL,
    -- When, in milliseconds since 1970.
    noted bigint NOT NULL
);
