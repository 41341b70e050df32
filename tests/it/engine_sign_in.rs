//! Sign-in, sign-out, renewal, and lifetimes of single sessions, on every store.

use crate::support::app::{browser, cookies_set};
use crate::support::engine::{Engine, renewing};
use crate::support::{Kind, STORES, id_of, open};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hardtack_session::store::sqlite::SqliteStore;
use hardtack_session::store::{Loaded, Order};
use hardtack_session::{Device, Error, Facts, Key, Lifetime, Owner, Session};
use std::time::Duration;
use tokio::task::JoinSet;

const NOTE: Key<String> = Key::new("note");

fn owner(account: &str) -> Owner {
    let device = Device { label: "Firefox on Linux".to_owned(), address: "192.0.2.7".to_owned() };
    Owner { account: Some(account.to_owned()), device: Some(device) }
}

fn routes() -> Router {
    Router::new()
        .route("/put/{note}", get(async |session: Session, Path(note): Path<String>| session.put(NOTE, &note).await))
        .route("/note", get(async |session: Session| read(&session).await))
        .route(
            "/sign-in/{account}",
            get(async |session: Session, Path(account): Path<String>| session.sign_in(owner(&account), None).await),
        )
        .route(
            "/switch/{account}",
            get(async |session: Session, Path(account): Path<String>| {
                session.read(NOTE).await?;
                session.clear().await;
                session.sign_in(owner(&account), None).await
            }),
        )
        .route(
            "/stay/{account}",
            get(async |session: Session, Path(account): Path<String>| {
                let month = Lifetime { idle: days(14), absolute: days(30) };
                session.sign_in(owner(&account), Some(month)).await
            }),
        )
        .route(
            "/short",
            get(async |session: Session| {
                session.set_lifetime(Lifetime { idle: Duration::from_secs(30), absolute: days(1) }).await
            }),
        )
        .route(
            "/short-and-put",
            get(async |session: Session| {
                session.set_lifetime(Lifetime { idle: Duration::from_secs(30), absolute: days(1) }).await?;
                session.put(NOTE, &"short".to_owned()).await
            }),
        )
        .route(
            "/read-flush-put",
            get(async |session: Session| {
                session.read(NOTE).await?;
                session.flush().await.expect("flushed");
                session.put(NOTE, &"flash".to_owned()).await
            }),
        )
        .route(
            "/short-sign-in-rotate/{account}",
            get(async |session: Session, Path(account): Path<String>| {
                session.set_lifetime(Lifetime { idle: Duration::from_secs(30), absolute: days(1) }).await?;
                session.sign_in(owner(&account), None).await?;
                session.set_lifetime(Lifetime { idle: Duration::from_secs(90), absolute: days(1) }).await?;
                session.rotate().await
            }),
        )
        .route("/who", get(async |session: Session| Ok::<_, Error>(told(session.facts().await?))))
        .route("/end", get(async |session: Session| session.end().await))
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

async fn read(session: &Session) -> Result<String, Error> {
    Ok(session.read(NOTE).await?.unwrap_or_else(|| "nothing".to_owned()))
}

fn told(facts: Option<Facts>) -> String {
    facts.and_then(|facts| facts.owner.account).unwrap_or_else(|| "nobody".to_owned())
}

/// Returns the cookie of a response as a browser sends it back.
fn given(answer: &reqwest::Response) -> Option<String> {
    let cookies = cookies_set(answer);
    assert!(cookies.len() <= 1, "more than one cookie: {cookies:?}");
    cookies.first().map(|cookie| cookie.split(';').next().expect("a pair").to_owned())
}

async fn text(engine: &Engine, cookie: &str, path: &str) -> String {
    engine.get_as(cookie, path).await.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_signing_in_gives_a_new_id_and_keeps_the_values() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let old = engine.cookie_from("/put/kept").await;
        let new = given(&engine.get_as(&old, "/sign-in/ada").await).expect("a new cookie");
        assert_ne!(new, old);
        assert_eq!(text(&engine, &new, "/who").await, "ada", "on {kind:?}");
        assert_eq!(text(&engine, &new, "/note").await, "kept", "on {kind:?}");
        assert_eq!(engine.get_as(&old, "/note").await.status(), 503, "the old id is only recognised, on {kind:?}");
        let other = given(&engine.get_as(&new, "/sign-in/grace").await).expect("a new cookie again");
        assert_eq!(text(&engine, &other, "/who").await, "grace", "on {kind:?}");
        assert_eq!(engine.get_as(&new, "/who").await.status(), 503, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_no_session_signs_in_to_a_new_one() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/sign-in/ada").await;
        assert_eq!(text(&engine, &cookie, "/who").await, "ada", "on {kind:?}");
        assert_eq!(text(&engine, &cookie, "/note").await, "nothing", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s24_after_the_end_the_cookie_opens_nothing_when_it_is_sent_again() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/sign-in/ada").await;
        let removed = cookies_set(&engine.get_as(&cookie, "/end").await);
        assert!(removed[0].contains("Max-Age=0"), "{removed:?}");
        for _ in 0..3 {
            assert_eq!(text(&engine, &cookie, "/who").await, "nobody", "on {kind:?}");
        }
        let loaded = engine.store.load(&id_of(&cookie), engine.now()).await.expect("an answer");
        assert_eq!(loaded, Loaded::Absent, "the row is gone, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s28_a_list_names_sessions_by_handles_that_open_nothing() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/sign-in/ada").await;
        let listed = engine.store.list("ada", Order::Used(None), 1000, engine.now()).await.expect("a list");
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].owner, owner("ada"), "on {kind:?}");
        let name = cookie.split_once('=').expect("a pair").0;
        for forged in [listed[0].handle.to_string(), listed[0].handle.0.simple().to_string()] {
            assert_eq!(text(&engine, &format!("{name}={forged}"), "/who").await, "nobody", "on {kind:?}");
        }
        assert!(engine.store.end_by_handle(Some("ada"), &listed[0].handle).await.expect("ended"));
        assert_eq!(text(&engine, &cookie, "/who").await, "nobody", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_whoever_asks_to_stay_signed_in_has_clocks_of_their_own() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let ordinary = engine.cookie_from("/sign-in/ada").await;
        let staying = engine.cookie_from("/stay/ada").await;
        engine.clock.advance(days(13));
        assert_eq!(text(&engine, &ordinary, "/who").await, "nobody", "on {kind:?}");
        assert_eq!(text(&engine, &staying, "/who").await, "ada", "on {kind:?}");
        engine.clock.advance(days(13));
        assert_eq!(text(&engine, &staying, "/who").await, "ada", "on {kind:?}");
        engine.clock.advance(days(4));
        assert_eq!(text(&engine, &staying, "/who").await, "nobody", "thirty days are over, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_session_with_a_short_idle_timeout_is_kept_alive_by_use_and_ends_by_silence() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let given_later = engine.cookie_from("/put/a").await;
        assert_eq!(engine.get_as(&given_later, "/short").await.status(), 200);
        let from_its_beginning = engine.cookie_from("/short-and-put").await;
        for _ in 0..10 {
            engine.clock.advance(Duration::from_secs(20));
            for cookie in [&given_later, &from_its_beginning] {
                assert_ne!(text(&engine, cookie, "/note").await, "nothing", "on {kind:?}");
            }
        }
        engine.clock.advance(Duration::from_secs(30));
        for cookie in [&given_later, &from_its_beginning] {
            assert_eq!(text(&engine, cookie, "/note").await, "nothing", "on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_renewal_gives_a_new_cookie_and_the_old_one_reaches_for_the_grace() {
    for kind in STORES {
        let own = open(kind).await;
        let renewing = |s| renewing(s, Duration::from_secs(600));
        let engine = Engine::start_as(own.store.clone(), routes(), renewing).await;
        let old = engine.cookie_from("/put/kept").await;
        engine.clock.advance(Duration::from_secs(599));
        assert_eq!(given(&engine.get_as(&old, "/note").await), None, "not yet, on {kind:?}");
        engine.clock.advance(Duration::from_secs(1));
        let answer = engine.get_as(&old, "/note").await;
        let new = given(&answer).expect("a new cookie");
        assert_eq!(answer.text().await.expect("text"), "kept", "on {kind:?}");
        for cookie in [&old, &new, &old] {
            let answer = engine.get_as(cookie, "/note").await;
            assert_eq!(given(&answer), None, "the session is renewed once, on {kind:?}");
            assert_eq!(answer.text().await.expect("text"), "kept", "on {kind:?}");
        }
        engine.get_as(&old, "/put/changed").await;
        assert_eq!(text(&engine, &new, "/note").await, "changed", "the old id reaches the same session, on {kind:?}");
        engine.clock.advance(Duration::from_secs(10));
        assert_eq!(text(&engine, &old, "/note").await, "nothing", "the grace period is over, on {kind:?}");
        assert_eq!(text(&engine, &new, "/note").await, "changed", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_sign_in_right_after_a_renewal_cuts_off_the_ids_that_still_reached() {
    for kind in STORES {
        let own = open(kind).await;
        let renewing = |s| renewing(s, Duration::from_secs(600));
        let engine = Engine::start_as(own.store.clone(), routes(), renewing).await;
        let first = engine.cookie_from("/put/kept").await;
        engine.clock.advance(Duration::from_secs(600));
        let second = given(&engine.get_as(&first, "/note").await).expect("a new cookie");
        // The sign-in comes under an id that an attacker may have planted.
        let third = given(&engine.get_as(&first, "/sign-in/ada").await).expect("a new cookie");
        for planted in [&first, &second] {
            assert_eq!(engine.get_as(planted, "/who").await.status(), 503, "on {kind:?}");
        }
        assert_eq!(text(&engine, &third, "/who").await, "ada", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_a_flush_under_a_renewed_id_ends_the_session_and_keeps_no_owner() {
    for kind in STORES {
        let own = open(kind).await;
        let renewing = |s| renewing(s, Duration::from_secs(600));
        let engine = Engine::start_as(own.store.clone(), routes(), renewing).await;
        let first = engine.cookie_from("/sign-in/ada").await;
        engine.clock.advance(Duration::from_secs(600));
        let second = given(&engine.get_as(&first, "/note").await).expect("a new cookie");
        let third = given(&engine.get_as(&first, "/read-flush-put").await).expect("another session");
        assert_eq!(text(&engine, &third, "/who").await, "nobody", "on {kind:?}");
        assert_eq!(text(&engine, &third, "/note").await, "flash", "on {kind:?}");
        assert_eq!(text(&engine, &second, "/who").await, "nobody", "the session has ended, on {kind:?}");
        assert!(
            engine.store.list("ada", Order::Used(None), 1000, engine.now()).await.expect("a list").is_empty(),
            "on {kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_the_clocks_that_were_asked_for_last_are_the_sessions() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/short-sign-in-rotate/ada").await;
        engine.clock.advance(Duration::from_secs(89));
        assert_eq!(text(&engine, &cookie, "/who").await, "ada", "on {kind:?}");
        engine.clock.advance(Duration::from_secs(90));
        assert_eq!(text(&engine, &cookie, "/who").await, "nobody", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s106_two_hundred_sign_ins_at_once_on_two_connections_to_one_file_find_it_never_busy() {
    let own = open(Kind::Sqlite).await;
    let first = Engine::start_on(own.store.clone(), routes()).await;
    let second = Engine::start_on(own.again().await, routes()).await;
    let mut sign_ins = JoinSet::new();
    for n in 0..200 {
        let engine = if n % 2 == 0 { &first } else { &second };
        sign_ins.spawn(browser().get(engine.url(&format!("/sign-in/user{n}"))).send());
    }
    for answer in sign_ins.join_all().await {
        assert_eq!(answer.expect("an answer").status(), 200);
    }
    let live = own.store.stats(first.now()).await.expect("counted").live;
    assert_eq!(live, 200);
    let file = own.folder.path().join("hardtack.db");
    assert!(SqliteStore::open(&file, 1, hardtack_session::store::Schema::Check).await.is_ok(), "not locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_over_another_accounts_session_a_sign_in_keeps_none_of_its_values_and_knows_its_id() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let old =
            given(&engine.get_as(&engine.cookie_from("/put/private").await, "/sign-in/ada").await).expect("a cookie");
        let new = given(&engine.get_as(&old, "/switch/grace").await).expect("a new cookie");
        assert_eq!(text(&engine, &new, "/who").await, "grace", "on {kind:?}");
        assert_eq!(text(&engine, &new, "/note").await, "nothing", "on {kind:?}");
        assert!(account(&engine, "ada").await.is_empty(), "on {kind:?}");
        let late = engine.get_as(&old, "/put/late").await;
        assert_eq!((late.status().as_u16(), given(&late)), (503, None), "told to retry, on {kind:?}");
        assert!(late.headers().contains_key("retry-after"));
        assert_eq!(text(&engine, &new, "/note").await, "nothing", "the late request has written nothing, on {kind:?}");
    }
}

/// A value that a request of one account writes while another account signs in must not reach the next account.
#[tokio::test(flavor = "multi_thread")]
async fn g4_what_is_written_in_the_midst_of_a_takeover_is_not_the_next_accounts() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        for _ in 0..8 {
            let old = engine.cookie_from("/sign-in/ada").await;
            let (switched, _) =
                futures::future::join(engine.get_as(&old, "/switch/grace"), engine.get_as(&old, "/put/private")).await;
            let new = given(&switched).expect("a new cookie");
            assert_eq!(text(&engine, &new, "/note").await, "nothing", "on {kind:?}");
        }
    }
}

/// By design: after a sign-out the visitor is anonymous at once, so a late request is not told to retry.
#[tokio::test(flavor = "multi_thread")]
async fn g4_after_a_sign_out_the_ids_before_it_are_unknown() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let first = engine.cookie_from("/put/kept").await;
        let second = given(&engine.get_as(&first, "/sign-in/ada").await).expect("a new cookie");
        assert_eq!(engine.get_as(&first, "/who").await.status(), 503, "recognised, on {kind:?}");
        engine.get_as(&second, "/end").await;
        for cookie in [&first, &second] {
            assert_eq!(text(&engine, cookie, "/who").await, "nobody", "on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_sign_in_has_a_whole_life_before_it() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let mut cookie = engine.cookie_from("/put/kept").await;
        for _ in 0..35 {
            engine.clock.advance(Duration::from_secs(20 * 60));
            assert_eq!(text(&engine, &cookie, "/note").await, "kept", "on {kind:?}");
        }
        cookie = given(&engine.get_as(&cookie, "/sign-in/ada").await).expect("a new cookie");
        for _ in 0..35 {
            engine.clock.advance(Duration::from_secs(20 * 60));
            assert_eq!(text(&engine, &cookie, "/who").await, "ada", "on {kind:?}");
        }
        assert_eq!(text(&engine, &cookie, "/note").await, "kept", "on {kind:?}");
        engine.clock.advance(Duration::from_secs(20 * 60));
        assert_eq!(text(&engine, &cookie, "/who").await, "nobody", "twelve hours after the sign-in, on {kind:?}");
    }
}

async fn account(engine: &Engine, account: &str) -> Vec<hardtack_session::store::Listed> {
    engine.store.list(account, Order::Used(None), 1000, engine.now()).await.expect("a list")
}
