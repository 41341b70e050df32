//! G6, G7 and G12 across processes: session lifetimes, requests that create no session, and key rotation.

use crate::support::node::{Node, Pair, Plan, new_key};
use crate::support::{Kind, SHARED, STORES, id_of};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hardtack_session::clock::Timestamp;
use hardtack_session::store::Loaded;
use hmac::{Hmac, KeyInit as _, Mac as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn g6_s20_reading_on_one_process_keeps_a_session_alive_on_the_other() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let [here, there] = &pair.nodes;
        let (read, left) = (here.begin("/count").await, here.begin("/count").await);
        for _ in 0..5 {
            pair.advance(29 * MINUTE).await;
            assert_eq!(there.get(&read, "/counted").await.text, "1", "on {kind:?}");
        }
        assert_eq!(here.get(&left, "/counted").await.text, "", "the unused session is over, on {kind:?}");
        assert_eq!(here.get(&read, "/counted").await.text, "1", "on {kind:?}");
        pair.advance(30 * MINUTE).await;
        for node in &pair.nodes {
            assert_eq!(node.get(&read, "/counted").await.text, "", "the idle timeout ends it, on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_s21_the_absolute_lifetime_survives_a_hundred_rotations() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let mut cookie = pair.nodes[0].begin("/step/sign-in").await;
        let begun = created(&pair, &cookie).await;
        for turn in 0..100 {
            pair.advance(7 * MINUTE).await;
            let rotated = pair.nodes[turn % 2].get(&cookie, "/step/rotate").await;
            cookie = rotated.cookie.unwrap_or_else(|| panic!("a new id, on {kind:?}"));
        }
        assert_eq!(created(&pair, &cookie).await, begun, "on {kind:?}");
        pair.advance(19 * MINUTE).await;
        assert_eq!(pair.nodes[1].get(&cookie, "/who").await.text, "ada", "a minute is left, on {kind:?}");
        pair.advance(MINUTE).await;
        for node in &pair.nodes {
            assert_eq!(node.get(&cookie, "/who").await.text, "", "the absolute timeout ends it, on {kind:?}");
        }
    }
}

async fn created(pair: &Pair, cookie: &str) -> Timestamp {
    let found = pair.own.store.load(&id_of(cookie), Timestamp(0)).await.expect("an answer");
    let Loaded::Live(_, record) = found else { panic!("a live session expected: {found:?}") };
    record.created
}

/// Sends requests with these cookies on both nodes, 16 at a time. All must be served without setting or removing a
/// cookie.
async fn all_anonymous(pair: &Pair, path: &'static str, cookies: impl Iterator<Item = String>) {
    let turns = Arc::new(Semaphore::new(16));
    let mut requests = JoinSet::new();
    for (n, cookie) in cookies.enumerate() {
        let turn = Arc::clone(&turns).acquire_owned().await.expect("open");
        let request = pair.nodes[n % 2].ask(&cookie, path);
        requests.spawn(async move {
            let answer = request.await.expect("an answer");
            assert_eq!((answer.status, answer.cookie.as_ref()), (200, None), "{path}: {answer:?}");
            drop(turn);
        });
    }
    while let Some(done) = requests.join_next().await {
        done.expect("served as anonymous");
    }
}

/// Returns a well-formed cookie of an unknown id, signed by this key, or with an invalid signature.
fn cookie(key: Option<&str>) -> String {
    let mut random = [[0; 32]; 2];
    for part in &mut random {
        getrandom::fill(part).expect("random numbers");
    }
    let [secret, signature] = random.map(|part| URL_SAFE_NO_PAD.encode(part));
    key.map_or_else(|| format!("hardtack_sess={secret}.{signature}"), |key| signed(key, &secret))
}

/// Returns the cookie of a secret as the engine signs it.
fn signed(key: &str, secret: &str) -> String {
    let key: Vec<_> = (0..64).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).expect("hex")).collect();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key");
    mac.update(format!("hardtack_sess={secret}").as_bytes());
    format!("hardtack_sess={secret}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_g7_s18_s108_ten_thousand_unknown_ids_create_no_row() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let (known, key) = (pair.nodes[0].begin("/count").await, &pair.plan.keys[0]);
        let secret = known.split_once('=').and_then(|(_, value)| value.split_once('.')).expect("a value").0;
        assert_eq!(signed(key, secret), known, "the test signs as the engine does");
        all_anonymous(&pair, "/counted", (0..1500).map(|_| cookie(Some(key)))).await;
        all_anonymous(&pair, "/counted", (0..500).map(|_| cookie(None))).await;
        assert_eq!(pair.live().await, 1, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_s26_ten_thousand_sign_outs_of_nobody_create_no_row() {
    for kind in STORES {
        let pair = Pair::start(kind).await;
        let keys = &pair.plan.keys;
        // One store gets all ten thousand, because the engine takes the same steps before each store.
        let most = if kind == Kind::Sqlite { 5000 } else { 500 };
        let nobodies = || (0..most).map(|n| if n % 2 == 0 { String::new() } else { cookie(Some(&keys[0])) });
        all_anonymous(&pair, "/step/end", nobodies()).await;
        all_anonymous(&pair, "/step/flush", nobodies()).await;
        assert_eq!(pair.live().await, 0, "on {kind:?}");
    }
}

/// Returns the list of keys of each step of the key rotation in `docs/DEPLOY.md`.
fn steps(old: &str, new: &str) -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEPLOY.md")).expect("the page");
    let lists = page.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let lists = lists.filter_map(|line| line.split_once("`HARDTACK_SESSION_KEYS=")?.1.split('`').next());
    let key = |name: &str| match name {
        "env:SESSION_KEY" => old.to_owned(),
        "env:NEW_KEY" => new.to_owned(),
        other => panic!("no key {other}"),
    };
    lists.map(|list| list.split(',').map(key).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn g12_keys_turn_on_one_process_after_the_other_and_nobody_is_signed_out() {
    for kind in SHARED {
        let mut pair = Pair::start(kind).await;
        let (old, new) = (pair.plan.keys[0].clone(), new_key());
        let steps = steps(&old, &new);
        assert_eq!(steps.len(), 3, "the page must have three steps");
        let mut visitors = vec![pair.nodes[0].begin("/step/sign-in").await];
        let mut signed_by_old = 1;
        for (step, keys) in steps.into_iter().enumerate() {
            if step == 2 {
                // The old key is removed after the sessions that it signed are over.
                visitors.drain(..signed_by_old);
            }
            for at in 0..2 {
                let plan = Plan { keys: keys.clone(), ..pair.plan.clone() };
                pair.nodes[at] = Node::start(&plan).await;
                visitors.push(pair.nodes[0].begin("/step/sign-in").await);
                visitors.push(pair.nodes[1].begin("/step/sign-in").await);
                if step == 0 || (step == 1 && at == 0) {
                    // In the middle of the second step, each node signs by another key.
                    signed_by_old = visitors.len();
                }
                for node in &pair.nodes {
                    for visitor in &visitors {
                        assert_eq!(node.get(visitor, "/who").await.text, "ada", "on {kind:?}, step {step}, node {at}");
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g12_a_process_with_another_key_takes_no_cookie_of_this_one() {
    let mut pair = Pair::start(Kind::Sqlite).await;
    let cookie = pair.nodes[0].begin("/count").await;
    pair.nodes[1] = Node::start(&Plan { keys: vec![new_key()], ..pair.plan.clone() }).await;
    assert_eq!(pair.nodes[1].get(&cookie, "/counted").await.text, "");
    assert_eq!(pair.nodes[0].get(&cookie, "/counted").await.text, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn g12_a_key_that_one_process_signs_by_too_early_makes_strangers_on_the_other_and_loses_no_session() {
    let mut pair = Pair::start(Kind::Sqlite).await;
    let (old, new) = (pair.plan.keys[0].clone(), new_key());
    // As if an operator had skipped the first step of `docs/DEPLOY.md`.
    pair.nodes[0] = Node::start(&Plan { keys: vec![new.clone(), old.clone()], ..pair.plan.clone() }).await;
    let visitor = pair.nodes[0].begin("/step/sign-in").await;
    let stranger = pair.nodes[1].get(&visitor, "/count").await;
    assert_eq!(stranger.cookie, None, "the browser's cookie is not replaced");
    assert_eq!(pair.nodes[1].get(&visitor, "/who").await.text, "");
    pair.nodes[1] = Node::start(&Plan { keys: vec![old, new], ..pair.plan.clone() }).await;
    for node in &pair.nodes {
        assert_eq!(node.get(&visitor, "/who").await.text, "ada");
    }
}
