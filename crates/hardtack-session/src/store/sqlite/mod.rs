//! Sessions in a SQLite file: the default, for one machine.
//!
//! Write-ahead logging, so that readers never wait; one writing connection, so that writers queue here instead of
//! failing with lock errors. Survives `kill -9`; a power cut may lose the last moments (`synchronous = NORMAL`).

mod cache;
mod connections;
mod files;
mod lists;
mod news;
mod rows;
mod steps;
mod tables;
mod watch;

use super::{Database, OpenError, Schema};
use connections::Connections;
use sqlx::error::DatabaseError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) use tables::Tables;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// A store in a SQLite file that only its owner may read.
///
/// Recently used sessions come from a cache in memory, as long as no other process has written to the database. Each
/// use checks that.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Connections>);

/// The number of times that an operation is tried again because another process may be in the middle of the same:
/// opening the file, bringing its schema up to date.
const TRIES: u32 = 20;
/// The pause between two tries.
const BREATH: Duration = Duration::from_millis(50);

impl SqliteStore {
    /// Opens the database at `path` with `readers` reading connections. Creates the file (mode 0600), its folder and
    /// its tables when they are missing and `schema` allows it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, is not a SQLite database, or is of a newer version; when it is of an older
    /// version and may not be migrated now.
    pub async fn open(path: &Path, readers: u32, schema: Schema) -> Result<Self, OpenError> {
        let connections = open(path, readers, &MIGRATIONS, schema).await?;
        Ok(Self(Arc::new(connections)))
    }

    /// Returns the same database for an application's own tables beside the sessions. It shares the connections.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::sqlite(Tables { connections: Arc::clone(&self.0) })
    }
}

/// Opens a file and brings the tables of `migrations` up to date.
async fn open(path: &Path, readers: u32, migrations: &Migrator, schema: Schema) -> Result<Connections, OpenError> {
    let place = path.display().to_string();
    if schema == Schema::Check && !path.exists() {
        return Err(OpenError::Missing { place });
    }
    make_private(path).map_err(|source| OpenError::File { place: place.clone(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_millis(500));
    let unfit = |error: sqlx::Error| OpenError::Unfit { place: place.clone(), reason: error.to_string() };
    let writer = up_to_date(&options, migrations, &place, schema).await?;
    Connections::open(Some(path), options, writer, readers).await.map_err(unfit)
}

/// Opens a connection. Tries again while the file is busy, because the switch to write-ahead logging does not wait for
/// another process that opens the file at the same moment.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut tried = 0;
    loop {
        match SqliteConnection::connect_with(options).await {
            // SQLITE_BUSY and its extended codes. Source: <https://www.sqlite.org/rescode.html#busy>.
            Err(sqlx::Error::Database(error)) if tried < TRIES && is_busy(&*error) => tokio::time::sleep(BREATH).await,
            other => return other,
        }
        tried += 1;
    }
}

fn is_busy(error: &dyn DatabaseError) -> bool {
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Opens a connection to a database and brings the tables of `migrations` up to date.
///
/// Each try uses a connection of its own, because a connection whose commit failed on a full disk may still be in a
/// transaction: it would see its own tables, and all that it writes later would be lost.
async fn up_to_date(
    options: &SqliteConnectOptions,
    migrations: &Migrator,
    place: &str,
    schema: Schema,
) -> Result<SqliteConnection, OpenError> {
    let unfit = |reason: String| OpenError::Unfit { place: place.to_owned(), reason };
    let mut tried = 0;
    loop {
        let mut connection = connect(options).await.map_err(|error| unfit(error.to_string()))?;
        let error = match (schema, pending(&mut connection, migrations).await) {
            (_, Ok(false)) => return Ok(connection),
            (Schema::Check, Ok(true)) => return Err(OpenError::Older { place: place.to_owned() }),
            (Schema::Migrate, Ok(true)) => migrations.run_direct(None, &mut connection, false).await.err(),
            (_, Err(error)) => Some(error),
        };
        connection.close().await.ok();
        match error {
            Some(MigrateError::VersionMissing(schema)) => {
                return Err(OpenError::Newer { place: place.to_owned(), schema });
            }
            // SQLite has no lock for migrations. The slower of two processes finds that a table exists or that the file
            // is busy; its own transaction is rolled back, and its next try sees the tables of the faster one.
            error if tried == TRIES => {
                let reason = error.map_or_else(|| "its tables do not persist".to_owned(), |error| error.to_string());
                return Err(unfit(reason));
            }
            Some(_) => tokio::time::sleep(BREATH).await,
            None => {}
        }
        tried += 1;
    }
}

/// Returns whether there are migrations to run. A migration in the database that is unknown here is an error.
async fn pending(writer: &mut SqliteConnection, migrations: &Migrator) -> Result<bool, MigrateError> {
    let table = &migrations.table_name;
    let there = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
    if sqlx::query_scalar::<_, i64>(there).bind(&**table).fetch_one(&mut *writer).await? == 0 {
        return Ok(true);
    }
    let done = AssertSqlSafe(format!("SELECT version FROM {table} WHERE success ORDER BY version"));
    let done: Vec<i64> = sqlx::query_scalar(done).fetch_all(&mut *writer).await?;
    let known = |version: &i64| migrations.iter().any(|migration| migration.version == *version);
    match done.iter().find(|version| !known(version)) {
        Some(version) => Err(MigrateError::VersionMissing(*version)),
        None => Ok(migrations.iter().any(|migration| !done.contains(&migration.version))),
    }
}

/// Creates the file and its folder for their owner alone, before SQLite creates them for all users.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(drop),
    }
    // Does not open the file, because closing it would release the locks of a SQLite that has it open in this process.
    let found = fs::metadata(path)?;
    // A device or a pipe belongs to other programs too, so its permissions stay.
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
}
