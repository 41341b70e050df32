-- What providers of sign-ins (OpenID Connect) know accounts by. PostgreSQL has the same.
CREATE TABLE identity (
    issuer  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    -- For a moment no account of this id may be there: the identity comes first.
    account TEXT    NOT NULL,
    -- As the provider has it; nobody is found by it.
    email   TEXT,
    name    TEXT,
    made    INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX identity_by_account ON identity (account);

-- Sessions that were signed in under an earlier one are nobody's: for a change of the password that ends the others.
ALTER TABLE account ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
