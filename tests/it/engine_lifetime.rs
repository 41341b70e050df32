//! Shortened lifetimes in the settings: the consequences for existing sessions, on every store.

use crate::support::app::cookies_set;
use crate::support::engine::Engine;
use crate::support::servers::past;
use crate::support::{Kind, OwnStore, STORES, id_of, open};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hardtack_session::record::Record;
use hardtack_session::store::Loaded;
use hardtack_session::{Clocks, Error, Key, Keys, Lifetime, Owner, Session, Sessions, Terms};
use std::time::Duration;

const NOTE: Key<String> = Key::new("note");

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

fn ada() -> Owner {
    Owner { account: Some("ada".to_owned()), device: None }
}

fn routes() -> Router {
    let own =
        |idle, absolute| async move |session: Session| session.sign_in(ada(), Some(Lifetime { idle, absolute })).await;
    Router::new()
        .route("/put/{note}", get(async |session: Session, Path(note): Path<String>| session.put(NOTE, &note).await))
        .route("/note", get(async |session: Session| Ok::<_, Error>(session.read(NOTE).await?.unwrap_or_default())))
        .route("/sign-in", get(async |session: Session| session.sign_in(ada(), None).await))
        .route("/ordinary", get(own(days(14), days(30))))
        .route("/kept", get(own(days(60), days(60))))
        .route("/short", get(own(Duration::from_secs(7200), days(2))))
        .route(
            "/who",
            get(async |session: Session| {
                let owner = session.facts().await?.and_then(|facts| facts.owner.account);
                Ok::<_, Error>(owner.unwrap_or_default())
            }),
        )
        .route(
            "/listed",
            get(async |session: Session| {
                let part = session.of_account(None, 100).await?;
                Ok::<_, Error>(part.sessions.len().to_string())
            }),
        )
}

/// Returns a server's configuration with these timeouts, before or after a change of the settings.
fn with(keys: &Keys, idle: Duration, absolute: Duration) -> impl Fn(Sessions) -> Sessions {
    let keys = keys.clone();
    move |sessions| {
        let clocks = Clocks { lifetime: Lifetime { idle, absolute }, ..Clocks::default() };
        sessions.keys(keys.clone()).clocks(clocks).expect("clocks")
    }
}

async fn text(engine: &Engine, cookie: &str, path: &str) -> String {
    engine.get_as(cookie, path).await.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_shorter_setting_shortens_and_keeps_no_cookie() {
    for kind in STORES {
        let (own, keys) = (open(kind).await, Keys::generate().expect("a key"));
        let before = Engine::start_as(own.store.clone(), routes(), with(&keys, days(14), days(30))).await;
        let mut ordinary = Vec::new();
        for path in ["/put/x", "/sign-in", "/ordinary"] {
            ordinary.push(before.cookie_from(path).await);
        }
        let idle = before.cookie_from("/sign-in").await;
        let half_an_hour = Duration::from_secs(1800);
        let after = Engine::start_as(own.again().await, routes(), with(&keys, half_an_hour, days(1))).await;
        for _ in 0..2 {
            after.clock.advance(Duration::from_secs(20 * 60));
            for cookie in &ordinary {
                let answer = after.get_as(cookie, "/who").await;
                assert_eq!(cookies_set(&answer), [] as [String; 0], "a cookie until the browser closes, on {kind:?}");
            }
        }
        assert_eq!(text(&after, &idle, "/who").await, "", "the shorter idle timeout ends it, on {kind:?}");
        assert_eq!(text(&after, &ordinary[1], "/listed").await, "2", "lists leave it out, on {kind:?}");
        assert_eq!(text(&after, &ordinary[0], "/note").await, "x", "on {kind:?}");
        for _ in 0..71 {
            after.clock.advance(Duration::from_secs(20 * 60));
            for cookie in &ordinary {
                after.get_as(cookie, "/who").await;
            }
        }
        for cookie in &ordinary {
            assert_eq!(text(&after, cookie, "/who").await + &text(&after, cookie, "/note").await, "", "on {kind:?}");
        }
        let undone = Engine::start_as(own.again().await, routes(), with(&keys, days(14), days(30))).await;
        assert_ne!(text(&undone, &idle, "/who").await, "", "the longer setting brings it back, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_session_that_was_asked_to_stay_does_and_one_with_a_short_life_of_its_own_is_not_kept() {
    for kind in STORES {
        let (own, keys) = (open(kind).await, Keys::generate().expect("a key"));
        let before = Engine::start_as(own.store.clone(), routes(), with(&keys, days(14), days(30))).await;
        let (kept, short) = (before.cookie_from("/kept").await, before.cookie_from("/short").await);
        let hour = Duration::from_secs(3600);
        let after = Engine::start_as(own.again().await, routes(), with(&keys, hour, days(1))).await;
        after.clock.advance(Duration::from_secs(90));
        let set = cookies_set(&after.get_as(&kept, "/who").await);
        assert!(set.len() == 1 && set[0].contains("Max-Age="), "{set:?} on {kind:?}");
        assert_eq!(cookies_set(&after.get_as(&short, "/who").await), [] as [String; 0], "on {kind:?}");
        after.clock.advance(Duration::from_secs(7000));
        assert_eq!(text(&after, &short, "/who").await, "ada", "its own timeouts hold, on {kind:?}");
        after.clock.advance(days(3));
        assert_eq!(text(&after, &kept, "/who").await, "ada", "on {kind:?}");
        // The upper limit of all lifetimes does shorten it.
        let week = |sessions: Sessions| with(&keys, hour, days(1))(sessions).longest(days(7));
        let week = Engine::start_as(own.again().await, routes(), week).await;
        week.clock.advance(days(4));
        let set = cookies_set(&week.get_as(&kept, "/who").await);
        assert!(set[0].contains("Max-Age=259") || set[0].contains("Max-Age=258"), "three days: {set:?} on {kind:?}");
        week.clock.advance(days(3));
        assert_eq!(text(&week, &kept, "/who").await, "", "on {kind:?}");
    }
}

/// Rewrites a record as the released version left it: without the origin of its timeouts and without the time of its
/// sign-in.
async fn forget(own: &OwnStore, record: &Record) {
    match own.kind {
        Kind::Memory => {}
        Kind::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(own.folder.path().join("hardtack.db"));
            let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
            let forget = "UPDATE session SET terms = NULL, signed_in = NULL";
            sqlx::query(forget).execute(&pool).await.expect("forgotten");
            pool.close().await;
        }
        Kind::Postgres => {
            use sqlx::Connection as _;
            let mut database = sqlx::PgConnection::connect(&own.url).await.expect("the database");
            let forget = "UPDATE hardtack.session SET terms = NULL, signed_in = NULL";
            sqlx::query(forget).execute(&mut database).await.expect("forgotten");
        }
        Kind::Redis | Kind::Cluster => {
            for node in own.redis_nodes() {
                let key = format!("hardtack:{{{}}}", record.handle);
                let mut forget = redis::cmd("HDEL");
                forget.arg(key).arg("terms").arg("signed_in");
                // The other nodes of a Cluster redirect the command.
                drop(forget.query_async::<i64>(&mut past(&node).await).await);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_of_records_from_before_only_those_count_as_kept_that_were_written_so() {
    for kind in STORES {
        if matches!(kind, Kind::Memory) {
            continue;
        }
        let (own, keys) = (open(kind).await, Keys::generate().expect("a key"));
        let before = Engine::start_as(own.store.clone(), routes(), with(&keys, days(14), days(30))).await;
        let (ordinary, kept) = (before.cookie_from("/ordinary").await, before.cookie_from("/kept").await);
        for cookie in [&ordinary, &kept] {
            let Ok(Loaded::Live(_, record)) = own.store.load(&id_of(cookie), before.now()).await else {
                panic!("a session on {kind:?}")
            };
            forget(&own, &record).await;
        }
        let store = own.again().await;
        for cookie in [&ordinary, &kept] {
            let loaded = store.load(&id_of(cookie), before.now()).await.expect("an answer");
            let Loaded::Live(_, record) = loaded else { panic!("a session on {kind:?}") };
            assert_eq!((record.terms, record.signed_in), (Terms::Unknown, record.renewed), "on {kind:?}");
        }
        let after = Engine::start_as(store, routes(), with(&keys, Duration::from_secs(1800), days(1))).await;
        after.clock.advance(Duration::from_secs(90));
        assert_eq!(cookies_set(&after.get_as(&ordinary, "/who").await), [] as [String; 0], "on {kind:?}");
        assert_eq!(cookies_set(&after.get_as(&kept, "/who").await).len(), 1, "on {kind:?}");
        after.clock.advance(days(2));
        assert_eq!(text(&after, &ordinary, "/who").await, "", "on {kind:?}");
        assert_eq!(text(&after, &kept, "/who").await, "ada", "on {kind:?}");
    }
}
