//! Nodes whose clocks differ by up to a minute: only the moment at which a session ends may change.

use crate::support::app::cookies_set;
use crate::support::engine::Engine;
use crate::support::{Kind, STORES, open};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hardtack_session::clock::{Clock, SKEW};
use hardtack_session::{Clocks, Key, Keys, Owner, Session};
use std::time::Duration;

const NOTE: Key<String> = Key::new("note");

fn routes() -> Router {
    Router::new()
        .route("/put/{note}", get(async |session: Session, Path(note): Path<String>| session.put(NOTE, &note).await))
        .route("/note", get(async |session: Session| session.read(NOTE).await.map(Option::unwrap_or_default)))
        .route(
            "/update",
            get(async |session: Session| session.update(NOTE, |note| note.unwrap_or_default() + "!").await.map(drop)),
        )
        .route(
            "/sign-in",
            get(async |session: Session| {
                let owner = Owner { account: Some("ada".to_owned()), device: None };
                session.sign_in(owner, None).await
            }),
        )
}

fn given(answer: &reqwest::Response) -> Option<String> {
    cookies_set(answer).first().map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s22_a_retired_id_is_recognised_by_a_node_whose_clock_is_a_minute_off() {
    for kind in STORES {
        let (own, keys) = (open(kind).await, Keys::generate().expect("a key"));
        for ahead in [false, true] {
            let here = Engine::start_as(own.store.clone(), routes(), |s| s.keys(keys.clone())).await;
            let there = Engine::start_as(own.store.clone(), routes(), |s| s.keys(keys.clone())).await;
            let off = if ahead { &there } else { &here };
            off.clock.advance(SKEW);
            let old = here.cookie_from("/put/x").await;
            given(&here.get_as(&old, "/sign-in").await).expect("a new cookie");
            let late = there.get_as(&old, "/put/y").await;
            assert_eq!((late.status().as_u16(), given(&late)), (503, None), "on {kind:?}, ahead: {ahead}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s22_a_renewed_id_reaches_on_a_node_whose_clock_is_off_where_the_store_has_one() {
    // Long enough that the speed of the machine does not matter.
    let (every, grace) = (Duration::from_secs(20 * 60), Duration::from_secs(10 * 60));
    let clocks = Clocks { renew_every: Some(every), rotation_grace: grace, ..Clocks::default() };
    for kind in STORES.into_iter().filter(|kind| !matches!(kind, Kind::Memory | Kind::Sqlite)) {
        let (own, keys) = (open(kind).await, Keys::generate().expect("a key"));
        let start = async |store| {
            let set = |s: hardtack_session::Sessions| s.keys(keys.clone()).clocks(clocks).expect("valid timeouts");
            Engine::start_as(store, routes(), set).await
        };
        let (here, there) = (start(own.store.clone()).await, start(own.again().await).await);
        // More than the grace period, which would be over without the store's clock.
        there.clock.advance(grace + Duration::from_secs(60));
        for engine in [&here, &there] {
            let skew = engine.store.compare(&Clock::Manual(engine.clock.clone())).await.expect("an answer");
            assert!(skew.is_some(), "{kind:?} has a clock");
        }
        let old = here.cookie_from("/put/kept").await;
        here.clock.advance(every);
        there.clock.advance(every);
        let new = given(&here.get_as(&old, "/note").await).expect("a new cookie");
        let reached = there.get_as(&old, "/note").await;
        assert_eq!((given(&reached), reached.text().await.expect("text")), (None, "kept".to_owned()), "on {kind:?}");
        assert_eq!(there.get_as(&old, "/update").await.status(), 200, "on {kind:?}");
        let told = there.get_as(&new, "/note").await.text().await.expect("text");
        assert_eq!(told, "kept!", "both ids lead to one session, on {kind:?}");
    }
}
