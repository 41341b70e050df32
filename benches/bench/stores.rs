//! The stores under measurement: real servers with production settings, and new databases and files.

use super::servers::{Program, Server};
use super::usage;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::store::postgres::PostgresStore;
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::sqlite::SqliteStore;
use hardtack_session::store::{Schema, Store};
use sqlx::{Connection as _, PgConnection, Row as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The server's default number of connections.
const CONNECTIONS: u32 = 4;

/// PostgreSQL's defaults, which the tests replace with faster and less safe values.
const POSTGRES: [&str; 4] = ["fsync=on", "full_page_writes=on", "autovacuum=on", "shared_buffers=128MB"];
/// Redis as it is set up for sessions.
const REDIS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];

/// Opens the store at a URL as in the settings.
pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    let timeout = Duration::from_millis(800);
    match url.split_once(':').expect("an address") {
        ("memory", _) => Arc::new(MemoryStore::new(usize::MAX)),
        ("sqlite", path) => {
            Arc::new(SqliteStore::open(Path::new(path), CONNECTIONS, Schema::Migrate).await.expect("a database"))
        }
        ("postgres", _) => {
            Arc::new(PostgresStore::open(url, CONNECTIONS, timeout, Schema::Migrate).await.expect("a database"))
        }
        _ => Arc::new(RedisStore::open(url, timeout, Schema::Migrate).await.expect("a store")),
    }
}

/// The store servers, which all measurements use. They end with this value.
pub(crate) struct Stores {
    folder: TempDir,
    postgres: Option<Server>,
    redis: Option<Server>,
    postgres_pid: Option<u32>,
    redis_pid: Option<u32>,
    /// The versions for the report: "PostgreSQL 15.8".
    pub(crate) versions: Vec<String>,
}

/// An empty store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The kind of store.
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// The process id of the store's server, if it has one.
    pub(crate) pid: Option<u32>,
}

impl Place {
    /// Returns the CPU time that this process and the store's server have used so far.
    pub(crate) fn cpu(&self) -> Duration {
        usage::own_cpu() + self.server_cpu()
    }

    /// Returns the CPU time that the store's server has used so far.
    pub(crate) fn server_cpu(&self) -> Duration {
        self.pid.map(usage::family_cpu).unwrap_or_default()
    }
}

impl Stores {
    /// Starts the installed servers, and reports those that are not installed.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("hardtack-").tempdir().expect("a folder");
        let mut versions = vec![format!("SQLite {}", sqlite_version(folder.path()).await)];
        let (mut postgres, mut postgres_pid) = (None, None);
        if Program::Postgres.is_here() {
            let server = Server::postgres(&POSTGRES).await;
            let (version, pid) = about_postgres(&server.url("postgres")).await;
            versions.push(format!("PostgreSQL {version}"));
            (postgres, postgres_pid) = (Some(server), pid);
        }
        let (mut redis, mut redis_pid) = (None, None);
        if Program::Redis.is_here() {
            let server = Server::redis(&REDIS).await;
            let url = server.url("0");
            versions.push(format!("Redis {}", about_redis(&url, "redis_version").await));
            redis_pid = about_redis(&url, "process_id").await.parse().ok();
            redis = Some(server);
        }
        Self { folder, postgres, redis, postgres_pid, redis_pid, versions }
    }

    /// Returns an empty store of this kind for one measurement, or `None` if its server is not installed.
    pub(crate) async fn place(&self, name: &'static str, measurement: &str) -> Option<Place> {
        let place = |url, pid| Some(Place { name, url, pid });
        match name {
            "sqlite" => {
                let file = self.folder.path().join(measurement).with_extension("db");
                place(format!("sqlite:{}", file.display()), None)
            }
            "postgres" => {
                let server = self.postgres.as_ref()?;
                server.execute(format!("CREATE DATABASE {measurement}")).await;
                place(server.url(measurement), self.postgres_pid)
            }
            "redis" => {
                let number = measurement.bytes().map(u32::from).sum::<u32>() % 10_000;
                place(self.redis.as_ref()?.url(&number.to_string()), self.redis_pid)
            }
            _ => place("memory:".to_owned(), None),
        }
    }

    /// Removes the data of a measurement.
    pub(crate) async fn clear(&self, place: &Place) {
        match (place.url.strip_prefix("sqlite:"), place.url.rsplit_once('/')) {
            (Some(file), _) => {
                for end in ["", "-wal", "-shm"] {
                    std::fs::remove_file(format!("{file}{end}")).ok();
                }
            }
            (None, Some((_, name))) if place.name == "postgres" => {
                let server = self.postgres.as_ref().expect("it has a database");
                server.execute(format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
            (None, Some(_)) if place.name == "redis" => {
                let mut connection = redis_at(&place.url).await;
                // In the background, because the keys of a million sessions take a while.
                ::redis::cmd("FLUSHDB").arg("ASYNC").query_async::<()>(&mut connection).await.expect("emptied");
            }
            _ => {}
        }
    }

    /// Returns the file system of the stores' files.
    pub(crate) fn file_system(&self) -> String {
        let mut command = std::process::Command::new("df");
        let output = command.arg("--output=fstype").arg(self.folder.path()).output();
        let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        said.lines().last().unwrap_or("an unknown file system").trim().to_owned()
    }
}

/// Waits until a Redis has rewritten its log, which it does after many writes.
pub(crate) async fn settle_redis(url: &str) {
    while about_redis(url, "aof_rewrite_in_progress").await != "0" {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn sqlite_version(folder: &Path) -> String {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("version.db")).create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
    sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.expect("a version")
}

async fn about_postgres(url: &str) -> (String, Option<u32>) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let sql = "SELECT current_setting('server_version'), pg_backend_pid()";
    let row = sqlx::query(sql).fetch_one(&mut connection).await.expect("an answer");
    let (version, backend): (String, i32) = (row.get(0), row.get(1));
    let number = version.split(' ').next().unwrap_or_default().to_owned();
    (number, u32::try_from(backend).ok().and_then(usage::parent))
}

/// Returns a field of a Redis server's `INFO`.
async fn about_redis(url: &str, name: &str) -> String {
    let mut connection = redis_at(url).await;
    let info: String = ::redis::cmd("INFO").query_async(&mut connection).await.expect("an answer");
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| *found == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

async fn redis_at(url: &str) -> ::redis::aio::MultiplexedConnection {
    let client = ::redis::Client::open(url).expect("an address");
    client.get_multiplexed_async_connection().await.expect("a connection")
}
