//! What the tests start: the whole application, or the engine alone under routes of the test's own.

pub mod app;
pub mod engine;
pub mod process;
pub mod raw;
pub mod watched;

use hardtack::session::Session;
use hardtack::session::store::Store;
use hardtack::session::store::memory::MemoryStore;
use hardtack::session::store::sqlite::SqliteStore;
use std::sync::Arc;

/// The stores that every guarantee is proved on.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Sqlite,
}

pub const STORES: [Kind; 2] = [Kind::Memory, Kind::Sqlite];

/// A store of its own, and the folder that it lives in.
pub struct OwnStore {
    pub store: Arc<dyn Store>,
    pub folder: tempfile::TempDir,
}

pub async fn open(kind: Kind) -> OwnStore {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = match kind {
        Kind::Memory => Arc::new(MemoryStore::default()),
        Kind::Sqlite => {
            let path = folder.path().join("hardtack.db");
            Arc::new(SqliteStore::open(&path, 4).await.expect("a database"))
        }
    };
    OwnStore { store, folder }
}

/// Counts the rows of a table of an application's database.
pub async fn rows(database: &std::path::Path, table: &'static str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let sql = match table {
        "session" => "SELECT count(*) FROM session",
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
