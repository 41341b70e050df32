//! An application's own tables in SQLite or PostgreSQL, accessed by one set of statements.
//!
//! The tables are in the database of the sessions or in a separate one. They use the connections of the session stores:
//! with the same timeouts, the same TLS, and the same recovery after an outage.

#[cfg(feature = "postgres")]
use super::postgres;
#[cfg(feature = "sqlite")]
use super::sqlite;
use super::{OpenError, Schema, StoreError};
use sqlx::any::AnyRow;
use sqlx::migrate::Migrator;
#[cfg(feature = "sqlite")]
use std::path::Path;
#[cfg(feature = "postgres")]
use std::time::Duration;

/// A SQL database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database(Kind);

#[derive(Clone, Debug)]
enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Tables),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Tables),
}

/// The migrations of an application's tables, one list for each kind of database.
///
/// They are separate from the migrations of the sessions: each list has its own numbers, and its own table that records
/// which of them have run.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// For SQLite. No other list may have the same `table_name`.
    pub sqlite: &'static Migrator,
    /// For PostgreSQL. Its tables are in the schema `hardtack`.
    pub postgres: &'static Migrator,
    /// The PostgreSQL table that records which migrations have run: `hardtack.…`.
    pub done: &'static str,
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `TEXT`.
    Text(Option<String>),
    /// `BIGINT`.
    Number(Option<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl Database {
    #[cfg(feature = "sqlite")]
    pub(super) const fn sqlite(tables: sqlite::Tables) -> Self {
        Self(Kind::Sqlite(tables))
    }

    #[cfg(feature = "postgres")]
    pub(super) const fn postgres(tables: postgres::Tables) -> Self {
        Self(Kind::Postgres(tables))
    }

    /// Opens a separate SQLite file with the tables of `chain`, as [`SqliteStore::open`](sqlite::SqliteStore::open)
    /// does.
    ///
    /// # Errors
    ///
    /// Those of `SqliteStore::open`.
    #[cfg(feature = "sqlite")]
    pub async fn in_file(path: &Path, readers: u32, chain: &Chain, schema: Schema) -> Result<Self, OpenError> {
        Ok(Self::sqlite(sqlite::Tables::in_file(path, readers, chain.sqlite, schema).await?))
    }

    /// Opens an in-memory database with the tables of `chain`. It ends with this process.
    ///
    /// # Errors
    ///
    /// When SQLite cannot create it.
    #[cfg(feature = "sqlite")]
    pub async fn in_memory(chain: &Chain) -> Result<Self, OpenError> {
        Ok(Self::sqlite(sqlite::Tables::in_memory(chain.sqlite).await?))
    }

    /// Opens a separate PostgreSQL database with the tables of `chain`, as
    /// [`PostgresStore::open`](postgres::PostgresStore::open) does.
    ///
    /// # Errors
    ///
    /// Those of `PostgresStore::open`.
    #[cfg(feature = "postgres")]
    pub async fn at(
        url: &str,
        connections: u32,
        timeout: Duration,
        chain: &Chain,
        schema: Schema,
    ) -> Result<Self, OpenError> {
        Ok(Self::postgres(postgres::Tables::open(url, connections, timeout, chain, schema).await?))
    }

    /// Brings the tables of `chain` in an open database up to date, or refuses when `schema` forbids migrations.
    ///
    /// # Errors
    ///
    /// When the tables are of a newer version, or of an older one that may not be migrated now; when the database
    /// fails.
    pub async fn prepare(&self, chain: &Chain, schema: Schema) -> Result<(), OpenError> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(tables) => tables.prepare(chain.sqlite, schema).await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(tables) => tables.prepare(chain, schema).await,
        }
    }

    /// Fails when the file of a SQLite database has been moved, replaced or removed since it was opened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], with a sentence for the operator.
    #[cfg_attr(not(feature = "sqlite"), expect(clippy::unused_async, reason = "only a SQLite file is checked"))]
    pub async fn check(&self) -> Result<(), StoreError> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(tables) => tables.check().await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => Ok(()),
        }
    }

    /// Runs one statement up to its commit and returns its rows.
    ///
    /// The statement is written for PostgreSQL, with `$1` and tables named `hardtack.…`, in SQL that SQLite knows too.
    /// A statement that changes rows must return them by `RETURNING`.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses the statement.
    pub async fn rows(&self, sql: &'static str, values: &[Value]) -> Result<Vec<AnyRow>, StoreError> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(tables) => tables.rows(sql, values).await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(tables) => tables.rows(sql, values).await,
        }
    }
}
