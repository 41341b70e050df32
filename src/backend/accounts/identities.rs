//! Identities: the issuer and subject by which an OpenID provider knows an account.

use super::rows::epoch;
use super::{Accounts, Failure, Stored, damaged};
use crate::backend::providers::Person;
use crate::backend::username::Username;
use hardtack_session::store::Value;
use sqlx::Row as _;

impl Accounts {
    /// Returns the id of the account that an identity belongs to. A new identity is stored with the account id `new`;
    /// that account may not exist yet.
    ///
    /// Concurrent calls for one identity all return the same id.
    pub(in crate::backend) async fn identified(&self, person: &Person, new: &str) -> Result<String, Failure> {
        let sql = "INSERT INTO hardtack.identity AS i (issuer, subject, account, email, name, made) \
                   VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (issuer, subject) DO UPDATE SET email = $4, name = $5 \
                   RETURNING account";
        let rows = self.rows(sql, &self.values(person, new)).await?;
        let account = rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)?;
        account.ok_or_else(|| Failure::Database("it returned no identity".to_owned()))
    }

    /// Creates the account that an identity already refers to, without a password. Returns `None` when the username is
    /// taken.
    pub(in crate::backend) async fn insert_identified(
        &self,
        id: &str,
        name: &str,
        username: &Username,
    ) -> Result<Option<Stored>, Failure> {
        let sql = "INSERT INTO hardtack.account (id, name, username, signs_in, changes, created) \
                   VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT DO NOTHING RETURNING id";
        let values =
            [id.into(), name.into(), username.shown().into(), username.key().into(), self.clock().now().0.into()];
        self.rows(sql, &values).await?;
        // A concurrent request of the same user may have created it.
        self.of_id(id).await
    }

    /// Removes an identity that refers to an account which does not exist, because the account could not be created.
    pub(in crate::backend) async fn forget_waiting(&self, person: &Person) -> Result<(), Failure> {
        let sql = "DELETE FROM hardtack.identity WHERE issuer = $1 AND subject = $2 \
                   AND NOT EXISTS (SELECT 1 FROM hardtack.account WHERE id = account) RETURNING account";
        self.rows(sql, &[person.issuer.as_str().into(), person.subject.as_str().into()]).await.map(drop)
    }

    /// Connects an identity with an account. Returns `false` when the identity belongs to another account, or when the
    /// account already has another identity of that provider.
    ///
    /// Two unique indexes let at most one of several concurrent calls succeed: (issuer, subject) and (account, issuer).
    pub(in crate::backend) async fn connect(&self, person: &Person, account: &str) -> Result<bool, Failure> {
        self.forget_waiting(person).await?;
        let sql = "INSERT INTO hardtack.identity (issuer, subject, account, email, name, made) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING account";
        let values = self.values(person, account);
        if !self.rows(sql, &values).await?.is_empty() {
            return Ok(true);
        }
        // The identity may already belong to this account.
        let sql = "UPDATE hardtack.identity SET email = $4, name = $5 \
                   WHERE issuer = $1 AND subject = $2 AND account = $3 RETURNING account";
        Ok(!self.rows(sql, &values[..5]).await?.is_empty())
    }

    /// Returns the id of the account that an identity belongs to, if the identity is known.
    pub(in crate::backend) async fn identity(&self, person: &Person) -> Result<Option<String>, Failure> {
        let sql = "SELECT account FROM hardtack.identity WHERE issuer = $1 AND subject = $2";
        let rows = self.rows(sql, &[person.issuer.as_str().into(), person.subject.as_str().into()]).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
    }

    /// Removes an account's identity at a provider, unless it is the only way to sign in. Returns whether it was
    /// removed.
    pub(in crate::backend) async fn disconnect(&self, account: &str, issuer: &str) -> Result<bool, Failure> {
        let sql = "DELETE FROM hardtack.identity WHERE account = $1 AND issuer = $2 AND (\
                   EXISTS (SELECT 1 FROM hardtack.account a WHERE a.id = $1 AND a.password IS NOT NULL) OR \
                   EXISTS (SELECT 1 FROM hardtack.identity o WHERE o.account = $1 AND o.issuer <> $2)) \
                   RETURNING subject";
        Ok(!self.rows(sql, &[account.into(), issuer.into()]).await?.is_empty())
    }

    /// Undoes [`connect`](Accounts::connect).
    pub(in crate::backend) async fn undo(&self, person: &Person, account: &str) -> Result<(), Failure> {
        let sql = "DELETE FROM hardtack.identity WHERE issuer = $1 AND subject = $2 AND account = $3 RETURNING account";
        let values = [person.issuer.as_str().into(), person.subject.as_str().into(), account.into()];
        self.rows(sql, &values).await.map(drop)
    }

    /// Begins a new epoch of an open account that still has this change count, and raises the count. The session with
    /// the mark `keeps` stays signed in; all other sessions of earlier epochs are rejected. Returns the new epoch, or
    /// `None` when nothing was changed. Of two concurrent calls one succeeds.
    pub(in crate::backend) async fn begin_epoch(
        &self,
        id: &str,
        changes: i64,
        keeps: &str,
    ) -> Result<Option<i64>, Failure> {
        let sql = "UPDATE hardtack.account SET changes = changes + 1, epoch = epoch + 1, keeps = $3 \
                   WHERE id = $1 AND changes = $2 AND closed IS NULL RETURNING epoch";
        epoch(&self.rows(sql, &[id.into(), changes.into(), keeps.into()]).await?)
    }

    fn values(&self, person: &Person, account: &str) -> [Value; 6] {
        [
            person.issuer.as_str().into(),
            person.subject.as_str().into(),
            account.into(),
            person.email.as_deref().into(),
            person.name.as_deref().into(),
            self.clock().now().0.into(),
        ]
    }
}
