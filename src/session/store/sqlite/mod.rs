//! Sessions in a SQLite file: the default, for one machine.
//!
//! Write-ahead logging, so that readers never wait; one writing connection, so that writers queue here and not
//! in lock errors. Survives `kill -9`; a power cut may take the last moments (`synchronous = NORMAL`).

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
/// Sessions that were used a moment ago are answered from memory, for as long as no other process has written to the
/// database, which is looked up each time.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Connections>);

/// How often is tried what another process may be in the midst of: opening the file, bringing its schema up to date.
const TRIES: u32 = 20;
/// The pause between two tries.
const BREATH: Duration = Duration::from_millis(50);

impl SqliteStore {
    /// Opens the database at `path`, with `readers` reading connections; makes the file (mode 0600), its
    /// folder and its tables when they are missing and `schema` allows it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, is no SQLite database, or is of a newer version; or of an older one that is not
    /// to be migrated now.
    pub async fn open(path: &Path, readers: u32, schema: Schema) -> Result<Self, OpenError> {
        let connections = open(path, readers, &MIGRATIONS, schema).await?;
        Ok(Self(Arc::new(connections)))
    }

    /// The same database, for tables of an application's own beside the sessions. Shares the connections.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::sqlite(Tables { connections: Arc::clone(&self.0) })
    }
}

/// Opens a file that has all the tables of `migrations` afterwards.
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

/// Opens a connection, again if the file is busy: the switch to write-ahead logging does not wait for whoever opens it at
/// the same moment.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut tried = 0;
    loop {
        match SqliteConnection::connect_with(options).await {
            // SQLITE_BUSY and what is below it. Source: <https://www.sqlite.org/rescode.html#busy>.
            Err(sqlx::Error::Database(error)) if tried < TRIES && is_busy(&*error) => tokio::time::sleep(BREATH).await,
            other => return other,
        }
        tried += 1;
    }
}

fn is_busy(error: &dyn DatabaseError) -> bool {
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Opens a connection to a database that has all the tables of `migrations`.
///
/// Each look is made by a connection of its own, because one whose commit failed on a full disk may be in a transaction
/// still: it would see its own tables, and all that it writes later would be lost.
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
            // SQLite has no lock for this. A process that was slower finds a table there already, or the file busy;
            // its own step is rolled back, and the next look shows what the faster one has done.
            error if tried == TRIES => {
                let reason = error.map_or_else(|| "it does not keep its tables".to_owned(), |error| error.to_string());
                return Err(unfit(reason));
            }
            Some(_) => tokio::time::sleep(BREATH).await,
            None => {}
        }
        tried += 1;
    }
}

/// Whether there are migrations to run. A migration that is unknown here is an error.
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

/// Makes the file and its folder for their owner alone, before SQLite makes them for everybody.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(drop),
    }
    // Not opened: to close it again would take away the locks of a SQLite that has it open in this process.
    // Source: <https://www.sqlite.org/howtocorrupt.html>, 2.2.
    let found = fs::metadata(path)?;
    // A device or a pipe is others' too, and taking it away from them is not ours.
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
}
