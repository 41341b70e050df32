//! Sessions in a SQLite file: the default, for one machine.
//!
//! Write-ahead logging, so that readers never wait; one writing connection, so that writers queue here and not
//! in lock errors. Survives `kill -9`; a power cut may take the last moments (`synchronous = NORMAL`).

use super::{Applied, Listed, Loaded, Store, StoreError};
use crate::session::clock::{Timestamp, millis};
use crate::session::id::{Handle, IdHash};
use crate::session::lifetime::Lifetime;
use crate::session::record::{Changes, Data, Grace, Record, Rotation};
use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row as _, Sqlite, SqlitePool};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// A store in a SQLite file that only its owner may read.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be made or written.
    #[error("{path} cannot be used: {source}; make its folder writable for the server or name another file")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version of this program wrote it.
    #[error(
        "{path} was written by a newer version of Hardtack (its migration {migration} is unknown here); \
         run that version, or name another file"
    )]
    Newer {
        /// The file.
        path: String,
        /// The number of the first unknown migration.
        migration: i64,
    },
    /// SQLite cannot work with it.
    #[error("{path} cannot be opened as a SQLite database: {reason}; name another file")]
    Database {
        /// The file.
        path: String,
        /// What SQLite said.
        reason: String,
    },
}

impl SqliteStore {
    /// Opens the database at `path`, with `readers` reading connections; makes the file (mode 0600), its
    /// folder and its tables when they are missing.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, is no SQLite database, or is of a newer version.
    pub async fn open(path: &Path, readers: u32) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        make_private(path).map_err(|source| OpenError::File { path: name.clone(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_millis(500));
        let database = |reason: String| OpenError::Database { path: name.clone(), reason };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(|e| database(e.to_string()))?;
        MIGRATIONS.run(&writer).await.map_err(|e| match e {
            MigrateError::VersionMissing(migration) => OpenError::Newer { path: name.clone(), migration },
            other => database(other.to_string()),
        })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(readers.max(1))
            .connect_lazy_with(options.pragma("query_only", "true"));
        Ok(Self { writer, readers })
    }

    /// The id under which the session of a renewed id lives now.
    async fn successor(&self, id: &IdHash, now: Timestamp) -> Result<Option<(IdHash, bool)>, StoreError> {
        let row = sqlx::query(
            "SELECT s.id_hash, r.reaches FROM retired_id r LEFT JOIN session s ON s.handle = r.handle \
             WHERE r.id_hash = ?1 AND r.until > ?2",
        )
        .bind(id.0.as_slice())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await
        .map_err(StoreError::unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let live: Option<Vec<u8>> = row.try_get(0).map_err(StoreError::corrupt)?;
        let reaches: bool = row.try_get(1).map_err(StoreError::corrupt)?;
        match live {
            Some(bytes) => Ok(Some((IdHash(exact(&bytes)?), reaches))),
            None => Ok(None),
        }
    }

    async fn find(&self, id: &IdHash, now: Timestamp) -> Result<Option<Record>, StoreError> {
        sqlx::query(
            "SELECT handle, account, data, version, created, seen, idle, absolute FROM session \
             WHERE id_hash = ?1 AND expires > ?2",
        )
        .bind(id.0.as_slice())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await
        .map_err(StoreError::unavailable)?
        .map(|row| record(&row))
        .transpose()
    }

    /// Why a guarded `UPDATE` of a session found no row.
    async fn refusal(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        let version: Option<i64> =
            sqlx::query_scalar("SELECT version FROM session WHERE id_hash = ?1 AND expires > ?2")
                .bind(id.0.as_slice())
                .bind(now.0)
                .fetch_optional(&self.writer)
                .await
                .map_err(StoreError::unavailable)?;
        Ok(match version {
            None => Applied::Gone,
            Some(version) if changes.if_version.is_some_and(|asked| signed(asked) != version) => Applied::Conflict,
            Some(_) => Applied::TooLarge,
        })
    }

    async fn apply_once(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        let version: Option<i64> = sqlx::query_scalar(
            "UPDATE session SET data = json_patch(data, ?2), version = version + 1, seen = max(seen, ?3), \
                    expires = min(max(seen, ?3) + idle, created + absolute) \
             WHERE id_hash = ?1 AND expires > ?3 AND (?4 IS NULL OR version = ?4) AND ?5 >= \
                   (SELECT total(octet_length(key) + octet_length(value)) FROM json_each(json_patch(data, ?2))) \
             RETURNING version",
        )
        .bind(id.0.as_slice())
        .bind(patch(changes)?)
        .bind(now.0)
        .bind(changes.if_version.map(signed))
        .bind(i64::try_from(changes.max_data).unwrap_or(i64::MAX))
        // To the end of the statement, not to its first row: it commits when it ends, and a full disk says so only then.
        .fetch_all(&self.writer)
        .await
        .map_err(StoreError::unavailable)?
        .pop();
        match version {
            Some(version) => Ok(Applied::Done(unsigned(version))),
            None => self.refusal(id, changes, now).await,
        }
    }

    async fn touch_once(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE session SET seen = max(seen, ?2), \
                          expires = min(max(seen, ?2) + idle, created + absolute) \
                   WHERE id_hash = ?1 AND expires > ?2";
        let query = sqlx::query(sql).bind(id.0.as_slice()).bind(now.0);
        Ok(self.write(query).await? == 1)
    }

    /// Runs one writing statement and says how many rows it touched.
    async fn write(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, StoreError> {
        let done = query.execute(&self.writer).await.map_err(StoreError::unavailable)?;
        Ok(done.rows_affected())
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        if let Some(record) = self.find(id, now).await? {
            return Ok(Loaded::Live(*id, record));
        }
        match self.successor(id, now).await? {
            Some((current, true)) => {
                Ok(self.find(&current, now).await?.map_or(Loaded::Absent, |r| Loaded::Live(current, r)))
            }
            Some((_, false)) => Ok(Loaded::Retired),
            None => Ok(Loaded::Absent),
        }
    }

    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO session (id_hash, handle, account, data, version, created, seen, idle, absolute, expires) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 \
             WHERE NOT EXISTS (SELECT 1 FROM retired_id WHERE id_hash = ?1) ON CONFLICT DO NOTHING",
        )
        .bind(id.0.as_slice())
        .bind(record.handle.0.as_bytes().as_slice())
        .bind(record.account.as_deref())
        .bind(serde_json::to_string(&record.data).map_err(StoreError::corrupt)?)
        .bind(signed(record.version))
        .bind(record.created.0)
        .bind(record.seen.0)
        .bind(millis(record.lifetime.idle))
        .bind(millis(record.lifetime.absolute))
        .bind(record.deadline().0);
        Ok(self.write(query).await? == 1)
    }

    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        match self.apply_once(id, changes, now).await? {
            Applied::Gone => match self.successor(id, now).await? {
                Some((current, true)) => self.apply_once(&current, changes, now).await,
                _ => Ok(Applied::Gone),
            },
            other => Ok(other),
        }
    }

    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        let (until, reaches) = match rotation.grace {
            Grace::Recognised(until) => (until, false),
            Grace::Reaches(until) => (until, true),
        };
        let changes = &rotation.changes;
        let account = rotation.account.as_ref().and_then(Option::as_deref);
        let mut step = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::unavailable)?;
        let row = sqlx::query(
            "UPDATE session SET id_hash = ?6, data = json_patch(data, ?2), version = version + 1, seen = max(seen, ?3), \
                    account = CASE WHEN ?7 THEN ?8 ELSE account END, \
                    idle = coalesce(?9, idle), absolute = coalesce(?10, absolute), \
                    expires = min(max(seen, ?3) + coalesce(?9, idle), created + coalesce(?10, absolute)) \
             WHERE id_hash = ?1 AND expires > ?3 AND (?4 IS NULL OR version = ?4) AND ?5 >= \
                   (SELECT total(octet_length(key) + octet_length(value)) FROM json_each(json_patch(data, ?2))) \
             RETURNING handle, version",
        )
        .bind(id.0.as_slice())
        .bind(patch(changes)?)
        .bind(now.0)
        .bind(changes.if_version.map(signed))
        .bind(i64::try_from(changes.max_data).unwrap_or(i64::MAX))
        .bind(rotation.to.0.as_slice())
        .bind(rotation.account.is_some())
        .bind(account)
        .bind(rotation.lifetime.map(|life| millis(life.idle)))
        .bind(rotation.lifetime.map(|life| millis(life.absolute)))
        .fetch_optional(&mut *step)
        .await
        .map_err(StoreError::unavailable)?;
        let Some(row) = row else {
            step.rollback().await.map_err(StoreError::unavailable)?;
            return self.refusal(id, changes, now).await;
        };
        let handle: Vec<u8> = row.try_get(0).map_err(StoreError::corrupt)?;
        let version: i64 = row.try_get(1).map_err(StoreError::corrupt)?;
        if !reaches {
            // Nor may an id that reached it before: it may have been planted.
            sqlx::query("UPDATE retired_id SET reaches = 0 WHERE handle = ?1")
                .bind(&handle)
                .execute(&mut *step)
                .await
                .map_err(StoreError::unavailable)?;
        }
        sqlx::query("INSERT INTO retired_id (id_hash, handle, reaches, until) VALUES (?1, ?2, ?3, ?4)")
            .bind(id.0.as_slice())
            .bind(handle)
            .bind(reaches)
            .bind(until.0)
            .execute(&mut *step)
            .await
            .map_err(StoreError::unavailable)?;
        step.commit().await.map_err(StoreError::unavailable)?;
        Ok(Applied::Done(unsigned(version)))
    }

    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        if self.touch_once(id, now).await? {
            return Ok(true);
        }
        match self.successor(id, now).await? {
            Some((current, true)) => self.touch_once(&current, now).await,
            _ => Ok(false),
        }
    }

    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        Ok(self.write(sqlx::query("DELETE FROM session WHERE id_hash = ?1").bind(id.0.as_slice())).await? == 1)
    }

    async fn list(&self, account: &str, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let rows = sqlx::query(
            "SELECT handle, created, seen FROM session WHERE account = ?1 AND expires > ?2 \
             ORDER BY seen DESC, handle DESC",
        )
        .bind(account)
        .bind(now.0)
        .fetch_all(&self.readers)
        .await
        .map_err(StoreError::unavailable)?;
        rows.iter()
            .map(|row| {
                Ok(Listed {
                    handle: handle(row)?,
                    created: Timestamp(row.try_get("created").map_err(StoreError::corrupt)?),
                    seen: Timestamp(row.try_get("seen").map_err(StoreError::corrupt)?),
                })
            })
            .collect()
    }

    async fn end_by_handle(&self, account: &str, handle: &Handle) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM session WHERE handle = ?1 AND account = ?2")
            .bind(handle.0.as_bytes().as_slice())
            .bind(account);
        Ok(self.write(query).await? == 1)
    }

    async fn end_by_account(&self, account: &str, except: Option<&Handle>) -> Result<u64, StoreError> {
        let query = sqlx::query("DELETE FROM session WHERE account = ?1 AND handle IS NOT ?2")
            .bind(account)
            .bind(except.map(|handle| handle.0.as_bytes().to_vec()));
        self.write(query).await
    }

    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let sessions = "DELETE FROM session WHERE id_hash IN \
                        (SELECT id_hash FROM session WHERE expires <= ?1 ORDER BY expires LIMIT ?2)";
        let retired = "DELETE FROM retired_id WHERE id_hash IN \
                       (SELECT id_hash FROM retired_id WHERE until <= ?1 ORDER BY until LIMIT ?2)";
        let retired = self.write(sqlx::query(retired).bind(now.0).bind(batch)).await?;
        Ok(retired + self.write(sqlx::query(sessions).bind(now.0).bind(batch)).await?)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // A row is written each time: a full disk, or one that can only be read, must not look healthy.
        let write = "INSERT INTO probe (id, count) VALUES (1, 1) ON CONFLICT DO UPDATE SET count = count + 1";
        self.write(sqlx::query(write)).await?;
        let read = sqlx::query("SELECT count FROM probe").fetch_all(&self.readers).await;
        read.map(drop).map_err(StoreError::unavailable)
    }
}

/// Makes the file and its folder for their owner alone, before SQLite makes them for everybody.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

fn record(row: &SqliteRow) -> Result<Record, StoreError> {
    let number = |name: &str| row.try_get::<i64, _>(name).map_err(StoreError::corrupt);
    let span = |name: &str| number(name).map(|millis| Duration::from_millis(unsigned(millis)));
    let data: &str = row.try_get("data").map_err(StoreError::corrupt)?;
    Ok(Record {
        handle: handle(row)?,
        account: row.try_get("account").map_err(StoreError::corrupt)?,
        data: serde_json::from_str::<Data>(data).map_err(StoreError::corrupt)?,
        lifetime: Lifetime { idle: span("idle")?, absolute: span("absolute")? },
        created: Timestamp(number("created")?),
        seen: Timestamp(number("seen")?),
        version: unsigned(number("version")?),
    })
}

fn handle(row: &SqliteRow) -> Result<Handle, StoreError> {
    let bytes: &[u8] = row.try_get("handle").map_err(StoreError::corrupt)?;
    Ok(Handle(uuid::Uuid::from_bytes(exact(bytes)?)))
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(StoreError::corrupt)
}

/// The changes as a JSON merge patch: `null` removes, text sets (RFC 7396).
fn patch(changes: &Changes) -> Result<String, StoreError> {
    serde_json::to_string(&changes.values).map_err(StoreError::corrupt)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
