//! The connections to one database: one that writes and some that read, all open for as long as the store.
//!
//! There is no pool that opens, tests and closes them, because no network can fail, and a test of a connection costs as
//! much as the statement that it is for.

use super::cache::{Cache, Known};
use super::files::Files;
use super::watch::{Stamp, Watch};
use crate::store::StoreError;
use crate::voice::Voice;
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
    /// The number of the reader to wait for when none is free.
    turn: AtomicUsize,
    pub(super) cache: Cache,
    /// Notifies this process of the sessions that it has ended itself.
    pub(super) voice: Voice,
    /// The options of its connections.
    pub(super) options: SqliteConnectOptions,
    /// The path of the database, for logs and errors.
    pub(super) place: String,
    /// The files at its path, unless it is in memory.
    files: Option<Files>,
}

impl Connections {
    /// Opens the readers, beside a writer whose schema is up to date. `file` is the path; an in-memory database has
    /// none.
    pub(super) async fn open(
        file: Option<&Path>,
        options: SqliteConnectOptions,
        writer: SqliteConnection,
        readers: u32,
    ) -> Result<Self, sqlx::Error> {
        let reading = options.clone().pragma("query_only", "true");
        let mut open = Vec::new();
        for _ in 0..readers.max(1) {
            open.push(Mutex::new(super::connect(&reading).await?));
        }
        // Without a WAL index there is no cache, and the database works all the same.
        let cache = Cache::new(file.and_then(|path| Watch::over(path).ok()));
        let place = file.map_or_else(|| "memory".to_owned(), |path| path.display().to_string());
        let files = file.map(Files::at).transpose().map_err(sqlx::Error::Io)?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers: open,
            turn: AtomicUsize::new(0),
            cache,
            voice: Voice::default(),
            options,
            place,
            files,
        })
    }

    /// Fails when the path leads to another file than the open one, or to none.
    pub(super) async fn still_there(&self) -> Result<(), StoreError> {
        match &self.files {
            Some(files) => files.still_there().await.map_err(StoreError::unavailable),
            None => Ok(()),
        }
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
        Writing { connection, before: self.cache.stamp(), certain: true, cache: &self.cache }
    }
}

/// The writing connection, lent for one transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: MutexGuard<'a, SqliteConnection>,
    before: Option<Stamp>,
    /// Whether a row that a statement returns has certainly changed.
    certain: bool,
    cache: &'a Cache,
}

impl Writing<'_> {
    /// Marks the transaction as one that may set a row to its present values, which SQLite does not commit.
    pub(super) fn perhaps(self) -> Self {
        Self { certain: false, ..self }
    }

    /// Runs a statement to its end and not only to its first row, because it commits at its end, and a full disk causes
    /// an error only then.
    pub(super) async fn rows(
        &mut self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        query.fetch_all(&mut *self.connection).await.map_err(StoreError::unavailable)
    }

    /// Runs a transaction of one statement, and returns the number of rows that it affected. If there are any, `effect`
    /// makes the same change in the cache.
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

    /// Gives the connection back after a transaction that changed something; `effect` makes the same change in the
    /// cache.
    pub(super) fn done(self, effect: impl FnOnce(&mut Known)) {
        self.cache.wrote(self.before, self.certain, effect);
    }
}
