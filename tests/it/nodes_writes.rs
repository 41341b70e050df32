//! G1 and G2 across processes: no write is lost, and counting is exact.

use crate::support::STORES;
use crate::support::node::{Answer, Node, Pair};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The number of requests for each node in a test.
const EACH: usize = 200;

/// Sends all requests at once, at most 32 at a time for each node. The responses come in any order.
async fn all_at_once(nodes: &[Node; 2], cookie: &str, paths: impl Iterator<Item = [String; 2]>) -> Vec<Answer> {
    let turns = [Arc::new(Semaphore::new(32)), Arc::new(Semaphore::new(32))];
    let mut requests = JoinSet::new();
    for pair in paths {
        for (at, path) in pair.iter().enumerate() {
            let (turn, request) = (Arc::clone(&turns[at]), nodes[at].ask(cookie, path));
            requests.spawn(async move {
                let _turn = turn.acquire_owned().await.expect("open");
                request.await.expect("an answer")
            });
        }
    }
    requests.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_s98_two_processes_write_different_values_and_all_stick() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let cookie = pair.nodes[0].begin("/count").await;
        let paths = (0..EACH).map(|n| [format!("/put/a{n}/{n}"), format!("/put/b{n}/{n}")]);
        for answer in all_at_once(&pair.nodes, &cookie, paths).await {
            assert_eq!((answer.status, answer.text.as_str(), answer.set.len()), (200, "saved", 0), "on {kind:?}");
        }
        let keys = pair.nodes[1].get(&cookie, "/keys").await.text;
        assert_eq!(keys, (2 * EACH + 1).to_string(), "all values and the count, on {kind:?}");
        for n in (0..EACH).step_by(37) {
            assert_eq!(pair.nodes[0].get(&cookie, &format!("/get/b{n}")).await.text, n.to_string(), "on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_s98_two_processes_count_together_and_no_number_comes_twice() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let cookie = pair.nodes[0].begin("/count").await;
        let paths = (0..EACH).map(|_| ["/count".to_owned(), "/count".to_owned()]);
        let answers = all_at_once(&pair.nodes, &cookie, paths).await;
        let counted: BTreeSet<usize> = answers.iter().filter_map(|answer| answer.text.parse().ok()).collect();
        assert_eq!(counted, (2..=2 * EACH + 1).collect(), "each increment returns another number, on {kind:?}");
        assert_eq!(pair.nodes[1].get(&cookie, "/counted").await.text, (2 * EACH + 1).to_string(), "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_g2_s98_counting_on_one_process_and_writing_on_the_other_do_not_disturb_each_other() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let cookie = pair.nodes[0].begin("/count").await;
        let paths = (0..EACH).map(|n| ["/count".to_owned(), format!("/put/a{n}/{n}")]);
        for answer in all_at_once(&pair.nodes, &cookie, paths).await {
            assert_eq!(answer.status, 200, "on {kind:?}: {answer:?}");
        }
        assert_eq!(pair.nodes[0].get(&cookie, "/counted").await.text, (EACH + 1).to_string(), "on {kind:?}");
        assert_eq!(pair.nodes[0].get(&cookie, "/keys").await.text, (EACH + 1).to_string(), "on {kind:?}");
    }
}
