//! Outages of Redis (G8): the server is stopped, frozen or cut off, calls end in time, and the store recovers by
//! itself.

use super::{NOW, begin, open, open_within};
use crate::support::servers::{Program, Server};
use crate::support::visitors::{self, PATIENCE, served};
use crate::support::wire::Wire;
use hardtack_session::id::IdHash;
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::{Loaded, Store};
use std::time::Duration;

const VISITORS: usize = 32;

async fn crowd(store: &RedisStore, id: &IdHash) -> usize {
    visitors::crowd(store, id, NOW, VISITORS).await
}

async fn comes_back(store: &RedisStore, id: &IdHash) {
    visitors::recovers(store, id, NOW, VISITORS, || true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_server_was_stopped() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let (id, _) = begin(&open(&server.url("0")).await, None).await;
    let store = open_within(&server.url("0"), PATIENCE).await;
    for crash in [false, true] {
        comes_back(&store, &id).await;
        if crash {
            server.kill().await;
        } else {
            server.stop().await;
        }
        assert_eq!(crowd(&store, &id).await, 0, "no visitor is served meanwhile");
        server.start().await;
        comes_back(&store, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_server_that_comes_back_while_nobody_asks_costs_nobody_an_answer() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let store = open(&server.url("0")).await;
    let (id, _) = begin(&store, None).await;
    server.stop().await;
    server.start().await;
    assert!(matches!(store.load(&id, NOW).await, Ok(Loaded::Live(..))), "the first call is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_server_was_frozen() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&[]).await;
    let (id, _) = begin(&open(&server.url("0")).await, None).await;
    let store = open_within(&server.url("0"), PATIENCE).await;
    for calls in [1, 4] {
        server.freeze().await;
        for _ in 0..calls {
            assert_eq!(crowd(&store, &id).await, 0, "no visitor is served meanwhile");
        }
        server.thaw().await;
        comes_back(&store, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_way_was_cut() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&[]).await;
    let wire = Wire::before(server.port).await;
    let (id, _) = begin(&open(&server.url("0")).await, None).await;
    let store = open_within(&server.url_through(wire.port, "0"), PATIENCE).await;
    for calls in [1, 4] {
        comes_back(&store, &id).await;
        wire.cut();
        for _ in 0..calls {
            assert_eq!(crowd(&store, &id).await, 0, "no visitor is served meanwhile");
        }
        wire.mend();
        comes_back(&store, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_call_that_nobody_waits_for_any_more_gives_a_dead_connection_away() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&[]).await;
    let wire = Wire::before(server.port).await;
    let (id, _) = begin(&open(&server.url("0")).await, None).await;
    // Longer than the engine waits, so that the store itself does not see the call fail.
    let store = open_within(&server.url_through(wire.port, "0"), Duration::from_millis(1599)).await;
    wire.cut();
    assert!(!served(&store, &id, NOW).await);
    wire.mend();
    comes_back(&store, &id).await;
}
