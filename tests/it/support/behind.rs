//! Direct access to the data of a store, for the contract's tests of theft and corruption.

use super::servers::past;
use super::{Kind, OwnStore};
use async_trait::async_trait;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::{Handle, IdHash};
use hardtack_session::record::Changes;
use hardtack_session::store::contract::Behind;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

#[async_trait]
impl Behind for OwnStore {
    async fn dump(&self) -> Vec<u8> {
        match self.kind {
            Kind::Memory => format!("{:?}", self.store).into_bytes(),
            Kind::Sqlite => {
                let files =
                    std::fs::read_dir(self.folder.path()).expect("files").map(|file| file.expect("a file").path());
                files.flat_map(|file| std::fs::read(file).expect("bytes")).collect()
            }
            Kind::Postgres => tables(&self.url).await.into_bytes(),
            Kind::Redis | Kind::Cluster => {
                let mut dump = Vec::new();
                for node in self.redis_nodes() {
                    keys_and_values(&node, &mut dump).await;
                }
                dump
            }
        }
    }

    async fn spoil(&self, id: &IdHash, handle: &Handle) {
        match self.kind {
            Kind::Memory => {
                // Only the program itself can corrupt memory, so it stores a value that is not JSON.
                let values = [("spoilt".to_owned(), Some("{".to_owned()))].into();
                let changes = Changes { values, max_data: usize::MAX, ..Changes::default() };
                let now = Timestamp(4_000_000_000_000);
                self.store.apply(id, &changes, now).await.expect("spoilt");
            }
            Kind::Sqlite => {
                let path = self.folder.path().join("hardtack.db");
                let mut file = SqliteConnection::connect(&path.display().to_string()).await.expect("the database");
                let spoil = sqlx::query("UPDATE session SET data = substr(data, 2) WHERE handle = ?1");
                let spoilt = spoil.bind(handle.0.as_bytes().as_slice()).execute(&mut file).await.expect("spoilt");
                assert_eq!(spoilt.rows_affected(), 1);
            }
            Kind::Postgres => {
                let mut database = PgConnection::connect(&self.url).await.expect("the database");
                let spoil = sqlx::query(
                    "UPDATE hardtack.session SET data = '{\"spoilt\": [17]}' \
                                         WHERE handle = $1::text::uuid",
                );
                let spoilt = spoil.bind(handle.to_string()).execute(&mut database).await.expect("spoilt");
                assert_eq!(spoilt.rows_affected(), 1);
            }
            Kind::Redis | Kind::Cluster => {
                let mut spoilt = 0;
                for node in self.redis_nodes() {
                    let mut node = past(&node).await;
                    let named = format!("*{handle}*");
                    for key in keys(&mut node, &named).await {
                        let spoil = cmd("HSET").arg(&key).arg("created").arg("long ago").to_owned();
                        spoil.query_async::<()>(&mut node).await.expect("spoilt");
                        spoilt += 1;
                    }
                }
                assert_eq!(spoilt, 1, "a session has one key");
            }
        }
    }
}

impl OwnStore {
    /// Returns the URLs of the Redis servers, for access past the store.
    pub fn redis_nodes(&self) -> Vec<String> {
        self.cluster.as_ref().map_or_else(|| vec![self.url.clone()], super::cluster::Cluster::nodes)
    }
}

/// Returns all rows of all tables that are not PostgreSQL's own, as text.
async fn tables(url: &str) -> String {
    let mut database = PgConnection::connect(url).await.expect("the database");
    let named = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
                 WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let tables: Vec<String> = sqlx::query_scalar(named).fetch_all(&mut database).await.expect("tables");
    let mut dump = String::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("SELECT row::text FROM {table} row"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut database).await.expect("rows");
        dump.push_str(&rows.join("\n"));
    }
    dump
}

/// Appends all keys of a Redis with their values.
async fn keys_and_values(url: &str, dump: &mut Vec<u8>) {
    let mut node = past(url).await;
    for key in keys(&mut node, "*").await {
        let kind: String = cmd("TYPE").arg(&key).query_async(&mut node).await.expect("a type");
        let read = match kind.as_str() {
            "string" => cmd("GET").arg(&key).to_owned(),
            "hash" => cmd("HGETALL").arg(&key).to_owned(),
            "zset" => cmd("ZRANGE").arg(&key).arg(&[0, -1]).arg("WITHSCORES").to_owned(),
            other => panic!("a dump of the type {other} is not implemented"),
        };
        let held: redis::Value = read.query_async(&mut node).await.expect("a value");
        dump.extend_from_slice(key.as_bytes());
        flat(&held, dump);
    }
}

/// Appends a value byte for byte, because escapes would hide a match.
fn flat(value: &redis::Value, dump: &mut Vec<u8>) {
    dump.push(b' ');
    match value {
        redis::Value::BulkString(bytes) => dump.extend_from_slice(bytes),
        redis::Value::Array(values) => values.iter().for_each(|value| flat(value, dump)),
        redis::Value::Map(pairs) => pairs.iter().for_each(|(name, value)| {
            flat(name, dump);
            flat(value, dump);
        }),
        other => dump.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}

async fn keys(node: &mut MultiplexedConnection, pattern: &str) -> Vec<String> {
    cmd("KEYS").arg(pattern).query_async(node).await.expect("keys")
}
