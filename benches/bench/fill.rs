//! Fills a store quickly with many sessions.
//!
//! In SQL databases it copies a session that the store has created. The copies differ in the id and the handle only, so
//! that this code need not know the other columns.

use super::stores::{Place, open};
use futures::{StreamExt as _, stream};
use hardtack_session::Lifetime;
use hardtack_session::clock::{Clock, Timestamp};
use hardtack_session::id::{Handle, IdHash, Secret};
use hardtack_session::record::{Data, Record};
use hardtack_session::store::Store;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, query, query_scalar};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The number of sessions that one statement copies in SQLite.
const BATCH: usize = 50_000;
/// The number of sessions that are created concurrently when they are created one by one.
const AT_ONCE: usize = 64;

/// Returns the id of a session by its number.
pub(crate) fn id(number: u32) -> IdHash {
    IdHash(Sha256::digest(i64::from(number).to_be_bytes()).into())
}

/// Returns a number below `total` for each turn, in a scattered order that repeats no number before all had a turn.
pub(crate) fn scattered(turn: usize, total: u32) -> u32 {
    // A multiplication by a prime puts consecutive turns far apart.
    let number = turn as u64 * 611_953 % u64::from(total);
    u32::try_from(number).expect("below the total")
}

/// Returns the time as the engine reads it.
pub(crate) fn now() -> Timestamp {
    Clock::System.now()
}

/// Returns the values of a session: four small ones, without an account.
pub(crate) fn data() -> Data {
    let values = [("visits", "7"), ("name", "\"Ada Lovelace\""), ("draft", "0"), ("count", "0")];
    values.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

/// Returns a session that is live during all measurements.
pub(crate) fn live() -> Record {
    let long = Duration::from_secs(30 * 24 * 60 * 60);
    Record::new(data(), Lifetime { idle: long, absolute: long }, now())
}

/// Returns a session that expired half an hour ago.
pub(crate) fn expired() -> Record {
    let hour = Duration::from_secs(60 * 60);
    Record::new(data(), Lifetime { idle: hour / 2, absolute: hour }, Timestamp(now().0 - 60 * 60 * 1000))
}

/// Adds sessions with these numbers to a store, all of them like the given one.
pub(crate) async fn fill(place: &Place, like: &Record, numbers: Range<u32>) {
    let store = open(&place.url).await;
    if !["sqlite", "postgres"].contains(&place.name) {
        return one_by_one(&store, like, numbers).await;
    }
    let template = Secret::generate().expect("random numbers").hash();
    assert!(store.create(&template, like).await.expect("created"));
    match place.url.strip_prefix("sqlite:") {
        Some(file) => copy_in_sqlite(file, &template, numbers).await,
        None => copy_in_postgres(&place.url, &template, numbers).await,
    }
    assert!(store.end(&template).await.expect("ended"));
}

async fn one_by_one(store: &Arc<dyn Store>, like: &Record, numbers: Range<u32>) {
    let create = async |number| {
        let record = Record { handle: Handle::generate(), ..like.clone() };
        assert!(store.create(&id(number), &record).await.expect("created"));
    };
    stream::iter(numbers).for_each_concurrent(AT_ONCE, create).await;
}

async fn copy_in_sqlite(file: &str, template: &IdHash, numbers: Range<u32>) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).pragma("synchronous", "OFF");
    let mut connection = SqliteConnection::connect_with(&options).await.expect("the database");
    let columns = "SELECT group_concat(name) FROM pragma_table_info('session') WHERE name NOT IN ('id_hash', 'handle')";
    let columns: String = query_scalar(columns).fetch_one(&mut connection).await.expect("columns");
    let sql = format!(
        "INSERT INTO session (id_hash, handle, {columns}) \
         SELECT unhex(new.value), unhex(substr(new.value, 1, 32)), {columns} FROM json_each(?1) new, session old \
         WHERE old.id_hash = ?2"
    );
    // In the order of the index, so that each of its pages is written once and not a hundred times.
    let mut ids: Vec<_> = numbers.map(|number| id(number).0).collect();
    ids.sort_unstable();
    for batch in ids.chunks(BATCH) {
        let ids: Vec<_> = batch.iter().map(|id| hex(id)).collect();
        let insert = query(AssertSqlSafe(sql.as_str())).bind(serde_json::to_string(&ids).expect("JSON"));
        insert.bind(template.0.as_slice()).execute(&mut connection).await.expect("copied");
    }
    query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.expect("in the file");
    connection.close().await.expect("closed");
}

async fn copy_in_postgres(url: &str, template: &IdHash, numbers: Range<u32>) {
    let mut connection = PgConnection::connect(url).await.expect("the database");
    let columns = "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns \
                   WHERE table_schema = 'hardtack' AND table_name = 'session' AND column_name NOT IN ('id_hash', 'handle')";
    let columns: String = query_scalar(columns).fetch_one(&mut connection).await.expect("columns");
    let sql = format!(
        "INSERT INTO hardtack.session (id_hash, handle, {columns}) \
         SELECT new.id, encode(substr(new.id, 1, 16), 'hex')::uuid, {columns} \
         FROM (SELECT sha256(int8send(n)) AS id FROM generate_series($1, $2) n) new, hardtack.session old \
         WHERE old.id_hash = $3 ORDER BY new.id"
    );
    let insert = query(AssertSqlSafe(sql)).bind(i64::from(numbers.start)).bind(i64::from(numbers.end) - 1);
    insert.bind(template.0.as_slice()).execute(&mut connection).await.expect("copied");
    // A database does this by itself some time after so many inserts.
    for afterwards in ["VACUUM ANALYZE hardtack.session", "CHECKPOINT"] {
        query(afterwards).execute(&mut connection).await.expect("done");
    }
    connection.close().await.expect("closed");
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
