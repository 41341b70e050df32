//! The methods of `req.session` and the options of express-session, through the layer, as `docs/FROM-EXPRESS.md`
//! describes them.

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::{Kind, STORES, count, open};
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use hardtack_session::{Clocks, CookieSettings, Error, Key, Lifetime, Owner, Session, Sessions};
use std::fs;
use std::time::Duration;

const NOTE: Key<String> = Key::new("note");
const MINUTE: Duration = Duration::from_secs(60);

async fn read(session: Session) -> Result<String, Error> {
    Ok(session.read(NOTE).await?.unwrap_or_default())
}

async fn note(session: Session, Path(text): Path<String>) -> Result<(), Error> {
    session.put(NOTE, &text).await
}

async fn whose(session: Session) -> Result<String, Error> {
    Ok(session.facts().await?.and_then(|facts| facts.owner.account).unwrap_or_default())
}

/// Sends another request of the same visitor while this one is in progress, and returns its body.
async fn meanwhile(headers: &HeaderMap, path: &str) -> String {
    let url = format!("http://{}{path}", headers["host"].to_str().expect("text"));
    let answer = browser().get(url).header("cookie", &headers["cookie"]).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("text")
}

async fn reload(session: Session, headers: HeaderMap) -> Result<String, Error> {
    let before = read(session.clone()).await?;
    meanwhile(&headers, "/note/theirs").await;
    let still = read(session.clone()).await?;
    session.put(NOTE, &"mine".to_owned()).await?;
    session.reload().await?;
    Ok(format!("{before} {still} {}", read(session).await?))
}

async fn reload_what_has_ended(session: Session, headers: HeaderMap) -> Result<&'static str, Error> {
    read(session.clone()).await?;
    meanwhile(&headers, "/end").await;
    // A handler that ignores the error. Its write must still have no effect.
    drop(session.reload().await);
    drop(session.put(NOTE, &"brought back".to_owned()).await);
    Ok("a lie")
}

async fn reload_nothing(session: Session) -> Result<String, Error> {
    session.reload().await?;
    session.put(NOTE, &"to be dropped".to_owned()).await?;
    session.reload().await?;
    read(session).await
}

async fn save(session: Session, headers: HeaderMap) -> Result<String, StatusCode> {
    session.put(NOTE, &"saved".to_owned()).await.expect("put");
    session.commit().await.expect("saved");
    // The value is visible before this request is answered, and stays although the request fails.
    assert_eq!(meanwhile(&headers, "/read").await, "saved");
    Err(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn regenerate(session: Session) -> Result<(), Error> {
    session.end().await?;
    session.put(NOTE, &"anew".to_owned()).await
}

async fn regenerate_and_sign_in(session: Session) -> Result<(), Error> {
    session.end().await?;
    session.sign_in(Owner { account: Some("ada".to_owned()), device: None }, None).await
}

async fn short(session: Session) -> Result<(), Error> {
    session.set_lifetime(Lifetime { idle: 5 * MINUTE, absolute: 8 * MINUTE }).await?;
    session.put(NOTE, &"short".to_owned()).await
}

fn routes() -> Router {
    Router::new()
        .route("/read", get(read))
        .route("/note/{text}", get(note))
        .route("/count", get(async |session: Session| count(&session).await.to_string()))
        .route("/whose", get(whose))
        .route("/ask-nothing", get(async || "nothing"))
        .route("/facts", get(async |session: Session| session.facts().await.map(|facts| facts.is_some().to_string())))
        .route("/reload", get(reload))
        .route("/reload-what-has-ended", get(reload_what_has_ended))
        .route("/reload-nothing", get(reload_nothing))
        .route("/save", get(save))
        .route("/regenerate", get(regenerate))
        .route("/regenerate-and-sign-in", get(regenerate_and_sign_in))
        .route("/rotate", get(async |session: Session| session.rotate().await))
        .route("/end", get(async |session: Session| session.end().await))
        .route("/short", get(short))
        .route("/clear", get(async |session: Session| session.clear().await))
        .route("/take", get(async |session: Session| session.take(NOTE).await.map(|_| ())))
        .route("/expire", get(async |session: Session| session.set_expiry(None)))
}

async fn text(engine: &Engine, cookie: &str, path: &str) -> String {
    let answer = engine.get_as(cookie, path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("text")
}

/// Returns the name and value of the only `Set-Cookie` of a response.
fn pair(answer: &reqwest::Response) -> String {
    let cookies = cookies_set(answer);
    let [set] = &cookies[..] else { panic!("one cookie expected: {cookies:?}") };
    set.split(';').next().expect("a pair").to_owned()
}

fn max_age(answer: &reqwest::Response) -> Option<u64> {
    let set = cookies_set(answer).pop()?;
    set.split("; ").find_map(|part| part.strip_prefix("Max-Age=")).map(|life| life.parse().expect("seconds"))
}

/// Starts an engine whose cookies stay when the browser closes.
async fn persistent(set: impl Fn(Sessions) -> Sessions) -> Engine {
    let cookie = CookieSettings { persistent: true, ..CookieSettings::new(false) };
    let store = open(Kind::Memory).await.store;
    Engine::start_as(store, routes(), |sessions| set(sessions.cookie(cookie.clone()).expect("legal"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerate_without_the_data_is_an_end_and_a_beginning() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let old = engine.cookie_from("/count").await;
        let new = pair(&engine.get_as(&old, "/regenerate").await);
        assert_ne!(new, old);
        assert_eq!(text(&engine, &new, "/read").await, "anew");
        assert_eq!(text(&engine, &new, "/count").await, "1", "the new session has no old count, on {kind:?}");
        assert_eq!(text(&engine, &old, "/facts").await, "false", "the old session has ended, on {kind:?}");

        let signed_in = pair(&engine.get_as(&new, "/regenerate-and-sign-in").await);
        assert_eq!(text(&engine, &signed_in, "/whose").await, "ada");
        assert_eq!(text(&engine, &signed_in, "/read").await, "", "no value was kept, on {kind:?}");
        assert_eq!(text(&engine, &new, "/facts").await, "false", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerate_with_the_data_is_a_rotation() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let old = engine.cookie_from("/note/kept").await;
        let new = pair(&engine.get_as(&old, "/rotate").await);
        assert_ne!(new, old);
        assert_eq!(text(&engine, &new, "/read").await, "kept", "on {kind:?}");
        assert_eq!(engine.get_as(&old, "/read").await.status(), 503, "the old id is told to retry, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_sees_what_another_request_wrote_and_forgets_what_this_one_has_put() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note/before").await;
        assert_eq!(text(&engine, &cookie, "/reload").await, "before before theirs", "on {kind:?}");
        assert_eq!(text(&engine, &cookie, "/read").await, "theirs", "it was not overwritten, on {kind:?}");
        let anonymous = engine.get("/reload-nothing").await;
        assert_eq!(cookies_set(&anonymous), [] as [String; 0]);
        assert_eq!((anonymous.status().as_u16(), anonymous.text().await.expect("text")), (200, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_reload_of_a_session_that_has_ended_brings_nothing_back() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note/before").await;
        let answer = engine.get_as(&cookie, "/reload-what-has-ended").await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer).len()), (409, 0), "on {kind:?}");
        assert_eq!(text(&engine, &cookie, "/facts").await, "false", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn save_commits_before_the_answer_and_stands_whatever_follows() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note/before").await;
        assert_eq!(engine.get_as(&cookie, "/save").await.status(), 500);
        assert_eq!(text(&engine, &cookie, "/read").await, "saved", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn touch_is_any_question_and_a_request_that_asks_nothing_is_none() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note/kept").await;
        for path in ["/facts", "/read", "/facts"] {
            engine.clock.advance(29 * MINUTE);
            text(&engine, &cookie, path).await;
        }
        assert_eq!(text(&engine, &cookie, "/read").await, "kept", "87 minutes after it began, on {kind:?}");
        engine.clock.advance(29 * MINUTE);
        text(&engine, &cookie, "/ask-nothing").await;
        engine.clock.advance(MINUTE);
        assert_eq!(text(&engine, &cookie, "/facts").await, "false", "30 minutes without use, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn destroy_ends_the_session_and_takes_the_cookie_away() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        let cookie = engine.cookie_from("/note/before").await;
        let answer = engine.get_as(&cookie, "/end").await;
        assert_eq!((answer.status().as_u16(), max_age(&answer)), (200, Some(0)));
        assert_eq!(text(&engine, &cookie, "/read").await, "", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unset_is_to_empty_the_session_unless_somebody_is_signed_in() {
    for kind in STORES {
        let engine = Engine::start(kind, routes()).await;
        for path in ["/clear", "/take"] {
            let cookie = engine.cookie_from("/note/only").await;
            assert_eq!(max_age(&engine.get_as(&cookie, path).await), Some(0), "{path}, on {kind:?}");
            assert_eq!(text(&engine, &cookie, "/facts").await, "false", "{path}, on {kind:?}");
        }
        let cookie = engine.cookie_from("/regenerate-and-sign-in").await;
        text(&engine, &cookie, "/note/only").await;
        assert_eq!(cookies_set(&engine.get_as(&cookie, "/clear").await), [] as [String; 0]);
        assert_eq!(text(&engine, &cookie, "/read").await, "");
        assert_eq!(text(&engine, &cookie, "/whose").await, "ada", "still signed in, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_lasts_until_the_browser_closes_or_as_long_as_its_session() {
    let engine = Engine::start(Kind::Memory, routes()).await;
    let set = cookies_set(&engine.get("/note/x").await).pop().expect("a cookie");
    assert!(!set.contains("Max-Age") && !set.contains("Expires"), "{set}");
    let engine = persistent(|sessions| sessions).await;
    assert_eq!(max_age(&engine.get("/note/x").await), Some(30 * 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_gives_a_persistent_cookie_its_full_life_again_once_a_minute_until_the_absolute_end() {
    let engine = persistent(|sessions| {
        let lifetime = Lifetime { idle: 30 * MINUTE, absolute: 40 * MINUTE };
        sessions.clocks(Clocks { lifetime, ..Clocks::default() }).expect("valid timeouts")
    })
    .await;
    let cookie = engine.cookie_from("/note/x").await;
    for (wait, life) in [(59, None), (1, Some(30 * 60)), (0, None), (14 * 60, Some(25 * 60)), (20 * 60, Some(5 * 60))] {
        engine.clock.advance(Duration::from_secs(wait));
        let answer = engine.get_as(&cookie, "/read").await;
        assert_eq!(max_age(&answer), life, "after {wait} s more");
        assert!(life.is_none() || pair(&answer) == cookie, "the same id");
    }
    engine.clock.advance(5 * MINUTE);
    assert_eq!(text(&engine, &cookie, "/facts").await, "false", "40 minutes after it began, although in use");
}

#[tokio::test(flavor = "multi_thread")]
async fn max_age_of_one_session_is_its_own_lifetime() {
    let engine = persistent(|sessions| sessions).await;
    assert_eq!(max_age(&engine.get("/short").await), Some(5 * 60), "a new session");

    let cookie = engine.cookie_from("/note/long").await;
    assert_eq!(max_age(&engine.get_as(&cookie, "/short").await), Some(5 * 60), "an existing session");
    for wait in [4, 3] {
        engine.clock.advance(wait * MINUTE);
        assert_eq!(text(&engine, &cookie, "/read").await, "short");
    }
    engine.clock.advance(MINUTE);
    assert_eq!(text(&engine, &cookie, "/facts").await, "false", "its absolute end, counted from its beginning");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tower_sessions_calls_expiry_is_not_heeded() {
    let engine = persistent(|sessions| sessions).await;
    let cookie = engine.cookie_from("/note/x").await;
    let answer = engine.get_as(&cookie, "/expire").await;
    assert_eq!((answer.status().as_u16(), cookies_set(&answer).len()), (200, 0));
    assert_eq!(text(&engine, &cookie, "/read").await, "x");
}

fn shipped(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_example_on_the_page_is_the_one_that_is_compiled_and_tested() {
    let page = shipped("docs/FROM-EXPRESS.md");
    let shown = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let example = shipped("examples/from_express.rs");
    let code = example.split("\n#[cfg(test)]").next().and_then(|code| code.split_once("\n\n")).expect("code").1;
    assert_eq!(shown, code);
}

#[test]
fn the_page_has_every_option_and_method_of_the_three_packages() {
    let page = shipped("docs/FROM-EXPRESS.md");
    let tables: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    for name in
        "`name` `key` `secret` `store` `cookie` `cookie.domain` `cookie.path` `cookie.httpOnly` `cookie.secure` \
                 `cookie.sameSite` `cookie.partitioned` `cookie.priority` `cookie.maxAge` `cookie.expires` \
                 `cookie.originalMaxAge` `rolling` `resave` `saveUninitialized` `unset` `genid` `proxy` `auto` \
                 `regenerate()` `destroy()` `reload()` `save()` `touch()` `id` `req.sessionID` `req.sessionStore` \
                 `get(sid)` `ENOENT` `destroy(sid)` `all()` `length()` `clear()` `connect` `disconnect` \
                 `req.cookies` `req.signedCookies` `s:…` `j:…` `decode` `cookieParser.JSONCookie(s)` \
                 `cookieParser.signedCookie(s)` `origin` `methods` `allowedHeaders` `exposedHeaders` `credentials` \
                 `maxAge` `preflightContinue` `optionsSuccessStatus`"
            .split_whitespace()
    {
        assert!(tables.iter().any(|cell| cell.contains(name)), "docs/FROM-EXPRESS.md has no row about {name}");
    }
}

/// Returns the fields of a value as `Debug` prints them, such as `max_data: 16384`.
fn fields(shown: &str) -> Vec<&str> {
    shown.split([',', '{', '}']).map(str::trim).collect()
}

#[test]
fn s23_the_limits_in_the_documents_are_those_of_the_engine() {
    let sessions = Sessions::new(
        hardtack_session::store::memory::MemoryStore::default(),
        hardtack_session::Keys::generate().expect("a key"),
    );
    let shown = format!("{sessions:?}");
    let engine = fields(&shown);
    let settings = shipped("docs/SETTINGS.md");
    let from_express = shipped("docs/FROM-EXPRESS.md");
    for (setting, default, in_engine) in [
        ("idle", "30m", "idle: 1800s"),
        ("absolute", "12h", "absolute: 43200s"),
        ("touch_every", "60s", "touch_every: 60s"),
        ("rotation_grace", "10s", "rotation_grace: 10s"),
        ("renew_every", "off", "renew_every: None"),
        ("per_account", "100", "per_account: Any"),
        ("max_data", "16 KiB", "max_data: 16384"),
        ("same_site", "lax", "same_site: Lax"),
        ("partitioned", "false", "partitioned: false"),
        ("persistent", "false", "persistent: false"),
    ] {
        let variable = format!("HARDTACK_SESSION_{}", setting.to_uppercase());
        let row = format!("| `{setting}` | `{variable}` | `{default}` |");
        assert!(settings.contains(&row), "docs/SETTINGS.md has no {row}");
        assert!(engine.contains(&in_engine), "the engine has no {in_engine}: {shown}");
        let told = format!("| `{setting}` | {default} |");
        assert!(from_express.contains(&told), "docs/FROM-EXPRESS.md has no {told}");
    }
}

/// The guarantees page gives the reasons for the defaults (ASVS 5.0, 7.1.1 and 7.1.2).
#[test]
fn s23_the_defaults_with_their_reasons_are_those_of_the_server() {
    let guarantees = shipped("docs/GUARANTEES.md");
    let settings = shipped("docs/SETTINGS.md");
    let rows: Vec<Vec<&str>> = guarantees
        .lines()
        .filter(|line| line.starts_with("| `s"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let mut compared = Vec::new();
    for row in rows {
        let ["", name, default, reason, ""] = row[..] else { continue };
        let Some((group, setting)) = name.trim_matches('`').split_once('.') else { continue };
        let variable = format!("HARDTACK_{}_{}", group.to_uppercase(), setting.to_uppercase());
        let told = format!("| `{setting}` | `{variable}` | `{default}` |");
        assert!(
            settings.contains(&told),
            "docs/GUARANTEES.md says that {name} is {default}, and docs/SETTINGS.md has no {told}"
        );
        // A setting that is off needs no reason.
        assert!(!reason.is_empty() || default == "off", "{name} has no reason");
        compared.push(name.trim_matches('`').to_owned());
    }
    for name in ["idle", "absolute", "touch_every", "rotation_grace", "renew_every", "per_account"] {
        assert!(compared.contains(&format!("session.{name}")), "session.{name} has no row: {compared:?}");
    }
    assert!(compared.contains(&"sign_in.keep".to_owned()), "{compared:?}");
}
