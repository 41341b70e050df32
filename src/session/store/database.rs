//! Tables of an application's own, in SQLite or PostgreSQL, by one set of statements.
//!
//! They lie beside the sessions or in a database of their own, and are reached by the very connections that the stores
//! use: with their patience, their TLS, and their way of getting over an outage.

use super::{OpenError, Schema, StoreError, postgres, sqlite};
use sqlx::any::AnyRow;
use sqlx::migrate::Migrator;
use std::path::Path;
use std::time::Duration;

/// A SQL database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Sqlite(sqlite::Tables),
    Postgres(postgres::Tables),
}

/// The steps that lead to an application's tables, one chain a kind of database.
///
/// Apart from that of the sessions: each has its own numbers, and its own table that says which of them are done.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// For SQLite; its `table_name` must be its own.
    pub sqlite: &'static Migrator,
    /// For PostgreSQL. Its tables are in the schema `hardtack`.
    pub postgres: &'static Migrator,
    /// The table in PostgreSQL that says which steps are done: `hardtack.…`.
    pub done: &'static str,
}

/// A value of a statement.
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
    pub(super) const fn sqlite(tables: sqlite::Tables) -> Self {
        Self(Kind::Sqlite(tables))
    }

    pub(super) const fn postgres(tables: postgres::Tables) -> Self {
        Self(Kind::Postgres(tables))
    }

    /// Opens a SQLite file of its own, as [`SqliteStore::open`](sqlite::SqliteStore::open) does, with the tables of
    /// `chain`.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn in_file(path: &Path, readers: u32, chain: &Chain, schema: Schema) -> Result<Self, OpenError> {
        Ok(Self::sqlite(sqlite::Tables::in_file(path, readers, chain.sqlite, schema).await?))
    }

    /// Opens a database that ends with this process.
    ///
    /// # Errors
    ///
    /// When SQLite has no memory for it.
    pub async fn in_memory(chain: &Chain) -> Result<Self, OpenError> {
        Ok(Self::sqlite(sqlite::Tables::in_memory(chain.sqlite).await?))
    }

    /// Opens a PostgreSQL database of its own, as [`PostgresStore::open`](postgres::PostgresStore::open) does, with the
    /// tables of `chain`.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn at(
        url: &str,
        connections: u32,
        timeout: Duration,
        chain: &Chain,
        schema: Schema,
    ) -> Result<Self, OpenError> {
        Ok(Self::postgres(postgres::Tables::open(url, connections, timeout, chain, schema).await?))
    }

    /// Brings the tables of `chain` up to date in a database that is open, or refuses where `schema` says so.
    ///
    /// # Errors
    ///
    /// When they are of a newer version, or of an older one that is not to be migrated now; when the database fails.
    pub async fn prepare(&self, chain: &Chain, schema: Schema) -> Result<(), OpenError> {
        match &self.0 {
            Kind::Sqlite(tables) => tables.prepare(chain.sqlite, schema).await,
            Kind::Postgres(tables) => tables.prepare(chain, schema).await,
        }
    }

    /// Fails when the file of a SQLite database was moved, replaced or removed since it was opened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], with a sentence for the operator.
    pub async fn check(&self) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Sqlite(tables) => tables.check().await,
            Kind::Postgres(_) => Ok(()),
        }
    }

    /// Runs one statement, to its end and its commit, and hands out what it returns.
    ///
    /// Written as for PostgreSQL, with `$1` and tables named `hardtack.…`, in what both know. What changes something says
    /// so by `RETURNING`.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses the statement.
    pub async fn rows(&self, sql: &'static str, values: &[Value]) -> Result<Vec<AnyRow>, StoreError> {
        match &self.0 {
            Kind::Sqlite(tables) => tables.rows(sql, values).await,
            Kind::Postgres(tables) => tables.rows(sql, values).await,
        }
    }
}
