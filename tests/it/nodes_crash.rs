//! Durability: acknowledged writes survive repeated kills of the server with SIGKILL.

use crate::support::chance::Chance;
use crate::support::node::{Node, Pair, Plan};
use crate::support::servers::{Program, Server};
use crate::support::{Kind, open};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

const WRITERS: usize = 8;
const ROUNDS: usize = 8;

/// The writes that the server has acknowledged to one writer.
#[derive(Clone, Debug)]
struct Promise {
    cookie: String,
    /// The last number whose write was acknowledged.
    saved: u32,
    /// The last number that was sent, whose write may be unacknowledged.
    sent: u32,
    ended: bool,
    /// An end was sent but not acknowledged.
    ending: bool,
}

/// A server that is killed and restarted.
struct Stage {
    node: RwLock<Node>,
    over: AtomicBool,
}

/// Writes growing numbers until the server is gone, and sometimes ends the session.
async fn write(stage: Arc<Stage>, mut promise: Promise, mut chance: Chance) -> Promise {
    loop {
        let node = stage.node.read().await;
        if stage.over.load(Ordering::SeqCst) {
            return promise;
        }
        // An early end tests as much as many writes.
        let ending = chance.below(10) == 0;
        let path = if ending { "/step/end".to_owned() } else { format!("/put/number/{}", promise.sent + 1) };
        promise.ending = ending;
        promise.sent += u32::from(!ending);
        let request = node.ask(&promise.cookie, &path);
        // Release the lock, because the kill must not wait for responses.
        drop(node);
        match request.await {
            Ok(answer) if answer.status == 200 && ending => {
                promise.ended = true;
                return promise;
            }
            Ok(answer) if answer.status == 200 => promise.saved = promise.sent,
            // The store is gone, or the server is shutting down.
            Ok(answer) if answer.status == 503 => return promise,
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => return promise,
        }
    }
}

/// Returns whether a fresh server still has the acknowledged state.
async fn is_kept(node: &Node, promise: &Promise) -> bool {
    let answer = node.get(&promise.cookie, "/get/number").await;
    let gone = answer.text.is_empty();
    match answer.text.parse::<u32>() {
        Ok(number) => !promise.ended && (promise.saved..=promise.sent).contains(&number),
        Err(_) => answer.status == 200 && gone && (promise.ended || promise.ending || promise.saved == 0),
    }
}

/// Kills the server during writes, and the store's server first if there is one, then checks the acknowledged writes.
async fn survives(name: &str, plan: &Plan, store: Option<&Server>) {
    let chance = Chance::new(name);
    let stage = Arc::new(Stage { node: RwLock::new(Node::start(plan).await), over: AtomicBool::new(false) });
    let (mut saved, mut ended, mut round) = (0, 0, 0);
    // At least one end must be acknowledged, because an unacknowledged one may be lost.
    while round < ROUNDS || (ended == 0 && round < 5 * ROUNDS) {
        let mut writers = JoinSet::new();
        stage.over.store(false, Ordering::SeqCst);
        for number in 0..WRITERS {
            let cookie = stage.node.read().await.begin("/put/number/0").await;
            let promise = Promise { cookie, saved: 0, sent: 0, ended: false, ending: false };
            writers.spawn(write(Arc::clone(&stage), promise, chance.fork(round * WRITERS + number)));
        }
        tokio::time::sleep(chance.fork(1000 + round).span(Duration::from_millis(150))).await;
        let mut node = stage.node.write().await;
        if let Some(store) = store {
            store.kill().await;
            store.start().await;
        }
        node.kill();
        stage.over.store(true, Ordering::SeqCst);
        *node = Node::start(plan).await;
        drop(node);
        for promise in writers.join_all().await {
            assert!(is_kept(&*stage.node.read().await, &promise).await, "{name}, round {round}: {promise:?} is broken");
            saved += promise.saved;
            ended += u32::from(promise.ended);
        }
        round += 1;
    }
    assert!(saved > 0 && ended > 0, "{name}: too little was acknowledged: {saved} saved, {ended} ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn s117_what_was_acknowledged_survives_a_killed_server_on_sqlite() {
    let own = open(Kind::Sqlite).await;
    let plan = Plan::on(&own.url);
    survives("a server on sqlite", &plan, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s117_what_was_acknowledged_survives_a_killed_server_on_a_cluster() {
    if Kind::Cluster.is_here() {
        let own = open(Kind::Cluster).await;
        let plan = Plan::on(&own.url);
        survives("a server on a cluster", &plan, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s117_what_was_acknowledged_survives_a_killed_server_and_a_killed_postgres() {
    if Program::Postgres.is_here() {
        on_a_server(Server::postgres(&[]).await, "postgres").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s117_what_was_acknowledged_survives_a_killed_server_and_a_killed_redis_with_its_log() {
    if Program::Redis.is_here() {
        on_a_server(Server::redis(&["--appendonly", "yes", "--appendfsync", "always"]).await, "0").await;
    }
}

/// Kills the session server alone, then the store's server as well.
async fn on_a_server(store: Server, database: &str) {
    let plan = Plan::on(&store.url(database));
    survives("a server", &plan, None).await;
    survives("a server and its store", &plan, Some(&store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s117_a_killed_server_takes_no_other_server_with_it() {
    for kind in crate::support::SHARED {
        let mut pair = Pair::start(kind).await;
        let cookie = pair.nodes[0].begin("/count").await;
        let busy: Vec<_> = (0..20).map(|_| tokio::spawn(pair.nodes[0].ask(&cookie, "/count"))).collect();
        pair.nodes[0].kill();
        // No lock, lease or unfinished step of the killed server may delay this request.
        let before: u32 = pair.nodes[1].get(&cookie, "/counted").await.text.parse().expect("a number");
        let answer = pair.nodes[1].get(&cookie, "/count").await;
        assert_eq!(answer.status, 200, "on {kind:?}: {answer:?}");
        assert!(answer.text.parse::<u32>().expect("a number") > before, "on {kind:?}");
        for ask in busy {
            ask.await.expect("no panic").ok();
        }
    }
}
