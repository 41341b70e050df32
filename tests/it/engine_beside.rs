//! Persistent cookies of single sessions, and signed cookies, on every store.

use crate::support::STORES;
use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::routing::get;
use hardtack_session::{Error, Lifetime, Owner, Session};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn routes() -> Router {
    Router::new()
        .route(
            "/in/{days}",
            get(async |session: Session, Path(days): Path<u32>| {
                let lifetime = match days {
                    0 => Lifetime::default(),
                    days => Lifetime { idle: DAY * days, absolute: DAY * days },
                };
                session.sign_in(Owner { account: Some("ada".to_owned()), device: None }, Some(lifetime)).await
            }),
        )
        .route("/who", get(async |session: Session| Ok::<_, Error>(format!("{}", session.facts().await?.is_some()))))
        .route("/end-others", get(async |session: Session| Ok::<_, Error>(session.end_others().await?.to_string())))
        .route(
            "/give/{text}",
            get(async |session: Session, Path(text): Path<String>| {
                Ok::<_, Error>([(SET_COOKIE, session.give_beside("known", &text, DAY)?)])
            }),
        )
        .route(
            "/shown",
            get(async |session: Session, headers: HeaderMap| format!("{:?}", session.beside("known", &headers))),
        )
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_g9_the_browser_keeps_the_cookie_of_a_session_that_outlives_the_others_and_no_other() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        engine.get("/in/30").await;
        let rotated = engine.get("/in/0").await;
        assert!(!cookies_set(&rotated)[0].contains("Max-Age"), "a session cookie like any other; {kind:?}");
        let kept = engine.get("/in/30").await;
        assert!(cookies_set(&kept)[0].contains("; Max-Age=2592000; Expires="), "{kind:?} {:?}", cookies_set(&kept));
        assert!(cookies_set(&engine.get("/who").await).is_empty(), "only when something changed");
        engine.clock.advance(DAY);
        let moved = engine.get("/who").await;
        assert!(cookies_set(&moved)[0].contains("; Max-Age=2505600; Expires="), "as the session; {kind:?}");
        let other = browser().get(engine.url("/in/0")).send().await.expect("an answer");
        assert!(!cookies_set(&other)[0].contains("Max-Age"), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_one_of_an_accounts_sessions_ends_all_others() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let others = [engine.cookie_from("/in/0").await, engine.cookie_from("/in/0").await];
        assert_eq!(engine.get("/end-others").await.text().await.expect("text"), "0", "without an account");
        engine.get("/in/0").await;
        assert_eq!(engine.get("/end-others").await.text().await.expect("text"), "2", "{kind:?}");
        for cookie in &others {
            assert_eq!(engine.get_as(cookie, "/who").await.text().await.expect("text"), "false", "{kind:?}");
        }
        assert_eq!(engine.get("/who").await.text().await.expect("text"), "true", "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_g12_a_cookie_beside_the_sessions_is_signed_for_its_own_name() {
    let engine = Engine::start(crate::support::Kind::Memory, routes()).await;
    let given = cookies_set(&engine.get("/give/a-b_9").await);
    let [cookie] = &given[..] else { panic!("{given:?}") };
    assert!(cookie.starts_with("hardtack_sess_known=a-b_9.") && cookie.contains("; HttpOnly"), "{cookie}");
    assert!(cookie.contains("; Max-Age=86400; Expires="), "{cookie}");
    let pair = cookie.split(';').next().expect("a pair");
    let shown = async |cookie: &str| engine.get_as(cookie, "/shown").await.text().await.expect("text");
    assert_eq!(shown(pair).await, "Some(\"a-b_9\")");
    assert_eq!(shown(&format!("{pair}; {pair}")).await, "Some(\"a-b_9\")", "two equal cookies count as one");
    let session = engine.cookie_from("/in/0").await.replace("hardtack_sess=", "hardtack_sess_known=");
    for other in [
        pair.replace("a-b_9", "a-b_8"),
        pair.replace("known", "unknown"),
        format!("{pair}; hardtack_sess_known=x"),
        "hardtack_sess_known=a-b_9".to_owned(),
        session,
    ] {
        assert_eq!(shown(&other).await, "None", "{other}");
    }
    let moved = pair.replace("hardtack_sess_known", "hardtack_sess");
    assert_eq!(engine.get_as(&moved, "/who").await.text().await.expect("text"), "false");
    assert_eq!(engine.get("/give/a.b").await.status(), 500, "a dot would end the text");
}
