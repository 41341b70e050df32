//! Pages: their content, the visits that they count, and data that they must not show.

use super::support::app::{App, browser, cookies_set};
use super::support::process::PATIENCE;
use reqwest::{Client, Method, RequestBuilder, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Runtime;

async fn get(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn page(request: RequestBuilder) -> String {
    let answer = get(request).await;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "of {}", answer.url());
    answer.text().await.expect("a page")
}

/// Returns the text of the element with this test id.
fn text_of<'a>(page: &'a str, test_id: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("data-testid=\"{test_id}\""))?;
    let (_, text) = rest.split_once('>')?;
    text.split('<').next()
}

fn vary(answer: &Response) -> String {
    let lines = answer.headers().get_all("vary").iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().expect("text")).collect();
    lines.join(", ").to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_page_greets_and_counts() {
    let app = App::start().await;
    let first = page(app.get("/")).await;
    assert_eq!(text_of(&first, "visits"), Some("Welcome to this page for the first time!"));
    for visit in 2..=4 {
        let later = page(app.get("/")).await;
        let greeting = format!("You visited this page {visit} times");
        assert_eq!(text_of(&later, "visits"), Some(greeting.as_str()));
    }
    assert_eq!(app.sessions().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_have_two_sessions() {
    let app = App::start().await;
    let other = browser();
    page(app.get("/")).await;
    page(app.get("/")).await;
    let theirs = page(other.get(app.url("/"))).await;
    assert_eq!(text_of(&theirs, "visits"), Some("Welcome to this page for the first time!"));
    let ours = page(app.get("/")).await;
    assert_eq!(text_of(&ours, "visits"), Some("You visited this page 3 times"));
    assert_eq!(app.sessions().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_api_are_of_one_session() {
    let app = App::start().await;
    let page = page(app.get("/")).await;
    let body: serde_json::Value = get(app.get("/api/session")).await.json().await.expect("JSON");
    let id = body["id"].as_str().expect("an id");
    assert!(page.contains(&format!("value=\"{id}\"")), "the field has the session's value");
    let visits: serde_json::Value = get(app.post("/api/visits")).await.json().await.expect("JSON");
    assert_eq!(visits["visits"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_nobody_looking_counts_nothing_and_begins_no_session() {
    let app = App::start().await;
    let unseen = [
        app.browser.request(Method::HEAD, app.url("/")),
        app.get("/").header("sec-purpose", "prefetch"),
        app.get("/").header("sec-purpose", "prefetch;prerender"),
        app.get("/").header("purpose", "prefetch"),
    ];
    for request in unseen.iter().map(|request| request.try_clone().expect("no body")) {
        let answer = get(request).await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (200, vec![]));
    }
    assert_eq!(app.sessions().await, 0);

    page(app.get("/")).await;
    for request in unseen {
        assert_eq!(cookies_set(&get(request).await), Vec::<String>::new());
    }
    // The page of a prefetch has no count, because its islands request it when it is shown.
    let unseen = page(app.get("/").header("sec-purpose", "prefetch")).await;
    assert_eq!(text_of(&unseen, "visits"), Some(""));
    let second = page(app.get("/")).await;
    assert_eq!(text_of(&second, "visits"), Some("You visited this page 2 times"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_island_says_which_shape_it_wakes_in() {
    let app = App::start().await;
    for path in ["/", "/login", "/register", "/no-such-page"] {
        let page =
            app.get(path).header("accept", "text/html").send().await.expect("an answer").text().await.expect("text");
        let islands = page.matches("<leptos-island").count();
        assert!(islands > 1, "{path}");
        assert_eq!(page.matches("<leptos-island data-shape=\"").count(), islands, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_s91_a_page_of_a_session_is_kept_by_no_cache() {
    let app = App::start().await;
    for visit in 1..=2 {
        let answer = get(app.get("/")).await;
        assert_eq!(answer.headers()["cache-control"], "no-store, no-transform", "visit {visit}");
        assert!(vary(&answer).contains("cookie"), "visit {visit}");
        assert_eq!(cookies_set(&answer).len(), usize::from(visit == 1), "a cookie only when it changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g11_s29_the_cookie_is_in_no_page_and_no_answer() {
    let app = App::start().await;
    let first = get(app.get("/")).await;
    let cookies = cookies_set(&first);
    let value =
        cookies[0].strip_prefix("hardtack_sess=").and_then(|rest| rest.split(';').next()).expect("the session cookie");
    let (id, signature) = value.split_once('.').expect("an id and its signature");
    let mut answers = vec![first];
    for path in ["/", "/nothing", "/api/session", "/api/overview", "/api/nothing", "/readyz"] {
        answers.push(get(app.get(path)).await);
    }
    answers.push(get(app.post("/api/visits")).await);
    answers.push(get(app.post("/api/session").form(&[("session", "x")])).await);
    for (number, answer) in answers.into_iter().enumerate() {
        let head: Vec<_> = answer.headers().iter().filter(|(name, _)| name.as_str() != "set-cookie").collect();
        let text = format!("{} {head:?}", answer.url());
        let text = text + &answer.text().await.expect("a body");
        for secret in [id, signature] {
            assert!(!text.contains(secret), "response {number} contains a secret");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_of_the_cookie_is_on_every_page_and_no_other() {
    let app = App::start().await;
    for path in ["/", "/nothing"] {
        for (cookie, theme) in [
            ("theme=dark", "dark"),
            ("a=b; theme=light; c=d", "light"),
            ("theme=system", "system"),
            ("theme=mauve", "system"),
            ("theme=\"><script>", "system"),
            ("theme=dark%20", "system"),
            ("Theme=dark", "system"),
            ("", "system"),
        ] {
            let page = page(browser().get(app.url(path)).header("cookie", cookie)).await;
            let root = page.split_once("<html ").and_then(|(_, rest)| rest.split('>').next());
            let root = root.expect("a root");
            assert!(root.contains(&format!("data-theme=\"{theme}\"")), "{cookie}: {root}");
        }
    }
    // Also on an error page, which is rendered without the router.
    let refused = page(app.browser.put(app.url("/")).header("cookie", "theme=dark")).await;
    assert!(refused.contains("data-theme=\"dark\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_a_404_page_or_json_and_knows_no_session() {
    let app = App::start().await;
    let cookie = get(app.get("/")).await;
    let cookie = cookies_set(&cookie)[0].split(';').next().expect("a pair").to_owned();
    for (accept, content_type) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
    ] {
        for cookie in ["", &cookie] {
            let request = Client::new().get(app.url("/no/such/page"));
            let answer = get(request.header("accept", accept).header("cookie", cookie)).await;
            assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (404, vec![]), "{accept}");
            assert_eq!(answer.headers()["content-type"], content_type);
            let expected = if content_type.starts_with("text/html") { "no-store, no-transform" } else { "no-store" };
            assert_eq!(answer.headers()["cache-control"], expected, "{accept}");
            let body = answer.text().await.expect("a body");
            assert!(body.contains("There is nothing here.") || body.contains("not_found"), "{body}");
        }
    }
    assert_eq!(app.sessions().await, 1, "only the session of the home page");
}

#[tokio::test(flavor = "multi_thread")]
async fn s55_a_word_in_the_address_is_understood_and_never_repeated() {
    let app = App::start().await;
    // A browser without cookies. The module `outcomes` has the tests with cookies.
    let asked = |path: &str| browser().get(app.url(path)).header("referer", app.url("/"));
    let success = page(asked("/?done=session")).await;
    assert_eq!(text_of(&success, "answer"), Some("Success!"));
    let mismatch = page(asked("/?error=mismatch")).await;
    assert_eq!(text_of(&mismatch, "answer"), Some("The data in the session does not match!"));
    let too_large = page(asked("/?error=too_large")).await;
    assert!(too_large.contains("The request is too large."));
    for word in ["<b>canary", "canary", "%22%3E%3Cscript%3Ecanary", "mismatch%00canary"] {
        for name in ["error", "done", "canary"] {
            let answer = get(asked(&format!("/?{name}={word}"))).await;
            assert_eq!(answer.status(), 200);
            let page = answer.text().await.expect("a page");
            assert!(!page.contains("canary"), "{name}={word}");
        }
    }
    for path in ["/canary", "/<b>canary", "/x?canary", "/%22%3Ecanary"] {
        assert!(!page(app.get(path)).await.contains("canary"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_disturbs_no_page_of_another_in_its_process() {
    let app = App::start().await;
    let over = Arc::new(AtomicBool::new(false));
    let starting = [(); 6].map(|()| {
        let over = Arc::clone(&over);
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let runtime = Runtime::new().expect("a runtime");
                runtime.block_on(async { App::start().await.stop().await });
            }
        })
    });
    for visit in 1..=200 {
        let answer = get(app.get("/").timeout(PATIENCE)).await;
        assert_eq!(answer.status(), 200, "visit {visit}");
    }
    over.store(true, Ordering::Relaxed);
    for thread in starting {
        thread.join().expect("servers that start and stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_takes_no_post() {
    let app = App::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let request = app.browser.request(method.clone(), app.url("/"));
        let answer = get(request.header("accept", "text/html")).await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (405, vec![]), "{method}");
        let allow = answer.headers()["allow"].to_str().expect("text");
        assert!(allow.contains("GET") && allow.contains("HEAD"), "{allow}");
        let body = answer.text().await.expect("a page");
        assert!(body.contains("<h1>Method not allowed.</h1>"), "{body}");
    }
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_a_thousand_requests_that_store_nothing_leave_the_session_table_empty() {
    let app = App::start().await;
    let stranger = Client::new();
    let paths = ["/healthz", "/favicon.svg", "/no/such/page", "/pkg/nothing.js", "/api/nothing"];
    for path in paths.into_iter().cycle().take(1000) {
        let answer = get(stranger.get(app.url(path))).await;
        assert_eq!(cookies_set(&answer), Vec::<String>::new());
        answer.bytes().await.expect("a body");
    }
    // A forged id is no session either.
    for cookie in ["hardtack_sess=x", "hardtack_sess=a.b"] {
        let answer = get(stranger.get(app.url("/api/overview")).header("cookie", cookie)).await;
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (200, vec![]));
    }
    assert_eq!(app.sessions().await, 0);
}
