//! Accounts as the database has them.

use super::{Accounts, Failure, damaged};
use crate::backend::name;
use crate::backend::passwords::Hash;
use crate::backend::providers::Providers;
use crate::backend::username::Username;
use crate::model::account::Profile;
use crate::session::clock::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use uuid::Uuid;

/// Selects what [`Stored`] is read from. The providers that know the account are one text, for an address holds no space;
/// where the site has none, nobody asks for them.
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

/// An account as it is kept.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Stored {
    pub(in crate::backend) id: String,
    pub(in crate::backend) profile: Profile,
    /// None when it signs in by other means.
    pub(in crate::backend) password: Option<Hash>,
    /// How often its owner has chosen another password, or given up a provider.
    pub(in crate::backend) changes: i64,
    /// How often its owner has ended all other sessions with that.
    pub(in crate::backend) epoch: i64,
    /// The mark of the session that began the epoch, which stays signed in.
    pub(in crate::backend) keeps: Option<String>,
    created: Timestamp,
    closed: Option<Timestamp>,
}

/// What becomes of an account's other sessions when it gets another password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum Others<'a> {
    /// They stay signed in.
    Stay,
    /// A new epoch begins. Of the sessions of earlier ones only that of this mark stays signed in.
    End {
        /// The mark; `None` where no session asks.
        keeps: Option<&'a str>,
    },
}

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id, by which sessions are its own.
    pub id: String,
    /// What it is called, and what it signs in by.
    pub profile: Profile,
    /// When it was made.
    pub created: Timestamp,
    /// When it was closed, if it was.
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
        // Earlier versions took names of which nothing can be seen.
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

/// The epoch that a change returns.
pub(super) fn epoch(rows: &[AnyRow]) -> Result<Option<i64>, Failure> {
    rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
}

impl Accounts {
    /// The account of a row, if there is one.
    fn only(&self, rows: &[AnyRow]) -> Result<Option<Stored>, Failure> {
        rows.first().map(|row| Stored::read(row, self.providers())).transpose().map_err(damaged)
    }

    /// The account that signs in by this name, open or closed.
    pub(in crate::backend) async fn named(&self, username: &Username) -> Result<Option<Stored>, Failure> {
        let sql = select!(self, "WHERE signs_in = $1");
        self.only(&self.rows(sql, &[username.key().into()]).await?)
    }

    /// The account of an id, open or closed.
    pub(in crate::backend) async fn of_id(&self, id: &str) -> Result<Option<Stored>, Failure> {
        let sql = select!(self, "WHERE id = $1");
        self.only(&self.rows(sql, &[id.into()]).await?)
    }

    /// Keeps a new account. `None` when the name is taken, also at the same moment by somebody else.
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

    /// Puts another hash of the same password in the place of one.
    pub(in crate::backend) async fn rehash(&self, id: &str, from: &Hash, to: &Hash) -> Result<(), Failure> {
        let sql = "UPDATE hardtack.account SET password = $3 WHERE id = $1 AND password = $2 RETURNING id";
        self.rows(sql, &[id.into(), from.reveal().into(), to.reveal().into()]).await.map(drop)
    }

    /// Gives an open account another password, if it still has that one of `changes`. Returns the epoch that it has then;
    /// `None` when nothing was changed.
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

    /// Closes an account; `None` when there is no open one of that name. Its sessions are the caller's to end.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn close(&self, username: &Username) -> Result<Option<String>, Failure> {
        let sql = "UPDATE hardtack.account SET closed = $2 WHERE signs_in = $1 AND closed IS NULL RETURNING id";
        let rows = self.rows(sql, &[username.key().into(), self.clock().now().0.into()]).await?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
    }

    /// All accounts, open and closed, by their names; at most `limit`.
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
