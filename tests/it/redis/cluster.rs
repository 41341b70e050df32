//! Redis Cluster: moved slots, several connections, redirected commands.

use super::{NOW, ask, begin, change, is_live, new_id, open, open_within, past, sign_in};
use crate::support::cluster::Cluster;
use crate::support::servers::Program;
use crate::support::visitors::{PATIENCE, recovers};
use crate::support::wire::Wire;
use futures::future::join_all;
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::{Applied, Loaded, Order, Store};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

async fn servers(cluster: &Cluster) -> Vec<MultiplexedConnection> {
    join_all(cluster.nodes().iter().map(|node| past(node))).await
}

async fn count(store: &RedisStore) -> u64 {
    store.stats(NOW).await.expect("an answer").live
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_lie_on_all_servers_and_are_found_as_one() {
    if !Program::Redis.is_here() {
        return;
    }
    let cluster = Cluster::borrow().await;
    let store = open(&cluster.url()).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(begin(&store, Some("me")).await.0);
    }
    for server in &mut servers(&cluster).await {
        let keys: Vec<String> = ask(server, cmd("KEYS").arg("hardtack:{*")).await;
        assert!(!keys.is_empty(), "each server has some keys");
    }
    assert_eq!(
        (store.list("me", Order::Used(None), 1000, NOW).await.expect("an answer").len(), count(&store).await),
        (50, 50)
    );
    let (mut seen, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = store.browse(cursor.as_deref(), 7, NOW).await.expect("an answer");
        seen.extend(page.sessions.into_iter().map(|session| session.handle));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 50);
    assert_eq!(store.end_by_account("me", None).await.expect("an answer"), 50);
    for id in &ids {
        assert!(!is_live(&store, id).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_session_that_is_being_moved_is_read_and_written_all_the_while() {
    if !Program::Redis.is_here() {
        return;
    }
    let cluster = Cluster::borrow().await;
    let store = open(&cluster.url()).await;
    let (id, record) = begin(&store, Some("me")).await;
    let key = format!("hardtack:{{{}}}", record.handle);
    let mut servers = servers(&cluster).await;
    let slot: u32 = ask(&mut servers[0], cmd("CLUSTER").arg("KEYSLOT").arg(&key)).await;
    let mut names = Vec::new();
    let (mut from, mut to) = (0, 0);
    for (n, server) in servers.iter_mut().enumerate() {
        names.push(ask::<String>(server, cmd("CLUSTER").arg("MYID")).await);
        if ask::<usize>(server, cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot)).await == 1 {
            (from, to) = (n, (n + 1) % 3);
        }
    }
    let set = |what: &str, node: &str| cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(what).arg(node).to_owned();
    ask::<()>(&mut servers[to], &set("IMPORTING", &names[from])).await;
    ask::<()>(&mut servers[from], &set("MIGRATING", &names[to])).await;
    assert_eq!(store.apply(&id, &change("1"), NOW).await.expect("an answer"), Applied::Done(2), "before the move");
    let port = cluster.nodes()[to].rsplit(':').next().expect("a port").trim_end_matches('/').to_owned();
    let mut migrate = cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(port).arg(&key).arg(0).arg(5000);
    ask::<()>(&mut servers[from], &migrate).await;
    assert_eq!(store.apply(&id, &change("2"), NOW).await.expect("an answer"), Applied::Done(3), "after the move");
    assert!(matches!(store.load(&id, NOW).await, Ok(Loaded::Live(..))));
    let new = new_id();
    assert_eq!(store.rotate(&id, &sign_in(new, "you"), NOW).await.expect("an answer"), Applied::Done(4));
    for server in &mut servers {
        ask::<()>(server, &set("NODE", &names[to])).await;
    }
    assert_eq!(store.apply(&new, &change("3"), NOW).await.expect("an answer"), Applied::Done(5), "when all know it");
    assert!(store.end(&new).await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_a_change_whose_answer_is_late_is_made_once() {
    if !Program::Redis.is_here() {
        return;
    }
    let cluster = Cluster::borrow().await;
    let (id, _) = begin(&open(&cluster.url()).await, None).await;
    let impatient = open_within(&cluster.url(), Duration::from_millis(200)).await;
    recovers(&impatient, &id, NOW, 1, || true).await;
    for node in 0..3 {
        cluster.node(node).freeze().await;
    }
    let answer = tokio::time::timeout(PATIENCE, impatient.apply(&id, &change("2"), NOW)).await;
    assert!(!matches!(answer, Ok(Ok(_))), "no server answers: {answer:?}");
    for node in 0..3 {
        cluster.node(node).thaw().await;
    }
    let patient = open(&cluster.url()).await;
    let Ok(Loaded::Live(_, record)) = patient.load(&id, NOW).await else { panic!("a live session") };
    assert!(record.version <= 2, "made {} times", record.version - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_connections_that_are_closed_come_back() {
    if !Program::Redis.is_here() {
        return;
    }
    let cluster = Cluster::borrow().await;
    let store = open(&cluster.url()).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(begin(&store, None).await.0);
    }
    for server in &mut servers(&cluster).await {
        ask::<i64>(server, cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes")).await;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    for id in &ids {
        while !matches!(store.load(id, NOW).await, Ok(Loaded::Live(..))) {
            assert!(Instant::now() < deadline, "the store does not recover");
        }
    }
}

fn ports(cluster: &Cluster) -> Vec<u16> {
    let port = |node: &String| node.rsplit(':').next()?.trim_end_matches('/').parse().ok();
    cluster.nodes().iter().map(|node| port(node).expect("a port")).collect()
}

/// Sets the announced ports of the servers, and waits until all servers know them.
async fn announce(cluster: &Cluster, ports: &[u16]) {
    let mut servers = servers(cluster).await;
    for (server, port) in servers.iter_mut().zip(ports) {
        ask::<()>(server, cmd("CONFIG").arg("SET").arg("cluster-announce-port").arg(port)).await;
    }
    let known = |nodes: &str| ports.iter().all(|port| nodes.contains(&format!(":{port}@")));
    let deadline = Instant::now() + Duration::from_secs(60);
    for server in &mut servers {
        while !known(&ask::<String>(server, cmd("CLUSTER").arg("NODES")).await) {
            assert!(Instant::now() < deadline, "the servers do not agree");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sets up a Cluster whose servers announce the ports of the wires before them.
async fn behind_wires(cluster: &Cluster) -> Vec<Wire> {
    let wires = join_all(ports(cluster).into_iter().map(Wire::before)).await;
    announce(cluster, &wires.iter().map(|wire| wire.port).collect::<Vec<_>>()).await;
    wires
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_comes_back_after_the_ways_were_cut() {
    if !Program::Redis.is_here() {
        return;
    }
    let cluster = Cluster::borrow().await;
    let wires = behind_wires(&cluster).await;
    let (patient, mut ids) = (open(&cluster.url()).await, Vec::new());
    for _ in 0..20 {
        ids.push(begin(&patient, None).await.0);
    }
    let store = open_within(&format!("redis-cluster://127.0.0.1:{}", wires[0].port), PATIENCE).await;
    for _ in 0..2 {
        wires.iter().for_each(Wire::cut);
        for id in &ids[..3] {
            let answer = tokio::time::timeout(PATIENCE, store.load(id, NOW)).await;
            assert!(!matches!(answer, Ok(Ok(_))), "no call is served meanwhile: {answer:?}");
        }
        wires.iter().for_each(Wire::mend);
        let begun = Instant::now();
        for id in &ids {
            while !matches!(tokio::time::timeout(PATIENCE, store.load(id, NOW)).await, Ok(Ok(Loaded::Live(..)))) {
                assert!(begun.elapsed() < Duration::from_secs(20), "the store does not recover");
            }
        }
    }
    announce(&cluster, &ports(&cluster)).await;
}
