//! Redis Clusters of three nodes. A test borrows a whole Cluster, because a Cluster has one namespace and no numbered
//! databases.

use super::servers::{Server, past};
use redis::{Cmd, FromRedisValue, cmd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

static IDLE: Mutex<Vec<Vec<Server>>> = Mutex::new(Vec::new());

/// A Cluster without keys, which the next test gets when this value is dropped.
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Returns an unused Cluster, or starts one.
    pub async fn borrow() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(nodes) = idle else { return Self::start().await };
        for node in &nodes {
            ask::<()>(node, &cmd("FLUSHALL")).await;
        }
        Self { nodes }
    }

    /// Returns the URL of the Cluster, with one node that knows the others.
    pub fn url(&self) -> String {
        format!("redis-cluster://127.0.0.1:{}", self.nodes[0].port)
    }

    /// Returns the URLs of the single nodes.
    pub fn nodes(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.url("")).collect()
    }

    /// Returns one of the servers. A test that stops it must start it again.
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    async fn start() -> Self {
        // With a short timeout the nodes agree soon. Afterwards it must be longer, so that a slow node does not count
        // as dead.
        let settings = ["--databases", "1", "--cluster-enabled", "yes", "--cluster-node-timeout", "500"];
        let nodes = futures::future::join_all((0..3).map(|_| Server::redis(&settings))).await;
        for (node, slots) in nodes.iter().zip([(0, 5460), (5461, 10922), (10923, 16383)]) {
            ask::<()>(node, cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(slots.0).arg(slots.1)).await;
            ask::<()>(node, cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(nodes[0].port)).await;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        for node in &nodes {
            while !agrees(&ask::<String>(node, cmd("CLUSTER").arg("INFO")).await) {
                assert!(Instant::now() < deadline, "the nodes do not agree");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ask::<()>(node, cmd("CONFIG").arg("SET").arg("cluster-node-timeout").arg(60_000)).await;
        }
        Self { nodes }
    }
}

fn agrees(info: &str) -> bool {
    ["cluster_state:ok", "cluster_known_nodes:3", "cluster_slots_ok:16384", "cluster_size:3"]
        .iter()
        .all(|fact| info.contains(fact))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A failed test may leave the servers in a bad state, so they are not used again.
        if std::thread::panicking() {
            return;
        }
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.nodes));
    }
}

async fn ask<T: FromRedisValue>(node: &Server, command: &Cmd) -> T {
    command.query_async(&mut past(&node.url("")).await).await.expect("an answer")
}
