//! Accounts over HTTP: registration, sign-in, sign-out, the profile and a change of the password.

use crate::support::app::{App, cookies_set};
use crate::support::people::{PASSWORD, Person};
use serde_json::json;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn ada(app: &App) -> Person {
    Person::at(&app.url(""), "ada@example.com").registered().await
}

fn session_cookie(cookies: &[String]) -> String {
    let own = cookies.iter().find(|cookie| cookie.starts_with("hardtack_sess="));
    own.unwrap_or_else(|| panic!("no session's among {cookies:?}")).clone()
}

fn pair(cookies: &[String]) -> String {
    session_cookie(cookies).split(';').next().expect("a pair").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_is_signed_in_and_is_told_the_profile() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), " Ada@EXAMPLE.com ");
    let profile = json!({"profile": {"name": "Ada", "username": "Ada@example.com", "password": true, "providers": []}});
    let told = ada.register().await;
    assert_eq!((told.status, &told.body), (200, &profile));
    assert_eq!(ada.profile().await.body, profile);
    let told = ada.logout().await;
    assert_eq!((told.status, told.body), (200, json!({"message": "Signed out."})));
    let told = ada.profile().await;
    assert_eq!((told.status, told.kind()), (401, "not_signed_in"));
    let told = ada.login(PASSWORD).await;
    assert_eq!((told.status, told.body), (200, profile), "upper and lower case are the same username");
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_s15_a_sign_in_gives_a_new_id_keeps_the_values_and_kills_a_planted_one() {
    let app = App::start().await;
    let ada = ada(&app).await;
    ada.logout().await;
    let visits = async || ada.post("/api/visits", json!({})).await;
    let planted = pair(&visits().await.cookies);
    let told = ada.login(PASSWORD).await;
    assert_ne!(pair(&told.cookies), planted);
    assert_eq!(visits().await.body["visits"], 2, "the session keeps its values");
    let thief = ada.elsewhere();
    let answer = thief.browser.get(app.url("/api/profile")).header("cookie", &planted).send().await.expect("an answer");
    assert_eq!(answer.status(), 503, "the old id is recognised, and the client is told to retry");
    app.clock.advance(Duration::from_secs(71));
    let answer = thief.browser.get(app.url("/api/profile")).header("cookie", &planted).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_over_somebody_else_finds_nothing_of_theirs() {
    let app = App::start().await;
    let ada = ada(&app).await;
    ada.post("/api/visits", json!({})).await;
    let bob = Person { username: "bob@example.com".to_owned(), ..ada.clone() };
    assert_eq!(bob.register().await.status, 200);
    assert_eq!(bob.post("/api/visits", json!({})).await.body["visits"], 1);
    assert_eq!(bob.profile().await.body["profile"]["username"], "bob@example.com");
    assert_eq!(app.sessions().await, 1, "ada's session has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn s24_s26_a_sign_out_ends_the_session_and_then_takes_its_cookie_also_nobodys() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let cookie = pair(&ada.register().await.cookies);
    let told = ada.logout().await;
    assert!(session_cookie(&told.cookies).contains("Max-Age=0"), "{told:?}");
    assert!(told.headers.contains(&"clear-site-data: \"storage\"".to_owned()), "{told:?}");
    assert!(told.headers.contains(&"cache-control: no-store".to_owned()), "{told:?}");
    let replay = ada.elsewhere().browser.get(app.url("/api/profile")).header("cookie", cookie);
    assert_eq!(replay.send().await.expect("an answer").status(), 401);
    let nobody = ada.elsewhere();
    for _ in 0..100 {
        let told = nobody.logout().await;
        assert_eq!((told.status, told.cookies), (200, vec![]));
    }
    assert_eq!(app.sessions().await, 0);
    let form = nobody.browser.post(app.url("/api/logout")).header("accept", "text/html");
    let answer = form.header("sec-fetch-site", "same-origin").send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["clear-site-data"]),
        (303, &"\"storage\"".parse().expect("a value"))
    );
    let foreign = nobody.request("/api/logout", &json!({})).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.expect("an answer").status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_who_wants_to_stay_signed_in_does_and_nobody_else() {
    let app = App::start().await;
    let ada = ada(&app).await;
    let (desk, phone) = (ada.elsewhere(), ada.elsewhere());
    let told = desk.login(PASSWORD).await;
    assert!(!session_cookie(&told.cookies).contains("Max-Age"), "{told:?}");
    let told = phone.post("/api/login", json!({"username": ada.username, "password": PASSWORD, "keep": true})).await;
    assert!(session_cookie(&told.cookies).contains("Max-Age=2592000"), "{told:?}");
    app.clock.advance(DAY);
    assert!(!desk.is_signed_in().await && phone.is_signed_in().await);
    app.clock.advance(28 * DAY);
    let told = phone.profile().await;
    let cookie = session_cookie(&told.cookies);
    assert_eq!(told.status, 200, "signed in for 30 days");
    assert!(cookie.contains("Max-Age=86400"), "{cookie}");
    let told = phone.login(PASSWORD).await;
    assert!(told.status == 200 && phone.is_signed_in().await, "a new sign-in starts a new lifetime: {told:?}");
    app.clock.advance(DAY);
    assert!(!phone.is_signed_in().await);
    let form = [("username", "ada@example.com"), ("password", PASSWORD), ("keep", "true")];
    let answer = phone.elsewhere().browser.post(app.url("/api/login")).form(&form).send().await.expect("an answer");
    assert!(session_cookie(&cookies_set(&answer)).contains("Max-Age=2592000"), "`keep` as a form sends it");
    // A new sign-in without `keep` in the same session gets the ordinary lifetime.
    let told = phone.post("/api/login", json!({"username": ada.username, "password": PASSWORD, "keep": true})).await;
    assert_eq!(told.status, 200);
    let told = phone.login(PASSWORD).await;
    assert!(!session_cookie(&told.cookies).contains("Max-Age"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_to_stay_signed_in_keeps_the_cookie_also_where_each_session_lives_as_long() {
    let month = ("SESSION_ABSOLUTE", "30d");
    for set in [&[month][..], &[("SESSION_ABSOLUTE", "60d")], &[month, ("SESSION_IDLE", "30d")]] {
        let app = App::start_with(set).await;
        let ada = ada(&app).await;
        let phone = ada.elsewhere();
        let kept = json!({"username": ada.username, "password": PASSWORD, "keep": true});
        let told = phone.post("/api/login", kept).await;
        assert!(session_cookie(&told.cookies).contains("Max-Age="), "{set:?}: {told:?}");
        let told = phone.login(PASSWORD).await;
        assert!(!session_cookie(&told.cookies).contains("Max-Age="), "{set:?}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_beside_its_input() {
    let app = App::start().await;
    let ada = ada(&app).await.elsewhere();
    let good = ("Bob", "bob@example.com", PASSWORD);
    let long = "x".repeat(1025);
    for (name, username, password, status, kind, field) in [
        ("", good.1, good.2, 400, "invalid", "name"),
        ("B\u{7}b", good.1, good.2, 400, "invalid", "name"),
        (good.0, "bob", good.2, 400, "invalid", "username"),
        (good.0, "bob@example.com,ada@example.com", good.2, 400, "invalid", "username"),
        (good.0, "ADA@example.com", "another biscuit, harder", 409, "username_taken", "username"),
        (good.0, good.1, "1234567", 400, "invalid", "password"),
        (good.0, good.1, long.as_str(), 400, "invalid", "password"),
        (good.0, good.1, "password123", 400, "invalid", "password"),
        (good.0, good.1, "bob@example.com", 400, "invalid", "password"),
        (good.0, good.1, "hardtack1", 400, "invalid", "password"),
    ] {
        let body = json!({"name": name, "username": username, "password": password});
        let told = ada.post("/api/register", body).await;
        assert_eq!((told.status, told.kind()), (status, kind), "{name:?} {username:?} {told:?}");
        assert_eq!((&told.body["field"], &told.cookies), (&json!(field), &vec![]), "{told:?}");
    }
    let form = ada.browser.post(app.url("/api/register")).header("accept", "text/html");
    let form = form.header("sec-fetch-site", "same-origin").header("referer", app.url("/register"));
    let form = form.form(&[("name", "Bob"), ("username", "bob"), ("password", PASSWORD)]);
    let answer = form.send().await.expect("an answer");
    assert_eq!(answer.headers()["location"], "/register?error=invalid&field=username");
    assert_eq!(app.sessions().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s71_two_browsers_that_spell_a_domain_differently_have_one_account() {
    let app = App::start().await;
    // Chromium sends the ASCII form of the input, Firefox the input itself. The last spelling is from a Mac, which
    // sends decomposed letters.
    let spellings =
        ["ada@xn--bcher-kva.example", "ada@bücher.example", "ada@BÜCHER.example", "ada@bu\u{308}cher.example"];
    let first = Person::at(&app.url(""), spellings[1]).registered().await;
    for username in spellings {
        let other = Person { username: username.to_owned(), ..first.elsewhere() };
        let taken = json!({"name": "Ada", "username": username, "password": "another biscuit, harder"});
        assert_eq!(other.post("/api/register", taken).await.kind(), "username_taken", "{username}");
        let told = other.login(PASSWORD).await;
        assert_eq!((told.status, &told.body["profile"]["username"]), (200, &json!(spellings[0])), "{username}");
        let page = other.browser.post(app.url("/api/login")).header("accept", "text/html");
        let page = page.form(&[("username", username), ("password", PASSWORD)]).header("sec-fetch-site", "same-origin");
        assert_eq!(page.send().await.expect("an answer").headers()["location"], "/profile", "{username}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_arrives_twice_signs_in_and_tells_nobody_else() {
    let app = App::start().await;
    let ada = ada(&app).await;
    // A double click sends the form twice, and the browser shows the response to the second request.
    let again = ada.elsewhere();
    let told = again.register().await;
    assert_eq!((told.status, again.is_signed_in().await), (200, true), "{told:?}");
    let both = (ada.elsewhere(), Person::at(&app.url(""), "mary@example.com"));
    let (one, two) = (both.1.clone(), both.1.elsewhere());
    let (one, two) = tokio::join!(one.register(), two.register());
    assert_eq!((one.status, two.status), (200, 200), "{one:?} {two:?}");
    let other = json!({"name": "Eve", "username": ada.username, "password": "another biscuit, harder"});
    let told = both.0.post("/api/register", other).await;
    assert_eq!((told.status, told.kind(), told.cookies.len()), (409, "username_taken", 0), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_can_be_seen_also_one_that_was_kept_before() {
    let app = App::start().await;
    let person = Person::at(&app.url(""), "bob@example.com");
    for name in ["\u{200b}", "\u{202e}", "\u{2060}", "\u{2800}", "\u{301}\u{301}", "\u{a0}"] {
        let body = json!({"name": name, "username": person.username, "password": PASSWORD});
        let told = person.post("/api/register", body).await;
        assert_eq!((told.status, &told.body["field"]), (400, &json!("name")), "{name:?}");
    }
    let body = json!({"name": "\u{202e}boB\u{200b}", "username": person.username, "password": PASSWORD});
    assert_eq!(person.post("/api/register", body).await.body["profile"]["name"], "boB");
    app.execute("UPDATE account SET name = '\u{200b}'").await;
    assert_eq!(person.profile().await.body["profile"]["name"], "bob@example.com");
    let page = person.browser.get(app.url("/")).send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("dir=\"auto\"") && page.contains(">bob@example.com</a>"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s59_long_passwords_of_any_signs_are_taken_and_a_megabyte_is_refused() {
    let app = App::start().await;
    for (n, password) in [
        "😀🧭⚓🦑🐚🪸🐋🏝".repeat(8),
        "é".repeat(72) + " x\0 et deux signes y",
        "  ein Satz, mit Leerzeichen  ".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let person = Person::at(&app.url(""), &format!("p{n}@example.com"));
        let body = json!({"name": "P", "username": person.username, "password": password});
        assert_eq!(person.post("/api/register", body).await.status, 200, "{password:?}");
        assert_eq!(person.elsewhere().login(password).await.status, 200);
        assert_eq!(person.elsewhere().login(password.trim_end_matches(['y', ' ', '🏝'])).await.status, 401, "not cut");
    }
    let told = Person::at(&app.url(""), "ada@example.com").login(&"x".repeat(1 << 20)).await;
    assert_eq!((told.status, told.kind()), (413, "too_large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s60_a_password_is_verified_in_the_form_that_it_was_received_in() {
    let app = App::start().await;
    let person = Person::at(&app.url(""), "zoe@example.com");
    let body = json!({"name": "Zoë", "username": person.username, "password": "caf\u{e9} au lait 7"});
    assert_eq!(person.post("/api/register", body).await.status, 200);
    assert_eq!(person.login("caf\u{e9} au lait 7").await.status, 200);
    assert_eq!(person.login("cafe\u{301} au lait 7").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_s69_another_password_wants_the_current_one_and_signs_out_everywhere_else() {
    let app = App::start().await;
    let desk = ada(&app).await;
    let (phone, tablet) = (desk.elsewhere(), desk.elsewhere());
    phone.login(PASSWORD).await;
    let told = desk.post("/api/password", json!({"current": "not that one", "new": "un autre sel 8"})).await;
    assert_eq!((told.status, told.kind(), &told.body["field"]), (401, "bad_credentials", &json!("current")));
    let told = desk.post("/api/password", json!({"current": PASSWORD, "new": "password1"})).await;
    assert_eq!((told.status, told.kind(), &told.body["field"]), (400, "invalid", &json!("new")));
    assert!(phone.is_signed_in().await, "a refused change signs out no device");

    let told = desk.post("/api/password", json!({"current": PASSWORD, "new": "un autre sel 8"})).await;
    assert_eq!((told.status, &told.body), (200, &json!({"message": "Your password has been changed."})));
    session_cookie(&told.cookies);
    assert!(desk.is_signed_in().await && !phone.is_signed_in().await);
    assert_eq!(phone.login(PASSWORD).await.status, 401);
    assert_eq!(phone.login("un autre sel 8").await.status, 200);
    assert_eq!(tablet.post("/api/password", json!({"current": PASSWORD, "new": PASSWORD})).await.status, 401);
    let body = json!({"current": "un autre sel 8", "new": "encore un autre 9", "end_others": false});
    assert_eq!(desk.post("/api/password", body).await.status, 200);
    assert!(phone.is_signed_in().await, "`end_others` is false");
}

#[tokio::test(flavor = "multi_thread")]
async fn s38_a_session_knows_when_and_how_it_was_signed_in() {
    let app = App::start().await;
    let ada = ada(&app).await;
    let overview = ada.browser.get(app.url("/api/overview")).send().await.expect("an answer");
    let overview: serde_json::Value = overview.json().await.expect("JSON");
    assert_eq!(overview["kept"]["keys"], json!(["signed_in"]));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let data: String = sqlx::query_scalar("SELECT data FROM session").fetch_one(&pool).await.expect("a row");
    assert!(data.contains("4000000000000") && data.contains("pwd"), "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s81_whose_account_it_is_comes_from_the_session_alone() {
    let app = App::start().await;
    let ada = ada(&app).await;
    let mallory = Person::at(&app.url(""), "mallory@example.com").registered().await;
    let body = json!({
        "current": PASSWORD, "new": "un autre sel 8", "username": ada.username, "id": "1", "userId": "1", "account": "1"
    });
    assert_eq!(mallory.post("/api/password", body).await.status, 200);
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200, "ada's password is unchanged");
    assert_eq!(mallory.elsewhere().login("un autre sel 8").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_foreign_page_signs_nobody_in_and_makes_no_account() {
    let app = App::start().await;
    let ada = ada(&app).await.elsewhere();
    for path in ["/api/login", "/api/register", "/api/password"] {
        let body = json!({"name": "A", "username": ada.username, "password": PASSWORD, "current": "", "new": ""});
        let answer = ada.request(path, &body).header("origin", "https://evil.example").send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (403, vec![]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s82_there_is_no_account_before_somebody_makes_one_and_closed_means_closed() {
    let app = App::start_with(&[("SIGN_IN_REGISTER", "closed")]).await;
    let told = Person::at(&app.url(""), "ada@example.com").register().await;
    assert_eq!((told.status, told.kind()), (403, "registration_closed"));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM account").fetch_one(&pool).await.expect("a count");
    assert_eq!(count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s28_s29_no_answer_shows_a_secret_a_hash_or_an_id() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let told = [ada.register().await, ada.login(PASSWORD).await, ada.profile().await, ada.login("x").await];
    let secrets: Vec<_> =
        told.iter().flat_map(|told| &told.cookies).filter_map(|cookie| cookie.split(['=', '.']).nth(1)).collect();
    assert!(secrets.len() >= 4, "{secrets:?}");
    for told in &told {
        let text = told.body.to_string();
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
        assert!(!text.contains("argon2") && !text.contains(PASSWORD), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_a_session_of_an_earlier_epoch_is_nobodys() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    // The state after a change of the password that was interrupted before the other sessions were ended.
    app.execute("UPDATE account SET epoch = epoch + 1").await;
    assert!(!ada.is_signed_in().await);
    let again = ada.elsewhere();
    assert_eq!(again.login(PASSWORD).await.status, 200);
    assert!(again.is_signed_in().await && !ada.is_signed_in().await);
    // A complete change keeps the session that made it.
    let changed = json!({"current": PASSWORD, "new": "a biscuit that keeps for years"});
    assert_eq!(again.post("/api/password", changed).await.status, 200);
    assert!(again.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_late_request_of_the_account_before_does_not_overwrite_the_new_cookie() {
    let app = App::start().await;
    let grace = Person::at(&app.url(""), "grace@example.com").registered().await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let first = ada.register().await;
    let old = first.cookies.iter().find(|cookie| cookie.starts_with("hardtack_sess=")).expect("the session's");
    let old = old.split(';').next().expect("a pair").to_owned();
    let over = Person { username: grace.username.clone(), ..ada.clone() };
    assert_eq!(over.login(PASSWORD).await.status, 200);
    let late = crate::support::app::browser().get(app.url("/")).header("cookie", &old).header("accept", "text/html");
    let late = late.send().await.expect("an answer");
    let sets = cookies_set(&late).iter().any(|cookie| cookie.starts_with("hardtack_sess="));
    assert!(late.status() == 503 && !sets, "{late:?}");
    assert_eq!(over.profile().await.body["profile"]["username"], json!("grace@example.com"));
    assert!(over.is_signed_in().await && grace.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_sign_in_after_hours_of_browsing_has_a_whole_life_before_it() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let page = format!("{}/", ada.server);
    for _ in 0..35 {
        assert_eq!(ada.browser.get(&page).send().await.expect("a page").status(), 200);
        app.clock.advance(Duration::from_secs(20 * 60));
    }
    assert_eq!(ada.register().await.status, 200);
    app.clock.advance(Duration::from_secs(25 * 60));
    assert!(ada.is_signed_in().await);
}
