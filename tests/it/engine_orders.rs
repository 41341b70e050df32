//! Handlers that use their session in unusual orders, through our methods and those of tower-sessions.

use crate::support::app::cookies_set;
use crate::support::engine::Engine;
use crate::support::{STORES, id_of, open};
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hardtack_session::record::{Changes, Rotation};
use hardtack_session::{Error, Key, Session};
use std::sync::Arc;

const A: Key<u32> = Key::new("a");
const B: Key<u32> = Key::new("b");
const USER: Key<String> = Key::new("user");

type Handler = fn(Session) -> BoxFuture<'static, Result<(), Error>>;

async fn bump(session: &Session, key: Key<u32>) -> Result<u32, Error> {
    session.update(key, |n| n.unwrap_or(0) + 1).await
}

async fn user(session: Session) -> Result<String, Error> {
    Ok(session.read(USER).await?.unwrap_or_default())
}

fn routes(handler: Handler) -> Router {
    Router::new()
        .route(
            "/begin",
            get(async |session: Session| {
                session.put(USER, &"ada".to_owned()).await?;
                bump(&session, A).await?;
                bump(&session, B).await.map(|_| ())
            }),
        )
        .route("/odd", get(move |session: Session| handler(session)))
        .route("/user", get(user))
        .route("/a", get(async |session: Session| session.read(A).await.map(|n| n.unwrap_or(0).to_string())))
        .route("/b", get(async |session: Session| session.read(B).await.map(|n| n.unwrap_or(0).to_string())))
        .route("/bump-a", get(async |session: Session| bump(&session, A).await.map(|n| n.to_string())))
        .route("/bump-b", get(async |session: Session| bump(&session, B).await.map(|n| n.to_string())))
}

async fn text(engine: &Engine, cookie: &str, path: &str) -> String {
    engine.get_as(cookie, path).await.text().await.expect("text")
}

fn given(answer: &reqwest::Response) -> Option<String> {
    let set = cookies_set(answer).into_iter().find(|cookie| !cookie.contains("Max-Age=0"))?;
    set.split(';').next().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_whichever_way_a_session_is_ended_its_data_is_gone() {
    let ends: [(&str, Handler); 9] = [
        ("delete, insert", |s| {
            async move {
                s.delete().await.ok();
                s.insert("flash", "bye").await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("load, delete, insert", |s| {
            async move {
                s.read(USER).await?;
                s.delete().await.ok();
                s.insert("flash", "bye").await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("clear, cycle_id, insert", |s| {
            async move {
                s.clear().await;
                s.cycle_id().await.ok();
                s.insert("flash", "bye").await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("delete, delete", |s| {
            async move {
                s.delete().await.ok();
                s.delete().await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("delete, flush", |s| {
            async move {
                s.delete().await.ok();
                s.flush().await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("flush, cycle_id", |s| {
            async move {
                s.read(USER).await?;
                s.flush().await.ok();
                s.cycle_id().await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("flush, cycle_id, insert", |s| {
            async move {
                s.read(USER).await?;
                s.flush().await.ok();
                s.cycle_id().await.ok();
                s.insert("flash", "bye").await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("load, delete, cycle_id", |s| {
            async move {
                s.read(USER).await?;
                s.delete().await.ok();
                s.cycle_id().await.ok();
                Ok(())
            }
            .boxed()
        }),
        ("cycle_id, flush", |s| {
            async move {
                s.cycle_id().await.ok();
                s.flush().await.ok();
                Ok(())
            }
            .boxed()
        }),
    ];
    for kind in STORES {
        for (name, end) in ends {
            let engine = Engine::start(kind, routes(end)).await;
            let cookie = engine.cookie_from("/begin").await;
            let answer = engine.get_as(&cookie, "/odd").await;
            assert_eq!(answer.status(), 200, "{name} on {kind:?}");
            assert_eq!(cookies_set(&answer).len(), 1, "{name} on {kind:?}: the browser is told");
            assert_eq!(text(&engine, &cookie, "/user").await, "", "{name} on {kind:?}: the old id leads to no data");
            if let Some(new) = given(&answer) {
                assert_eq!(text(&engine, &new, "/user").await, "", "{name} on {kind:?}: no old data");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_two_rotations_in_one_request_leave_one_session() {
    for kind in STORES {
        let engine = Engine::start(
            kind,
            routes(|s| {
                async move {
                    s.cycle_id().await.ok();
                    s.cycle_id().await.ok();
                    Ok(())
                }
                .boxed()
            }),
        )
        .await;
        let old = engine.cookie_from("/begin").await;
        let new = given(&engine.get_as(&old, "/odd").await).expect("a new cookie");
        assert_eq!(text(&engine, &new, "/user").await, "ada", "on {kind:?}");
        assert_eq!(engine.get_as(&old, "/user").await.status(), 503, "the old id is dead, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_sign_out_with_a_rotated_id_does_not_claim_success() {
    for kind in STORES {
        let engine = Engine::start(kind, routes(|s| async move { s.end().await }.boxed())).await;
        let old = engine.cookie_from("/begin").await;
        let store = Arc::clone(&engine.store);
        let new = hardtack_session::id::Secret::generate().expect("random numbers").hash();
        let old_id = id_of(&old);
        let grace = hardtack_session::record::Grace::Recognised(hardtack_session::clock::Timestamp(4_100_000_000_000));
        let changes = Changes { max_data: 1024, ..Changes::default() };
        let rotation = Rotation { to: new, changes, owner: None, signed_in: None, grace };
        let now = hardtack_session::clock::Timestamp(4_000_000_000_000);
        store.rotate(&old_id, &rotation, now).await.expect("rotated");
        let answer = engine.get_as(&old, "/odd").await;
        assert_eq!(answer.status(), 503, "on {kind:?}");
        assert_eq!(cookies_set(&answer), [] as [String; 0], "the new cookie is not removed");
        assert!(matches!(store.load(&new, now).await, Ok(hardtack_session::store::Loaded::Live(..))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_updates_of_one_request_side_by_side_all_count() {
    for kind in STORES {
        let engine = Engine::start(
            kind,
            routes(|s| {
                async move {
                    let all = (0..20).map(|_| bump(&s, A));
                    futures::future::try_join_all(all).await.map(drop)
                }
                .boxed()
            }),
        )
        .await;
        let cookie = engine.cookie_from("/odd").await;
        assert_eq!(text(&engine, &cookie, "/a").await, "20", "in a new session, on {kind:?}");
        assert_eq!(engine.get_as(&cookie, "/odd").await.status(), 200);
        assert_eq!(text(&engine, &cookie, "/a").await, "40", "also in an existing session, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_requests_that_update_several_values_lose_none() {
    for kind in STORES {
        let engine = Engine::start(
            kind,
            routes(|s| {
                async move {
                    bump(&s, A).await?;
                    s.put(USER, &"grace".to_owned()).await?;
                    s.commit().await?;
                    bump(&s, B).await.map(|_| ())
                }
                .boxed()
            }),
        )
        .await;
        let cookie = engine.cookie_from("/begin").await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..120 {
            let path = ["/odd", "/bump-a", "/bump-b"][n % 3];
            tasks.spawn(crate::support::app::browser().get(engine.url(path)).header("cookie", &cookie).send());
        }
        for answer in tasks.join_all().await {
            assert_eq!(answer.expect("an answer").status(), 200);
        }
        let counts = (text(&engine, &cookie, "/a").await, text(&engine, &cookie, "/b").await);
        assert_eq!(counts, ("81".to_owned(), "81".to_owned()), "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_starts_from_what_its_own_request_has_put() {
    for kind in STORES {
        let engine = Engine::start(
            kind,
            routes(|s| {
                async move {
                    s.put(A, &100).await?;
                    // Another request writes meanwhile, so that this request's copy of the session is stale.
                    bump(&s, B).await?;
                    assert_eq!(bump(&s, A).await?, 101);
                    Ok(())
                }
                .boxed()
            }),
        )
        .await;
        let cookie = engine.cookie_from("/begin").await;
        engine.get_as(&cookie, "/odd").await;
        assert_eq!(text(&engine, &cookie, "/a").await, "101", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_a_streamed_failure_is_a_failure() {
    for kind in STORES {
        let failing = get(async |session: Session| {
            session.put(USER, &"dropped".to_owned()).await.expect("put");
            let body = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>("sorry")]));
            (StatusCode::BAD_GATEWAY, Response::new(body)).into_response()
        });
        let nothing: Handler = |_| async { Ok(()) }.boxed();
        let engine = Engine::start(kind, routes(nothing).route("/streamed", failing)).await;
        let cookie = engine.cookie_from("/begin").await;
        assert_eq!(text(&engine, &cookie, "/streamed").await, "sorry");
        for _ in 0..20 {
            assert_eq!(text(&engine, &cookie, "/user").await, "ada", "on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_value_spoils_nothing_else() {
    let deep: Handler = |s| {
        async move {
            let too_large = s.update(USER, |_| "x".repeat(20_000)).await;
            assert!(matches!(too_large, Err(Error::TooLarge { limit: 16_384 })), "{too_large:?}");
            let mut nested = serde_json::json!(1);
            for _ in 0..120 {
                nested = serde_json::json!([nested]);
            }
            let unfit = s.update(Key::<serde_json::Value>::new("deep"), |_| nested.clone()).await;
            assert!(matches!(unfit, Err(Error::Unfit)), "{unfit:?}");
            let unfit = s.update(Key::<u32>::new("a\0b"), |_| 1).await;
            assert!(matches!(unfit, Err(Error::Unfit)), "{unfit:?}");
            bump(&s, A).await.map(|_| ())
        }
        .boxed()
    };
    for kind in STORES {
        let engine = Engine::start(kind, routes(deep)).await;
        let first = engine.cookie_from("/odd").await;
        assert_eq!(text(&engine, &first, "/a").await, "1", "in a new session, on {kind:?}");
        let cookie = engine.cookie_from("/begin").await;
        assert_eq!(engine.get_as(&cookie, "/odd").await.status(), 200, "on {kind:?}");
        assert_eq!(
            (text(&engine, &cookie, "/user").await, text(&engine, &cookie, "/a").await),
            ("ada".into(), "2".into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_session_may_begin_again_in_the_same_request() {
    let again: Handler = |s| {
        async move {
            s.clear().await;
            s.commit().await?;
            s.put(USER, &"anew".to_owned()).await
        }
        .boxed()
    };
    for kind in STORES {
        let engine = Engine::start(kind, routes(again)).await;
        let cookie = engine.cookie_from("/begin").await;
        let new = given(&engine.get_as(&cookie, "/odd").await).expect("a new cookie");
        assert_eq!((text(&engine, &new, "/user").await, text(&engine, &new, "/a").await), ("anew".into(), "0".into()));
        assert_eq!(text(&engine, &cookie, "/user").await, "", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_committing_nothing_begins_nothing() {
    let own = open(crate::support::Kind::Memory).await;
    let nothing: Handler = |s| async move { s.commit().await }.boxed();
    let engine = Engine::start_on(own.store, routes(nothing)).await;
    assert_eq!(cookies_set(&engine.get("/odd").await), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_never_speculative() {
    let nothing: Handler = |_| async { Ok(()) }.boxed();
    let post = axum::routing::post(async |session: Session| bump(&session, A).await.map(|n| n.to_string()));
    let engine = Engine::start(crate::support::Kind::Memory, routes(nothing).route("/post", post)).await;
    for turn in 1..=2 {
        let request = engine.browser.post(engine.url("/post")).header("purpose", "prefetch");
        assert_eq!(request.send().await.expect("an answer").text().await.expect("text"), turn.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_cookie_that_is_withheld_is_not_replaced() {
    use hardtack_session::cookie::{CookieSettings, SameSite};
    let own = open(crate::support::Kind::Memory).await;
    let nothing: Handler = |_| async { Ok(()) }.boxed();
    let strict = CookieSettings { same_site: SameSite::Strict, ..CookieSettings::new(false) };
    let engine = Engine::start_as(own.store, routes(nothing), |s| s.cookie(strict.clone()).expect("legal")).await;
    let link = engine.browser.get(engine.url("/bump-a")).header("sec-fetch-site", "cross-site");
    assert_eq!(cookies_set(&link.send().await.expect("an answer")), [] as [String; 0]);
    assert_eq!(cookies_set(&engine.get("/bump-a").await).len(), 1);
}
