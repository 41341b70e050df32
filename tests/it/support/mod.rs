//! What the tests start: the whole application, the engine alone under routes of a test's own, real servers of stores,
//! and server processes.

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

use hardtack::session::Session;
use hardtack::session::store::memory::MemoryStore;
use hardtack::session::store::postgres::PostgresStore;
use hardtack::session::store::redis::RedisStore;
use hardtack::session::store::sqlite::SqliteStore;
use hardtack::session::store::{Schema, Store};
use servers::Program;
use std::sync::Arc;
use std::time::Duration;

/// The stores that every guarantee is proved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
    Redis,
    Cluster,
}

impl Kind {
    /// Whether its server is installed. If not, the test that asks is noted as skipped.
    pub fn is_here(self) -> bool {
        match self {
            Self::Memory | Self::Sqlite => true,
            Self::Postgres => Program::Postgres.is_here(),
            Self::Redis | Self::Cluster => Program::Redis.is_here(),
        }
    }
}

/// Kinds of stores to go through, without those whose server is not installed.
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

/// A store of a test's own, and where it lives.
pub struct OwnStore {
    pub store: Arc<dyn Store>,
    pub folder: tempfile::TempDir,
    /// The address, as settings write it.
    pub url: String,
    pub kind: Kind,
    /// Held, because it goes when this does.
    _database: Option<servers::Database>,
    cluster: Option<cluster::Cluster>,
}

/// An empty store of that kind.
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
    /// Another store on the same data, which knows nothing of the first: as another process would have it.
    pub async fn again(&self) -> Arc<dyn Store> {
        if self.kind == Kind::Memory { Arc::clone(&self.store) } else { connect(&self.url, PATIENCE).await }
    }
}

/// How long a store waits for its server where a test is not about that: the machine may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The store at an address.
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

/// Counts the rows of a table of an application's database.
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

/// Adds one to a counter of the session.
pub async fn count(session: &Session) -> u32 {
    const COUNT: hardtack::session::Key<u32> = hardtack::session::Key::new("count");
    session.update(COUNT, |n| n.unwrap_or(0) + 1).await.expect("a counted session")
}

/// What a store knows the session of a cookie by.
pub fn id_of(cookie: &str) -> hardtack::session::id::IdHash {
    use base64::Engine as _;
    use sha2::Digest as _;
    let secret = cookie.split_once('=').and_then(|(_, value)| value.split_once('.')).expect("a signed value").0;
    let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(secret).expect("base64");
    hardtack::session::id::IdHash(sha2::Sha256::digest(raw).into())
}
