//! Outages of the store under load (G8): no session ends while the store is stopped, frozen or cut off, and the server
//! recovers by itself.
//!
//! The tests use real servers, with the engine in a separate process and with its default timeout of 800 ms.

use crate::support::cluster::Cluster;
use crate::support::node::{Answer, Node, Plan};
use crate::support::process::{PATIENCE, insist};
use crate::support::proxy::Proxy;
use crate::support::servers::{Program, Server, past};
use redis::cmd;
use sqlx::Connection as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CLIENTS: usize = 50;

/// The engine gives up after 0.8 s. The rest allows for a busy machine, and a request that takes longer hangs.
const HANGS: Duration = Duration::from_secs(20);

/// A way in which a store can be unavailable.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// The server process has ended, so that connections are refused.
    Stopped,
    /// The server process is suspended: connections stay open without a response.
    Frozen,
    /// The network is cut: as for a frozen process, but the server does not know it.
    CutOff,
}

struct Stage {
    server: Server,
    proxy: Proxy,
    node: Node,
}

impl Stage {
    async fn set(program: Program) -> Self {
        let server = match program {
            Program::Postgres => Server::postgres(&[]).await,
            Program::Redis => Server::redis(&["--appendonly", "yes"]).await,
        };
        let proxy = Proxy::before(server.port).await;
        let database = if program == Program::Postgres { "postgres" } else { "0" };
        let plan = Plan::on(&server.url_through(proxy.port, database));
        let node = Node::start(&Plan { timeout: Duration::from_millis(800), connections: 8, ..plan }).await;
        Self { server, proxy, node }
    }

    async fn begin(&self, outage: Outage) {
        match outage {
            Outage::Stopped => self.server.stop().await,
            Outage::Frozen => self.server.freeze().await,
            Outage::CutOff => self.proxy.cut(),
        }
    }

    async fn end(&self, outage: Outage) {
        match outage {
            Outage::Stopped => self.server.start().await,
            Outage::Frozen => self.server.thaw().await,
            Outage::CutOff => self.proxy.mend(),
        }
    }
}

/// The state that the clients share.
#[derive(Default)]
struct Scene {
    /// Odd while the store is away: a request that begins and ends under the same odd number must fail.
    act: AtomicUsize,
    /// The number of requests that began and ended while the store was away.
    refused: AtomicUsize,
    /// The number of requests that were served since the counter was reset.
    served: AtomicUsize,
    over: AtomicBool,
}

/// Reads and writes in a loop, together with a visitor without a session, and checks every response.
async fn visit(node: Arc<Stage>, scene: Arc<Scene>, cookie: String, own: String) {
    for turn in 0_usize.. {
        if scene.over.load(Ordering::SeqCst) {
            return;
        }
        let anonymous = answered(&node.node, "", if turn % 2 == 0 { "/nothing" } else { "/counted" }).await;
        assert_eq!((anonymous.status, anonymous.set.len()), (200, 0), "without a cookie: {anonymous:?}");
        let act = scene.act.load(Ordering::SeqCst);
        let path = if turn % 3 == 0 { "/count" } else { "/get/own" };
        let answer = answered(&node.node, &cookie, path).await;
        assert!(answer.set.is_empty(), "the cookie is unchanged: {answer:?}");
        let away = act % 2 == 1 && act == scene.act.load(Ordering::SeqCst);
        match answer.status {
            200 => {
                assert!(path == "/count" || answer.text == own, "its own session, {own} expected: {answer:?}");
                assert!(!away, "served without a store: {answer:?}; its log: {}", node.server.log());
                scene.served.fetch_add(1, Ordering::SeqCst);
            }
            503 => {
                assert!(answer.retry_after, "{answer:?}");
                scene.refused.fetch_add(usize::from(away), Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            _ => panic!("neither served nor told to retry: {answer:?}"),
        }
    }
}

/// Returns the response, or panics if the request hangs. The exact time is tested with a paused clock (`engine_store`).
async fn answered(node: &Node, cookie: &str, path: &str) -> Answer {
    tokio::time::timeout(HANGS, node.get(cookie, path)).await.unwrap_or_else(|_| panic!("{path} hangs"))
}

/// Waits until a number has reached `enough`.
async fn reaches(number: &AtomicUsize, enough: usize, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    while number.load(Ordering::SeqCst) < enough {
        assert!(Instant::now() < deadline, "{what}: only {}", number.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn signs_nobody_out(program: Program) {
    if !program.is_here() {
        return;
    }
    let stage = Arc::new(Stage::set(program).await);
    let scene = Arc::new(Scene::default());
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let own = format!("own{n}");
        let cookie = stage.node.begin(&format!("/put/own/{own}")).await;
        clients.spawn(visit(Arc::clone(&stage), Arc::clone(&scene), cookie, own));
    }
    let play = async {
        for outage in [Outage::Stopped, Outage::Frozen, Outage::CutOff, Outage::Frozen, Outage::Stopped] {
            scene.served.store(0, Ordering::SeqCst);
            reaches(&scene.served, 3 * CLIENTS, &format!("{program:?} before being {outage:?}, served")).await;
            stage.begin(outage).await;
            scene.refused.store(0, Ordering::SeqCst);
            scene.act.fetch_add(1, Ordering::SeqCst);
            reaches(&scene.refused, 3 * CLIENTS, &format!("{program:?} {outage:?}, refused")).await;
            let first = answered(&stage.node, "", "/count").await;
            assert_eq!((first.status, first.set.len()), (503, 0), "no session can begin: {first:?}");
            scene.act.fetch_add(1, Ordering::SeqCst);
            stage.end(outage).await;
        }
        scene.served.store(0, Ordering::SeqCst);
        reaches(&scene.served, 3 * CLIENTS, &format!("{program:?} at the end, served")).await;
        scene.over.store(true, Ordering::SeqCst);
    };
    tokio::select! {
        () = play => {}
        // A client ends early only by a panic, which contains the reason.
        Some(ended) = clients.join_next() => ended.expect("a client stops only at the end"),
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client stops only at the end");
    }
    let live = stage.node.get("", "/live").await.text;
    assert_eq!(live, CLIENTS.to_string(), "only the first sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s114_s115_a_postgres_that_is_stopped_frozen_or_cut_off_signs_nobody_out() {
    signs_nobody_out(Program::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s114_s115_a_redis_that_is_stopped_frozen_or_cut_off_signs_nobody_out() {
    signs_nobody_out(Program::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s115_a_cluster_with_a_frozen_server_signs_nobody_out() {
    if !Program::Redis.is_here() {
        return;
    }
    let cluster = Cluster::borrow().await;
    let node = Node::start(&Plan { timeout: Duration::from_millis(800), ..Plan::on(&cluster.url()) }).await;
    let mut cookies = Vec::new();
    for n in 0..CLIENTS {
        cookies.push(node.begin(&format!("/put/own/own{n}")).await);
    }
    let visits = || async {
        let answers = cookies.iter().map(|cookie| answered(&node, cookie, "/get/own"));
        futures::future::join_all(answers).await.into_iter().enumerate().map(|(n, answer)| match answer.status {
            200 => {
                assert_eq!(answer.text, format!("own{n}"), "its own session");
                true
            }
            503 => {
                assert!(answer.retry_after && answer.set.is_empty(), "the cookie is unchanged: {answer:?}");
                false
            }
            _ => panic!("neither served nor told to retry: {answer:?}"),
        })
    };
    let all_are_served = async || {
        insist(async || visits().await.all(|served| served).then_some(()).ok_or("not all are served")).await;
    };
    for frozen in [1, 2] {
        all_are_served().await;
        let sessions = cmd("KEYS").arg("hardtack:{*").to_owned();
        let there: Vec<String> =
            sessions.query_async(&mut past(&cluster.node(frozen).url("")).await).await.expect("keys");
        assert!((1..CLIENTS).contains(&there.len()), "each server has a part: {there:?}");
        cluster.node(frozen).freeze().await;
        // The client fetches the map of the Cluster meanwhile, so that requests to the other servers may also be told
        // to retry.
        let mut served = vec![false; CLIENTS];
        let deadline = Instant::now() + PATIENCE;
        for turn in 0.. {
            let ever = served.iter().filter(|served| **served).count();
            assert!(ever <= CLIENTS - there.len(), "a session of the frozen server was served: {served:?}");
            if turn >= 4 && ever > 0 {
                break;
            }
            assert!(Instant::now() < deadline, "no session of the other servers is served");
            visits().await.zip(&mut served).for_each(|(now, ever)| *ever |= now);
            assert_eq!(answered(&node, "", "/nothing").await.status, 200, "no session needs no store");
        }
        cluster.node(frozen).thaw().await;
        all_are_served().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s114_a_pool_whose_one_connection_is_held_refuses_and_does_not_hang() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = crate::support::servers::database().await;
    let plan = Plan { timeout: Duration::from_millis(800), connections: 1, ..Plan::on(&database.url) };
    let node = Node::start(&plan).await;
    let cookie = node.begin("/count").await;
    let mut other = sqlx::PgConnection::connect(&database.url).await.expect("a connection");
    let mut hold = other.begin().await.expect("a transaction");
    // A read of the table waits for this lock and holds the only connection meanwhile.
    sqlx::query("LOCK TABLE hardtack.session").execute(&mut *hold).await.expect("locked");
    let mut requests = JoinSet::new();
    for n in 0..100 {
        let request = node.ask(&cookie, if n % 2 == 0 { "/counted" } else { "/count" });
        requests.spawn(tokio::time::timeout(HANGS, request));
    }
    for answer in requests.join_all().await {
        let answer = answer.expect("no request hangs").expect("an answer");
        assert!(answer.status == 503 && answer.retry_after && answer.set.is_empty(), "{answer:?}");
    }
    assert_eq!(answered(&node, "", "/counted").await.status, 200, "no session needs no store");
    hold.rollback().await.expect("released");
    let deadline = Instant::now() + PATIENCE;
    while answered(&node, &cookie, "/counted").await.text != "1" {
        assert!(Instant::now() < deadline, "the server does not recover");
    }
    assert_eq!(answered(&node, &cookie, "/count").await.text, "2", "a refused request has no effect");
}
