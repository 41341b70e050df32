//! G4 across processes: a new id at every change of privilege, and the old one rejected at once.

use crate::support::node::{Answer, Pair};
use crate::support::{STORES, id_of};
use hardtack_session::store::Loaded;
use std::time::Duration;
use tokio::task::JoinSet;

/// The requests of a visitor while the session changes.
const BUSY: [&str; 5] = ["/count", "/counted", "/put/a/1", "/get/a", "/nothing"];

/// Sends fifty requests with this cookie on both nodes, and `between` in the middle of them.
async fn across(pair: &Pair, cookie: &str, between: Option<&str>) -> (Vec<(&'static str, Answer)>, Option<Answer>) {
    let mut requests = JoinSet::new();
    let mut midst = None;
    for n in 0..50 {
        let (node, path) = (&pair.nodes[n % 2], BUSY[n % BUSY.len()]);
        let request = node.ask(cookie, path);
        requests.spawn(async move { (path, request.await.expect("an answer")) });
        if n == 25 {
            midst = between.map(|path| tokio::spawn(pair.nodes[0].ask(cookie, path)));
        }
    }
    let answers = requests.join_all().await;
    let midst = match midst {
        Some(task) => Some(task.await.expect("no panic").expect("an answer")),
        None => None,
    };
    (answers, midst)
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s16_a_planted_id_is_worth_nothing_the_instant_its_visitor_signs_in() {
    let attacks = [
        "/who",
        "/counted",
        "/count",
        "/put/a/1",
        "/step/tower-put",
        "/step/rotate",
        "/step/cycle-id",
        "/step/sign-in",
        "/step/flush",
        "/step/end",
        "/handle",
    ];
    for kind in STORES {
        let pair = Pair::start(kind).await;
        for attack in attacks {
            let planted = pair.nodes[0].begin("/count").await;
            let signed_in = pair.nodes[0].get(&planted, "/step/sign-in").await;
            let cookie = signed_in.cookie.expect("a new id");
            assert_ne!(cookie, planted);
            for node in [&pair.nodes[1], &pair.nodes[0]] {
                let answer = node.get(&planted, attack).await;
                let case = format!("{attack} on {kind:?}: {answer:?}");
                assert!(answer.status == 503 && answer.retry_after, "only recognised, {case}");
                assert!(answer.set.is_empty(), "the visitor's new cookie is not overwritten, {case}");
                assert!(!answer.text.contains("ada") && !answer.text.contains('-'), "{case}");
            }
            for node in &pair.nodes {
                assert_eq!(node.get(&cookie, "/who").await.text, "ada", "{attack} on {kind:?}");
                assert_eq!(node.get(&cookie, "/counted").await.text, "1", "{attack} on {kind:?}");
            }
            assert_eq!(pair.live().await, 1, "{attack} on {kind:?}");
            pair.nodes[0].get(&cookie, "/step/end").await;
            // After the grace period the old id is unknown.
            pair.advance(Duration::from_secs(71)).await;
            let later = pair.nodes[1].get(&planted, "/who").await;
            assert_eq!((later.status, later.text.as_str(), later.set.len()), (200, "", 0), "on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s17_fifty_requests_across_a_sign_in_leave_one_session_and_the_new_cookie() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let old = pair.nodes[0].begin("/count").await;
        let (answers, signed_in) = across(&pair, &old, Some("/step/sign-in")).await;
        let signed_in = signed_in.expect("a sign-in");
        assert_eq!(signed_in.status, 200, "on {kind:?}: {signed_in:?}");
        let new = signed_in.cookie.expect("a new id");
        let mut counted = 1;
        for (path, answer) in answers {
            let case = format!("{path} on {kind:?}: {answer:?}");
            assert!(answer.set.is_empty(), "no other response sets the cookie, {case}");
            assert!(answer.status == 200 || (answer.status == 503 && answer.retry_after), "{case}");
            counted += u32::from(path == "/count" && answer.status == 200);
        }
        assert_eq!(pair.live().await, 1, "no new session, on {kind:?}");
        for node in &pair.nodes {
            assert_eq!(node.get(&new, "/who").await.text, "ada", "on {kind:?}");
            assert_eq!(node.get(&new, "/counted").await.text, counted.to_string(), "on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s17_fifty_requests_across_a_renewal_notice_nothing() {
    let renew_every = Some(Duration::from_secs(300));
    for kind in STORES {
        let pair = Pair::start_as(kind, |plan| plan.renew_every = renew_every).await;
        let old = pair.nodes[0].begin("/count").await;
        pair.advance(Duration::from_secs(301)).await;
        let (answers, _) = across(&pair, &old, None).await;
        let mut given = Vec::new();
        for (path, answer) in answers {
            assert_eq!(answer.status, 200, "{path} on {kind:?}: {answer:?}");
            assert_eq!(answer.set.len(), usize::from(answer.cookie.is_some()), "no cookie is removed, on {kind:?}");
            given.extend(answer.cookie);
        }
        given.sort();
        given.dedup();
        let [new] = &given[..] else { panic!("one new id expected, on {kind:?}: {given:?}") };
        assert_eq!(pair.live().await, 1, "on {kind:?}");
        for node in &pair.nodes {
            assert_eq!(node.get(new, "/counted").await.text, "11", "on {kind:?}");
            assert_eq!(node.get(&old, "/counted").await.text, "11", "the old id is forwarded for a while, on {kind:?}");
        }
        pair.advance(Duration::from_secs(11)).await;
        for node in &pair.nodes {
            assert_eq!(node.get(new, "/counted").await.text, "11", "on {kind:?}");
            assert_eq!(node.get(&old, "/counted").await.text, "", "after the grace period it is not, on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s15_two_sign_ins_at_once_on_two_nodes_leave_one_session() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        for _ in 0..20 {
            let old = pair.nodes[0].begin("/count").await;
            let asks = pair.nodes.each_ref().map(|node| tokio::spawn(node.ask(&old, "/step/sign-in")));
            let mut cookies = Vec::new();
            for ask in asks {
                let answer = ask.await.expect("no panic").expect("an answer");
                assert!(answer.status == 200 || (answer.status == 503 && answer.retry_after), "{kind:?}: {answer:?}");
                assert_eq!(answer.cookie.is_some(), answer.status == 200, "on {kind:?}: {answer:?}");
                cookies.extend(answer.cookie);
            }
            let [cookie] = &cookies[..] else { panic!("one sign-in wins, on {kind:?}: {cookies:?}") };
            assert_eq!(pair.nodes[1].get(cookie, "/who").await.text, "ada", "on {kind:?}");
            assert_eq!(pair.live().await, 1, "on {kind:?}");
            pair.nodes[0].get(cookie, "/step/end").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_5xx_or_a_panic_after_a_sign_in_leaves_one_session_that_somebody_can_open() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        for (end, step) in [("fail", "sign-in"), ("fail", "rotate"), ("fail", "cycle-id"), ("panic", "cycle-id")] {
            let old = pair.nodes[0].begin("/count").await;
            let answer = pair.nodes[0].try_get(&old, &format!("/then/{end}/{step}")).await;
            let new = answer.ok().and_then(|answer| answer.cookie);
            let case = format!("{step}, then {end}, on {kind:?}, a new id: {}", new.is_some());
            let cookie = new.as_ref().unwrap_or(&old);
            assert_eq!(pair.nodes[1].get(cookie, "/counted").await.text, "1", "{case}");
            let who = if step == "sign-in" { "ada" } else { "" };
            assert_eq!(pair.nodes[1].get(cookie, "/who").await.text, who, "{case}");
            assert_eq!(pair.live().await, 1, "{case}");
            pair.nodes[1].get(cookie, "/step/end").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_connection_aborted_during_a_sign_in_leaves_one_session_under_the_old_id_or_a_new_one() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        for (step, signed_in) in [("sign-in", true), ("rotate", false)] {
            let old = pair.nodes[0].begin("/count").await;
            let waiting = tokio::spawn(pair.nodes[0].ask(&old, &format!("/then/wait/{step}")));
            pair.nodes[0].get("", "/gate/loaded").await;
            waiting.abort();
            waiting.await.expect_err("the browser has closed the connection");
            assert_eq!(pair.live().await, 1, "on {kind:?}");
            // The step was completed: the old id is rejected, and the account's list shows the session, whose id is
            // lost.
            let late = pair.nodes[1].get(&old, "/counted").await;
            assert_eq!((late.status, late.set.len()), (503, 0), "on {kind:?}: {late:?}");
            let owned = pair.nodes[1].get("", "/revoke-all/ada").await.text;
            assert_eq!(owned, if signed_in { "1" } else { "0" }, "on {kind:?}");
            pair.advance(Duration::from_secs(30 * 60)).await;
        }
        // Abort at any moment, not only after the step.
        for n in 0..20_u32 {
            let old = pair.nodes[0].begin("/count").await;
            let cut = Duration::from_micros(u64::from(150 * n));
            tokio::time::timeout(cut, pair.nodes[0].ask(&old, "/step/sign-in")).await.map(drop).ok();
            // The server may not have begun, or may still be working. In each case there is one session.
            let left = pair.nodes[1].get(&old, "/counted").await;
            assert!(matches!((left.status, left.text.as_str()), (200, "1") | (503, _)), "on {kind:?}: {left:?}");
            assert_eq!(pair.live().await, 1, "on {kind:?}, cut after {cut:?}");
            pair.advance(Duration::from_secs(30 * 60)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_server_killed_during_rotations_leaves_one_session_under_the_old_id_or_a_new_one() {
    for kind in crate::support::SHARED {
        let mut pair = Pair::start(kind).await;
        for round in 0..6_u64 {
            let mut cookie = pair.nodes[1].begin("/step/sign-in").await;
            let kill = tokio::time::Instant::now() + Duration::from_millis(3 + 11 * round);
            // Rotate as fast as possible, so that the kill comes in the middle of a rotation.
            loop {
                let next = pair.nodes[0].ask(&cookie, "/step/rotate");
                match tokio::time::timeout_at(kill, next).await {
                    Ok(answer) => cookie = answer.expect("an answer").cookie.expect("a new id"),
                    Err(_) => break pair.nodes[0].kill(),
                }
            }
            let here = format!("on {kind:?}, round {round}");
            assert_eq!(pair.nodes[1].get("", "/live").await.text, "1", "{here}");
            let found = pair.own.store.load(&id_of(&cookie), crate::support::node::BEGIN).await.expect("an answer");
            assert!(matches!(found, Loaded::Live(..) | Loaded::Retired), "{here}: {found:?}");
            // The list of the account's sessions must contain this one, wherever the crash came.
            assert_eq!(pair.nodes[1].get("", "/revoke-all/ada").await.text, "1", "{here}");
            assert_eq!(pair.nodes[1].get("", "/live").await.text, "0", "{here}");
            let dead = pair.nodes[1].get(&cookie, "/who").await;
            assert!(!dead.text.contains("ada"), "{here}: {dead:?}");
            pair.nodes[0] = crate::support::node::Node::start(&pair.plan).await;
        }
    }
}
