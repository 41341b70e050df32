//! What providers know accounts by.

use super::rows::epoch;
use super::{Accounts, Failure, Stored, damaged};
use crate::backend::providers::Person;
use crate::backend::username::Username;
use crate::session::store::Value;
use sqlx::Row as _;

impl Accounts {
    /// The id of the account that a provider knows somebody by, or the one that is kept for them from now on: an account
    /// of that id may have yet to be made.
    ///
    /// Of any number at once all are told the same id.
    pub(in crate::backend) async fn identified(&self, person: &Person, new: &str) -> Result<String, Failure> {
        let sql = "INSERT INTO hardtack.identity AS i (issuer, subject, account, email, name, made) \
                   VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (issuer, subject) DO UPDATE SET email = $4, name = $5 \
                   RETURNING account";
        let rows = self.rows(sql, &self.values(person, new)).await?;
        let account = rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)?;
        account.ok_or_else(|| Failure::Database("it keeps no identity".to_owned()))
    }

    /// Makes the account that an identity is waiting for, without a password. `None` when the name is taken.
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
        // Its maker may have been another request of the same person.
        self.of_id(id).await
    }

    /// Forgets an identity that waits for an account which cannot be made.
    pub(in crate::backend) async fn forget_waiting(&self, person: &Person) -> Result<(), Failure> {
        let sql = "DELETE FROM hardtack.identity WHERE issuer = $1 AND subject = $2 \
                   AND NOT EXISTS (SELECT 1 FROM hardtack.account WHERE id = account) RETURNING account";
        self.rows(sql, &[person.issuer.as_str().into(), person.subject.as_str().into()]).await.map(drop)
    }

    /// Makes an identity an account's own. `false` when it is another one's, or when the account has one of that provider.
    ///
    /// Two unique indexes decide, so that of any number at once one does: by issuer and subject, and by account and issuer.
    pub(in crate::backend) async fn connect(&self, person: &Person, account: &str) -> Result<bool, Failure> {
        self.forget_waiting(person).await?;
        let sql = "INSERT INTO hardtack.identity (issuer, subject, account, email, name, made) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING account";
        let values = self.values(person, account);
        if !self.rows(sql, &values).await?.is_empty() {
            return Ok(true);
        }
        // It may be the account's own already.
        let sql = "UPDATE hardtack.identity SET email = $4, name = $5 \
                   WHERE issuer = $1 AND subject = $2 AND account = $3 RETURNING account";
        Ok(!self.rows(sql, &values[..5]).await?.is_empty())
    }

    /// The id of the account that a provider knows somebody by, if it does.
    pub(in crate::backend) async fn identity(&self, person: &Person) -> Result<Option<String>, Failure> {
        let sql = "SELECT account FROM hardtack.identity WHERE issuer = $1 AND subject = $2";
        let rows = self.rows(sql, &[person.issuer.as_str().into(), person.subject.as_str().into()]).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
    }

    /// Takes an identity from an account, unless nothing else is left to sign in by. Says whether it did.
    pub(in crate::backend) async fn disconnect(&self, account: &str, issuer: &str) -> Result<bool, Failure> {
        let sql = "DELETE FROM hardtack.identity WHERE account = $1 AND issuer = $2 AND (\
                   EXISTS (SELECT 1 FROM hardtack.account a WHERE a.id = $1 AND a.password IS NOT NULL) OR \
                   EXISTS (SELECT 1 FROM hardtack.identity o WHERE o.account = $1 AND o.issuer <> $2)) \
                   RETURNING subject";
        Ok(!self.rows(sql, &[account.into(), issuer.into()]).await?.is_empty())
    }

    /// Takes back what [`connect`](Accounts::connect) did.
    pub(in crate::backend) async fn undo(&self, person: &Person, account: &str) -> Result<(), Failure> {
        let sql = "DELETE FROM hardtack.identity WHERE issuer = $1 AND subject = $2 AND account = $3 RETURNING account";
        let values = [person.issuer.as_str().into(), person.subject.as_str().into(), account.into()];
        self.rows(sql, &values).await.map(drop)
    }

    /// Counts a change of what an open account signs in by, if it is still as after so many, and begins an epoch, in which
    /// the session of the mark `keeps` stays signed in. Returns the epoch; `None` when nothing was changed. Of two at once
    /// one does.
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
