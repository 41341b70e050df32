//! Crashes between any two commands of a step: no session becomes invisible.
//!
//! The connection breaks after the first command of a step, then after the second, and so on until the step completes.
//! Each time, another store checks the result.

use super::{NOW, ask, begin, change, is_live, keys, new_id, open, open_within, past, record, sign_in};
use crate::support::servers::{self, Program};
use crate::support::visitors::PATIENCE;
use crate::support::wire::Wire;
use hardtack_session::Lifetime;
use hardtack_session::id::IdHash;
use hardtack_session::record::{Changes, Grace, Record, Rotation};
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::{Applied, Order, Store, StoreError};
use redis::cmd;
use std::collections::BTreeMap;
use std::time::Duration;

/// A step that is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    SignIn,
    Renew,
    Prolong,
    Shorten,
    End,
    EndByHandle,
    EndByAccount,
    Sweep,
}

const ME: &str = "me";

/// The session and the ids that a step is run on.
struct Scene {
    id: IdHash,
    record: Record,
    new: IdHash,
    created: Record,
}

fn lifetime(idle: u64, absolute: u64) -> Changes {
    let lifetime = Lifetime { idle: Duration::from_secs(idle), absolute: Duration::from_secs(absolute) };
    Changes { lifetime: Some(lifetime), ..change("2") }
}

/// Runs the step and returns whether the store reported it as done.
async fn make(step: Step, store: &RedisStore, scene: &Scene) -> Result<bool, StoreError> {
    let done = |applied| matches!(applied, Applied::Done(_));
    let Scene { id, record, new, created } = scene;
    match step {
        Step::Create => store.create(new, created).await,
        Step::SignIn => store.rotate(id, &sign_in(*new, ME), NOW).await.map(done),
        Step::Renew => {
            let grace = Grace::Reaches(NOW + Duration::from_secs(10));
            let renewal = Rotation { owner: None, grace, ..sign_in(*new, ME) };
            store.rotate(id, &renewal, NOW).await.map(done)
        }
        Step::Prolong => store.apply(id, &lifetime(100_000, 200_000), NOW).await.map(done),
        Step::Shorten => store.apply(id, &lifetime(1, 1), NOW).await.map(done),
        Step::End => store.end(id).await,
        Step::EndByHandle => store.end_by_handle(None, &record.handle).await,
        Step::EndByAccount => store.end_by_account(ME, None).await.map(|ended| ended == 1),
        Step::Sweep => store.sweep(NOW + Lifetime::default().idle, 10).await.map(|swept| swept.sessions == 1),
    }
}

/// Checks the whole store after a step, which may have been interrupted.
async fn look(step: Step, after: usize, store: &RedisStore, url: &str, scene: &Scene, done: bool) {
    let at = format!("{step:?}, interrupted after {after} commands (done: {done})");
    let mut server = past(url).await;
    let (old, new) = (is_live(store, &scene.id).await, is_live(store, &scene.new).await);
    match step {
        Step::Create => assert!(!done || new, "{at}"),
        Step::SignIn => assert!(if done { new && !old } else { new != old }, "{at}: live under one id"),
        Step::Renew => assert!(if done { new } else { old }, "{at}: still reachable"),
        Step::Prolong | Step::Shorten => assert!(old, "{at}"),
        Step::End | Step::EndByHandle | Step::EndByAccount | Step::Sweep => assert!(!done || !old, "{at}"),
    }
    let mut owned = BTreeMap::new();
    let mut sessions = 0;
    for key in keys(&mut server).await.iter().filter(|key| key.starts_with("hardtack:{")) {
        let account: Option<String> = ask(&mut server, cmd("HGET").arg(key).arg("account")).await;
        *owned.entry(account).or_insert(0) += 1;
        sessions += 1;
    }
    let mine = owned.get(&Some(ME.to_owned())).copied().unwrap_or(0);
    assert_eq!(
        store.list(ME, Order::Used(None), 1000, NOW).await.expect("an answer").len(),
        mine,
        "{at}: every live session is listed"
    );
    let mut browsed = 0;
    let mut cursor = None;
    loop {
        let page = store.browse(cursor.as_deref(), 5, NOW).await.expect("an answer");
        browsed += page.sessions.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(browsed, sessions, "{at}: every session is on a page");
    assert_eq!(store.end_by_account(ME, None).await.expect("an answer"), mine as u64, "{at}: every session is ended");
    for (id, owner) in [(&scene.id, step != Step::SignIn || new), (&scene.new, true)] {
        assert!(!owner || !is_live(store, id).await, "{at}: the session of the account has ended");
    }
    let over = NOW + Duration::from_secs(300_000);
    while store.sweep(over, 100).await.expect("an answer").more {}
    let left: Vec<_> = keys(&mut server).await.into_iter().filter(|key| !key.starts_with("hardtack:id:")).collect();
    let leads_nowhere = |key: &String| key == "hardtack:schema" || key == "hardtack:account:me";
    assert!(left.iter().all(leads_nowhere), "{at}: the sweep has left keys: {left:?}");
}

async fn survives(step: Step) {
    if !Program::Redis.is_here() {
        return;
    }
    for after in 0.. {
        let url = servers::redis().await;
        let store = open(&url).await;
        // The session is signed in already, except for the step that signs in.
        let (id, session) = begin(&store, Some(ME).filter(|_| step != Step::SignIn)).await;
        let scene = Scene { id, record: session, new: new_id(), created: record(Some(ME)) };
        let (server, database) = url.strip_prefix("redis://127.0.0.1:").and_then(|at| at.split_once('/')).expect("one");
        let wire = Wire::before(server.parse().expect("a port")).await;
        let broken = open_within(&format!("redis://127.0.0.1:{}/{database}", wire.port), PATIENCE).await;
        wire.break_after(after);
        let answer = tokio::time::timeout(PATIENCE, make(step, &broken, &scene)).await;
        let done = matches!(answer, Ok(Ok(true)));
        wire.break_after(0);
        drop(broken);
        look(step, after, &store, &url, &scene, done).await;
        // The cleanup after a step may fail without an error, so a few more positions are tested.
        if done && after > 30 {
            assert!(matches!(answer, Ok(Ok(true))));
            return;
        }
        assert!(after < 100, "{step:?} never completes: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_a_session_that_begins() {
    survives(Step::Create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_sign_in() {
    survives(Step::SignIn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_renewal() {
    survives(Step::Renew).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_longer_and_a_shorter_life() {
    survives(Step::Prolong).await;
    survives(Step::Shorten).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_an_end() {
    for step in [Step::End, Step::EndByHandle, Step::EndByAccount] {
        survives(step).await;
    }
}

/// The entry in the account's list must last as long as the session, in either order of the two steps.
#[tokio::test(flavor = "multi_thread")]
async fn g3_a_sign_in_while_the_session_is_given_longer() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let (one, other) = (open(&url).await, open(&url).await);
    let much_later = NOW + Duration::from_secs(190_000);
    for _ in 0..100 {
        let (id, _) = begin(&one, None).await;
        let new = new_id();
        let (signing, longer) = (sign_in(new, ME), lifetime(200_000, 200_000));
        let (signed_in, prolonged) = tokio::join!(one.rotate(&id, &signing, NOW), other.apply(&id, &longer, NOW));
        assert!(matches!(signed_in.expect("an answer"), Applied::Done(_)));
        if !matches!(prolonged.expect("an answer"), Applied::Done(_)) {
            assert!(matches!(other.apply(&new, &longer, NOW).await, Ok(Applied::Done(_))));
        }
    }
    assert_eq!(
        one.list(ME, Order::Used(None), 1000, much_later).await.expect("an answer").len(),
        100,
        "each session is listed until it ends"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s104_a_sweep() {
    survives(Step::Sweep).await;
}
