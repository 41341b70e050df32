//! Isolation of visitors: no response contains the session of another visitor, in spite of aborted requests and panics.

use crate::support::STORES;
use crate::support::chance::Chance;
use crate::support::node::Pair;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const VISITORS: usize = 20;
const EACH: usize = 100;

/// Sends requests of one visitor on both nodes, aborts some of them, and calls handlers that panic or fail.
async fn visit(pair: Arc<Pair>, number: usize, mut chance: Chance) {
    let own = format!("visitor{number}");
    let mut cookie = pair.nodes[number % 2].begin(&format!("/mine/{own}")).await;
    let mut served = 0;
    for _ in 0..EACH {
        let node = &pair.nodes[chance.below(2)];
        // The path names another visitor, but the existing session keeps its own.
        let ask = |path: &str| node.ask(&cookie, path);
        match chance.below(10) {
            0 => drop(ask("/then/panic/count").await.map(|answer| panic!("a panic answers nothing: {answer:?}"))),
            1 => assert_eq!(ask("/then/fail/put").await.expect("an answer").status, 500),
            2 | 3 => {
                let patience = chance.span(Duration::from_millis(4));
                tokio::time::timeout(patience, ask("/mine/nobody")).await.map(drop).ok();
            }
            4 => {
                let answer = ask("/step/rotate").await.expect("an answer");
                // An aborted request may still be in progress. It must not change the id.
                assert_eq!(answer.status, 200, "{answer:?}");
                cookie = answer.cookie.expect("a new id");
            }
            _ => {
                let path = if chance.below(2) == 0 { "/mine/nobody" } else { "/get/marker" };
                let answer = ask(path).await.expect("an answer");
                assert_eq!((answer.status, &answer.text), (200, &own), "{own} gets other data: {answer:?}");
                assert_eq!(answer.cookie, None, "{answer:?}");
                served += 1;
            }
        }
    }
    assert!(served > EACH / 4, "{own} was served {served} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_g4_no_answer_carries_another_visitors_data() {
    let chance = Chance::new("visitors in a hurry");
    for kind in STORES {
        let pair = Arc::new(Pair::start(kind).await);
        let mut visitors = JoinSet::new();
        for number in 0..VISITORS {
            visitors.spawn(visit(Arc::clone(&pair), number, chance.fork(number)));
        }
        while let Some(ended) = visitors.join_next().await {
            ended.unwrap_or_else(|error| panic!("on {kind:?}: {error}"));
        }
        assert_eq!(pair.live().await, VISITORS, "on {kind:?}");
    }
}
