//! Limits against guessing passwords: how many guesses are checked, their cost, and that the account's owner is not
//! locked out.

use crate::support::app::App;
use crate::support::people::{PASSWORD, Person, Told};
use crate::support::process::{METRICS, Place, Running};
use crate::support::{Kind, open};
use futures::future::join_all;
use hardtack::backend::accounts::{Accounts, chain};
use hardtack::backend::providers::Providers;
use hardtack::server::settings::Settings;
use hardtack_session::clock::Clock;
use hardtack_session::store::{Database, Schema};
use reqwest::Client;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;

const BEHIND_A_PROXY: (&str, &str) = ("SITE_TRUSTED_PROXIES", "127.0.0.1");

/// Returns how many passwords a server process has checked.
async fn checks(server: &Running) -> u64 {
    let line = server.said.wait_for("metrics for Prometheus").await;
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
    let text = Client::new().get(url).send().await.expect("an answer").text().await.expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix("hardtack_password_checks_total "));
    value.expect("a figure").parse().expect("a number")
}

/// Tries to sign in from an address that the proxy reports.
async fn try_from(person: &Person, address: &str, password: &str) -> u16 {
    let body = json!({"username": person.username, "password": password});
    let request = person.request("/api/login", &body).header("x-forwarded-for", address);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn s66_a_thousand_guesses_at_once_cost_ten_checks_on_two_processes_together() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if !kind.is_here() {
            continue;
        }
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let settings = [METRICS, ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "5000")];
        let servers = [place.serve(&settings).await, place.serve(&settings).await];
        let ada = Person::at(&servers[0].url(""), "ada@example.com").registered().await;
        let barrier = Arc::new(Barrier::new(1000));
        let guesses = (0..1000).map(|n| {
            let server = servers[n % 2].url("");
            let (barrier, client) = (Arc::clone(&barrier), ada.browser.clone());
            let username = if n % 3 == 0 { "ADA@Example.com" } else { "ada@example.com" };
            let body = json!({"username": username, "password": format!("guess {n}")});
            tokio::spawn(async move {
                barrier.wait().await;
                let request = client.post(format!("{}/api/login", server.trim_end_matches('/'))).json(&body);
                request.header("cookie", "").send().await.expect("an answer").status().as_u16()
            })
        });
        let statuses: Vec<u16> = join_all(guesses).await.into_iter().map(|status| status.expect("no panic")).collect();
        let of = |status: u16| statuses.iter().filter(|found| **found == status).count();
        let checked = checks(&servers[0]).await + checks(&servers[1]).await;
        assert!((1..=10).contains(&checked), "{checked} checks on {kind:?}");
        assert_eq!(of(401) as u64, checked, "on {kind:?}");
        assert_eq!(of(401) + of(429) + of(503), 1000, "{statuses:?}");
        assert!(of(429) >= 900, "{} on {kind:?}", of(429));
        // A guess that met a full queue used no attempt, so the rest of the ten attempts is left.
        let (stranger, mut one_by_one) = (ada.elsewhere(), 0);
        while stranger.login(&format!("another guess {one_by_one}")).await.status == 401 {
            one_by_one += 1;
        }
        assert_eq!(checked + one_by_one, 10, "{checked} checks at once on {kind:?}");
        assert_eq!(checks(&servers[0]).await + checks(&servers[1]).await, 10, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s64_an_unknown_name_a_wrong_password_and_a_closed_account_get_one_answer_for_one_check() {
    let place = Place::new();
    let server = place.serve(&[METRICS, ("LIMITS_SIGN_IN_ATTEMPTS", "100")]).await;
    let ada = Person::at(&server.url(""), "ada@example.com").registered().await.elsewhere();
    let bob = Person::at(&server.url(""), "bob@example.com").registered().await.elsewhere();
    assert!(place.run(&["accounts", "close", "bob@example.com"], &[]).status.success());
    let nobody = Person::at(&server.url(""), "nobody@example.com");
    let no_address = Person::at(&server.url(""), "no address");
    let mut answers: Vec<(u64, Told)> = Vec::new();
    for (person, password) in
        [(&ada, "not that one"), (&nobody, PASSWORD), (&bob, PASSWORD), (&bob, "not that one"), (&no_address, PASSWORD)]
    {
        let before = checks(&server).await;
        let told = person.login(password).await;
        answers.push((checks(&server).await - before, told));
    }
    let (_, first) = &answers[0];
    assert_eq!((first.status, first.kind()), (401, "bad_credentials"));
    assert_eq!(first.body["message"], "Wrong e-mail address or password.");
    for (checked, told) in &answers {
        assert_eq!((*checked, told.status, &told.body), (1, 401, &first.body));
        assert_eq!((&told.headers, &told.cookies), (&first.headers, &vec![]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s65_a_name_is_tried_ten_times_a_quarter_of_an_hour_whether_anybody_has_it_or_not() {
    let app = App::start_with(&[BEHIND_A_PROXY]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await.elsewhere();
    let nobody = Person::at(&app.url(""), "nobody@example.com");
    for person in [&ada, &nobody] {
        for n in 0..10 {
            assert_eq!(try_from(person, &format!("198.51.100.{n}"), "a guess").await, 401, "{n}");
        }
        let told = person.login("a guess").await;
        assert_eq!((told.status, told.kind(), told.retry_after.as_deref()), (429, "too_many_attempts", Some("900")));
        assert_eq!(told.body["retry_after"], 900);
        assert_eq!(try_from(person, "198.51.100.77", PASSWORD).await, 429, "the right password is refused too");
    }
    app.clock.advance(Duration::from_secs(899));
    assert_eq!(ada.login(PASSWORD).await.retry_after.as_deref(), Some("1"), "refused attempts do not extend the wait");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(ada.login(PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s65_all_addresses_of_a_network_are_one_and_those_of_another_are_not() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "20")]).await;
    let person = |n: u32| Person::at(&app.url(""), &format!("p{n}@example.com"));
    let mut passed = 0;
    for n in 0..1024_u32 {
        let address = format!("2001:db8:1:2:{:x}:{n:x}::1", n * 7 % 65_536);
        passed += u32::from(try_from(&person(n), &address, "a guess").await == 401);
    }
    assert_eq!(passed, 20, "of 2^10 addresses of one /64");
    assert_eq!(try_from(&person(2000), "2001:db8:1:3::1", "a guess").await, 401, "another /64");
    for n in 0..20 {
        let address = if n % 2 == 0 { "203.0.113.9" } else { "::ffff:203.0.113.9" };
        assert_eq!(try_from(&person(3000 + n), address, "a guess").await, 401);
    }
    assert_eq!(try_from(&person(4000), "203.0.113.9", "a guess").await, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn s65_a_site_of_ipv6_has_ten_times_the_attempts_of_one_of_its_networks() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "2")]).await;
    let mut passed = 0;
    for n in 0..40 {
        let person = Person::at(&app.url(""), &format!("p{n}@example.com"));
        passed += u32::from(try_from(&person, &format!("2001:db8:1:{n:x}::1"), "a guess").await == 401);
    }
    assert_eq!(passed, 20, "of forty networks of one /48");
    let nobody = Person::at(&app.url(""), "nobody@example.com");
    assert_eq!(try_from(&nobody, "2001:db8:2::1", "a guess").await, 401, "another site");
}

#[tokio::test(flavor = "multi_thread")]
async fn s65_registrations_and_sign_ins_of_a_network_do_not_stop_each_other() {
    let app =
        App::start_with(&[("LIMITS_REGISTER_NETWORK_ATTEMPTS", "3"), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "4")]).await;
    let person = |name: &str| Person::at(&app.url(""), &format!("{name}@example.com"));
    let ada = person("ada").registered().await;
    person("bob").registered().await;
    let taken =
        json!({"name": "Ada", "username": "ada@example.com", "password": "another password of the same length"});
    assert_eq!(
        person("ada").post("/api/register", taken).await.kind(),
        "username_taken",
        "the attempt to find a taken name counts"
    );
    let told = person("carol").register().await;
    assert_eq!((told.status, told.kind(), told.retry_after.as_deref()), (429, "too_many_attempts", Some("900")));
    // The taken name was also a guess at its password, so three attempts are left.
    for n in 0..3 {
        assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200);
        assert_eq!(person(&format!("nobody{n}")).login("a guess").await.status, 401);
    }
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 429);
    app.clock.advance(Duration::from_secs(15 * 60));
    for n in 0..3 {
        person(&format!("nobody{n}")).login("a guess").await;
    }
    person("carol").registered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s66_right_passwords_at_once_lock_nobody_out() {
    let app = App::start_with(&[("LIMITS_SIGN_IN_ATTEMPTS", "3")]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    let barrier = Arc::new(Barrier::new(12));
    let many = (0..12).map(|_| {
        let (ada, barrier) = (ada.elsewhere(), Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            ada.login(PASSWORD).await.status
        })
    });
    let statuses = join_all(many).await.into_iter().map(|status| status.expect("no panic")).collect::<Vec<_>>();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429 | 503)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    for _ in 0..3 {
        assert_eq!(ada.elsewhere().login("a guess").await.status, 401, "a right password refunds its attempt");
    }
    assert_eq!(ada.elsewhere().login("a guess").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn s66_right_passwords_are_counted_apart_by_account_and_by_network_also_of_known_browsers() {
    let settings = [BEHIND_A_PROXY, ("LIMITS_SIGN_IN_SUCCESSES", "4"), ("LIMITS_SIGN_IN_NETWORK_SUCCESSES", "6")];
    let app = App::start_with(&settings).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    let bob = Person::at(&app.url(""), "bob@example.com").registered().await;
    for _ in 0..3 {
        assert_eq!(ada.login("a guess").await.status, 401, "a failure uses no success");
    }
    for n in 0..2 {
        assert_eq!(ada.login(PASSWORD).await.status, 200, "{n}, in a browser with a device cookie");
        assert_eq!(ada.post("/api/confirm", json!({"current": PASSWORD})).await.status, 200);
    }
    for told in [ada.login(PASSWORD).await, ada.post("/api/confirm", json!({"current": PASSWORD})).await] {
        assert_eq!((told.status, told.kind(), told.retry_after.as_deref()), (429, "too_many_attempts", Some("900")));
    }
    assert_eq!(try_from(&ada.elsewhere(), "198.51.100.1", PASSWORD).await, 429, "from another network too");
    assert!(ada.is_signed_in().await, "the session stays signed in");
    for _ in 0..2 {
        assert_eq!(bob.login(PASSWORD).await.status, 200);
    }
    assert_eq!(bob.login(PASSWORD).await.status, 429, "six successes in one network");
    assert_eq!(try_from(&bob.elsewhere(), "198.51.100.1", PASSWORD).await, 200);
    app.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!((ada.login(PASSWORD).await.status, bob.login(PASSWORD).await.status), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn s68_nobody_can_lock_the_owner_out_of_a_browser_that_has_signed_in_before() {
    let app = App::start_with(&[BEHIND_A_PROXY]).await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let known = ada.register().await.cookies;
    let known = known.iter().find(|cookie| cookie.starts_with("hardtack_sess_known=")).expect("a cookie");
    assert!(known.contains("; HttpOnly") && known.contains("; SameSite=Lax"), "{known}");
    let known = known.split(';').next().expect("a pair");
    ada.logout().await;
    let stranger = ada.elsewhere();
    for n in 0..30 {
        try_from(&stranger, &format!("198.51.100.{n}"), "a guess").await;
    }
    assert_eq!(stranger.login(PASSWORD).await.status, 429);
    assert_eq!(ada.login(PASSWORD).await.status, 200, "a browser with a device cookie has its own attempts");
    ada.logout().await;
    for n in 0..10 {
        assert_eq!(ada.login(&format!("guess {n}")).await.status, 401);
    }
    assert_eq!(ada.login(PASSWORD).await.status, 429, "guesses from this browser use its own attempts");

    let forged = [known.replace('.', "x."), format!("{known}x"), format!("{known}; {known}")];
    let mallory = Person::at(&app.url(""), "mallory@example.com").registered().await;
    for cookie in forged {
        let body = json!({"username": "ada@example.com", "password": PASSWORD});
        let request = stranger.request("/api/login", &body).header("cookie", &cookie);
        assert_eq!(request.send().await.expect("an answer").status(), 429, "{cookie}");
    }
    let of_another = Person { username: ada.username.clone(), ..mallory };
    assert_eq!(of_another.login(PASSWORD).await.status, 429, "the device cookie belongs to another account");
}

#[tokio::test(flavor = "multi_thread")]
async fn s68_neighbours_who_guess_do_not_lock_out_a_browser_that_is_known() {
    let app = App::start_with(&[("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "20")]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    for n in 0..20 {
        Person { username: format!("nobody{n}@example.com"), ..ada.elsewhere() }.login("a guess").await;
    }
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 429, "unknown browsers share the attempts");
    assert_eq!(ada.post("/api/confirm", json!({"current": PASSWORD})).await.status, 200);
    ada.logout().await;
    assert_eq!(ada.login(PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s66_a_success_gives_its_attempt_back_and_a_wrong_current_password_counts() {
    let app = App::start_with(&[("LIMITS_SIGN_IN_ATTEMPTS", "3")]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    for _ in 0..10 {
        assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200);
    }
    for _ in 0..3 {
        assert_eq!(ada.post("/api/password", json!({"current": "x", "new": PASSWORD})).await.status, 401);
    }
    let told = ada.post("/api/password", json!({"current": PASSWORD, "new": "un autre sel 8"})).await;
    assert_eq!((told.status, told.kind()), (429, "too_many_attempts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s67_no_other_spelling_of_the_path_leads_to_the_door() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await.elsewhere();
    for path in [
        "//api/login",
        "/api//login",
        "/api/login/",
        "/api/Login",
        "/api/log%69n",
        "/api/login;a",
        "/api%2Flogin",
        "/api/./login",
    ] {
        let address = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
        let body = json!({"username": ada.username, "password": PASSWORD}).to_string();
        let text = format!("{address}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let answer = crate::support::raw::exchange(app.address, text.as_bytes()).await;
        assert!(!answer.starts_with("HTTP/1.1 200") && !answer.contains("set-cookie"), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s104_counters_that_are_over_are_swept() {
    let app = App::start().await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    ada.login("a guess").await;
    assert_eq!(attempts(&app).await, 4, "guesses and successes, by name and by network");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let names: Vec<String> = sqlx::query_scalar("SELECT bucket FROM attempt").fetch_all(&pool).await.expect("rows");
    assert!(!names.iter().any(|name| name.contains("ada") || name.contains("127")), "{names:?}");

    let database = Database::in_file(&app.database(), 1, &chain(), Schema::Check).await.expect("the database");
    let rules = Settings::load(None, []).expect("settings").account_rules();
    let clock = Clock::Manual(app.clock.clone());
    let accounts =
        Accounts::new(database, Duration::from_secs(20), clock, rules, Providers::default()).expect("accounts");
    assert_eq!(accounts.sweep_out().await.expect("swept"), 0, "not expired yet");
    app.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(accounts.sweep_out().await.expect("swept"), 4);
    assert_eq!(attempts(&app).await, 0);
}

async fn attempts(app: &App) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    sqlx::query_scalar("SELECT count(*) FROM attempt").fetch_one(&pool).await.expect("a count")
}
