//! The connections to one database: one that writes, some that read, all open for as long as the store is.
//!
//! Not a pool that opens, tests and closes them: there is no network to fail, and a test of a connection costs as much as
//! the statement it is for.

use super::cache::{Cache, Known};
use super::watch::{Stamp, Watch};
use crate::session::news::Voice;
use crate::session::store::StoreError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{Sqlite, SqliteConnection};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Connections {
    writer: Mutex<SqliteConnection>,
    readers: Vec<Mutex<SqliteConnection>>,
    /// Whose turn it is when none is free.
    turn: AtomicUsize,
    pub(super) cache: Cache,
    /// Tells this process of what it has ended itself.
    pub(super) voice: Voice,
    /// Where the database is, for people.
    pub(super) place: String,
}

impl Connections {
    /// Opens the readers beside a writer whose schema is up to date.
    pub(super) async fn open(
        path: &Path,
        options: SqliteConnectOptions,
        writer: SqliteConnection,
        readers: u32,
    ) -> Result<Self, sqlx::Error> {
        let options = options.pragma("query_only", "true");
        let mut open = Vec::new();
        for _ in 0..readers.max(1) {
            open.push(Mutex::new(super::connect(&options).await?));
        }
        // Where there is no such file the database is in no state to be cached, and works all the same.
        let cache = Cache::new(Watch::over(path).ok());
        let place = path.display().to_string();
        Ok(Self {
            writer: Mutex::new(writer),
            readers: open,
            turn: AtomicUsize::new(0),
            cache,
            voice: Voice::default(),
            place,
        })
    }

    /// Runs a reading statement.
    pub(super) async fn read(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut connection = self.reader().await;
        query.fetch_all(&mut *connection).await.map_err(StoreError::unavailable)
    }

    async fn reader(&self) -> MutexGuard<'_, SqliteConnection> {
        if let Some(free) = self.readers.iter().find_map(|reader| reader.try_lock().ok()) {
            return free;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        self.readers[turn].lock().await
    }

    /// Waits for the writing connection.
    pub(super) async fn write(&self) -> Writing<'_> {
        let connection = self.writer.lock().await;
        Writing { connection, before: self.cache.look(), cache: &self.cache }
    }
}

/// The writing connection, lent for one transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: MutexGuard<'a, SqliteConnection>,
    before: Option<Stamp>,
    cache: &'a Cache,
}

impl Writing<'_> {
    /// Runs a statement to its end and not only to its first row: it commits when it ends, and a full disk says so only
    /// then.
    pub(super) async fn rows(
        &mut self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        query.fetch_all(&mut *self.connection).await.map_err(StoreError::unavailable)
    }

    /// Runs a whole transaction of one statement, and says how many rows it touched. If any, `effect` is what it did to
    /// the sessions.
    pub(super) async fn once(
        mut self,
        query: Query<'_, Sqlite, SqliteArguments>,
        effect: impl FnOnce(&mut Known),
    ) -> Result<u64, StoreError> {
        let done = query.execute(&mut *self.connection).await.map_err(StoreError::unavailable)?;
        if done.rows_affected() > 0 {
            self.done(effect);
        }
        Ok(done.rows_affected())
    }

    /// Gives the connection back after a transaction that changed something: `effect` is what.
    pub(super) fn done(self, effect: impl FnOnce(&mut Known)) {
        self.cache.wrote(self.before, effect);
    }
}
