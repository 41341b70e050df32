//! Requests from other origins: allowed callers, readable responses, and refusals before any data is read.

use crate::support::app::{App, cookies_set};
use crate::support::people::Person;
use crate::support::watched::Watched;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use axum::routing::any;
use hardtack_session::policy::Origins;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{Key, Keys, Session, Sessions};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt as _;

const OWN: &str = "http://localhost:3000";
const FRONT_END: &str = "http://localhost:2015";

async fn app() -> App {
    App::start_with(&[("SITE_URL", OWN), ("SITE_FRONT_ENDS", FRONT_END)]).await
}

fn with(request: reqwest::RequestBuilder, headers: &str) -> reqwest::RequestBuilder {
    headers
        .split("; ")
        .filter_map(|line| line.split_once(": "))
        .fold(request, |request, (name, value)| request.header(name, value))
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    let values = answer.headers().get_all(name).iter().map(|value| value.to_str().expect("text"));
    values.collect::<Vec<_>>().join(", ").to_lowercase()
}

fn is_admitted(answer: &reqwest::Response) -> bool {
    let origin = header(answer, "access-control-allow-origin");
    let credentials = header(answer, "access-control-allow-credentials");
    assert_eq!(credentials == "true", !origin.is_empty(), "both or none: {origin:?}, {credentials:?}");
    assert!(origin.is_empty() || origin == FRONT_END, "{origin}");
    !origin.is_empty()
}

/// The headers of a request that state its origin, whether it passes, and whether the response has CORS headers.
const CALLERS: [(&str, bool, bool); 22] = [
    ("", true, false),
    ("sec-fetch-site: same-origin; origin: http://localhost:3000", true, false),
    ("sec-fetch-site: none", true, false),
    ("origin: http://localhost:3000", true, false),
    ("referer: http://localhost:3000/page?x", true, false),
    ("sec-fetch-site: same-site; origin: http://localhost:2015", true, true),
    ("sec-fetch-site: cross-site; origin: http://localhost:2015", true, true),
    ("origin: http://localhost:2015", true, true),
    ("sec-fetch-site: same-site", false, false),
    ("sec-fetch-site: cross-site", false, false),
    ("sec-fetch-site: cross-site; origin: null", false, false),
    ("sec-fetch-site: same-site; origin: http://localhost:2016", false, false),
    ("sec-fetch-site: cross-site; origin: http://localhost:3000", false, false),
    ("origin: null", false, false),
    ("origin: https://localhost:2015", false, false),
    ("origin: http://localhost:2015/", false, false),
    ("origin: http://localhost:2015.evil.org", false, false),
    ("origin: http://evil-localhost:2015", false, false),
    ("origin: HTTP://LOCALHOST:2015", false, false),
    ("origin: http://me@localhost:2015", false, false),
    ("referer: http://evil.org/http://localhost:3000/", false, false),
    ("referer: not an address", false, false),
];

#[tokio::test]
async fn s39_s40_s41_s44_s45_s46_s48_a_change_must_prove_where_it_comes_from() {
    let app = app().await;
    let mut begun = 0;
    for (caller, passes, admitted) in CALLERS {
        for body in ["application/json", "application/x-www-form-urlencoded", "text/plain"] {
            let text = if body == "application/json" { "{}" } else { "" };
            let request = crate::support::app::browser().post(app.url("/api/visits"));
            let request = request.header("accept", "application/json").header("content-type", body).body(text);
            let answer = with(request, caller).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), if passes { 200 } else { 403 }, "{caller:?} {body}");
            assert_eq!(is_admitted(&answer), admitted, "{caller:?} {body}");
            assert!(header(&answer, "vary").contains("origin"), "{caller:?} {body}: caches need it");
            assert_eq!(cookies_set(&answer).len(), usize::from(passes), "{caller:?} {body}");
            begun += i64::from(passes);
        }
    }
    assert_eq!(app.sessions().await, begun, "a refused request begins no session");
}

#[tokio::test]
async fn s43_what_belongs_to_a_session_is_read_by_its_own_pages_and_front_ends_alone() {
    let app = app().await;
    for (caller, passes, admitted) in [
        ("sec-fetch-site: same-origin", true, false),
        ("referer: http://localhost:3000/page", true, false),
        ("sec-fetch-site: cross-site", false, false),
        ("referer: http://evil.org/", false, false),
        ("sec-fetch-site: same-site; origin: http://localhost:2016", false, false),
        ("sec-fetch-site: same-site; origin: http://localhost:2015", true, true),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = crate::support::app::browser().request(method.clone(), app.url("/api/session"));
            let answer = with(request, caller).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), if passes { 200 } else { 403 }, "{method} {caller}");
            assert_eq!(is_admitted(&answer), admitted, "{method} {caller}");
        }
    }
    // Loaded as an image, the page would count a visit in the name of the visitor.
    let picture = with(app.get("/"), "sec-fetch-site: cross-site; sec-fetch-mode: no-cors").send().await;
    assert_eq!(picture.expect("an answer").status(), 403);
    let followed = with(app.get("/"), "sec-fetch-site: cross-site; sec-fetch-mode: navigate").send().await;
    assert_eq!(followed.expect("an answer").status(), 200);
    // Pages and files are public, but only a listed origin may read them by script.
    let page = with(app.get("/"), "sec-fetch-site: cross-site; origin: http://evil.org").send().await;
    let page = page.expect("an answer");
    assert_eq!((page.status().as_u16(), is_admitted(&page)), (200, false));
}

#[tokio::test]
async fn s43_every_function_of_the_api_is_guarded() {
    let app = app().await;
    let functions: Vec<_> = server_fn::axum::server_fn_paths().collect();
    assert!(functions.iter().any(|(path, _)| *path == "/api/visits") && functions.len() >= 5, "{functions:?}");
    let heads: Vec<_> =
        functions.iter().filter(|(_, method)| method == Method::GET).map(|(path, _)| (*path, Method::HEAD)).collect();
    assert_ne!(heads, [], "functions that read");
    for (path, method) in functions.into_iter().chain(heads) {
        let call = |caller: &str| with(app.browser.request(method.clone(), app.url(path)), caller).send();
        for caller in
            ["sec-fetch-site: cross-site", "sec-fetch-site: cross-site; origin: null", "origin: http://evil.org"]
        {
            let answer = call(caller).await.expect("an answer");
            assert_eq!((answer.status().as_u16(), is_admitted(&answer)), (403, false), "{method} {path} {caller}");
        }
    }
}

#[tokio::test]
async fn s49_s50_s58_a_preflight_is_answered_first_and_with_lists() {
    let app = app().await;
    let cookie = cookies_set(&app.post("/api/visits").send().await.expect("an answer"))[0].clone();
    // Without its table the session store fails, so a successful preflight cannot have used it.
    app.execute("DROP TABLE session").await;
    for path in ["/api/visits", "/api/nothing", "/", "/pkg/nothing"] {
        let preflight = |origin: &str| {
            let request = app.browser.request(Method::OPTIONS, app.url(path)).header("origin", origin);
            let request = request.header("access-control-request-method", "PUT").header("cookie", &cookie);
            let request = request.header("access-control-request-private-network", "true");
            request.header("access-control-request-headers", "x-a,content-type").send()
        };
        let answer = preflight(FRONT_END).await.expect("an answer");
        assert_eq!(answer.status(), 204, "{path}");
        assert!(is_admitted(&answer), "{path}");
        assert_eq!(header(&answer, "access-control-allow-methods"), "get,head,post,put,patch,delete");
        assert_eq!(header(&answer, "access-control-allow-headers"), "content-type");
        assert_eq!(header(&answer, "access-control-max-age"), "7200");
        assert_eq!(header(&answer, "access-control-allow-private-network"), "");
        assert!(header(&answer, "vary").contains("origin") && cookies_set(&answer).is_empty(), "{path}");
        for stranger in ["http://localhost:2016", "null", "http://localhost:3000"] {
            let answer = preflight(stranger).await.expect("an answer");
            assert_eq!((answer.status().as_u16(), is_admitted(&answer)), (403, false), "{path} {stranger}");
        }
    }
}

/// Returns the processor time of this thread in nanoseconds, if the system reports it (Linux).
fn processor_time() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok()
}

// On one thread, because its processor time is the cost of the response on a busy machine too.
#[tokio::test(flavor = "current_thread")]
async fn s51_what_a_preflight_asks_for_changes_neither_its_answer_nor_its_cost() {
    let guard = Origins::new(OWN.parse().expect("an origin"), [FRONT_END.parse().expect("an origin")]).guard();
    let app = Router::new().layer(guard.clone());
    let service = tower::Layer::layer(&guard, app);
    let mut answers = Vec::new();
    for asked in ["content-type".to_owned(), ",".repeat(1 << 20), "x-a,".repeat(1 << 18), "a".repeat(1 << 20)] {
        let request = Request::options("/api/visits").header("origin", FRONT_END);
        let request = request.header("access-control-request-method", "POST");
        let request = request.header("access-control-request-headers", asked).body(Body::empty()).expect("a request");
        let (service, before) = (service.clone(), processor_time());
        let answer: Response<Body> = service.oneshot(request).await.expect("an answer");
        if let (Some(before), Some(after)) = (before, processor_time()) {
            let spent = Duration::from_nanos(after - before);
            assert!(spent < Duration::from_millis(5), "a header of 1 MiB costs {spent:?}");
        }
        answers.push((answer.status(), answer.headers().clone()));
    }
    assert_eq!(
        (answers[0].0.as_u16(), &answers[0].1["access-control-allow-headers"]),
        (204, &"content-type".parse().expect("text"))
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn s52_errors_are_readable_for_a_front_end_too() {
    let settings = [("SITE_URL", OWN), ("SITE_FRONT_ENDS", FRONT_END), ("LIMITS_BODY", "1 KiB")];
    let app = App::start_with(&[&settings[..], &[("LIMITS_SIGN_IN_ATTEMPTS", "1")]].concat()).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    let cookie = cookies_set(&app.get("/api/session").send().await.expect("an answer"))[0].clone();
    let front_end = |request: reqwest::RequestBuilder| request.header("origin", FRONT_END).header("cookie", &cookie);
    let json = |text: String| front_end(app.post("/api/session")).header("content-type", "application/json").body(text);
    let post = |path: &str, body: serde_json::Value| ada.request(path, &body).header("origin", FRONT_END);
    let guess = || post("/api/login", json!({"username": "eve@example.com", "password": "a guess"}));
    app.clock.advance(Duration::from_secs(20 * 60));
    let long_ago = post("/api/devices/end-others", json!({}));
    for (status, request) in [
        (400, json("{".to_owned())),
        (401, front_end(app.get("/api/profile"))),
        (401, guess()),
        (403, long_ago),
        (404, front_end(app.get("/api/nothing"))),
        (405, front_end(app.browser.delete(app.url("/api/visits")))),
        (409, json(r#"{"session":"6d1b1b2e-7a0b-4c4a-9c9e-3f1f0f3c9b11"}"#.to_owned())),
        (413, json("x".repeat(2000))),
        (415, front_end(app.post("/api/session")).header("content-type", "text/plain").body("x")),
        (429, guess()),
        (431, front_end(app.get("/api/session")).header("x-large", "x".repeat(20_000))),
        (500, front_end(app.get("/api/doctor/fail"))),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{}", answer.url());
        assert!(is_admitted(&answer), "{status}");
    }
    app.execute("UPDATE session SET data = '{\"visits\":\"[]\",\"handshake\":\"[]\"}'").await;
    let answer = front_end(app.get("/api/session")).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), is_admitted(&answer)), (500, true), "a value that cannot be read");
    app.execute("DROP TABLE session").await;
    let answer = front_end(app.get("/api/session")).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), is_admitted(&answer)), (503, true));
    assert!(header(&answer, "access-control-expose-headers").contains("retry-after"));
}

#[tokio::test]
async fn s52_a_network_that_begins_too_many_sessions_is_told_so_at_a_front_end_too() {
    let settings = [("SITE_URL", OWN), ("SITE_FRONT_ENDS", FRONT_END), ("LIMITS_NEW_SESSIONS", "1")];
    let app = App::start_with(&settings).await;
    for status in [200, 429] {
        let visit = crate::support::app::browser().post(app.url("/api/visits")).header("origin", FRONT_END);
        let answer = visit.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), is_admitted(&answer)), (status, true));
    }
}

#[tokio::test]
async fn strict_also_refuses_what_does_not_say_where_it_comes_from() {
    let app = App::start_with(&[("CORS_STRICT", "true")]).await;
    assert_eq!(app.post("/api/visits").send().await.expect("an answer").status(), 403);
    let from_a_browser = app.post("/api/visits").header("sec-fetch-site", "same-origin");
    assert_eq!(from_a_browser.send().await.expect("an answer").status(), 200);
    assert_eq!(app.get("/").send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn the_cookie_follows_from_the_front_ends() {
    for (url, front_ends, expected) in [
        ("http://localhost:3000", "", &["httponly", "samesite=lax", "path=/"][..]),
        ("http://localhost:3000", "http://localhost:2015", &["httponly", "samesite=lax", "path=/"]),
        ("https://api.example.com", "https://app.example.com", &["httponly", "samesite=lax", "secure", "path=/"]),
        (
            "https://api.example.com",
            "https://app.example.com,https://app.example.org",
            &["httponly", "samesite=none", "partitioned", "secure", "path=/"],
        ),
    ] {
        let app = App::start_with(&[("SITE_URL", url), ("SITE_FRONT_ENDS", front_ends)]).await;
        let cookie = cookies_set(&app.post("/api/visits").send().await.expect("an answer"))[0].to_lowercase();
        let mut attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        attributes.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(attributes, expected, "{url} {front_ends}");
    }
}

#[tokio::test]
async fn g7_s49_in_a_router_of_ones_own_what_is_refused_asks_no_store() {
    const NOTE: Key<String> = Key::new("note");
    let store = Watched::new(Arc::new(MemoryStore::default()));
    let origins = Origins::new(OWN.parse().expect("an origin"), [FRONT_END.parse().expect("an origin")]);
    let sessions = Sessions::shared(store.clone(), Keys::generate().expect("a key"));
    let write = async |session: Session| session.put(NOTE, &"written".to_owned()).await;
    let app = Router::new()
        .route("/", any(write))
        .layer(sessions.cookie(origins.cookie().expect("a cookie")).expect("a cookie"))
        .layer(origins.guard());
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let request = Request::builder().method(method).uri("/");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        app.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer")
    };
    for headers in [
        &[("origin", "http://evil.org")][..],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", FRONT_END), ("origin", "http://evil.org")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
            assert_eq!(ask(method, headers).await.status(), 403, "{method} {headers:?}");
        }
    }
    let preflight = ask("OPTIONS", &[("origin", FRONT_END), ("access-control-request-method", "POST")]).await;
    assert_eq!((preflight.status().as_u16(), store.asked()), (204, (0, 0)));
    let answer = ask("POST", &[("origin", FRONT_END)]).await;
    assert_eq!((answer.status().as_u16(), store.asked()), (200, (1, 1)));
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], FRONT_END);
}
