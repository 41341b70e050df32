//! Account rows: their types, and the statements that read and write them.

use super::{Accounts, Failure, damaged};
use crate::backend::name;
use crate::backend::passwords::Hash;
use crate::backend::providers::Providers;
use crate::backend::username::Username;
use crate::model::account::Profile;
use hardtack_session::clock::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use uuid::Uuid;

/// Builds the SQL that selects the columns of [`Stored`]. The issuers of the account's identities are one text, because
/// an issuer contains no space. If the site has no providers, the query does not read them.
macro_rules! select {
    ($accounts:expr, $which:literal) => {
        if $accounts.providers().is_empty() {
            select!(from "NULL", $which)
        } else {
            select!(from "(SELECT string_agg(issuer, ' ') FROM hardtack.identity WHERE account = hardtack.account.id)", $which)
        }
    };
    (from $providers:literal, $which:literal) => {
        concat!(
            "SELECT id, name, username, password, changes, created, closed, epoch, keeps, ",
            $providers,
            " FROM hardtack.account ",
            $which
        )
    };
}

/// An account as the database stores it.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Stored {
    pub(in crate::backend) id: String,
    pub(in crate::backend) profile: Profile,
    /// `None` for an account that only signs in with a provider.
    pub(in crate::backend) password: Option<Hash>,
    /// The change count: the number of password changes and of disconnected providers.
    pub(in crate::backend) changes: i64,
    /// The number of these changes that also ended all other sessions.
    pub(in crate::backend) epoch: i64,
    /// The mark of the session that began the epoch. That session stays signed in.
    pub(in crate::backend) keeps: Option<String>,
    created: Timestamp,
    closed: Option<Timestamp>,
}

/// The effect of a password change on the account's other sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum Others<'a> {
    /// They stay signed in.
    Stay,
    /// They are rejected, because a new epoch begins. Of the sessions of earlier epochs, only the one with the mark
    /// `keeps` stays signed in.
    End {
        /// The mark; `None` when no session asked for the change, as with a command.
        keeps: Option<&'a str>,
    },
}

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The account's id, which its sessions store as their owner.
    pub id: String,
    /// The account's name, username and sign-in methods.
    pub profile: Profile,
    /// The time at which the account was created.
    pub created: Timestamp,
    /// The time at which the account was closed, if it is closed.
    pub closed: Option<Timestamp>,
}

impl Stored {
    pub(in crate::backend) const fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    fn read(row: &AnyRow, providers: &Providers) -> Result<Self, sqlx::Error> {
        let (password, issuers): (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(9)?);
        let issuers: Vec<_> = issuers.iter().flat_map(|issuers| issuers.split(' ')).collect();
        let (name, username): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        // Earlier versions accepted names without a visible character.
        let name = if name::is_seen(&name) { name } else { username.clone() };
        Ok(Self {
            id: row.try_get(0)?,
            profile: Profile { name, username, password: password.is_some(), providers: providers.ids(&issuers) },
            password: password.map(Hash::stored),
            changes: row.try_get(4)?,
            epoch: row.try_get(7)?,
            keeps: row.try_get(8)?,
            created: Timestamp(row.try_get(5)?),
            closed: row.try_get::<Option<i64>, _>(6)?.map(Timestamp),
        })
    }
}

impl From<Stored> for Listed {
    fn from(stored: Stored) -> Self {
        let Stored { id, profile, created, closed, .. } = stored;
        Self { id, profile, created, closed }
    }
}

/// Returns the epoch in the result of an UPDATE; `None` when no row was changed.
pub(super) fn epoch(rows: &[AnyRow]) -> Result<Option<i64>, Failure> {
    rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
}

impl Accounts {
    /// Returns the account in the first row, if there is a row.
    fn only(&self, rows: &[AnyRow]) -> Result<Option<Stored>, Failure> {
        rows.first().map(|row| Stored::read(row, self.providers())).transpose().map_err(damaged)
    }

    /// Returns the account with this username, open or closed.
    pub(in crate::backend) async fn named(&self, username: &Username) -> Result<Option<Stored>, Failure> {
        let sql = select!(self, "WHERE signs_in = $1");
        self.only(&self.rows(sql, &[username.key().into()]).await?)
    }

    /// Returns the account with this id, open or closed.
    pub(in crate::backend) async fn of_id(&self, id: &str) -> Result<Option<Stored>, Failure> {
        let sql = select!(self, "WHERE id = $1");
        self.only(&self.rows(sql, &[id.into()]).await?)
    }

    /// Inserts a new account. Returns `None` when the username is taken, also by a concurrent request.
    pub(in crate::backend) async fn insert(
        &self,
        name: &str,
        username: &Username,
        password: &Hash,
    ) -> Result<Option<Stored>, Failure> {
        let sql = "INSERT INTO hardtack.account (id, name, username, signs_in, password, changes, created) \
                   VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING \
                   RETURNING id, name, username, password, changes, created, closed, epoch, keeps, NULL";
        let values = [
            Uuid::new_v4().to_string().as_str().into(),
            name.into(),
            username.shown().into(),
            username.key().into(),
            password.reveal().into(),
            self.clock().now().0.into(),
        ];
        self.only(&self.rows(sql, &values).await?)
    }

    /// Replaces a password hash with another hash of the same password, unless the password has changed meanwhile.
    pub(in crate::backend) async fn rehash(&self, id: &str, from: &Hash, to: &Hash) -> Result<(), Failure> {
        let sql = "UPDATE hardtack.account SET password = $3 WHERE id = $1 AND password = $2 RETURNING id";
        self.rows(sql, &[id.into(), from.reveal().into(), to.reveal().into()]).await.map(drop)
    }

    /// Sets the password of an open account that still has this change count. Returns the account's epoch after the
    /// change, or `None` when nothing was changed.
    pub(in crate::backend) async fn replace(
        &self,
        id: &str,
        changes: i64,
        to: &Hash,
        others: Others<'_>,
    ) -> Result<Option<i64>, Failure> {
        let sql = "UPDATE hardtack.account SET password = $3, changes = changes + 1, epoch = epoch + $4, \
                   keeps = CASE WHEN $4 = 0 THEN keeps ELSE $5 END \
                   WHERE id = $1 AND changes = $2 AND closed IS NULL RETURNING epoch";
        let (step, keeps) = match others {
            Others::Stay => (0, None),
            Others::End { keeps } => (1, keeps),
        };
        let values = [id.into(), changes.into(), to.reveal().into(), step.into(), keeps.into()];
        epoch(&self.rows(sql, &values).await?)
    }

    /// Closes an account and returns its id; `None` when no open account has this username. The caller must end the
    /// account's sessions.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn close(&self, username: &Username) -> Result<Option<String>, Failure> {
        let sql = "UPDATE hardtack.account SET closed = $2 WHERE signs_in = $1 AND closed IS NULL RETURNING id";
        let rows = self.rows(sql, &[username.key().into(), self.clock().now().0.into()]).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
    }

    /// Returns at most `limit` accounts, open and closed, ordered by username.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list(&self, limit: u32) -> Result<Vec<Listed>, Failure> {
        let sql = select!(self, "ORDER BY signs_in LIMIT $1");
        let rows = self.rows(sql, &[i64::from(limit).into()]).await?;
        rows.iter().map(|row| Stored::read(row, self.providers()).map(Listed::from).map_err(damaged)).collect()
    }
}
