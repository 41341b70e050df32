//! Outages of PostgreSQL (G8): the server is stopped, frozen or cut off, and all connections recover by themselves.

use super::{NOW, begin, open, open_within};
use crate::support::servers::{self, Program, Server};
use crate::support::visitors::{self, PATIENCE};
use crate::support::wire::Wire;
use futures::future::join_all;
use hardtack_session::id::IdHash;
use hardtack_session::store::postgres::PostgresStore;
use hardtack_session::store::{Loaded, Store};
use sqlx::{Connection as _, PgConnection};
use std::collections::BTreeSet;
use std::time::Duration;

const CONNECTIONS: u32 = 4;

/// More concurrent visitors than connections.
const VISITORS: usize = 16;

async fn crowd(store: &PostgresStore, id: &IdHash) -> usize {
    visitors::crowd(store, id, NOW, VISITORS).await
}

/// Waits until all visitors are served and all connections are free.
async fn all_is_well(store: &PostgresStore, id: &IdHash) {
    let free = format!("free: {CONNECTIONS}");
    visitors::recovers(store, id, NOW, VISITORS, || format!("{store:?}").contains(&free)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_server_was_stopped() {
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let (id, _) = begin(&open(&server.url("postgres"), 1).await).await;
    let store = open_within(&server.url("postgres"), CONNECTIONS, PATIENCE).await;
    for crash in [false, true] {
        all_is_well(&store, &id).await;
        if crash {
            server.kill().await;
        } else {
            server.stop().await;
        }
        assert_eq!(crowd(&store, &id).await, 0, "no visitor is served meanwhile");
        server.start().await;
        all_is_well(&store, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_nobody_notices_that_idle_connections_were_lost() {
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let store = open(&server.url("postgres"), CONNECTIONS).await;
    let (id, _) = begin(&store).await;
    all_is_well(&store, &id).await;
    server.stop().await;
    server.start().await;
    // Longer than the time for which a connection is used without a check.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for answer in join_all((0..VISITORS).map(|_| store.load(&id, NOW))).await {
        assert!(matches!(answer, Ok(Loaded::Live(..))), "a connection is checked before use: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_server_was_frozen() {
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let (id, _) = begin(&open(&server.url("postgres"), 1).await).await;
    let store = open_within(&server.url("postgres"), CONNECTIONS, PATIENCE).await;
    all_is_well(&store, &id).await;
    server.freeze().await;
    for _ in 0..3 {
        assert_eq!(crowd(&store, &id).await, 0, "no visitor is served meanwhile");
    }
    server.thaw().await;
    all_is_well(&store, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_server_was_cut_off() {
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let wire = Wire::before(server.port).await;
    let (id, _) = begin(&open(&server.url_through(wire.port, "postgres"), 1).await).await;
    let store = open_within(&server.url_through(wire.port, "postgres"), CONNECTIONS, PATIENCE).await;
    // Under load, so that the cut meets connections in every state, and once without load.
    for busy in [true, false] {
        all_is_well(&store, &id).await;
        let load = async {
            if busy {
                while crowd(&store, &id).await > 0 {}
            }
        };
        let cut = async {
            tokio::task::yield_now().await;
            wire.cut();
        };
        tokio::join!(load, cut);
        if busy {
            assert_eq!(crowd(&store, &id).await, 0, "no visitor is served meanwhile");
        }
        wire.mend();
        all_is_well(&store, &id).await;
    }
}

#[tokio::test]
async fn g8_visitors_who_leave_cost_no_connection() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let store = open(&database.url, 2).await;
    let (id, _) = begin(&store).await;
    // With the timeout of the store, not of the engine, because the machine may be busy.
    let is_served = async || matches!(store.load(&id, NOW).await, Ok(Loaded::Live(..)));
    let before = connections(&database.url).await;
    // Polled until the statement was sent and then dropped. Sometimes the response is there at once.
    let mut left = 0;
    for _ in 0..100 {
        left += usize::from(futures::poll!(&mut store.load(&id, NOW)).is_pending());
    }
    assert!(is_served().await);
    assert!(left > 0, "each call was answered at once");
    let mut after = connections(&database.url).await;
    // A second connection may have been opened meanwhile.
    assert!(after.len() <= 2 && before.is_subset(&after), "{before:?} and then {after:?}");
    for _ in 0..100 {
        drop(futures::poll!(&mut store.load(&id, NOW)));
        assert!(is_served().await);
    }
    after.extend(connections(&database.url).await);
    assert!(after.len() <= 2, "the connections stay the same: {after:?}");
}

/// Returns the process ids of the store's connections at the server.
async fn connections(url: &str) -> BTreeSet<i32> {
    let mut database = PgConnection::connect(url).await.expect("the database");
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hardtack'";
    sqlx::query_scalar(sql).fetch_all(&mut database).await.expect("numbers").into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_server_that_is_far_away_is_reached_and_stays_so() {
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let (id, _) = begin(&open(&server.url("postgres"), 1).await).await;
    // Opening a connection takes longer than the timeout of a call: about nine round trips of 240 ms each.
    let port = Wire::long(server.port, Duration::from_millis(120)).await;
    let store = open_within(&server.url_through(port, "postgres"), 1, Duration::from_millis(800)).await;
    let within = async |tries: usize| {
        for _ in 0..tries {
            if store.load(&id, NOW).await.is_ok() {
                return true;
            }
        }
        false
    };
    assert!(within(20).await, "a connection that is too late for one call serves the next");
    let before = connections(&server.url("postgres")).await;
    // Longer than the time for which a connection is used without a check. The check takes longer than a quarter of the
    // timeout.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(within(20).await);
    let after = connections(&server.url("postgres")).await;
    assert!(after.is_subset(&before), "a slow connection is kept: {before:?} and then {after:?}");
}
