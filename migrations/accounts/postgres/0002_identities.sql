-- What providers of sign-ins (OpenID Connect) know accounts by. SQLite has the same.
CREATE TABLE hardtack.identity (
    issuer  text   NOT NULL,
    subject text   NOT NULL,
    -- For a moment no account of this id may be there: the identity comes first.
    account text   NOT NULL,
    -- As the provider has it; nobody is found by it.
    email   text,
    name    text,
    made    bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identity_by_account ON hardtack.identity (account);

-- Sessions that were signed in under an earlier one are nobody's: for a change of the password that ends the others.
ALTER TABLE hardtack.account ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
