//! Requests with two session cookies, or with one that no key of the server has signed (G9 and G3): no session is lost,
//! the browser recovers, and no response claims an effect that did not happen.

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::watched::Watched;
use crate::support::{Kind, STORES, count, open, rows};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use hardtack_session::cookie::{CookieSettings, SameSite};
use hardtack_session::{Error, Key, Owner, Session};
use reqwest::Response;
use std::sync::Arc;
use std::time::Duration;

const NOTE: Key<String> = Key::new("note");

fn routes() -> Router {
    let counting = async |session: Session| Ok::<_, Error>(count(&session).await.to_string());
    Router::new()
        .route(
            "/count",
            get(counting).post(async |session: Session| {
                Ok::<_, Error>(session.update(Key::<u32>::new("count"), |n| n.unwrap_or(0) + 1).await?.to_string())
            }),
        )
        .route("/put", post(async |session: Session| session.put(NOTE, &"kept".to_owned()).await))
        .route("/read", get(async |session: Session| keys(&session).await))
        .route("/who", get(who))
        .route("/sign-in/{account}", get(sign_in).post(sign_in))
        .route(
            "/end",
            get(async |session: Session| session.end().await).post(async |session: Session| session.end().await),
        )
        .route("/end-whatever", post(async |session: Session| drop(session.end().await)))
        .route("/flush", post(async |session: Session| session.flush().await.map_err(|_| Error::Unavailable)))
        .route("/read-and-flush", post(read_and_flush))
        .route("/delete", post(async |session: Session| session.delete().await.map_err(|_| Error::Unavailable)))
        .route("/tower-sign-in", post(tower_sign_in))
}

async fn keys(session: &Session) -> String {
    session.facts().await.expect("facts").map_or(0, |facts| facts.keys.len()).to_string()
}

async fn who(session: Session) -> Result<String, Error> {
    Ok(session.facts().await?.and_then(|facts| facts.owner.account).unwrap_or_else(|| "nobody".to_owned()))
}

async fn sign_in(session: Session, Path(account): Path<String>) -> Result<(), Error> {
    session.sign_in(Owner { account: Some(account), device: None }, None).await
}

/// Signs in as an application does that only knows tower-sessions.
async fn tower_sign_in(session: tower_sessions::Session) -> Result<(), Error> {
    session.cycle_id().await.map_err(|_| Error::Unavailable)?;
    session.insert("user", "ada").await.map_err(|_| Error::Unavailable)
}

async fn read_and_flush(session: tower_sessions::Session) -> Result<(), Error> {
    session.get::<String>("note").await.map_err(|_| Error::Unavailable)?;
    session.flush().await.map_err(|_| Error::Unavailable)
}

async fn post_as(engine: &Engine, cookies: &str, path: &str) -> Response {
    browser().post(engine.url(path)).header("cookie", cookies).send().await.expect("an answer")
}

async fn text(engine: &Engine, cookie: &str, path: &str) -> String {
    engine.get_as(cookie, path).await.text().await.expect("text")
}

/// Returns the cookies that a response sets, without the removals.
fn given(answer: &Response) -> Vec<String> {
    let cookies = cookies_set(answer);
    let given = cookies.iter().filter(|cookie| !cookie.contains("Max-Age=0"));
    given.map(|cookie| cookie.split(';').next().expect("a pair").to_owned()).collect()
}

/// Returns a cookie in the server's format with an invalid signature.
fn forged() -> String {
    format!("hardtack_sess={}.{}", "A".repeat(43), "A".repeat(43))
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_s3_two_cookies_store_nothing_and_replace_none() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let (good, another) = (engine.cookie_from("/count").await, engine.cookie_from("/count").await);
        for other in ["hardtack_sess=x", "hardtack_sess=", another.as_str(), &forged()] {
            for both in [format!("{good}; {other}"), format!("{other}; {good}")] {
                let live = engine.store.stats(engine.now()).await.expect("stats").live;
                let read = engine.get_as(&both, "/count").await;
                assert_eq!((read.status().as_u16(), given(&read)), (200, vec![]), "{both} on {kind:?}");
                for path in ["/count", "/put"] {
                    let refused = post_as(&engine, &both, path).await;
                    let said = (refused.status().as_u16(), given(&refused), refused.headers()["retry-after"].clone());
                    assert_eq!(said, (503, vec![], "1".parse().expect("a header")), "{path} {both} on {kind:?}");
                }
                assert_eq!(engine.store.stats(engine.now()).await.expect("stats").live, live, "{both} on {kind:?}");
            }
        }
        assert_eq!(text(&engine, &good, "/read").await, "1", "the valid session is live, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_equal_cookies_are_one() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    let cookie = engine.cookie_from("/count").await;
    let quoted = cookie.replace('=', "=\"") + "\"";
    for both in
        [format!("{cookie}; {cookie}"), format!("{cookie}; {quoted}"), format!("$Version=\"1\"; {quoted};$Path=\"/\"")]
    {
        let answer = engine.get_as(&both, "/read").await;
        assert_eq!((cookies_set(&answer), answer.text().await.expect("text")), (vec![], "1".into()), "{both}");
    }
}

/// Tests every way to end a session, and whether its response is true.
#[tokio::test(flavor = "multi_thread")]
async fn g3_a_sign_out_with_two_cookies_ends_the_session_or_says_that_it_did_not() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        for path in ["/end", "/flush", "/read-and-flush", "/delete", "/end-whatever"] {
            let (one, two) = (engine.cookie_from("/sign-in/ada").await, engine.cookie_from("/count").await);
            for other in ["hardtack_sess=x", &forged(), two.as_str()] {
                let one = if other == two { one.clone() } else { engine.cookie_from("/sign-in/ada").await };
                let answer = post_as(&engine, &format!("{one}; {other}"), path).await;
                assert_eq!(answer.status(), 200, "{path} with {other} on {kind:?}");
                assert!(cookies_set(&answer).iter().any(|cookie| cookie.starts_with("hardtack_sess=; ")), "{path}");
                assert_eq!(given(&answer), Vec::<String>::new(), "{path}");
                assert_eq!(text(&engine, &one, "/who").await, "nobody", "{path} with {other} on {kind:?}");
            }
            assert_eq!(text(&engine, &two, "/read").await, "0", "both ended, {path} on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_g12_a_cookie_of_another_key_ends_no_session_and_nobody_is_told_that_it_did() {
    for kind in STORES {
        let own = open(kind).await;
        let [here, elsewhere] = [
            Engine::start_on(Arc::clone(&own.store), routes()).await,
            Engine::start_on(Arc::clone(&own.store), routes()).await,
        ];
        let ada = elsewhere.cookie_from("/sign-in/ada").await;
        let grace = here.cookie_from("/sign-in/grace").await;
        for path in ["/end", "/flush", "/read-and-flush", "/delete", "/end-whatever"] {
            for cookies in [ada.clone(), format!("{ada}; hardtack_sess=x")] {
                let answer = post_as(&here, &cookies, path).await;
                let said = (answer.status().as_u16(), cookies_set(&answer));
                assert_eq!(said, (503, vec![]), "{path} on {kind:?}");
            }
        }
        assert_eq!(text(&elsewhere, &ada, "/who").await, "ada", "the session is live, on {kind:?}");
        // The session under this server's key ends, and the response does not claim that the other one did.
        let answer = post_as(&here, &format!("{ada}; {grace}"), "/end").await;
        assert_eq!(answer.status(), 503, "on {kind:?}");
        assert_eq!(text(&here, &grace, "/who").await, "nobody", "on {kind:?}");
        elsewhere.get_as(&ada, "/end").await;
        let answer = post_as(&here, &ada, "/end").await;
        let removed = cookies_set(&answer).iter().any(|cookie| cookie.starts_with("hardtack_sess=; "));
        assert!(answer.status() == 200 && removed, "the cookie of an ended session is removed, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_g12_a_cookie_of_another_key_is_not_replaced_while_its_session_lives_unless_its_visitor_acts() {
    for kind in STORES {
        let own = open(kind).await;
        let [here, elsewhere] = [
            Engine::start_on(Arc::clone(&own.store), routes()).await,
            Engine::start_on(Arc::clone(&own.store), routes()).await,
        ];
        let cookie = elsewhere.cookie_from("/count").await;
        let answer = here.get_as(&cookie, "/count").await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (200, vec![]), "on {kind:?}");
        assert_eq!(text(&elsewhere, &cookie, "/read").await, "1", "on {kind:?}");
        assert_eq!(given(&post_as(&here, &cookie, "/put").await).len(), 1, "the key may be lost, on {kind:?}");
        assert_eq!(given(&post_as(&here, &cookie, "/sign-in/ada").await).len(), 1, "on {kind:?}");
        elsewhere.get_as(&cookie, "/end").await;
        assert_eq!(given(&here.get_as(&cookie, "/count").await).len(), 1, "no session is lost, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_a_value_that_is_not_made_as_ours_keeps_nobody_from_beginning() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    for value in ["", "x", "s%3Aold.express", "{\"json\":1}", "\"quoted\"", "a=b=c", "caf\u{e9}"] {
        let answer = engine.get_as(&format!("hardtack_sess={value}"), "/count").await;
        assert_eq!((answer.status().as_u16(), given(&answer).len()), (200, 1), "{value}");
        let answer = post_as(&engine, &format!("hardtack_sess={value}"), "/end").await;
        assert_eq!(answer.status(), 200, "the sign-out succeeds, {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_a_sign_in_with_two_cookies_works_and_ends_the_sessions_that_they_led_to() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        for other in ["hardtack_sess=x".to_owned(), forged(), engine.cookie_from("/count").await] {
            let before = engine.cookie_from("/sign-in/grace").await;
            let answer = post_as(&engine, &format!("{before}; {other}"), "/sign-in/ada").await;
            let [new] = &given(&answer)[..] else { panic!("one cookie on {kind:?}: {answer:?}") };
            assert_eq!(answer.status(), 200, "on {kind:?}");
            assert_eq!(text(&engine, new, "/who").await, "ada", "on {kind:?}");
            assert_eq!(text(&engine, &before, "/who").await, "nobody", "on {kind:?}");
            assert_eq!(text(&engine, &other, "/read").await, "0", "on {kind:?}");
        }
        let both = format!("{}; hardtack_sess=x", engine.cookie_from("/count").await);
        let [new] = &given(&post_as(&engine, &both, "/tower-sign-in").await)[..] else {
            panic!("one cookie, {kind:?}")
        };
        assert_eq!(text(&engine, new, "/read").await, "1", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_g8_an_end_that_an_outage_cuts_off_half_way_takes_no_cookie_away() {
    let store = Watched::new(open(Kind::Memory).await.store);
    let engine = Engine::start_as(store.clone(), routes(), |s| s.timeout(Duration::from_millis(200))).await;
    let (one, two) = (engine.cookie_from("/count").await, engine.cookie_from("/count").await);
    store.break_down(true);
    for path in ["/end", "/flush", "/delete", "/end-whatever"] {
        let answer = post_as(&engine, &format!("{one}; {two}"), path).await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (503, vec![]), "{path}");
    }
    store.break_down(false);
    assert_eq!(post_as(&engine, &format!("{one}; {two}"), "/end").await.status(), 200);
    for cookie in [one, two] {
        assert_eq!(text(&engine, &cookie, "/read").await, "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_g4_a_strict_cookie_that_is_withheld_is_neither_ended_nor_in_the_way_of_a_sign_in() {
    let strict = CookieSettings { same_site: SameSite::Strict, ..CookieSettings::new(false) };
    let own = open(Kind::Memory).await;
    let engine = Engine::start_as(own.store, routes(), |s| s.cookie(strict.clone()).expect("legal")).await;
    let link = async |path: &str| {
        let request = browser().get(engine.url(path)).header("sec-fetch-site", "cross-site");
        request.send().await.expect("an answer")
    };
    let count = link("/count").await;
    assert_eq!((count.status().as_u16(), cookies_set(&count)), (200, vec![]), "the browser may hold an unsent cookie");
    assert_eq!(link("/end").await.status(), 503, "a session whose cookie was not sent is not ended");
    let [new] = &given(&link("/sign-in/ada").await)[..] else { panic!("a sign-in by a link in an e-mail") };
    assert_eq!(text(&engine, new, "/who").await, "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_a_session_whose_record_cannot_be_read_is_ended_all_the_same() {
    let own = open(Kind::Sqlite).await;
    let engine = Engine::start_on(Arc::clone(&own.store), routes()).await;
    let path = own.folder.path().join("hardtack.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    for two in ["", "; hardtack_sess=x"] {
        let cookie = engine.cookie_from("/count").await;
        sqlx::query("UPDATE session SET data = '[]'").execute(&pool).await.expect("broken");
        assert_eq!(post_as(&engine, &format!("{cookie}{two}"), "/end").await.status(), 200);
        assert_eq!(rows(&path, "session").await, 0, "removed, because another version may read it");
    }
}
