//! The doctor's page and its endpoints: `/doctor`, `/doctor.js`, `/api/doctor/…`.

use super::support::app::{App, browser, cookies_set};
use reqwest::Response;
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

const PAGE: &str = "https://app.example.com";

/// Returns the response of the echo endpoint to a request with these cookies.
async fn echo(app: &App, cookies: &str) -> Value {
    let request = browser().get(app.url("/api/doctor/echo?test=t1&nonce=n1"));
    let answer = request.header("cookie", cookies).send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"no-store".parse().expect("text"))
    );
    answer.json().await.expect("JSON")
}

/// Returns the session cookie of a new session.
async fn session(app: &App) -> String {
    let answer = browser().post(app.url("/api/visits")).send().await.expect("an answer");
    cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned()
}

async fn get(app: &App, path: &str) -> Response {
    app.get(path).header("accept", "text/html").send().await.expect("an answer")
}

/// Requests a path with these probe results in the query.
async fn with(app: &App, path: &str, tries: &str) -> Response {
    let url = Url::parse_with_params(&app.url(path), [("tries", tries)]).expect("an address");
    app.browser.get(url).send().await.expect("an answer")
}

/// Returns the page that reports these probe results.
async fn report(app: &App, tries: &Value) -> String {
    let answer = with(app, "/doctor", &tries.to_string()).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a page")
}

fn tries() -> Value {
    json!({
        "page": format!("{PAGE}/"), "server": "https://api.example.org/api/doctor/echo",
        "opaque": {"answered": null}, "plain": "failed", "credentialed": "skipped", "repeats": [], "json": "skipped",
        "failing": "skipped", "application": "skipped", "rendered": null, "nonce": "", "now": 0,
        "browser": {"agent": "a browser", "cookies": true, "policy_violated": false, "local_network_denied": false},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_there_on_this_machine_and_elsewhere_only_where_somebody_says_so() {
    let everything = [
        "/doctor",
        "/doctor/",
        "/doctor.js",
        "//doctor.js",
        "/%64octor.js",
        "/doctor.js.br",
        "/api/doctor/echo",
        "/api/doctor/fail",
        "/api/doctor?tries={}",
    ];
    for (settings, on) in [
        (vec![], true),
        (vec![("DOCTOR_ENABLED", "false")], false),
        (vec![("SITE_URL", "https://api.example.com")], false),
        (vec![("SITE_LISTEN", "0.0.0.0:0")], false),
        (vec![("SITE_URL", "https://api.example.com"), ("DOCTOR_ENABLED", "true")], true),
    ] {
        let app = App::start_with(&settings).await;
        for path in everything {
            let status = get(&app, path).await.status().as_u16();
            let other_spelling = ["//", "%64", ".br"].iter().any(|sign| path.contains(sign));
            assert_eq!(status != 404, on && !other_spelling, "{settings:?} {path}: {status}");
        }
        let set = app.post("/api/doctor/set?test=t1").send().await.expect("an answer");
        assert_eq!(set.status().as_u16(), if on { 204 } else { 404 }, "{settings:?}");
        assert_eq!(cookies_set(&set).len(), if on { 2 } else { 0 });
        let home = get(&app, "/").await.text().await.expect("a page");
        assert_eq!(home.contains("href=\"/doctor\""), on, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_cookie_has_the_attributes_of_the_sessions_and_goes_in_a_minute() {
    for settings in [
        vec![],
        vec![("SITE_URL", "https://api.example.com"), ("DOCTOR_ENABLED", "true")],
        vec![
            ("SITE_URL", "https://api.example.com"),
            ("SITE_FRONT_ENDS", "https://app.example.org"),
            ("DOCTOR_ENABLED", "true"),
        ],
        vec![("SESSION_SAME_SITE", "strict")],
    ] {
        let app = App::start_with(&settings).await;
        let begun = app.post("/api/visits").send().await.expect("an answer");
        let own = cookies_set(&begun)[0].clone();
        let (name, rest) = (own.split('=').next().expect("a name"), own.split_once("; ").expect("attributes").1);
        let set = app.post("/api/doctor/set?test=t1").send().await.expect("an answer");
        let set = cookies_set(&set);
        assert_eq!(set[0], format!("{name}_doctor=t1; {rest}; Max-Age=60"), "{settings:?}");
        assert!(set[1].starts_with(&format!("{name}_doctor_apart=t1; ")), "{set:?}");
        for attribute in ["SameSite=None", "Secure", "Partitioned", "Max-Age=60"] {
            assert!(set[1].contains(attribute), "{set:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_names_cookies_and_never_their_values() {
    let app = App::start().await;
    let own = session(&app).await;
    let told = echo(&app, &format!("{own}; other=hush; hardtack_sess_doctor=t1; hush-alone")).await;
    assert_eq!(told["cookies"], json!(["hardtack_sess", "other", "hardtack_sess_doctor", "(without a name)"]));
    assert_eq!((&told["test_cookie"], &told["partitioned_cookie"]), (&json!(true), &json!(false)));
    assert_eq!((&told["nonce"], &told["scheme"]), (&json!("n1"), &json!("http")));
    assert_eq!(told["session_cookie"], "hardtack_sess=; HttpOnly; SameSite=Lax; Path=/");
    let value = own.split_once('=').expect("a pair").1;
    assert!(!told.to_string().contains(value) && !told.to_string().contains("hush"), "{told}");
    // A cookie that is not ASCII does not hide the cookies next to it, and a long name is shortened.
    let told = echo(&app, &format!("city=Zürich; hardtack_sess_doctor=t1; {}=1", "n".repeat(500))).await;
    assert_eq!(told["test_cookie"], true);
    assert!(told["cookies"][2].as_str().is_some_and(|name| name.chars().count() == 49), "{told}");
    let told = echo(&app, "hardtack_sess_doctor=t0; hardtack_sess_doctor_apart=t1").await;
    assert_eq!((&told["test_cookie"], &told["partitioned_cookie"]), (&json!(false), &json!(true)), "an earlier test");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_says_what_becomes_of_the_sessions_cookie_and_keeps_no_session_alive() {
    let app = App::start().await;
    let own = session(&app).await;
    assert_eq!(echo(&app, "").await["session"], "no_cookie");
    assert_eq!(echo(&app, "hardtack_sess=another").await["session"], "foreign");
    assert_eq!(echo(&app, &format!("{own}; hardtack_sess=x")).await["session"], "foreign", "two cookies count as none");
    let other = session(&App::start().await).await;
    assert_eq!(echo(&app, &other).await["session"], "other_key", "a cookie of another server with the same name");
    for _ in 0..2 {
        assert_eq!(echo(&app, &own).await["session"], "live");
        app.clock.advance(Duration::from_secs(16 * 60));
    }
    // 32 minutes after the last use. The echo in between was no use.
    assert_eq!(echo(&app, &own).await["session"], "forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn s92_an_origin_that_is_not_listed_sets_no_test_cookie() {
    let app = App::start_with(&[("SITE_FRONT_ENDS", "http://localhost:5173")]).await;
    let set = |origin: &'static str| app.post("/api/doctor/set?test=t1").header("origin", origin).send();
    assert_eq!(set("http://localhost:5173").await.expect("an answer").status(), 204);
    let refused = set("https://evil.example").await.expect("an answer");
    assert_eq!((refused.status().as_u16(), cookies_set(&refused).len()), (403, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_cookie_has_no_value_that_could_pass_for_attributes() {
    let app = App::start().await;
    for wrong in ["", "a%3B%20Domain%3Dexample.com", "a%0D%0AX-Evil:%201", &"a".repeat(65)] {
        let answer = app.post(&format!("/api/doctor/set?test={wrong}")).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), cookies_set(&answer).len()), (400, 0), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_origin_may_load_the_script_and_no_other_file() {
    let app = App::start().await;
    let load = |path| app.get(path).header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "no-cors").send();
    let script = load("/doctor.js").await.expect("an answer");
    assert_eq!(script.status(), 200);
    assert_eq!(script.headers()["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(script.headers()["cache-control"], "no-cache");
    let events = load("/events.js").await.expect("an answer");
    assert_eq!(
        (events.status().as_u16(), &events.headers()["cross-origin-resource-policy"]),
        (403, &"same-origin".parse().expect("text"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_names_the_cause_the_hop_and_the_cure_and_repeats_nothing_as_markup() {
    let app = App::start().await;
    let page = report(&app, &tries()).await;
    for said in
        ["The session is lost", "HT004 error", "https://app.example.com", "class=\"broken\"", "If that page is yours"]
    {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    let mut evil = tries();
    evil["browser"]["agent"] = json!("<script>alert(1)</script>");
    let page = report(&app, &evil).await;
    assert!(!page.contains("alert(1)") && page.contains("Unknown browser"), "{page}");
    let told: Value = with(&app, "/api/doctor", &tries().to_string()).await.json().await.expect("JSON");
    assert_eq!((&told["findings"][0]["code"], &told["hops"][0]), (&json!("HT004"), &json!(["reach", "fine"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_make_no_sense_are_refused_and_the_page_begins_anew() {
    let app = App::start().await;
    let mut odd = tries();
    odd["page"] = json!("javascript:alert(1)");
    let long = json!({"page": "a".repeat(9000)});
    for wrong in ["", "{}", "[", &odd.to_string(), &long.to_string()] {
        let answer = with(&app, "/api/doctor", wrong).await;
        assert_eq!(answer.status(), 400, "{wrong}");
        let page = with(&app, "/doctor", wrong).await.text().await.expect("a page");
        assert!(page.contains("Why is my session lost?") && !page.contains("alert(1)"), "{wrong}: {page}");
    }
}

/// Returns the report on these probe results in JSON.
async fn told(app: &App, tries: &Value) -> String {
    with(app, "/api/doctor", &tries.to_string()).await.text().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_the_report_opens_the_server_to_nobody_and_says_nothing_in_words_of_its_own() {
    let app = App::start_with(&[("SITE_FRONT_ENDS", "http://localhost:5173")]).await;
    let server = "http://localhost:3000";
    let mut evil = tries();
    (evil["page"], evil["server"]) = (json!("https://evil.example/"), json!(format!("{server}/api/doctor/echo")));
    let forged = json!({"answered": {
        "nonce": "", "cookies": ["buy-at-evil"], "test_cookie": false, "partitioned_cookie": false,
        "session_cookie": "call-evil=; HttpOnly", "session": "no_cookie", "scheme": "http",
        "origin": "https://evil.example", "fetch_site": "call evil", "storage_access": "call evil", "now": 0,
    }});
    evil["browser"]["agent"] = json!("call evil");
    let answered = json!({"answered": null});
    for change in [
        json!({}),
        json!({"plain": answered, "credentialed": "failed"}),
        json!({"plain": answered, "credentialed": forged, "json": "failed"}),
        json!({"plain": answered, "credentialed": forged, "json": answered, "failing": "failed"}),
        json!({"plain": answered, "credentialed": forged, "json": answered, "failing": answered, "application": {"answered": false}}),
    ] {
        let mut tries = evil.clone();
        for (name, value) in change.as_object().expect("an object") {
            tries[name] = value.clone();
        }
        let report: Value = serde_json::from_str(&told(&app, &tries).await).expect("JSON");
        let findings = report["findings"].as_array().expect("findings");
        assert!(!findings.is_empty(), "{change}");
        for finding in findings {
            assert!(!finding["cure"].to_string().contains("evil"), "{change}: {finding}");
        }
        for words in ["call evil", "call-evil", "buy-at-evil"] {
            assert!(!report.to_string().contains(words), "{change}: {report}");
        }
    }
    // The report repeats only a response that this server signed, and only for a page of a listed origin.
    let own = session(&app).await;
    let genuine = browser().get(app.url("/api/doctor/echo?test=t1&nonce=n1")).header("origin", "http://localhost:5173");
    let genuine = genuine.header("cookie", format!("{own}; mine=1")).send().await.expect("an answer");
    let genuine: Value = genuine.json().await.expect("JSON");
    let mut tries = evil.clone();
    (tries["page"], tries["nonce"]) = (json!("http://localhost:5173/"), json!("n1"));
    (tries["plain"], tries["credentialed"]) = (answered.clone(), json!({"answered": genuine}));
    (tries["json"], tries["failing"]) = (answered.clone(), "failed".into());
    let report = told(&app, &tries).await;
    assert!(report.contains("came     hardtack_sess, mine") && report.contains("http://localhost:5173"), "{report}");
    let mut changed = tries.clone();
    changed["credentialed"]["answered"]["cookies"] = json!(["buy-at-evil"]);
    assert!(!told(&app, &changed).await.contains("buy-at-evil"));
}
