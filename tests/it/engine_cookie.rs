//! The session cookie is exact (G9), and signing keys rotate (G12).

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::{Kind, count, open};
use axum::Router;
use axum::routing::{any, get};
use hardtack_doctor::{Address, Browser, Jar, Request, Sites};
use hardtack_session::cookie::SameSite;
use hardtack_session::keys::KeyError;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{CookieSettings, Keys, Session, Sessions};
use std::time::Duration;

fn routes() -> Router {
    Router::new()
        .route("/count", any(async |session: Session| count(&session).await.to_string()))
        .route(
            "/read",
            get(async |session: Session| {
                session.facts().await.expect("facts").map_or(0, |facts| facts.keys.len()).to_string()
            }),
        )
        .route("/end", get(async |session: Session| session.end().await.expect("ended")))
        .route(
            "/cached-count",
            get(async |session: Session| {
                ([("cache-control", "private, max-age=60")], count(&session).await.to_string())
            }),
        )
        .route(
            "/cached",
            get(async |session: Session| {
                session.facts().await.expect("facts");
                [("cache-control", "private, max-age=60")]
            }),
        )
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_s10_the_cookie_is_set_once_and_always_with_no_store() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    let first = engine.get("/count").await;
    let [set] = &cookies_set(&first)[..] else { panic!("one cookie expected") };
    let attributes = set.split_once("; ").expect("attributes").1;
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Path=/");
    assert_eq!(first.headers()["cache-control"], "no-store");
    for path in ["/count", "/read", "/count"] {
        let answer = engine.get(path).await;
        assert_eq!(cookies_set(&answer), [] as [String; 0], "the cookie is unchanged: {path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "a response that used the session is not cacheable");
        assert_eq!(answer.headers()["vary"], "cookie");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_s10_s91_a_handler_may_allow_its_own_visitor_to_cache_but_never_a_cookie() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    let first = engine.get("/cached-count").await;
    assert_eq!(cookies_set(&first).len(), 1);
    assert_eq!(first.headers()["cache-control"], "no-store", "a response with the cookie is not cacheable");
    assert_eq!(engine.get("/cached").await.headers()["cache-control"], "private, max-age=60");
    assert_eq!(engine.get("/cached-count").await.headers()["cache-control"], "private, max-age=60");
}

/// Sets and removes the cookie in each shape and in the cookie model of each browser.
#[tokio::test(flavor = "multi_thread")]
async fn g9_s9_after_the_end_the_jar_is_empty() {
    let named = |name: &str, secure| CookieSettings { name: name.to_owned(), ..CookieSettings::new(secure) };
    let at_https = [
        CookieSettings::new(true),
        CookieSettings { partitioned: true, same_site: SameSite::None, ..CookieSettings::new(true) },
        CookieSettings { persistent: true, ..CookieSettings::new(true) },
        CookieSettings { domain: Some("example.com".to_owned()), ..named("__Secure-sess", true) },
        CookieSettings { path: "/a".to_owned(), ..named("my_sess", true) },
        CookieSettings { same_site: SameSite::Strict, ..named("__Host-Http-sess", true) },
    ];
    let at_http = [CookieSettings::new(false), CookieSettings { path: "/a".to_owned(), ..CookieSettings::new(false) }];
    let secure = at_https.map(|settings| ("https://app.example.com/a/b", settings));
    for (page, settings) in secure.into_iter().chain(at_http.map(|settings| ("http://app.example.com/a/b", settings))) {
        let set = |s: Sessions| s.cookie(settings.clone()).expect("legal");
        let routes = axum::Router::new().nest("/a/b", routes());
        let engine = Engine::start_as(open(Kind::Memory).await.store, routes, set).await;
        let page: Address = page.parse().expect("an address");
        let sites = Sites::look_up([page.host()], |_| Some("example.com".to_owned()));
        let visit =
            Request { to: &page, page: &page, kind: hardtack_doctor::Kind::Link, now: 1_700_000_000, date: None };
        for browser in Browser::ALL {
            let mut jar = Jar::new(browser);
            let first = cookies_set(&engine.get_as("", "/a/b/count").await);
            for line in &first {
                jar.set(line, &visit, &sites).unwrap_or_else(|loss| panic!("{line} is lost: {loss:?}"));
            }
            let cookie = jar.header(&visit, &sites).expect("a cookie");
            let answer = engine.get_as(&cookie, "/a/b/end").await;
            assert_eq!(answer.headers()["cache-control"], "no-store");
            for line in cookies_set(&answer) {
                assert!(line.contains("=; ") && line.contains("Max-Age=0"), "{line}");
                // A browser without partitioned cookies has one cookie, so the second line has no effect.
                jar.set(&line, &visit, &sites).ok();
            }
            assert_eq!(jar.header(&visit, &sites), None, "{settings:?} in {browser:?}: {first:?}");
            assert_eq!(jar.withheld(&visit, &sites), [], "{settings:?} in {browser:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_s9_the_removal_repeats_every_attribute_and_comes_once() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    engine.get("/count").await;
    let answer = engine.get("/end").await;
    let [removal] = &cookies_set(&answer)[..] else { panic!("one cookie expected") };
    for attribute in CookieSettings::new(false).attributes() {
        assert!(removal.contains(&attribute), "{attribute} is missing in {removal}");
    }
    assert!(removal.starts_with("hardtack_sess=; ") && removal.contains("Max-Age=0"), "{removal}");
    assert_eq!(cookies_set(&engine.get("/end").await), [] as [String; 0], "a second end has no cookie to remove");
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_two_cookies_of_the_name_count_as_none() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    let cookie = engine.cookie_from("/count").await;
    for both in [format!("hardtack_sess=x; {cookie}"), format!("{cookie}; hardtack_sess=")] {
        assert_eq!(engine.get_as(&both, "/read").await.text().await.expect("text"), "0", "{both}");
    }
    assert_eq!(engine.get_as(&cookie, "/read").await.text().await.expect("text"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persistent_cookie_moves_with_the_idle_timeout() {
    let own = open(Kind::Memory).await;
    let persistent = CookieSettings { persistent: true, ..CookieSettings::new(false) };
    let engine = Engine::start_as(own.store, routes(), |s| s.cookie(persistent.clone()).expect("legal")).await;
    let set = cookies_set(&engine.get("/count").await);
    assert!(set[0].contains("Max-Age=1800"), "{set:?}");
    assert_eq!(cookies_set(&engine.get("/read").await), [] as [String; 0], "too early to extend the cookie");
    engine.clock.advance(Duration::from_secs(90));
    let moved = cookies_set(&engine.get("/read").await);
    assert!(moved[0].contains("Max-Age=1800"), "{moved:?}");
    assert_eq!(moved[0].split(';').next(), set[0].split(';').next(), "the same value with a later expiry");
}

#[tokio::test(flavor = "multi_thread")]
async fn g12_s107_rotating_keys_signs_nobody_out() {
    let old = "1d5f0c7e9a3b2846f1e0d9c8b7a69584736251403f2e1d0c5b4a392817061524".to_owned();
    let new = old.chars().rev().collect::<String>();
    let key = |texts: &[&str]| Keys::parse(texts.iter().map(|text| ("env:KEY", *text)));
    let own = open(Kind::Memory).await;
    let before = key(&[&old]).expect("a key");
    let node = Engine::start_as(own.store.clone(), routes(), |s| s.keys(before.clone())).await;
    let cookie = node.cookie_from("/count").await;
    let both = key(&[&new, &old]).expect("keys");
    let node = Engine::start_as(own.store.clone(), routes(), |s| s.keys(both.clone())).await;
    assert_eq!(node.get_as(&cookie, "/read").await.text().await.expect("text"), "1");
    let fresh = node.cookie_from("/count").await;
    let after = key(&[&new]).expect("a key");
    let node = Engine::start_as(own.store.clone(), routes(), |s| s.keys(after.clone())).await;
    assert_eq!(node.get_as(&fresh, "/read").await.text().await.expect("text"), "1", "the first key signs");
    assert_eq!(
        node.get_as(&cookie, "/read").await.text().await.expect("text"),
        "0",
        "a removed key verifies no cookie"
    );
}

#[test]
fn g12_s107_weak_malformed_and_exposed_keys_are_refused() {
    let parse = |text: &str| Keys::parse([("env:KEY", text)]);
    assert!(matches!(Keys::parse([]), Err(KeyError::None)));
    for malformed in ["", "changeme", "keyboard cat", &"ab".repeat(31), &"zz".repeat(32), &"é".repeat(32)] {
        let error = parse(malformed).expect_err("no key");
        assert!(matches!(error, KeyError::Malformed(_)), "{malformed}");
        assert!(malformed.is_empty() || !error.to_string().contains(malformed), "the text may be a secret: {error}");
    }
    for weak in ["00".repeat(32), "ab".repeat(32), "0123456789abcdef".repeat(4)] {
        assert!(matches!(parse(&weak), Err(KeyError::Weak(_))), "{weak}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hardtack.key");
    Keys::in_file(&file).expect("made at the first start");
    Keys::in_file(&file).expect("read at the second start");
    let mode = |mode| std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode));
    mode(0o644).expect("made readable by others");
    assert!(matches!(Keys::in_file(&file), Err(KeyError::Exposed(_))));
}

#[test]
fn s14_a_name_that_promises_http_only_is_taken_where_the_promise_is_kept() {
    let named = |secure| CookieSettings { name: "__Host-Http-sess".to_owned(), ..CookieSettings::new(secure) };
    let take = |settings| Sessions::new(MemoryStore::default(), Keys::generate().expect("a key")).cookie(settings);
    assert!(take(named(true)).is_ok());
    assert!(named(true).attributes().iter().any(|attribute| attribute == "HttpOnly"));
    for broken in [
        named(false),
        CookieSettings { domain: Some("example.com".to_owned()), ..named(true) },
        CookieSettings { path: "/a".to_owned(), ..named(true) },
    ] {
        assert!(take(broken.clone()).is_err(), "{broken:?}");
    }
}

/// Cookies do not differ by port. The default name is the same for all applications (docs/GUARANTEES.md, item 12).
#[tokio::test(flavor = "multi_thread")]
async fn s12_under_one_name_two_servers_on_one_host_take_each_others_sessions() {
    let one = Engine::start(Kind::Memory, routes()).await;
    let two = Engine::start(Kind::Memory, routes()).await;
    let visitor = browser();
    for engine in [&one, &two, &one, &two] {
        let answer = visitor.post(engine.url("/count")).send().await.expect("an answer");
        assert_eq!(answer.text().await.expect("text"), "1", "the earlier session is not reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_two_servers_on_one_host_keep_apart_by_cookies_names_of_their_own() {
    let named = |name: &str| CookieSettings { name: name.to_owned(), ..CookieSettings::new(false) };
    let one =
        Engine::start_as(open(Kind::Memory).await.store, routes(), |s| s.cookie(named("one_sess")).expect("legal"))
            .await;
    let two =
        Engine::start_as(open(Kind::Memory).await.store, routes(), |s| s.cookie(named("two_sess")).expect("legal"))
            .await;
    let visitor = browser();
    for turn in 1..=3 {
        for engine in [&one, &two] {
            let answer = visitor.get(engine.url("/count")).send().await.expect("an answer");
            assert_eq!(answer.text().await.expect("text"), turn.to_string());
        }
    }
}
