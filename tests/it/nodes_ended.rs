//! G3 across processes: an ended session stays ended on all nodes, even during writes.

use crate::support::STORES;
use crate::support::node::{Node, Pair};
use std::time::Duration;

/// The late steps of a handler that loaded its session before the end.
const LATE: [&str; 6] = ["put", "tower-put", "count", "rotate", "cycle-id", "sign-in"];

/// A signed-in session, with its cookie and its handle.
struct Visitor {
    cookie: String,
    handle: String,
}

impl Visitor {
    async fn sign_in(node: &Node) -> Self {
        let cookie = node.begin("/step/sign-in").await;
        assert_eq!(node.get(&cookie, "/count").await.text, "1");
        let handle = node.get(&cookie, "/handle").await.text;
        Self { cookie, handle }
    }
}

/// Tests on every store: a handler on one node loads a session, the session is ended on either node, and the handler
/// then writes.
async fn stays_ended(end: impl AsyncFn(&Pair, &Node, &Visitor)) {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        for (late, there) in LATE.iter().flat_map(|late| [(late, 0), (late, 1)]) {
            let here = &pair.nodes[0];
            let visitor = Visitor::sign_in(here).await;
            let slow = tokio::spawn(here.ask(&visitor.cookie, &format!("/slow/{late}")));
            here.get("", "/gate/loaded").await;
            end(&pair, &pair.nodes[there], &visitor).await;
            here.get("", "/gate/open").await;
            let answer = slow.await.expect("no panic").expect("an answer");
            let case = format!("on {kind:?}, ended on node {there}, then {late}: {answer:?}");
            assert_eq!(answer.status, 409, "the late response is no success, {case}");
            assert!(answer.set.is_empty(), "the late response has no cookie, {case}");
            is_gone(&pair, &visitor, &case).await;
        }
    }
}

/// Asserts that the session has no row, no data and no cookie, and that a request with the old id begins a new session.
async fn is_gone(pair: &Pair, visitor: &Visitor, case: &str) {
    assert_eq!(pair.live().await, 0, "no session is left, {case}");
    for node in &pair.nodes {
        let again = node.get(&visitor.cookie, "/counted").await;
        assert_eq!((again.status, again.text.as_str(), again.set.len()), (200, "", 0), "{case}");
        assert_eq!(node.get(&visitor.cookie, "/who").await.text, "", "{case}");
    }
    let fresh = pair.nodes[1].get(&visitor.cookie, "/count").await;
    assert_eq!(fresh.text, "1", "a new session, {case}");
    let cookie = fresh.cookie.expect("a new cookie");
    assert_ne!(cookie, visitor.cookie, "the old id is not adopted, {case}");
    pair.nodes[1].get(&cookie, "/step/end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_a_late_write_revives_no_session_that_signed_out_on_any_node() {
    stays_ended(async |_, there, visitor| {
        let ended = there.get(&visitor.cookie, "/step/end").await;
        assert!(ended.status == 200 && ended.set[0].contains("Max-Age=0"), "{ended:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_nor_one_that_tower_sessions_flushed_on_any_node() {
    stays_ended(async |_, there, visitor| {
        assert_eq!(there.get(&visitor.cookie, "/step/flush").await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_s27_nor_one_that_was_revoked_by_its_handle_on_any_node() {
    stays_ended(async |_, there, visitor| {
        assert_eq!(there.get("", &format!("/revoke/ada/{}", visitor.handle)).await.text, "true");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_s27_nor_one_that_was_revoked_with_its_account_on_any_node() {
    stays_ended(async |_, there, _| assert_eq!(there.get("", "/revoke-all/ada").await.text, "1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_nor_one_that_expired_meanwhile_on_any_node() {
    stays_ended(async |pair, _, _| pair.advance(Duration::from_secs(30 * 60)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s27_what_ended_on_one_node_is_refused_by_the_other_for_the_very_next_request() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let [here, there] = &pair.nodes;
        for round in 0..30 {
            let visitor = Visitor::sign_in(here).await;
            // The other node has loaded the session, so that a cache would hold it now.
            assert_eq!(there.get(&visitor.cookie, "/who").await.text, "ada");
            assert_eq!(there.get(&visitor.cookie, "/counted").await.text, "1");
            match round % 3 {
                0 => assert_eq!(here.get(&visitor.cookie, "/step/end").await.status, 200),
                1 => assert_eq!(here.get("", &format!("/revoke/ada/{}", visitor.handle)).await.text, "true"),
                _ => assert_eq!(here.get("", "/revoke-all/ada").await.text, "1"),
            }
            let next = there.get(&visitor.cookie, if round % 2 == 0 { "/who" } else { "/counted" }).await;
            assert_eq!((next.status, next.text.as_str()), (200, ""), "on {kind:?}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s27_a_revocation_reaches_only_its_own() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let [here, there] = &pair.nodes;
        let [first, second] = [Visitor::sign_in(here).await, Visitor::sign_in(here).await];
        let anonymous = here.begin("/count").await;
        for handle in [second.handle.as_str(), "00000000-0000-4000-8000-000000000000"] {
            assert_eq!(there.get("", &format!("/revoke/bob/{handle}")).await.text, "false", "on {kind:?}");
        }
        assert_eq!(there.get("", "/revoke-all/bob").await.text, "0", "on {kind:?}");
        assert_eq!(there.get("", &format!("/revoke/ada/{}", first.handle)).await.text, "true");
        assert_eq!(here.get(&first.cookie, "/who").await.text, "", "on {kind:?}");
        assert_eq!(here.get(&second.cookie, "/who").await.text, "ada", "on {kind:?}");
        assert_eq!(there.get("", "/revoke-all/ada").await.text, "1", "on {kind:?}");
        assert_eq!(here.get(&second.cookie, "/who").await.text, "", "on {kind:?}");
        assert_eq!(here.get(&anonymous, "/counted").await.text, "1", "on {kind:?}");
    }
}

/// Ends and writes at the same time without a barrier. The session must be gone in every order.
#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_writers_on_two_nodes_race_a_sign_out_and_never_win() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        for round in 0..15 {
            let visitor = Visitor::sign_in(&pair.nodes[0]).await;
            let paths = ["/count", "/put/a/1", "/step/rotate", "/step/sign-in", "/counted", "/step/tower-put"];
            let writers: Vec<_> =
                (0..12).map(|n| tokio::spawn(pair.nodes[n % 2].ask(&visitor.cookie, paths[n % paths.len()]))).collect();
            let revoked = if round % 2 == 0 {
                pair.nodes[1].get("", "/revoke-all/ada").await
            } else {
                pair.nodes[1].get("", &format!("/revoke/ada/{}", visitor.handle)).await
            };
            assert_eq!(revoked.status, 200);
            // A writer that comes after the end may begin a new session.
            for writer in writers {
                let answer = writer.await.expect("no panic").expect("an answer");
                assert!(matches!(answer.status, 200 | 409 | 503), "on {kind:?}: {answer:?}");
            }
            assert!(!pair.handles().await.contains(&visitor.handle), "on {kind:?}, round {round}: it was revived");
            pair.nodes[0].get("", "/revoke-all/ada").await;
        }
    }
}
