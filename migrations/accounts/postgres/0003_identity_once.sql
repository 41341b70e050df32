-- An account is known to one provider by one identity. Of two that were connected at the same moment the first one stays; its
-- owner connects the other one again in its place, if that was the one that was meant. SQLite has the same.
LOCK TABLE hardtack.identity IN SHARE ROW EXCLUSIVE MODE;

DELETE FROM hardtack.identity WHERE EXISTS (
    SELECT 1 FROM hardtack.identity o
    WHERE o.account = identity.account AND o.issuer = identity.issuer
      AND (o.made, o.subject) < (identity.made, identity.subject)
);

CREATE UNIQUE INDEX identity_by_account_and_issuer ON hardtack.identity (account, issuer);

-- The new one begins with the account, too.
DROP INDEX hardtack.identity_by_account;
