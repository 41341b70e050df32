//! Shares of the connections: one session, one account or one row of a counter cannot use all of them.

use super::{NOW, PATIENCE, begin, number, open_within};
use crate::support::servers::{self, Program};
use hardtack::backend::accounts::chain;
use hardtack_session::store::postgres::PostgresStore;
use hardtack_session::store::{Loaded, Schema, Store};
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

const CONNECTIONS: u32 = 4;

/// Counts the store's statements that wait for a lock.
const WAIT: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                    AND application_name = 'hardtack'";

async fn until_some_wait(url: &str) {
    let waiting = async { while number(url, WAIT).await == 0 {} };
    timeout(Duration::from_secs(20), waiting).await.expect("a statement waits for the lock");
}

async fn store(url: &str) -> PostgresStore {
    open_within(url, CONNECTIONS, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_one_session_never_has_all_connections() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = store(&database.url).await;
    let ((held, record), (free, _)) = (begin(&store).await, begin(&store).await);
    let mut somebody = PgConnection::connect(&database.url).await.expect("the database");
    let mut taken = somebody.begin().await.expect("a transaction");
    let lock = "SELECT 1 FROM hardtack.session WHERE handle = $1::uuid FOR UPDATE";
    sqlx::query(lock).bind(record.handle.to_string()).execute(&mut *taken).await.expect("a lock");
    let mut crowd = JoinSet::new();
    for _ in 0..4 * CONNECTIONS {
        let store = store.clone();
        crowd.spawn(async move { store.touch(&held, NOW).await });
    }
    until_some_wait(&database.url).await;
    assert!(matches!(store.load(&free, NOW).await, Ok(Loaded::Live(..))), "another session is read");
    assert!(store.touch(&free, NOW).await.expect("a connection is left"), "another session is written");
    assert_eq!(number(&database.url, WAIT).await, 1, "one of the crowd waits in the server, the rest in the store");
    taken.rollback().await.expect("released");
    while let Some(touched) = crowd.join_next().await {
        assert!(touched.expect("no panic").expect("an answer"), "each call is served in the end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_accounts_and_lists_leave_sessions_half_of_the_connections() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = store(&database.url).await;
    let tables = store.database();
    tables.prepare(&chain(), Schema::Migrate).await.expect("tables");
    let (id, _) = begin(&store).await;
    let mut somebody = PgConnection::connect(&database.url).await.expect("the database");
    let mut taken = somebody.begin().await.expect("a transaction");
    sqlx::raw_sql("LOCK TABLE hardtack.attempt").execute(&mut *taken).await.expect("a lock");
    let mut crowd = JoinSet::new();
    for _ in 0..4 * CONNECTIONS {
        let tables = tables.clone();
        crowd.spawn(async move { tables.rows("SELECT made FROM hardtack.attempt", &[]).await.map(drop) });
    }
    until_some_wait(&database.url).await;
    assert!(matches!(store.load(&id, NOW).await, Ok(Loaded::Live(..))), "sessions are read");
    assert!(store.touch(&id, NOW).await.expect("a connection is left"), "sessions are written");
    assert!(number(&database.url, WAIT).await <= i64::from(CONNECTIONS / 2), "sign-ins have half of the connections");
    store.ping().await.expect("the server is ready");
    taken.rollback().await.expect("released");
    while crowd.join_next().await.is_some() {}
}
