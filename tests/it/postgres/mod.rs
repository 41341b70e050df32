//! The PostgreSQL store: its URL, its schema, its locks, its connections.

mod opening;
mod outage;
mod shares;

use crate::support;
use crate::support::process::insist;
use crate::support::servers::{self, Program};
use crate::support::visitors::{PATIENCE, recovers};
use hardtack_session::Lifetime;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::{Handle, IdHash, Secret};
use hardtack_session::record::{Changes, Data, Grace, Owner, Record, Rotation};
use hardtack_session::store::postgres::PostgresStore;
use hardtack_session::store::{Applied, Loaded, Order, Schema, Stats, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::time::Duration;
use tokio::time::timeout;

const NOW: Timestamp = Timestamp(4_000_000_000_000);

async fn open(url: &str, connections: u32) -> PostgresStore {
    open_within(url, connections, support::PATIENCE).await
}

/// Opens a store with this timeout. Repeats it, because a busy machine may exceed the timeout before the test begins.
async fn open_within(url: &str, connections: u32, timeout: Duration) -> PostgresStore {
    insist(async || PostgresStore::open(url, connections, timeout, Schema::Migrate).await).await
}

async fn begin(store: &PostgresStore) -> (IdHash, Record) {
    let id = Secret::generate().expect("random numbers").hash();
    let owner = Owner { account: Some("somebody".to_owned()), device: None };
    let data = Data::from([("a".to_owned(), "1".to_owned())]);
    let record = Record { owner, ..Record::new(data, Lifetime::default(), NOW) };
    assert!(store.create(&id, &record).await.expect("an answer"));
    (id, record)
}

/// Returns the change of one value, without a limit of its size.
fn change(value: &str) -> Changes {
    let values = [("b".to_owned(), Some(value.to_owned()))].into();
    Changes { values, max_data: usize::MAX, ..Changes::default() }
}

async fn sql(url: &str, statement: impl Into<String>) {
    let mut database = PgConnection::connect(url).await.expect("the database");
    sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(&mut database).await.expect("done");
}

async fn number(url: &str, statement: &'static str) -> i64 {
    let mut database = PgConnection::connect(url).await.expect("the database");
    sqlx::query_scalar(statement).fetch_one(&mut database).await.expect("a number")
}

#[tokio::test]
async fn s101_a_spoilt_record_is_corrupt_and_its_value_is_not_told() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&database.url, 2).await;
    let ((spoilt, record), (whole, other)) = (begin(&store).await, begin(&store).await);
    for data in [r#"{"a": "1", "b": 31415926}"#, r#"{"a": {"c": "31415926"}}"#, r#"{"a": null}"#] {
        let handle = record.handle;
        sql(&database.url, format!("UPDATE hardtack.session SET data = '{data}' WHERE handle = '{handle}'")).await;
        let Err(StoreError::Corrupt(error)) = store.load(&spoilt, NOW).await else { panic!("{data} is no session") };
        assert!(!format!("{error} {error:?}").contains("31415926"), "{error:?}");
    }
    assert_eq!(store.load(&whole, NOW).await.expect("an answer"), Loaded::Live(whole, other.into()));
    assert_eq!(
        store.list("somebody", Order::Used(None), 1000, NOW).await.expect("an answer").len(),
        2,
        "lists contain no data"
    );
    assert!(matches!(store.apply(&spoilt, &change("2"), NOW).await, Ok(Applied::Done(2))));
    assert!(store.end(&spoilt).await.expect("an answer"), "a corrupt session can be ended");
}

#[tokio::test]
async fn s120_what_the_server_refuses_is_told_without_the_values() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&database.url, 2).await;
    let (id, _) = begin(&store).await;
    // The details of the server's error repeat the whole row.
    sql(&database.url, "ALTER TABLE hardtack.session ADD CHECK (NOT data ? 'b')").await;
    let error = store.apply(&id, &change("\"hunter2\""), NOW).await.expect_err("refused");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    assert!(error.to_string().contains("violates check constraint"), "{error}");
}

#[tokio::test]
async fn nothing_waits_for_a_row_that_somebody_holds_but_what_is_about_that_row() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&database.url, 2).await;
    let ((held, record), (free, other)) = (begin(&store).await, begin(&store).await);
    let mut somebody = PgConnection::connect(&database.url).await.expect("the database");
    let mut taken = somebody.begin().await.expect("a transaction");
    let lock = "SELECT 1 FROM hardtack.session WHERE handle = $1::uuid FOR UPDATE";
    sqlx::query(lock).bind(record.handle.to_string()).execute(&mut *taken).await.expect("a lock");
    let over = NOW + Lifetime::default().absolute;
    let others = async {
        assert!(matches!(store.load(&held, NOW).await, Ok(Loaded::Live(..))), "reads do not wait");
        assert!(matches!(store.apply(&free, &change("2"), NOW).await, Ok(Applied::Done(2))));
        assert!(store.touch(&free, NOW).await.expect("an answer"));
        let to = Secret::generate().expect("random numbers").hash();
        let rotation =
            Rotation { to, changes: change("3"), owner: None, signed_in: None, grace: Grace::Recognised(over) };
        assert!(matches!(store.rotate(&free, &rotation, NOW).await, Ok(Applied::Done(3))));
        assert_eq!(store.list("somebody", Order::Used(None), 1000, NOW).await.expect("an answer").len(), 2);
        assert_eq!(store.browse(None, 10, NOW).await.expect("an answer").sessions.len(), 2);
        assert_eq!(store.stats(NOW).await.expect("an answer"), Stats { live: 2, over: 0 });
        store.ping().await.expect("an answer");
        assert!(store.lead(&Handle::generate(), over, NOW).await.expect("an answer"));
        assert_eq!(store.sweep(over, 10).await.expect("an answer").sessions, 1, "the sweep skips the locked row");
        assert!(!store.end_by_handle(None, &other.handle).await.expect("an answer"), "it has removed the other one");
    };
    timeout(Duration::from_secs(20), others).await.expect("no call waits");
    taken.rollback().await.expect("released");
    assert_eq!(store.sweep(over, 10).await.expect("an answer").sessions, 1, "the next sweep removes it");
}

#[tokio::test]
async fn s114_whoever_gets_no_connection_in_time_is_told_so() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let (id, _) = begin(&open(&database.url, 1).await).await;
    let store = open_within(&database.url, 1, PATIENCE).await;
    let mut somebody = PgConnection::connect(&database.url).await.expect("the database");
    let mut taken = somebody.begin().await.expect("a transaction");
    sqlx::raw_sql("LOCK TABLE hardtack.session").execute(&mut *taken).await.expect("a lock");
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.touch(&id, NOW).await }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let until_it_waits = async { while number(&database.url, waits).await == 0 {} };
    timeout(Duration::from_secs(20), until_it_waits).await.expect("a call waits for the table");
    let error = store.load(&id, NOW).await.expect_err("the only connection is in use");
    assert!(error.to_string().contains("all connections to the server are in use"), "{error}");
    taken.rollback().await.expect("released");
    assert!(waiting.await.expect("no panic").expect("an answer"), "the call with the connection completes");
    recovers(&store, &id, NOW, 1, || true).await;
}

#[tokio::test]
async fn works_where_each_statement_may_have_another_connection() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&format!("{}?statement-cache-capacity=0", database.url), 1).await;
    let (id, _) = begin(&store).await;
    assert!(matches!(store.apply(&id, &change("2"), NOW).await, Ok(Applied::Done(2))));
    let Ok(Loaded::Live(_, record)) = store.load(&id, NOW).await else { panic!("a live session") };
    assert_eq!((record.data.len(), record.version), (2, 2));
    let last = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'hardtack' AND query = 'COMMIT'";
    assert_eq!(number(&database.url, last).await, 1, "a statement is prepared and run in one transaction");
}

#[tokio::test]
async fn s104_use_moves_no_index() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&database.url, 1).await;
    let (id, _) = begin(&store).await;
    for second in 1..=10 {
        assert!(store.touch(&id, NOW + Duration::from_secs(second)).await.expect("an answer"));
        store.apply(&id, &change(&second.to_string()), NOW).await.expect("an answer");
    }
    // The server updates its statistics when a connection ends, or some time later.
    drop(store);
    let moved = "SELECT (CASE WHEN n_tup_upd = 20 THEN n_tup_upd - n_tup_hot_upd ELSE -1 END)::bigint \
                 FROM pg_stat_user_tables WHERE relname = 'session'";
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let mut seen = -1;
    while seen < 0 && std::time::Instant::now() < deadline {
        seen = number(&database.url, moved).await;
    }
    assert_eq!(seen, 0, "each of the twenty updates was HOT");
}

#[tokio::test]
async fn counts_to_a_million_and_then_believes_the_server() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&database.url, 1).await;
    begin(&store).await;
    let over = NOW + Lifetime::default().absolute;
    assert_eq!(store.stats(over).await.expect("an answer"), Stats { live: 0, over: 1 });
    sql(&database.url, "UPDATE pg_class SET reltuples = 2e6 WHERE oid = 'hardtack.session'::regclass").await;
    assert_eq!(store.stats(over).await.expect("an answer"), Stats { live: 1_999_999, over: 1 });
}
