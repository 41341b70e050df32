//! The accounts in SQLite or PostgreSQL, by one set of SQL statements.

mod identities;
mod rows;
mod starts;
mod throttle;

use super::passwords::Passwords;
use super::providers::Providers;
use hardtack_session::Lifetime;
use hardtack_session::clock::Clock;
use hardtack_session::store::{Chain, Database, StoreError, Value};
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

/// Returns the migrations of the account tables, which are separate from those of the sessions.
#[must_use]
pub fn chain() -> Chain {
    Chain { sqlite: &SQLITE, postgres: &POSTGRES, done: "hardtack.account_migration" }
}

/// The longest time that [`Accounts::ping`] waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);

/// The rules for accounts: registration, passwords, lifetimes of sign-ins, and limits of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether visitors may create accounts.
    pub register: bool,
    /// The minimum length of a password, in characters.
    pub password_min: usize,
    /// The session lifetime for "keep me signed in", idle or not.
    pub keep: Duration,
    /// The longest time after a sign-in at which sensitive actions are allowed.
    pub fresh: Duration,
    /// The session lifetime of all other sign-ins.
    pub lifetime: Lifetime,
    /// The most wrong passwords within `window` for one username, one known browser or one signed-in account.
    pub attempts: u32,
    /// The most attempts within `window` from one network: wrong passwords for all usernames together, and, counted
    /// apart, returns from a provider.
    pub network_attempts: u32,
    /// The most sign-ins and password confirmations of one account within `window`.
    pub successes: u32,
    /// The most sign-ins and password confirmations from one network within `window`, for all accounts together.
    pub network_successes: u32,
    /// The most attempts to create an account from one network within `window`.
    pub registrations: u32,
    /// The time after which counting starts again.
    pub window: Duration,
    /// The longest time that a password may wait to be hashed.
    pub password_wait: Duration,
    /// Words of this site, such as its name, that make a password easy to guess.
    pub words: Vec<String>,
}

/// The accounts. Clones share the database and the password queue.
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

/// An error of the accounts that the client did not cause.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database did not respond, responded too late, or responded with an error or unreadable data.
    #[error("the database of the accounts cannot be used: {0}")]
    Database(String),
    /// The queue for password checks is full, or the wait in it was too long.
    #[error("too many passwords are waiting to be checked")]
    Busy,
    /// A password could not be hashed, or a stored hash could not be read.
    #[error("a password cannot be checked: {0}")]
    Hash(String),
}

impl Accounts {
    /// Returns the accounts of a database that already has their tables. Each database call may take `timeout`.
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

    /// Returns the rules for accounts.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// Returns the OpenID providers of this site.
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

    /// Checks that a SQLite file was not moved, replaced or removed since it was opened.
    ///
    /// # Errors
    ///
    /// [`Failure::Database`] when it was, with a sentence for the operator.
    pub async fn check(&self) -> Result<(), Failure> {
        let checked = tokio::time::timeout(self.0.timeout, self.0.database.check()).await;
        answered(checked)
    }

    /// Sends a small query to the database to check that it works.
    ///
    /// # Errors
    ///
    /// [`Failure::Database`] when the database does not respond within the timeout of a statement, or within a second.
    pub async fn ping(&self) -> Result<(), Failure> {
        let patience = self.0.timeout.min(PATIENCE);
        let asked = self.0.database.rows("SELECT id FROM hardtack.account LIMIT 1", &[]);
        answered(tokio::time::timeout(patience, asked).await).map(drop)
    }

    /// Runs a statement within the timeout of a statement.
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
