//! G5 to G8 and G11: the calls to the store, its content, and its outages.

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::watched::Watched;
use crate::support::{Kind, PATIENCE, STORES, open, rows};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::{get, post};
use futures::future::join_all;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{CookieSettings, Error, Key, Keys, Lifetime, Owner, Session, Sessions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;

const NOTE: Key<String> = Key::new("note");

fn routes() -> Router {
    Router::new()
        .route("/nothing", get(async |_: Session| "no session was asked for"))
        .route("/plain", get(async || "no session was extracted"))
        .route("/read", get(async |session: Session| session.read(NOTE).await.ok().flatten().unwrap_or_default()))
        .route("/count", get(counted))
        .route("/same", get(async |session: Session| session.put(NOTE, &"same".to_owned()).await))
        .route("/for/{seconds}", get(lasting))
        .route("/end", post(async |session: Session| session.end().await.expect("ended")))
        .route("/flush", post(async |session: tower_sessions::Session| session.flush().await.expect("flushed")))
        .route("/remove", get(async |session: Session| drop(session.take(NOTE).await.expect("taken"))))
        .route("/debug", get(async |session: Session, tower: tower_sessions::Session| format!("{session:?} {tower:?}")))
        .route("/large", get(async |session: Session| session.put(NOTE, &"x".repeat(20_000)).await.expect("put")))
}

async fn counted(session: Session) -> Result<String, Error> {
    const COUNT: Key<u32> = Key::new("count");
    Ok(session.update(COUNT, |n| n.unwrap_or(0) + 1).await?.to_string())
}

/// Gives the session a lifetime of this many seconds and stores the number in it.
async fn lasting(session: Session, Path(seconds): Path<u64>) -> Result<(), Error> {
    let span = Duration::from_secs(seconds);
    session.put(NOTE, &seconds.to_string()).await?;
    session.set_lifetime(Lifetime { idle: span, absolute: span }).await
}

async fn watched() -> (Engine, Arc<Watched>) {
    let store = Watched::new(open(Kind::Memory).await.store);
    let engine = Engine::start_as(store.clone(), routes(), |s| s.timeout(Duration::from_millis(200))).await;
    (engine, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_who_stores_nothing_costs_nothing() {
    let (engine, store) = watched().await;
    for path in ["/nothing", "/plain", "/read", "/remove"] {
        let answer = engine.get(path).await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer).len()), (200, 0), "{path}");
    }
    for path in ["/end", "/flush"] {
        assert_eq!(browser().post(engine.url(path)).send().await.expect("an answer").status(), 200);
    }
    assert_eq!(store.asked(), (0, 0), "without a cookie the store is not called");
    let cookie = engine.cookie_from("/same").await;
    store.asked();
    engine.get_as(&cookie, "/nothing").await;
    engine.get_as(&cookie, "/plain").await;
    assert_eq!(store.asked(), (0, 0), "with a cookie it is not called until the session is used");
    engine.get_as(&cookie, "/read").await;
    assert_eq!(store.asked(), (1, 0), "a read is one call");
    engine.get_as(&cookie, "/same").await;
    assert_eq!(store.asked(), (1, 0), "an unchanged value is not written");
    engine.get_as(&cookie, "/count").await;
    assert_eq!(store.asked(), (2, 1), "an update is a read and a write");
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_g12_s18_forged_and_unknown_ids_create_nothing_and_forged_ones_never_reach_the_store() {
    let (engine, store) = watched().await;
    let cookie = engine.cookie_from("/same").await;
    store.asked();
    let mut forged = cookie.clone();
    let last = if forged.pop() == Some('A') { 'E' } else { 'A' };
    forged.push(last);
    for cookie in [forged.as_str(), "hardtack_sess=", "hardtack_sess=AAAA.BBBB", "hardtack_sess=é"] {
        let answer = engine.get_as(cookie, "/read").await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer).len()), (200, 0), "{cookie:?}");
    }
    assert_eq!(store.asked(), (0, 0));
    let other = Engine::start_on(store.clone(), routes()).await;
    let foreign = other.cookie_from("/same").await;
    store.asked();
    engine.get_as(&foreign, "/read").await;
    assert_eq!(store.asked(), (0, 0), "a cookie that another key signed counts as forged");
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s18_an_unknown_id_is_never_adopted() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/count").await;
        let ended = browser().post(engine.url("/end")).header("cookie", &cookie).send().await.expect("an answer");
        assert!(cookies_set(&ended)[0].contains("Max-Age=0"));
        let answer = engine.get_as(&cookie, "/count").await;
        let new = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        assert_ne!(new, cookie, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_s96_a_stolen_database_holds_no_id() {
    let engine = Engine::start(Kind::Sqlite, routes()).await;
    let mut cookies = Vec::new();
    for _ in 0..20 {
        cookies.push(engine.cookie_from("/count").await);
    }
    let folder = engine.own.as_ref().expect("a folder").folder.path();
    let files = std::fs::read_dir(folder).expect("files").map(|file| file.expect("a file").path());
    let dump: Vec<u8> = files.flat_map(|file| std::fs::read(file).expect("bytes")).collect();
    assert!(dump.windows(5).any(|part| part == b"count"), "the dump is of these sessions");
    for cookie in &cookies {
        let value = cookie.split_once('=').expect("a pair").1;
        let (secret, signature) = value.split_once('.').expect("two parts");
        let raw = base64(secret);
        for needle in [secret.as_bytes(), signature.as_bytes(), &raw] {
            assert!(!dump.windows(needle.len()).any(|part| part == needle), "an id is in the database");
        }
    }
    assert_eq!(rows(&folder.join("hardtack.db"), "session").await, 20);
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64")
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_s20_reads_keep_a_session_alive_and_are_written_down_once_a_minute() {
    let (engine, store) = watched().await;
    let cookie = engine.cookie_from("/same").await;
    store.asked();
    for _ in 0..6 {
        engine.clock.advance(Duration::from_secs(10));
        engine.get_as(&cookie, "/read").await;
    }
    assert_eq!(store.asked(), (7, 1), "six reads in a minute, one touch");
    for _ in 0..4 {
        engine.clock.advance(Duration::from_secs(29 * 60));
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "same");
    }
    engine.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "", "the idle timeout ends it");
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_s21_the_absolute_lifetime_ends_a_busy_session() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/same").await;
        for _ in 0..(12 * 60 / 29) {
            engine.clock.advance(Duration::from_secs(29 * 60));
            assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "same");
        }
        engine.clock.advance(Duration::from_secs(25 * 60));
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s115_an_outage_signs_nobody_out() {
    let (engine, store) = watched().await;
    let cookie = engine.cookie_from("/same").await;
    for (name, out) in [("broken", Watched::break_down as fn(&Watched, bool)), ("frozen", Watched::freeze)] {
        out(&store, true);
        for path in ["/nothing", "/plain", "/read"] {
            assert_eq!(engine.get(path).await.status(), 200, "{path} needs no session, store {name}");
        }
        assert_eq!(engine.get_as(&cookie, "/nothing").await.status(), 200);
        for path in ["/read", "/same"] {
            let answer = engine.get_as(&cookie, path).await;
            assert_eq!(answer.status(), 503, "{path}, store {name}");
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(cookies_set(&answer), [] as [String; 0], "the cookie is unchanged");
        }
        out(&store, false);
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "same", "it recovers by itself");
    }
}

/// Tests an end whose session is found, while the store acknowledges no write.
#[tokio::test(flavor = "multi_thread")]
async fn g3_g8_s99_an_end_that_the_store_does_not_acknowledge_is_no_success() {
    let store = Watched::new(open(Kind::Memory).await.store);
    let routes = routes()
        .route("/sign-out", post(async |session: Session| session.end().await))
        .route("/flush-it", post(async |session: tower_sessions::Session| drop(session.flush().await)));
    let engine = Engine::start_as(store.clone(), routes, |s| s.timeout(Duration::from_millis(200))).await;
    let cookie = engine.cookie_from("/same").await;
    store.freeze_writes(true);
    for path in ["/sign-out", "/flush-it"] {
        let answer = browser().post(engine.url(path)).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(cookies_set(&answer), [] as [String; 0], "{path}: the cookie stays, so that it can be tried again");
    }
    store.freeze_writes(false);
    assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "same");
}

#[tokio::test(start_paused = true)]
async fn g8_with_a_cookie_the_answer_comes_in_under_a_second() {
    // The paused clock advances only while all tasks wait, so that the result is exact on a slow machine too.
    let store = Watched::new(Arc::new(MemoryStore::default()));
    let sessions = Sessions::shared(store.clone(), Keys::generate().expect("a key"));
    let app = routes().layer(sessions.cookie(CookieSettings::new(false)).expect("a cookie for plain http"));
    let ask = async |path: &str, cookie: &str| {
        let request = Request::get(path).header("cookie", cookie).body(Body::empty()).expect("a request");
        app.clone().oneshot(request).await.expect("an answer")
    };
    let begun = ask("/count", "").await;
    let cookie = begun.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    for freeze in [Watched::freeze as fn(&Watched, bool), Watched::freeze_writes] {
        freeze(&store, true);
        let asked = tokio::time::Instant::now();
        let answers = join_all((0..20).map(|_| ask("/count", &cookie))).await;
        assert!(answers.iter().all(|answer| answer.status() == 503 && answer.headers().contains_key("retry-after")));
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        freeze(&store, false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_one_request_waits_for_one_timeout_however_often_it_asks() {
    let store = Watched::new(open(Kind::Memory).await.store);
    let often = get(async |session: Session| {
        for _ in 0..50 {
            session.read(NOTE).await.expect_err("frozen");
        }
    });
    let routes = routes().route("/often", often);
    let engine = Engine::start_as(store.clone(), routes, |s| s.timeout(Duration::from_millis(100))).await;
    let cookie = engine.cookie_from("/same").await;
    store.asked();
    store.freeze(true);
    assert_eq!(engine.get_as(&cookie, "/often").await.status(), 503);
    assert_eq!(store.asked(), (1, 0), "after the first timeout the store is not called again");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_queue_of_updates_waits_for_one_timeout_all_together() {
    let store = Watched::new(open(Kind::Memory).await.store);
    let engine = Engine::start_as(store.clone(), routes(), |s| s.timeout(Duration::from_millis(500))).await;
    let cookie = engine.cookie_from("/count").await;
    store.asked();
    // All requests have read when the store freezes. The first in the queue then meets the outage for all of them.
    store.freeze_writes(true);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        tasks.spawn(browser().get(engine.url("/count")).header("cookie", &cookie).send());
    }
    for answer in tasks.join_all().await {
        assert_eq!(answer.expect("an answer").status(), 503);
    }
    let (_, writes) = store.asked();
    assert!(writes < 20, "each request has waited for the store: {writes}");
    store.freeze_writes(false);
    assert_eq!(engine.get_as(&cookie, "/count").await.status(), 200, "the server recovers by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_the_failure_of_one_session_is_no_other_sessions() {
    let store = Watched::new(open(Kind::Memory).await.store);
    let owner = || Owner { account: Some("ada".to_owned()), device: None };
    let routes = routes()
        .route("/sign-in", get(async move |session: Session| session.sign_in(owner(), None).await))
        .route("/list", get(async |session: Session| session.of_account(None, 10).await.map(drop)));
    let engine = Engine::start_as(store.clone(), routes, |s| s).await;
    let (cookie, ada) = (engine.cookie_from("/count").await, engine.cookie_from("/sign-in").await);
    store.asked();
    // One update is in progress in the store, and another one of the same session waits for the lock.
    store.hold_writes(true);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..2 {
        tasks.spawn(browser().get(engine.url("/count")).header("cookie", &cookie).send());
    }
    let mut asked = 0;
    while asked < 3 {
        asked += store.asked().0;
        tokio::task::yield_now().await;
    }
    store.break_lists(true);
    assert_eq!(engine.get_as(&ada, "/list").await.status(), 503, "a list of another account fails");
    store.hold_writes(false);
    for answer in tasks.join_all().await {
        assert_eq!(answer.expect("an answer").status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_locked_sqlite_file_is_an_outage_like_any_other() {
    let own = open(Kind::Sqlite).await;
    let engine = Engine::start_on(own.store.clone(), routes()).await;
    let cookie = engine.cookie_from("/same").await;
    let path = own.folder.path().join("hardtack.db");
    let other = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(path)).await;
    let other = other.expect("the database");
    let lock = other.begin_with("BEGIN IMMEDIATE").await.expect("the lock");
    let begun = Instant::now();
    assert_eq!(engine.get_as(&cookie, "/same").await.status(), 200, "a request that writes nothing is served");
    let answer = engine.browser.get(engine.url("/count")).header("cookie", &cookie).send().await.expect("an answer");
    assert_eq!(answer.status(), 503, "after {:?}", begun.elapsed());
    lock.rollback().await.expect("unlocked");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while engine.get_as(&cookie, "/count").await.status() != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the server does not recover");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g11_s120_debug_output_holds_no_secret() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    let cookie = engine.cookie_from("/count").await;
    let value = cookie.split_once('=').expect("a pair").1;
    let secret = value.split_once('.').expect("two parts").0;
    let shown = engine.get_as(&cookie, "/debug").await.text().await.expect("text");
    assert!(shown.contains("Session") && !shown.contains(secret), "{shown}");
    let raw = base64(secret);
    let as_bytes = raw[..4].iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let as_number = i128::from_le_bytes(raw[..16].try_into().expect("16 bytes")).to_string();
    assert!(!shown.contains(&as_bytes) && !shown.contains(&as_number), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s101_a_corrupt_record_is_an_anonymous_visit_and_no_panic() {
    let own = open(Kind::Sqlite).await;
    let engine = Engine::start_on(own.store.clone(), routes()).await;
    let cookie = engine.cookie_from("/count").await;
    let path = own.folder.path().join("hardtack.db");
    let pool = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(path)).await;
    let pool = pool.expect("the database");
    for broken in ["{\"count\":17}", "{\"count\":\"{\"}", "[]", "", "\u{0}"] {
        sqlx::query("UPDATE session SET data = ?1").bind(broken).execute(&pool).await.expect("broken");
        let answer = engine.get_as(&cookie, "/count").await;
        assert_eq!(answer.status(), 200, "{broken:?}");
        assert_eq!(cookies_set(&answer).len(), 1, "{broken:?}: the visitor gets a new session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s102_more_data_than_allowed_is_refused_and_nothing_is_saved() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/same").await;
        assert_eq!(engine.get_as(&cookie, "/large").await.status(), 500);
        assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "same", "on {kind:?}");
        let first = engine.get("/large").await;
        assert_eq!((first.status().as_u16(), cookies_set(&first).len()), (500, 0), "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s105_a_full_memory_store_makes_room_by_what_ends_first() {
    let engine = Engine::start_on(Arc::new(MemoryStore::new(3)), routes()).await;
    // Sessions with their lifetimes in seconds. They end in another order than the one in which they begin.
    let mut living = Vec::new();
    for seconds in [600, 1200, 300, 900, 2000, 1000, 30] {
        if living.len() == 3 {
            living.sort_unstable();
            let (_, ended) = living.remove(0);
            living.push((seconds, engine.cookie_from(&format!("/for/{seconds}")).await));
            assert_eq!(engine.get_as(&ended, "/read").await.text().await.expect("text"), "", "for {seconds}");
        } else {
            living.push((seconds, engine.cookie_from(&format!("/for/{seconds}")).await));
        }
        for (other, cookie) in &living {
            let note = engine.get_as(cookie, "/read").await.text().await.expect("text");
            assert_eq!(note, other.to_string(), "the session of {other} s after that of {seconds} s");
        }
    }
    for _ in 0..1000 {
        engine.cookie_from("/same").await;
    }
    assert_eq!(engine.store.stats(engine.now()).await.expect("figures").live, 3, "the bound holds");
}
