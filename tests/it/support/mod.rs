//! Test fixtures: the whole application, the engine with the routes of a test, real store servers, and server
//! processes.

pub mod app;
pub mod authority;
pub mod behind;
pub mod chance;
pub mod cluster;
pub mod crawl;
pub mod engine;
pub mod express;
pub mod gate;
pub mod history;
pub mod issuer;
pub mod nemesis;
pub mod node;
pub mod people;
pub mod played;
pub mod process;
pub mod profiles;
pub mod proxy;
pub mod raw;
pub mod routes;
pub mod secured;
pub mod servers;
pub mod stage;
pub mod stream;
pub mod tls;
pub mod tunnel;
pub mod visitors;
pub mod watched;
pub mod wire;

use hardtack_session::Session;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::store::postgres::PostgresStore;
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::sqlite::SqliteStore;
use hardtack_session::store::{Schema, Store};
use servers::Program;
use std::sync::Arc;
use std::time::Duration;

/// The stores on which the guarantees are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
    Redis,
    Cluster,
}

impl Kind {
    /// Returns whether the store's server is installed. If not, the calling test is noted as skipped.
    pub fn is_here(self) -> bool {
        match self {
            Self::Memory | Self::Sqlite => true,
            Self::Postgres => Program::Postgres.is_here(),
            Self::Redis | Self::Cluster => Program::Redis.is_here(),
        }
    }
}

/// A list of stores, whose iteration leaves out stores without an installed server.
#[derive(Clone, Copy, Debug)]
pub struct Kinds(&'static [Kind]);

/// All stores.
pub const STORES: Kinds = Kinds(&[Kind::Memory, Kind::Sqlite, Kind::Postgres, Kind::Redis, Kind::Cluster]);

/// The stores that several processes can share.
pub const SHARED: Kinds = Kinds(&[Kind::Sqlite, Kind::Postgres, Kind::Redis, Kind::Cluster]);

impl IntoIterator for Kinds {
    type Item = Kind;
    type IntoIter = std::vec::IntoIter<Kind>;

    fn into_iter(self) -> Self::IntoIter {
        let here: Vec<_> = self.0.iter().copied().filter(|kind| kind.is_here()).collect();
        here.into_iter()
    }
}

/// A store of a single test, with the resources behind it.
pub struct OwnStore {
    pub store: Arc<dyn Store>,
    pub folder: tempfile::TempDir,
    /// The URL as in the settings.
    pub url: String,
    pub kind: Kind,
    /// Dropped together with the store.
    _database: Option<servers::Database>,
    cluster: Option<cluster::Cluster>,
}

/// Opens an empty store of this kind.
pub async fn open(kind: Kind) -> OwnStore {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut database, mut cluster) = (None, None);
    let url = match kind {
        Kind::Memory => "memory:".to_owned(),
        Kind::Sqlite => format!("sqlite:{}", folder.path().join("hardtack.db").display()),
        Kind::Postgres => database.insert(servers::database().await).url.clone(),
        Kind::Redis => servers::redis().await,
        Kind::Cluster => cluster.insert(cluster::Cluster::borrow().await).url(),
    };
    OwnStore { store: connect(&url, PATIENCE).await, folder, url, kind, _database: database, cluster }
}

impl OwnStore {
    /// Opens another store on the same data, with caches of its own, as in another process.
    pub async fn again(&self) -> Arc<dyn Store> {
        if self.kind == Kind::Memory { Arc::clone(&self.store) } else { connect(&self.url, PATIENCE).await }
    }
}

/// The timeout of stores in tests of other things, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Opens the store at a URL.
pub async fn connect(url: &str, timeout: Duration) -> Arc<dyn Store> {
    let (scheme, rest) = url.split_once(':').expect("an address");
    let migrate = Schema::Migrate;
    match scheme {
        "memory" => Arc::new(MemoryStore::default()),
        "sqlite" => Arc::new(SqliteStore::open(rest.as_ref(), 4, migrate).await.expect("a database")),
        "postgres" => Arc::new(PostgresStore::open(url, 4, timeout, migrate).await.expect("a database")),
        _ => Arc::new(RedisStore::open(url, timeout, migrate).await.expect("a store")),
    }
}

/// Returns the number of rows in a table of the application's database.
pub async fn rows(database: &std::path::Path, table: &'static str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let sql = match table {
        "session" => "SELECT count(*) FROM session",
        "account" => "SELECT count(*) FROM account",
        "identity" => "SELECT count(*) FROM identity",
        "attempt" => "SELECT count(*) FROM attempt",
        "retired_id" => "SELECT count(*) FROM retired_id",
        other => panic!("no table {other}"),
    };
    sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a count")
}

/// Increments a counter in the session.
pub async fn count(session: &Session) -> u32 {
    const COUNT: hardtack_session::Key<u32> = hardtack_session::Key::new("count");
    session.update(COUNT, |n| n.unwrap_or(0) + 1).await.expect("a counted session")
}

/// Returns the hash by which the store knows the session of a cookie.
pub fn id_of(cookie: &str) -> hardtack_session::id::IdHash {
    use base64::Engine as _;
    use sha2::Digest as _;
    let secret = cookie.split_once('=').and_then(|(_, value)| value.split_once('.')).expect("a signed value").0;
    let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(secret).expect("base64");
    hardtack_session::id::IdHash(sha2::Sha256::digest(raw).into())
}
