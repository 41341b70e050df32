//! Accounts: who may sign in, in SQLite or PostgreSQL, by one set of statements.

mod identities;
mod rows;
mod starts;
mod throttle;

use super::passwords::Passwords;
use super::providers::Providers;
use crate::session::Lifetime;
use crate::session::clock::Clock;
use crate::session::store::{Chain, Database, StoreError, Value};
use sqlx::any::AnyRow;
use sqlx::migrate::Migrator;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::time::error::Elapsed;

pub use rows::Listed;
pub(super) use rows::{Others, Stored};
pub(super) use throttle::{Attempt, Bucket};

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("migrations/accounts/sqlite");
    migrations.dangerous_set_table_name("_account_migrations");
    migrations
});
static POSTGRES: Migrator = sqlx::migrate!("migrations/accounts/postgres");

/// The steps that lead to the tables of accounts, apart from those of the sessions.
#[must_use]
pub fn chain() -> Chain {
    Chain { sqlite: &SQLITE, postgres: &POSTGRES, done: "hardtack.account_migration" }
}

/// The longest time in which the database may say that it can be used.
const PATIENCE: Duration = Duration::from_secs(1);

/// What may be done with accounts, and how often it may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether anybody may make an account.
    pub register: bool,
    /// The fewest characters of a password.
    pub password_min: usize,
    /// How long who wants to stay signed in does.
    pub keep: Duration,
    /// How old a sign-in may be for what is sensitive.
    pub fresh: Duration,
    /// How long everybody else stays signed in.
    pub lifetime: Lifetime,
    /// How often one name may be tried within `window`.
    pub attempts: u32,
    /// How often one network may try, whatever names.
    pub network_attempts: u32,
    /// How often an account may sign in, or prove its password once more.
    pub successes: u32,
    /// How often all accounts may, in one network.
    pub network_successes: u32,
    /// How many accounts one network may try to make.
    pub registrations: u32,
    /// After how long counting begins anew.
    pub window: Duration,
    /// The longest time that a password may wait until it is hashed.
    pub password_wait: Duration,
    /// Words of this site that are no passwords here.
    pub words: Vec<String>,
}

/// The accounts. Clones share them.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Database,
    timeout: Duration,
    clock: Clock,
    passwords: Passwords,
    providers: Providers,
    rules: Rules,
}

/// Why something could not be done with accounts, that is nobody's mistake.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database did not answer, or not in time, or not as it should.
    #[error("the database of the accounts cannot be used: {0}")]
    Database(String),
    /// As many passwords are being checked, and wait for it, as there may be.
    #[error("too many passwords wait to be checked")]
    Busy,
    /// A hash could not be made or read.
    #[error("a password cannot be checked: {0}")]
    Hash(String),
}

impl Accounts {
    /// The accounts in a database that has their tables, each call of which may take `timeout`.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub fn new(
        database: Database,
        timeout: Duration,
        clock: Clock,
        rules: Rules,
        providers: Providers,
    ) -> Result<Self, Failure> {
        let passwords = Passwords::new(rules.password_wait)?;
        Ok(Self(Arc::new(Shared { database, timeout, clock, passwords, providers, rules })))
    }

    /// What may be done with accounts here.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// Who else may say who somebody is.
    #[must_use]
    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Fails when the database is a SQLite file that was moved, replaced or removed since it was opened.
    ///
    /// # Errors
    ///
    /// [`Failure::Database`], with a sentence for the operator.
    pub async fn check(&self) -> Result<(), Failure> {
        let checked = tokio::time::timeout(self.0.timeout, self.0.database.check()).await;
        answered(checked)
    }

    /// Asks the database for something small, to see whether it can be used.
    ///
    /// # Errors
    ///
    /// [`Failure::Database`] when it does not answer within the time that a statement may take, or within a second.
    pub async fn ping(&self) -> Result<(), Failure> {
        let patience = self.0.timeout.min(PATIENCE);
        let asked = self.0.database.rows("SELECT id FROM hardtack.account LIMIT 1", &[]);
        answered(tokio::time::timeout(patience, asked).await).map(drop)
    }

    /// Runs a statement, for as long as one may take.
    async fn rows(&self, sql: &'static str, values: &[Value]) -> Result<Vec<AnyRow>, Failure> {
        answered(tokio::time::timeout(self.0.timeout, self.0.database.rows(sql, values)).await)
    }
}

fn answered<T>(answer: Result<Result<T, StoreError>, Elapsed>) -> Result<T, Failure> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(StoreError::Unavailable(cause) | StoreError::Corrupt(cause))) => {
            Err(Failure::Database(cause.to_string()))
        }
        Err(_) => Err(Failure::Database("it did not answer in time".to_owned())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err calls")]
fn damaged(error: sqlx::Error) -> Failure {
    Failure::Database(error.to_string())
}
