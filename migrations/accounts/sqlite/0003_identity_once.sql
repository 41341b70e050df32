-- An account is known to one provider by one identity. Of two that were connected at the same moment the first one stays; its
-- owner connects the other one again in its place, if that was the one that was meant. PostgreSQL has the same.
DELETE FROM identity WHERE EXISTS (
    SELECT 1 FROM identity o
    WHERE o.account = identity.account AND o.issuer = identity.issuer
      AND (o.made, o.subject) < (identity.made, identity.subject)
);

CREATE UNIQUE INDEX identity_by_account_and_issuer ON identity (account, issuer);

-- The new one begins with the account, too.
DROP INDEX identity_by_account;
