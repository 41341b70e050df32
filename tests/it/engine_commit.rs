//! Commit before the response (G10), and rotation in one step within one request (G4).

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::watched::Watched;
use crate::support::{STORES, count, open};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use hardtack_session::{Key, Session};
use tokio::sync::mpsc;

const NOTE: Key<String> = Key::new("note");

async fn note(session: &Session, text: &str) {
    session.put(NOTE, &text.to_owned()).await.expect("put");
}

fn routes() -> Router {
    Router::new()
        .route("/count", get(async |session: Session| count(&session).await.to_string()))
        .route("/read", get(async |session: Session| session.read(NOTE).await.expect("read").unwrap_or_default()))
        .route("/note", get(async |session: Session| note(&session, "noted").await))
        .route(
            "/fail",
            get(async |session: Session| {
                note(&session, "dropped").await;
                StatusCode::BAD_GATEWAY
            }),
        )
        .route(
            "/refuse",
            get(async |session: Session| {
                note(&session, "kept").await;
                StatusCode::IM_A_TEAPOT
            }),
        )
        .route(
            "/panic",
            get(async |session: Session| {
                note(&session, "dropped").await;
                assert!(session.id().is_none(), "panics as the test asked");
            }),
        )
        .route(
            "/count-then-fail",
            get(async |session: Session| {
                count(&session).await;
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/end-then-fail",
            get(async |session: Session| {
                session.end().await.expect("ended");
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/flush-then-fail",
            get(async |session: tower_sessions::Session| {
                session.flush().await.expect("flushed");
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/cycle-then-fail",
            get(async |session: tower_sessions::Session| {
                session.cycle_id().await.expect("cycled");
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/rotate-then-fail",
            get(async |session: Session| {
                session.rotate().await.expect("rotated");
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route("/cycle", get(async |session: tower_sessions::Session| session.cycle_id().await.expect("cycled")))
        .route(
            "/flush-then-begin",
            get(async |session: tower_sessions::Session| {
                session.flush().await.expect("flushed");
                session.insert("note", "anew").await.expect("put");
            }),
        )
        .route("/late", get(late))
        .route("/clear", get(async |session: tower_sessions::Session| session.clear().await))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
}

/// Returns a streamed body that changes the session after its head was sent.
async fn late(session: Session) -> Response {
    session.read(NOTE).await.expect("loaded");
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        sender.send(Bytes::from_static(b"head ")).await.expect("read");
        note(&session, "written late").await;
        sender.send(Bytes::from_static(b"tail")).await.expect("read");
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (Ok::<_, std::convert::Infallible>(bytes), receiver))
    });
    Response::new(Body::from_stream(stream))
}

async fn text(engine: &Engine, cookie: &str, path: &str) -> String {
    engine.get_as(cookie, path).await.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_changes_of_a_handler_that_fails_or_panics_are_dropped_whole() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note").await;
        assert_eq!(engine.get_as(&cookie, "/fail").await.status(), 502);
        assert_eq!(text(&engine, &cookie, "/read").await, "noted", "after a 5xx, on {kind:?}");
        assert_eq!(engine.get_as(&cookie, "/panic").await.status(), 500);
        assert_eq!(text(&engine, &cookie, "/read").await, "noted", "after a panic, on {kind:?}");
        assert_eq!(engine.get_as(&cookie, "/refuse").await.status(), 418);
        assert_eq!(text(&engine, &cookie, "/read").await, "kept", "a 4xx is no failure, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_a_failed_first_request_begins_no_session() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let answer = engine.get("/fail").await;
        assert_eq!(cookies_set(&answer), [] as [String; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_update_and_sign_out_commit_at_once_and_stand_whatever_follows() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/count").await;
        assert_eq!(engine.get_as(&cookie, "/count-then-fail").await.status(), 500);
        assert_eq!(text(&engine, &cookie, "/count").await, "3", "the count was committed, on {kind:?}");
        for end in ["/end-then-fail", "/flush-then-fail"] {
            let cookie = engine.cookie_from("/note").await;
            let answer = engine.get_as(&cookie, end).await;
            assert_eq!(answer.status(), 500);
            assert!(cookies_set(&answer)[0].contains("Max-Age=0"), "{end} removes the cookie, on {kind:?}");
            assert_eq!(text(&engine, &cookie, "/read").await, "", "{end} stands, on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_a_success_answer_is_sent_after_the_commit_and_never_without_it() {
    let own = open(crate::support::Kind::Memory).await;
    let store = Watched::new(own.store);
    let engine = Engine::start_on(store.clone(), routes()).await;
    store.break_down(true);
    let answer = engine.get("/note").await;
    assert_eq!(answer.status(), 503, "a failed commit is no success");
    assert_eq!(cookies_set(&answer), [] as [String; 0]);
    store.break_down(false);
    assert_eq!(engine.get("/note").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_what_an_abandoned_request_changed_is_dropped() {
    for kind in STORES {
        let (begun, mut begins) = mpsc::channel::<()>(1);
        let hang = get(async move |session: Session| {
            note(&session, "dropped").await;
            begun.send(()).await.expect("a test");
            std::future::pending::<()>().await;
        });
        let engine = Engine::start(kind, routes().route("/hang", hang)).await;
        let cookie = engine.cookie_from("/note").await;
        let request = browser().get(engine.url("/hang")).header("cookie", &cookie);
        let hanging = tokio::spawn(request.send());
        begins.recv().await.expect("the handler runs");
        hanging.abort();
        assert_eq!(text(&engine, &cookie, "/read").await, "noted", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_s116_a_change_behind_the_head_is_still_committed() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note").await;
        assert_eq!(text(&engine, &cookie, "/late").await, "head tail");
        // The end of the body starts the commit, which may take any time.
        let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
        while text(&engine, &cookie, "/read").await != "written late" {
            assert!(tokio::time::Instant::now() < deadline, "never committed, on {kind:?}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s15_a_rotated_id_is_dead_at_once_and_its_late_request_is_told_to_come_again() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let old = engine.cookie_from("/note").await;
        let answer = engine.get_as(&old, "/cycle").await;
        let new = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        assert_ne!(new, old);
        assert_eq!(text(&engine, &new, "/read").await, "noted", "the new id has the data, on {kind:?}");
        let late = engine.get_as(&old, "/read").await;
        assert_eq!(late.status(), 503, "on {kind:?}");
        assert_eq!(late.headers()["retry-after"], "1");
        assert_eq!(cookies_set(&late), [] as [String; 0], "its response does not overwrite the new cookie");
        engine.clock.advance(std::time::Duration::from_secs(70));
        assert_eq!(
            text(&engine, &old, "/read").await,
            "",
            "after the grace and a minute for other clocks the old id is unknown"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s16_a_rotation_that_fails_leaves_one_live_session() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note").await;
        let answer = engine.get_as(&cookie, "/cycle-then-fail").await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer).len()), (500, 0));
        assert_eq!(text(&engine, &cookie, "/read").await, "noted", "the old id is live, on {kind:?}");
        let answer = engine.get_as(&cookie, "/rotate-then-fail").await;
        let new = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        assert_eq!(text(&engine, &new, "/read").await, "noted", "the new id is live, and even a 500 sets its cookie");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_what_begins_after_a_flush_is_another_session() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let old = engine.cookie_from("/count").await;
        let answer = engine.get_as(&old, "/flush-then-begin").await;
        let new = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        assert_eq!(text(&engine, &new, "/read").await, "anew");
        assert_eq!(text(&engine, &new, "/count").await, "1", "the new session has no data of the old one, on {kind:?}");
        assert_eq!(text(&engine, &old, "/read").await, "", "the old session has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_session_ends() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note").await;
        let answer = engine.get_as(&cookie, "/clear").await;
        assert!(cookies_set(&answer)[0].contains("Max-Age=0"), "on {kind:?}");
        assert_eq!(text(&engine, &cookie, "/read").await, "");
    }
}
