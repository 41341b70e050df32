//! G1, G2 and G3: many requests of one session at once, on every store.

use crate::support::app::cookies_set;
use crate::support::engine::{Engine, renewing};
use crate::support::gate::Gate;
use crate::support::{STORES, count, id_of};
use axum::extract::Path;
use axum::routing::get;
use axum::{Extension, Router};
use hardtack_session::{Error, Key, Owner, Session};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

const SLOW: Key<String> = Key::new("slow");

fn routes(gate: &Gate, barrier: Arc<Barrier>) -> Router {
    Router::new()
        .route("/count", get(|session: Session| async move { count(&session).await.to_string() }))
        .route("/read", get(async |session: Session| session.read(SLOW).await.expect("a value").unwrap_or_default()))
        .route(
            "/put/{name}",
            get(async |session: Session, Path(name): Path<String>, Extension(barrier): Extension<Arc<Barrier>>| {
                session.get_value("anything").await.expect("loaded");
                barrier.wait().await;
                session.insert(&name, "kept").await.expect("put");
            }),
        )
        .route(
            "/keys",
            get(async |session: Session| {
                session.facts().await.expect("facts").map_or(0, |facts| facts.keys.len()).to_string()
            }),
        )
        .route(
            "/slow-put",
            get(async |session: Session, Extension(gate): Extension<Gate>| {
                session.read(SLOW).await.expect("loaded");
                gate.pass().await;
                session.put(SLOW, &"late".to_owned()).await.expect("put");
                "saved"
            }),
        )
        .route(
            "/slow-tower-put",
            get(async |session: tower_sessions::Session, Extension(gate): Extension<Gate>| {
                session.get_value("slow").await.expect("loaded");
                gate.pass().await;
                session.insert("slow", "late").await.expect("put");
                "saved"
            }),
        )
        .route(
            "/slow-update",
            get(async |session: Session, Extension(gate): Extension<Gate>| {
                session.read(SLOW).await.expect("loaded");
                gate.pass().await;
                let ended = session.update(SLOW, |_| "late".to_owned()).await;
                assert!(matches!(ended, Err(Error::Ended)), "{ended:?}");
                "the handler does not care"
            }),
        )
        .route(
            "/slow-take",
            get(async |session: Session, Extension(gate): Extension<Gate>| {
                session.read(SLOW).await.expect("loaded");
                gate.pass().await;
                session.take(SLOW).await.expect("taken");
            }),
        )
        .route(
            "/slow-sign-in",
            get(async |session: Session, Extension(gate): Extension<Gate>| {
                session.put(SLOW, &"signing in".to_owned()).await.expect("put");
                gate.pass().await;
                let owner = Owner { account: Some("ada".to_owned()), device: None };
                session.sign_in(owner, None).await
            }),
        )
        .route("/only-slow", get(async |session: Session| session.put(SLOW, &"alone".to_owned()).await.expect("put")))
        .route("/end", get(async |session: Session| session.end().await.expect("ended")))
        .route("/flush", get(async |session: tower_sessions::Session| session.flush().await.expect("flushed")))
        .layer(Extension(gate.clone()))
        .layer(Extension(barrier))
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_requests_that_write_different_values_at_the_same_time_all_stick() {
    for kind in STORES {
        let engine = Engine::start(kind, routes(&Gate::new(), Arc::new(Barrier::new(50)))).await;
        let cookie = engine.cookie_from("/count").await;
        let mut writers = JoinSet::new();
        for n in 0..50 {
            let request = crate::support::app::browser().get(engine.url(&format!("/put/value{n}")));
            writers.spawn(request.header("cookie", &cookie).send());
        }
        for answer in writers.join_all().await {
            assert_eq!(answer.expect("an answer").status(), 200);
        }
        let keys = engine.get_as(&cookie, "/keys").await.text().await.expect("text");
        assert_eq!(keys, "51", "all fifty values and the count, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_late_commit_does_not_undo_what_others_wrote_meanwhile() {
    for kind in STORES {
        let gate = Gate::new();
        let engine = Engine::start(kind, routes(&gate, Arc::new(Barrier::new(1)))).await;
        let cookie = engine.cookie_from("/count").await;
        let late = crate::support::app::browser().get(engine.url("/slow-put")).header("cookie", &cookie);
        let running = tokio::spawn(late.send());
        gate.wait_for_loaded().await;
        assert_eq!(engine.get_as(&cookie, "/count").await.text().await.expect("text"), "2");
        gate.open();
        assert_eq!(running.await.expect("no panic").expect("an answer").status(), 200);
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "late", "on {kind:?}");
        assert_eq!(engine.get_as(&cookie, "/count").await.text().await.expect("text"), "3", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_session_that_one_request_empties_goes_on_with_what_another_has_put_into_it() {
    for kind in STORES {
        let gate = Gate::new();
        let engine = Engine::start(kind, routes(&gate, Arc::new(Barrier::new(1)))).await;
        let cookie = engine.cookie_from("/only-slow").await;
        let taking = crate::support::app::browser().get(engine.url("/slow-take")).header("cookie", &cookie);
        let taking = tokio::spawn(taking.send());
        gate.wait_for_loaded().await;
        assert_eq!(engine.get_as(&cookie, "/count").await.text().await.expect("text"), "1");
        gate.open();
        let taken = taking.await.expect("no panic").expect("an answer");
        assert_eq!((taken.status().as_u16(), cookies_set(&taken).len()), (200, 0), "on {kind:?}");
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "", "taken, on {kind:?}");
        assert_eq!(engine.get_as(&cookie, "/count").await.text().await.expect("text"), "2", "and kept, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_g4_a_sign_in_that_is_overtaken_by_a_renewal_goes_on_from_there() {
    for kind in STORES {
        let own = crate::support::open(kind).await;
        let gate = Gate::new();
        let routes = routes(&gate, Arc::new(Barrier::new(1)));
        let engine = Engine::start_as(own.store.clone(), routes, |s| renewing(s, Duration::from_secs(600))).await;
        let old = engine.cookie_from("/count").await;
        let signing = crate::support::app::browser().get(engine.url("/slow-sign-in")).header("cookie", &old);
        let signing = tokio::spawn(signing.send());
        gate.wait_for_loaded().await;
        engine.clock.advance(Duration::from_secs(600));
        assert_eq!(cookies_set(&engine.get_as(&old, "/read").await).len(), 1, "renewed, on {kind:?}");
        gate.open();
        let answer = signing.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 200, "on {kind:?}");
        let cookie = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "signing in", "on {kind:?}");
        assert_eq!(
            engine
                .store
                .list("ada", hardtack_session::store::Order::Used(None), 1000, engine.now())
                .await
                .expect("a list")
                .len(),
            1,
            "on {kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_six_hundred_increments_give_six_hundred() {
    for kind in STORES {
        let engine = Engine::start(kind, routes(&Gate::new(), Arc::new(Barrier::new(1)))).await;
        let cookie = engine.cookie_from("/count").await;
        let client = crate::support::app::browser();
        let turns = Arc::new(Semaphore::new(32));
        let mut tasks = JoinSet::new();
        for _ in 0..600 {
            let request = client.get(engine.url("/count")).header("cookie", &cookie);
            let turns = Arc::clone(&turns);
            tasks.spawn(async move {
                let _turn = turns.acquire().await.expect("open");
                request.send().await.expect("an answer").text().await.expect("text").parse::<u32>().expect("a count")
            });
        }
        let mut counts = tasks.join_all().await;
        counts.sort_unstable();
        assert_eq!(counts, (2..=601).collect::<Vec<_>>(), "each increment returns another number, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_two_servers_on_one_store_count_together() {
    for kind in STORES {
        let own = crate::support::open(kind).await;
        let keys = hardtack_session::Keys::generate().expect("a key");
        let mut nodes = Vec::new();
        for store in [Arc::clone(&own.store), own.again().await] {
            let routes = routes(&Gate::new(), Arc::new(Barrier::new(1)));
            let keys = keys.clone();
            nodes.push(Engine::start_as(store, routes, move |s| s.keys(keys.clone())).await);
        }
        let cookie = nodes[0].cookie_from("/count").await;
        let mut tasks = JoinSet::new();
        for n in 0..200 {
            let request = crate::support::app::browser().get(nodes[n % 2].url("/count")).header("cookie", &cookie);
            tasks.spawn(request.send());
        }
        for answer in tasks.join_all().await {
            assert_eq!(answer.expect("an answer").status(), 200);
        }
        let last = nodes[0].get_as(&cookie, "/count").await.text().await.expect("text");
        assert_eq!(last, "202", "on {kind:?}");
    }
}

/// Starts a slow request, lets `end` end its session meanwhile, and checks the response and the session afterwards.
async fn outlives(slow: &str, end: impl AsyncFn(&Engine, &str)) {
    for kind in STORES {
        let gate = Gate::new();
        let engine = Engine::start(kind, routes(&gate, Arc::new(Barrier::new(1)))).await;
        let cookie = engine.cookie_from("/count").await;
        let request = crate::support::app::browser().get(engine.url(slow)).header("cookie", &cookie);
        let running = tokio::spawn(request.send());
        gate.wait_for_loaded().await;
        end(&engine, &cookie).await;
        gate.open();
        let answer = running.await.expect("no panic").expect("an answer");
        assert_eq!(cookies_set(&answer), [] as [String; 0], "the late response has no cookie, on {kind:?}");
        assert_eq!(answer.status(), 409, "the late response is no success, on {kind:?}");
        let again = engine.get_as(&cookie, "/read").await;
        assert_eq!(cookies_set(&again), [] as [String; 0]);
        assert_eq!(again.text().await.expect("text"), "", "the session stays ended, on {kind:?}");
        let fresh = engine.get_as(&cookie, "/count").await;
        assert_eq!(cookies_set(&fresh).len(), 1, "the old id is not adopted, on {kind:?}");
        assert_eq!(fresh.text().await.expect("text"), "1", "the old data is gone, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_a_request_in_flight_cannot_revive_a_signed_out_session() {
    for slow in ["/slow-put", "/slow-tower-put", "/slow-update"] {
        outlives(slow, async |engine, cookie| assert_eq!(engine.get_as(cookie, "/end").await.status(), 200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_nor_one_that_tower_sessions_flushed() {
    outlives("/slow-put", async |engine, cookie| assert_eq!(engine.get_as(cookie, "/flush").await.status(), 200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_nor_one_that_expired_meanwhile() {
    for slow in ["/slow-put", "/slow-update"] {
        outlives(slow, async |engine, _| engine.clock.advance(Duration::from_secs(30 * 60))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s25_nor_one_that_was_revoked_in_the_store() {
    for slow in ["/slow-put", "/slow-tower-put", "/slow-update"] {
        outlives(slow, async |engine, cookie| assert!(engine.store.end(&id_of(cookie)).await.expect("ended"))).await;
    }
}
