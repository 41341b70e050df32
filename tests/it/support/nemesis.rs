//! Two servers with different clocks on one store, and faults: killed servers, a frozen store, a cut connection.

use super::chance::Chance;
use super::node::{Answer, Node, Plan};
use super::proxy::Proxy;
use super::servers::Server;
use super::{Kind, OwnStore, open};
use sqlx::{Connection as _, SqliteConnection};
use std::time::{Duration, Instant};
use tokio::sync::RwLock;

/// The time by which the clock of the second server is ahead, also after a restart.
pub const SKEW: Duration = Duration::from_secs(20);

pub struct Nemesis {
    nodes: [RwLock<Node>; 2],
    plans: [Plan; 2],
    store: Store,
}

/// The store of the servers, and its faults.
enum Store {
    /// A file, which can be locked.
    File(OwnStore),
    /// A Cluster, which has no faults, because its nodes announce their own addresses.
    Cluster { _own: OwnStore },
    /// A server, which can be frozen, and whose connections can be cut.
    Server(Server, [Proxy; 2]),
}

impl Nemesis {
    pub async fn on(kind: Kind) -> Self {
        let (store, urls) = match kind {
            Kind::Memory => panic!("a store in memory cannot be shared"),
            Kind::Sqlite | Kind::Cluster => {
                let own = open(kind).await;
                let url = own.url.clone();
                let store = if kind == Kind::Sqlite { Store::File(own) } else { Store::Cluster { _own: own } };
                (store, [url.clone(), url])
            }
            Kind::Postgres | Kind::Redis => {
                let (server, database) = match kind {
                    Kind::Postgres => (Server::postgres(&[]).await, "postgres"),
                    _ => (Server::redis(&[]).await, "0"),
                };
                let ways = [Proxy::before(server.port).await, Proxy::before(server.port).await];
                let urls = ways.each_ref().map(|way| server.url_through(way.port, database));
                (Store::Server(server, ways), urls)
            }
        };
        let [first, second] = urls;
        // Each request loads the session and touches it in the store.
        let usual = Plan { timeout: Duration::from_millis(800), touch_every: Duration::ZERO, ..Plan::on(&first) };
        let plans = [usual.clone(), Plan { url: second, ahead: SKEW, ..usual }];
        let nodes = [RwLock::new(Node::start(&plans[0]).await), RwLock::new(Node::start(&plans[1]).await)];
        Self { nodes, plans, store }
    }

    /// Sends a request to one of the servers. Returns `None` if it is killed meanwhile.
    pub async fn ask(&self, node: usize, cookie: &str, path: &str) -> Option<Answer> {
        // Release the lock, because the kill must not wait for responses.
        let request = self.nodes[node].read().await.ask(cookie, path);
        request.await.ok()
    }

    /// Repeats a request until it succeeds, which must be soon, because no fault is active.
    pub async fn surely(&self, node: usize, cookie: &str, path: &str) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.ask(node, cookie, path).await {
                Some(answer) if answer.status == 200 => return answer,
                other => assert!(Instant::now() < deadline, "{path} never recovers: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Causes a fault and ends it.
    pub async fn strike(&self, chance: &mut Chance) {
        let while_away = Duration::from_millis(100) + chance.span(Duration::from_millis(1100));
        let at = chance.below(2);
        match (&self.store, chance.below(3)) {
            (Store::File(own), 0) => {
                let path = own.folder.path().join("hardtack.db").display().to_string();
                let mut other = SqliteConnection::connect(&path).await.expect("the database");
                // The servers hold the lock most of the time.
                sqlx::query("PRAGMA busy_timeout = 20000").execute(&mut other).await.expect("set");
                let lock = other.begin_with("BEGIN IMMEDIATE").await.expect("the lock");
                tokio::time::sleep(while_away).await;
                lock.rollback().await.expect("unlocked");
            }
            (Store::Server(server, _), 0) => {
                server.freeze().await;
                tokio::time::sleep(while_away).await;
                server.thaw().await;
            }
            (Store::Server(_, ways), 1) => {
                ways[at].cut();
                tokio::time::sleep(while_away).await;
                ways[at].mend();
            }
            (Store::File(_) | Store::Cluster { .. } | Store::Server(..), _) => {
                let mut node = self.nodes[at].write().await;
                node.kill();
                *node = Node::start(&self.plans[at]).await;
            }
        }
    }

    /// Advances the clocks of both servers.
    pub async fn advance(&self, span: Duration) {
        for node in 0..2 {
            self.surely(node, "", &format!("/clock/{}", span.as_millis())).await;
        }
    }

    /// Returns the handles of all live sessions.
    pub async fn handles(&self) -> Vec<String> {
        let listed = self.surely(0, "", "/handles").await.text;
        listed.lines().map(str::to_owned).collect()
    }
}
