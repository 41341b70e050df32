//! Changes of an account's sign-in methods: which sessions they end, and the response to an interrupted change.

use crate::support::app::App;
use crate::support::engine::Engine;
use crate::support::issuer::Stage;
use crate::support::people::{PASSWORD, Person};
use crate::support::{Kind, open};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use axum::Router;
use axum::extract::Path;
use axum::http::header::SET_COOKIE;
use axum::routing::get;
use futures::future::join;
use hardtack_session::{Error, Keys, Session};
use serde_json::json;
use std::time::Duration;

const BEHIND_A_PROXY: (&str, &str) = ("SITE_TRUSTED_PROXIES", "127.0.0.1");
const NEW: &str = "un autre sel 8";

fn ada(app: &App) -> Person {
    Person::at(&app.url(""), "ada@example.com")
}

/// Returns the payload of the device cookie among the cookies of a response.
fn known(cookies: &[String]) -> String {
    let own = cookies.iter().find_map(|cookie| cookie.strip_prefix("hardtack_sess_known="));
    let value = own.unwrap_or_else(|| panic!("no device cookie among {cookies:?}"));
    value.split(['.', ';']).next().expect("a text").to_owned()
}

async fn text(app: &App, sql: &'static str) -> String {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a text")
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_no_session_gets_ahead_of_its_account() {
    let app = App::start_with(&[("LIMITS_SIGN_IN_SUCCESSES", "1000"), ("LIMITS_SIGN_IN_ATTEMPTS", "1000")]).await;
    let thief = ada(&app).registered().await;
    // Two changes at once in one session, of which one fails. In either order, the session ends up with the account's
    // epoch.
    let mut password = PASSWORD.to_owned();
    for round in 0..8 {
        let change = |new: String, others: bool| {
            thief.post("/api/password", json!({"current": password, "new": new, "end_others": others}))
        };
        let (first, second) = (format!("un premier sel {round}"), format!("un second sel {round}"));
        let (one, other) = join(change(first.clone(), false), change(second.clone(), true)).await;
        password = match (one.status, other.status) {
            (200, 200) => panic!("both changes were accepted with the same current password"),
            (200, _) => first,
            (_, 200) => second,
            _ => password,
        };
        assert!(thief.is_signed_in().await, "the session stays signed in: {one:?} {other:?}");
    }
    // A change by the owner that was interrupted before the other sessions were ended.
    app.execute("UPDATE account SET epoch = epoch + 1, keeps = 'the owner''s'").await;
    assert!(!thief.is_signed_in().await);
    // A session whose epoch is higher than the account's, as an earlier version could leave one, is rejected too.
    app.execute("UPDATE account SET epoch = epoch - 2").await;
    assert!(!thief.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_a_change_that_is_cut_off_keeps_its_own_session_ends_the_others_and_says_what_was_done() {
    let app = App::start().await;
    let desk = ada(&app).registered().await;
    let phone = desk.elsewhere();
    assert_eq!(phone.login(PASSWORD).await.status, 200);
    app.execute("CREATE TRIGGER away BEFORE DELETE ON session BEGIN SELECT RAISE(ABORT, 'away'); END").await;
    let told = desk.post("/api/password", json!({"current": PASSWORD, "new": NEW})).await;
    assert_eq!((told.status, told.kind(), told.retry_after.as_deref()), (503, "unavailable", Some("1")));
    let message = told.body["message"].as_str().expect("text");
    assert!(message.starts_with("Your password has been changed"), "{message}");
    app.execute("DROP TRIGGER away").await;
    assert!(desk.is_signed_in().await && !phone.is_signed_in().await);
    assert_eq!((desk.elsewhere().login(PASSWORD).await.status, desk.elsewhere().login(NEW).await.status), (401, 200));
    // The next change from another device ends this session like any other.
    let tablet = desk.elsewhere();
    assert_eq!(tablet.login(NEW).await.status, 200);
    assert_eq!(tablet.post("/api/password", json!({"current": NEW, "new": PASSWORD})).await.status, 200);
    assert!(tablet.is_signed_in().await && !desk.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_s68_giving_a_provider_up_says_what_was_done_and_leaves_the_browser_known() {
    let stage = Stage::set_with(&[("LIMITS_SIGN_IN_ATTEMPTS", "3")]).await;
    let ada = stage.person("ada").registered().await;
    assert_eq!(stage.connect(&ada, ("a", &stage.a), "ada").await, "/security");
    assert_eq!(stage.connect(&ada, ("b", &stage.b), "ada").await, "/security");
    let told = ada.post("/api/disconnect", json!({"provider": "a"})).await;
    assert_eq!((told.status, &told.body["profile"]["providers"]), (200, &json!(["b"])));
    known(&told.cookies);
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200, "another device, which is signed out below");
    for _ in 0..4 {
        ada.elsewhere().login("a guess").await;
    }
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 429, "unknown browsers wait");
    ada.logout().await;
    assert_eq!(ada.login(PASSWORD).await.status, 200);

    stage.app.execute("CREATE TRIGGER away BEFORE DELETE ON session BEGIN SELECT RAISE(ABORT, 'away'); END").await;
    let told = ada.post("/api/disconnect", json!({"provider": "b"})).await;
    assert_eq!((told.status, told.kind()), (503, "unavailable"));
    assert!(
        told.body["message"].as_str().is_some_and(|text| text.starts_with("The provider has been disc")),
        "{told:?}"
    );
    stage.app.execute("DROP TRIGGER away").await;
    assert_eq!(ada.profile().await.body["profile"]["providers"], json!([]), "its session stays signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn s69_the_password_that_an_account_has_is_no_new_one() {
    let app = App::start().await;
    let ada = ada(&app).registered().await;
    let told = ada.post("/api/password", json!({"current": PASSWORD, "new": PASSWORD})).await;
    assert_eq!((told.status, told.kind(), &told.body["field"]), (400, "invalid", &json!("new")));
    assert_eq!(told.body["message"], "This is already your password. Choose a different one.");
    let told = ada.post("/api/password", json!({"current": "not that one", "new": "not that one"})).await;
    assert_eq!((told.status, &told.body["field"]), (401, &json!("current")), "only after a right password");
}

#[tokio::test(flavor = "multi_thread")]
async fn s71_an_account_that_was_made_is_not_denied_when_the_sign_in_fails() {
    let app = App::start().await;
    app.execute("CREATE TRIGGER away BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'away'); END").await;
    let told = ada(&app).register().await;
    assert_eq!((told.status, told.kind()), (503, "unavailable"));
    let message = "Your account has been created, but you are not signed in. Sign in with your password.";
    assert_eq!(told.body["message"], message);
    app.execute("DROP TRIGGER away").await;
    assert_eq!(ada(&app).login(PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_s68_a_change_of_the_password_leaves_the_browser_known_and_whoever_knew_the_old_one_unknown() {
    let app = App::start_with(&[("LIMITS_SIGN_IN_ATTEMPTS", "3")]).await;
    let ada = ada(&app).registered().await;
    let (thief, phone) = (ada.elsewhere(), ada.elsewhere());
    assert_eq!((thief.login(PASSWORD).await.status, phone.login(PASSWORD).await.status), (200, 200));
    thief.logout().await;
    let change = json!({"current": PASSWORD, "new": NEW, "end_others": false});
    let told = ada.post("/api/password", change).await;
    assert_eq!(told.status, 200);
    known(&told.cookies);
    for _ in 0..3 {
        assert_eq!(ada.elsewhere().login("a guess").await.status, 401);
    }
    assert_eq!(thief.login("a guess").await.status, 429, "the old device cookie gives no attempts of its own");
    // A browser that changed the password, or was signed in meanwhile, does not share the attempts of unknown browsers.
    for person in [&ada, &phone] {
        let told = person.post("/api/confirm", json!({"current": NEW})).await;
        assert_eq!(told.status, 200, "{told:?}");
        known(&told.cookies);
        person.logout().await;
        assert_eq!(person.login(NEW).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s68_the_cookie_of_a_known_browser_does_not_tell_the_account() {
    let app = App::start().await;
    let ada = ada(&app);
    let first = known(&ada.register().await.cookies);
    let id = text(&app, "SELECT id FROM account").await;
    assert!(!first.contains(&id) && !first.contains(&id.replace('-', "")), "{first}");
    ada.logout().await;
    assert_eq!(known(&ada.login(PASSWORD).await.cookies), first, "a browser keeps its device cookie");
    let other = known(&ada.elsewhere().login(PASSWORD).await.cookies);
    assert_ne!(other, first, "each browser has its own device cookie");
}

/// Starts an engine that signs with the keys of the application and sets signed cookies.
async fn signer(keys: Keys) -> Engine {
    let own = open(Kind::Memory).await;
    let routes = Router::new()
        .route(
            "/give/{text}",
            get(async |session: Session, Path(text): Path<String>| {
                Ok::<_, Error>([(SET_COOKIE, session.give_beside("known", &text, Duration::from_secs(60))?)])
            }),
        )
        .route(
            "/name/{text}",
            get(async |session: Session, Path(text): Path<String>| session.pseudonym("place", &text)),
        )
        .route(
            "/is/{text}/{name}",
            get(async |session: Session, Path((text, name)): Path<(String, String)>| {
                session.is_pseudonym("place", &text, &name).to_string()
            }),
        );
    Engine::start_as(own.store, routes, |sessions| sessions.keys(keys.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn s68_a_browser_with_a_cookie_of_an_earlier_version_is_still_known_and_gets_a_new_one() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_SIGN_IN_ATTEMPTS", "3")]).await;
    let ada = ada(&app).registered().await;
    let id = text(&app, "SELECT id FROM account").await;
    let keys = Keys::in_file(&app.database().with_file_name("hardtack.key")).expect("the key");
    let browser = "0123456789abcdef0123456789abcdef";
    let cookie = signer(keys).await.cookie_from(&format!("/give/{id}-0-{browser}")).await;
    for _ in 0..4 {
        ada.elsewhere().login("a guess").await;
    }
    let body = json!({"username": ada.username, "password": PASSWORD});
    let request = |cookie: &str| ada.elsewhere().request("/api/login", &body).header("cookie", cookie.to_owned());
    assert_eq!(request("").send().await.expect("an answer").status(), 429, "unknown browsers wait");
    let answer = request(&cookie).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let given = known(&crate::support::app::cookies_set(&answer));
    assert!(given.ends_with(browser) && !given.contains(&id), "{given}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g12_a_pseudonym_is_recognised_by_every_key_and_made_by_the_first() {
    let (old, new) = (
        "0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210",
        "00112233445566778899aabbccddeeff".repeat(2),
    );
    let keys = |texts: &[&str]| Keys::parse(texts.iter().map(|text| ("a key", *text))).expect("keys");
    let (before, after) = (signer(keys(&[old])).await, signer(keys(&[&new, old])).await);
    let ask = async |engine: &Engine, path: &str| engine.get(path).await.text().await.expect("text");
    let (first, second) = (ask(&before, "/name/ada").await, ask(&after, "/name/ada").await);
    assert_ne!(first, second);
    for (engine, name, text, expected) in [
        (&after, &first, "ada", "true"),
        (&after, &second, "ada", "true"),
        (&after, &first, "bob", "false"),
        (&before, &second, "ada", "false"),
        (&before, &"ada".to_owned(), "ada", "false"),
    ] {
        assert_eq!(ask(engine, &format!("/is/{text}/{name}")).await, expected, "{name} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s62_a_sign_in_replaces_a_hash_of_lower_parameters_in_the_database() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    let params = Params::new(8, 1, 1, None).expect("parameters");
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(PASSWORD.as_bytes());
    let change = format!("UPDATE account SET password = '{}'", weak.expect("a hash"));
    app.execute(change.leak()).await;
    let kept = "SELECT password FROM account";
    assert!(app.text(kept).await.starts_with("$argon2id$v=19$m=8,"));
    assert_eq!(ada.elsewhere().login("wrong wrong wrong").await.status, 401);
    assert!(app.text(kept).await.starts_with("$argon2id$v=19$m=8,"));
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200);
    assert!(app.text(kept).await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}
