//! The limit of an account's sessions and the sessions that end beyond it, on every store.

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::watched::Watched;
use crate::support::{Kind, OwnStore, STORES, id_of, open};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::Handle;
use hardtack_session::record::Record;
use hardtack_session::store::{Listed, Order};
use hardtack_session::{Error, Keys, Lifetime, Owner, PerAccount, Session, Sessions};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::task::JoinSet;

fn ada() -> Owner {
    Owner { account: Some("ada".to_owned()), device: None }
}

fn routes() -> Router {
    Router::new()
        .route("/sign-in", get(async |session: Session| session.sign_in(ada(), None).await))
        .route("/who", get(async |session: Session| Ok::<_, Error>(who(session.facts().await?))))
        .route("/end-others", get(async |session: Session| Ok::<_, Error>(session.end_others().await?.to_string())))
        .route("/parts/{limit}", get(parts))
}

fn who(facts: Option<hardtack_session::Facts>) -> String {
    facts.and_then(|facts| facts.owner.account).unwrap_or_else(|| "nobody".to_owned())
}

/// Returns the handles of the account's sessions, a line each, listed in pages of this size.
async fn parts(session: Session, Path(limit): Path<u32>) -> Result<String, Error> {
    let (mut handles, mut after) = (Vec::new(), None);
    loop {
        let part = session.of_account(after, limit).await?;
        handles.extend(part.sessions.iter().map(|listed| listed.handle.to_string()));
        after = part.next;
        if after.is_none() {
            return Ok(handles.join("\n"));
        }
    }
}

async fn is_signed_in(engine: &Engine, cookie: &str) -> bool {
    engine.get_as(cookie, "/who").await.text().await.expect("text") == "ada"
}

fn exactly(limit: u32) -> impl Fn(Sessions) -> Sessions {
    move |sessions| sessions.per_account(NonZeroU32::new(limit))
}

async fn listed(own: &OwnStore, now: Timestamp) -> Vec<Listed> {
    own.store.list("ada", Order::Used(None), 1000, now).await.expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn s35_a_sign_in_is_never_the_one_that_goes() {
    for kind in STORES {
        let own = open(kind).await;
        let engine = Engine::start_as(own.store.clone(), routes(), exactly(1)).await;
        let thief = engine.cookie_from("/sign-in").await;
        // Used a moment after the sign-in by its clock, as by another node, or between two steps of the sign-in.
        let later = Timestamp(engine.now().0 + 1);
        assert!(engine.store.touch(&id_of(&thief), later).await.expect("touched"));
        let owner = engine.cookie_from("/sign-in").await;
        assert!(is_signed_in(&engine, &owner).await, "on {kind:?}");
        assert!(!is_signed_in(&engine, &thief).await, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s35_of_two_nodes_whose_clocks_differ_the_later_sign_in_stays() {
    for kind in STORES {
        let (own, keys) = (open(kind).await, Keys::generate().expect("a key"));
        let with = |sessions: Sessions| exactly(1)(sessions.keys(keys.clone()));
        let ahead = Engine::start_as(own.store.clone(), routes(), with).await;
        ahead.clock.advance(Duration::from_secs(120));
        let behind = Engine::start_as(own.again().await, routes(), with).await;
        let thief = ahead.cookie_from("/sign-in").await;
        let owner = behind.cookie_from("/sign-in").await;
        assert!(is_signed_in(&behind, &owner).await && is_signed_in(&ahead, &owner).await, "on {kind:?}");
        assert!(!is_signed_in(&behind, &thief).await && !is_signed_in(&ahead, &thief).await, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s35_fifty_sign_ins_at_once_leave_the_limit_and_those_that_found_no_room_say_so() {
    for kind in STORES {
        let own = open(kind).await;
        let engine = Engine::start_as(own.store.clone(), routes(), exactly(5)).await;
        let mut sign_ins = JoinSet::new();
        for _ in 0..50 {
            sign_ins.spawn(browser().get(engine.url("/sign-in")).send());
        }
        let (mut given, mut live) = (0, Vec::new());
        while let Some(answer) = sign_ins.join_next().await {
            let answer = answer.expect("no panic").expect("an answer");
            let cookies = cookies_set(&answer);
            match answer.status().as_u16() {
                200 => live.push(cookies[0].split(';').next().expect("a pair").to_owned()),
                409 => assert_eq!(cookies, [] as [String; 0], "no cookie of an ended session, on {kind:?}"),
                other => panic!("{other} on {kind:?}"),
            }
            given += usize::from(answer.status() == 200);
            // An ended session stays ended, so all sessions that are found here were live at the first call.
            let mut still = Vec::new();
            for cookie in live {
                if is_signed_in(&engine, &cookie).await {
                    still.push(cookie);
                }
            }
            live = still;
            assert!(live.len() <= 5, "{} after {given} sign-ins, on {kind:?}", live.len());
        }
        assert_eq!(listed(&own, engine.now()).await.len(), 5, "on {kind:?}");
        assert_eq!(live.len(), 5, "each live session got its cookie, on {kind:?}");
    }
}

/// Tests a sign-in that a later one overtakes between its two steps: the new session and the look at the others.
#[tokio::test(flavor = "multi_thread")]
async fn s35_a_sign_in_that_finds_no_room_is_no_success() {
    for kind in STORES {
        let own = open(kind).await;
        let watched = Watched::new(own.store.clone());
        let engine = Engine::start_as(watched.clone(), routes(), exactly(1)).await;
        watched.hold_lists(true);
        let mut sign_ins = Vec::new();
        for count in 1..=2 {
            sign_ins.push(tokio::spawn(browser().get(engine.url("/sign-in")).send()));
            while listed(&own, engine.now()).await.len() < count {
                tokio::task::yield_now().await;
            }
            engine.clock.advance(Duration::from_secs(1));
        }
        watched.hold_lists(false);
        let mut answers = Vec::new();
        for sign_in in sign_ins {
            answers.push(sign_in.await.expect("no panic").expect("an answer"));
        }
        assert_eq!(
            answers.iter().map(|answer| answer.status().as_u16()).collect::<Vec<_>>(),
            [409, 200],
            "on {kind:?}"
        );
        assert_eq!(cookies_set(&answers[0]), [] as [String; 0], "no cookie of an ended session, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s35_by_default_what_is_unused_longest_goes_and_nothing_that_is_in_use() {
    for kind in STORES {
        let own = open(kind).await;
        let keys = Keys::generate().expect("a key");
        let month = Lifetime { idle: Duration::from_secs(86_400), absolute: Duration::from_secs(86_400) };
        let clocks = hardtack_session::Clocks { lifetime: month, ..Default::default() };
        let with = |sessions: Sessions| sessions.keys(keys.clone()).clocks(clocks).expect("clocks");
        let before = Engine::start_as(own.store.clone(), routes(), with).await;
        let mut old = Vec::new();
        for _ in 0..6 {
            old.push(before.cookie_from("/sign-in").await);
            before.clock.advance(Duration::from_secs(600));
        }
        assert!(is_signed_in(&before, &old[0]).await, "the first is in use");
        let limit = PerAccount::Unused(NonZeroU32::new(3).expect("a number"));
        let engine = Engine::start_as(own.store.clone(), routes(), |s| with(s).per_account(limit)).await;
        engine.clock.advance(Duration::from_secs(3600));
        assert!(is_signed_in(&engine, &old[2]).await, "a visit ends nothing, on {kind:?}");
        let new = engine.cookie_from("/sign-in").await;
        let mut left = Vec::new();
        for cookie in &old {
            left.push(is_signed_in(&engine, cookie).await);
        }
        // Of seven sessions three may stay, so the four that were used longest ago end. The visits above count as uses.
        assert_eq!(left, [true, false, true, false, false, false], "on {kind:?}");
        assert!(is_signed_in(&engine, &new).await, "on {kind:?}");
        for cookie in [&old[0], &old[2], &new] {
            engine.clock.advance(Duration::from_secs(1));
            assert!(is_signed_in(&engine, cookie).await);
            engine.cookie_from("/sign-in").await;
        }
        assert_eq!(listed(&own, engine.now()).await.len(), 6, "sessions in use stay, on {kind:?}");
    }
}

/// Writes this many sessions of ada into the store directly.
async fn many(own: &OwnStore, now: Timestamp, count: u32) {
    match own.kind {
        Kind::Sqlite => {
            let file = own.folder.path().join("hardtack.db");
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
            let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
            let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                          INSERT INTO session (id_hash, handle, account, data, version, created, renewed, seen, idle, \
                          absolute, expires) SELECT randomblob(32), randomblob(16), 'ada', '{}', 1, ?2, ?2, ?2 - i, \
                          1800000, 43200000, ?2 - i + 1800000 FROM n";
            sqlx::query(insert).bind(count).bind(now.0).execute(&pool).await.expect("rows");
            pool.close().await;
        }
        Kind::Postgres => {
            use sqlx::Connection as _;
            let mut database = sqlx::PgConnection::connect(&own.url).await.expect("the database");
            let insert = "INSERT INTO hardtack.session (id_hash, handle, account, data, version, created, renewed, seen, \
                          idle, absolute, expires, due) SELECT sha256(i::text::bytea), gen_random_uuid(), 'ada', '{}', 1, \
                          $2, $2, $2 - i, 1800000, 43200000, $2 - i + 1800000, $2 - i + 1800000 \
                          FROM generate_series(1, $1) i";
            let insert = sqlx::query(insert).bind(i64::from(count)).bind(now.0);
            insert.execute(&mut database).await.expect("rows");
        }
        Kind::Memory | Kind::Redis | Kind::Cluster => {
            let mut makers = JoinSet::new();
            for _ in 0..8 {
                let store = own.store.clone();
                makers.spawn(async move {
                    for _ in 0..count / 8 {
                        let id = hardtack_session::id::Secret::generate().expect("random numbers").hash();
                        let record = Record {
                            owner: ada(),
                            ..Record::new(std::collections::BTreeMap::default(), Lifetime::default(), now)
                        };
                        assert!(store.create(&id, &record).await.expect("kept"));
                    }
                });
            }
            makers.join_all().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_an_account_with_very_many_sessions_is_listed_and_ends_them_all() {
    for kind in STORES {
        let count = match kind {
            Kind::Sqlite | Kind::Postgres => 100_000,
            Kind::Memory | Kind::Redis | Kind::Cluster => 2000,
        };
        let own = open(kind).await;
        // The production timeout for a whole request, applied to each step over very many sessions.
        let timeout = if cfg!(debug_assertions) { Duration::from_secs(4) } else { Duration::from_millis(800) };
        let engine = Engine::start_as(own.store.clone(), routes(), |s| s.timeout(timeout)).await;
        many(&own, engine.now(), count).await;
        let cookie = engine.cookie_from("/sign-in").await;
        let first = own.store.list("ada", Order::Used(None), 100, engine.now()).await.expect("a list");
        assert_eq!(first.len(), 100, "as many as requested, on {kind:?}");
        let told = engine.get_as(&cookie, "/end-others").await.text().await.expect("text");
        assert_eq!(told, count.to_string(), "all other sessions end, on {kind:?}");
        assert!(is_signed_in(&engine, &cookie).await, "the requesting session stays, on {kind:?}");
        assert_eq!(listed(&own, engine.now()).await.len(), 1, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s28_a_long_list_comes_in_parts_and_begins_with_the_session_that_asks() {
    for kind in STORES {
        let own = open(kind).await;
        let engine = Engine::start_on(own.store.clone(), routes()).await;
        let own_cookie = engine.cookie_from("/sign-in").await;
        for _ in 0..11 {
            engine.clock.advance(Duration::from_secs(1));
            engine.cookie_from("/sign-in").await;
        }
        let own_handle = {
            let all = listed(&own, engine.now()).await;
            all.last().expect("sessions").handle
        };
        let expected: Vec<Handle> = {
            let all = listed(&own, engine.now()).await;
            [own_handle].into_iter().chain(all.iter().map(|l| l.handle).filter(|h| *h != own_handle)).collect()
        };
        for limit in [1, 5, 12, 100] {
            let told = engine.get_as(&own_cookie, &format!("/parts/{limit}")).await.text().await.expect("text");
            let told: Vec<_> = told.lines().collect();
            let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(told, expected, "by {limit}, on {kind:?}");
        }
    }
}
