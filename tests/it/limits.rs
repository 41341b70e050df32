//! What one client may ask: sizes, times, connections.

use super::support::app::{App, browser, cookies_set};
use super::support::process::PATIENCE;
use super::support::raw::exchange;
use reqwest::cookie::Jar;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const JSON_POST: &str = "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

async fn connect(app: &App) -> TcpStream {
    TcpStream::connect(app.address).await.expect("a connection")
}

/// Everything until the server closes the connection, which it must.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset after the answer is as good as a close.
    timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server closes it").ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// Asks for `/healthz` and leaves the connection open.
async fn ask_and_stay(stream: &mut TcpStream) {
    stream.write_all(GET.as_bytes()).await.expect("sent");
    answered(stream).await;
}

async fn answered(stream: &mut TcpStream) {
    let mut text = String::new();
    while !text.contains("\"alive\"}") {
        let mut part = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut part)).await.expect("an answer");
        let read = read.expect("an answer");
        assert_ne!(read, 0, "closed before its answer: {text}");
        text.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_a_page_for_too_many_cookies_says_so_and_removes_the_largest() {
    let app = App::start().await;
    let mut cookies: Vec<_> = (10..70).map(|n| format!("c{n}={}", "x".repeat(4090))).collect();
    cookies.insert(30, "wiki=somebody-elses".to_owned());
    let request = browser().get(app.url("/")).header("accept", "text/html");
    let answer = request.header("cookie", cookies.join("; ")).send().await.expect("an answer");
    assert_eq!(answer.status(), 431);
    let cleared = answer.headers().contains_key("clear-site-data");
    assert!(!cleared, "it would take the cookies of all hosts of the domain");
    assert_eq!(answer.headers()["cache-control"], "no-store, no-transform");
    let removed = cookies_set(&answer);
    // Half of the limit of 16 KiB may stay: one of 4 KiB, and another application's small one.
    let expected: Vec<_> = (10..69).map(|n| format!("c{n}=; Max-Age=0; Path=/")).collect();
    assert_eq!(removed, expected);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let page = answer.text().await.expect("a page");
    assert!(page.contains("<h1>Too many cookies.</h1>") && page.contains("load the page again"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_a_cookie_of_a_sibling_is_removed_by_its_name_in_all_the_ways_it_can_have_been_set() {
    let app = App::start_with(&[("SITE_URL", "https://app.shop.example.co.uk")]).await;
    let bomb = format!("bomb={}; __Secure-b={}; wiki=1", "x".repeat(9000), "y".repeat(9000));
    let answer = browser().get(app.url("/a/b")).header("accept", "text/html").header("cookie", bomb).send().await;
    let removed = cookies_set(&answer.expect("an answer"));
    for domain in ["", "; Domain=app.shop.example.co.uk", "; Domain=shop.example.co.uk", "; Domain=example.co.uk"] {
        for path in ["/", "/a", "/a/", "/a/b"] {
            for kind in ["", "; Secure; Partitioned"] {
                let line = format!("bomb=; Max-Age=0; Path={path}{domain}{kind}");
                assert!(removed.contains(&line), "{line} is missing: {removed:#?}");
            }
        }
    }
    let domains = ["Domain=co.uk", "Domain=uk", "wiki"];
    assert!(!removed.iter().any(|line| domains.iter().any(|word| line.contains(word))), "{removed:#?}");
    let prefixed: Vec<_> = removed.iter().filter(|line| line.starts_with("__Secure-b=")).collect();
    assert!(!prefixed.is_empty() && prefixed.iter().all(|line| line.contains("; Secure")), "{removed:#?}");
    assert!(removed.iter().map(|line| line.len() + 14).sum::<usize>() <= 12 << 10, "a proxy takes a head of 16 KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_a_browser_that_drowns_in_cookies_recovers_by_itself() {
    let app = App::start().await;
    let jar = Arc::new(Jar::default());
    for n in 0..60 {
        let cookie = format!("c{n}={}", "x".repeat(4090));
        jar.add_cookie_str(&cookie, &app.url("/").parse().expect("a URL"));
    }
    let browser = reqwest::Client::builder().cookie_provider(jar).build().expect("a client");
    let get = || async { browser.get(app.url("/")).send().await.expect("an answer").status() };
    assert_eq!((get().await.as_u16(), get().await.as_u16()), (431, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_the_api_says_too_many_cookies_in_json_and_clears_nothing() {
    let app = App::start().await;
    let request = browser().get(app.url("/api/session")).header("cookie", "x".repeat(20_000));
    let answer = request.send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (431, vec![]));
    assert!(!answer.headers().contains_key("clear-site-data"));
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["kind"], "headers_too_large");
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_cookies_stay_where_they_are_not_what_is_too_much_or_nobody_looks() {
    let app = App::start().await;
    let cookies = format!("a={}", "x".repeat(20_000));
    let page = || app.get("/").header("accept", "text/html");
    for request in [
        page().header("cookie", "a=b").header("x-long", "x".repeat(20_000)),
        page().header("cookie", &cookies).header("sec-fetch-mode", "no-cors"),
        app.get("/").header("cookie", &cookies).header("accept", "application/json"),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (431, vec![]));
        assert!(!answer.headers().contains_key("clear-site-data"));
        let text = answer.text().await.expect("a text");
        assert!(text.contains("are larger than this site takes") && !text.contains("cleared"), "{text}");
    }
    let navigation = page().header("cookie", &cookies).header("sec-fetch-mode", "navigate");
    let answer = navigation.send().await.expect("an answer");
    assert_eq!(cookies_set(&answer), ["a=; Max-Age=0; Path=/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_the_limits_of_a_head_are_exact() {
    let app = App::start().await;
    let head = async |request: &str| {
        let answer = exchange(app.address, request.as_bytes()).await;
        answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {answer}")).to_owned()
    };
    let status = async |headers: &str| {
        head(&format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")).await
    };
    let others = "/healthz".len() + "Hostlocalhost".len() + "Connectionclose".len();
    let cookies = |size: usize| format!("Cookie: {}\r\n", "x".repeat(size - others - "Cookie".len()));
    assert_eq!(status(&cookies(16 * 1024)).await, "200");
    assert_eq!(status(&cookies(16 * 1024 + 1)).await, "431");
    let many = |count: usize| "X: y\r\n".repeat(count - 2);
    assert_eq!(status(&many(100)).await, "200");
    assert_eq!(status(&many(101)).await, "431");
    assert_eq!(status(&many(5000)).await, "431", "also when the listener itself refuses");
    let long = async |size: usize| {
        let query = "x".repeat(size - others - "?".len());
        head(&format!("GET /healthz?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
    };
    assert_eq!(long(16 * 1024).await, "200", "the address counts as the headers do");
    assert_eq!(long(16 * 1024 + 1).await, "431");
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_a_head_that_does_not_come_to_its_end_is_cut_off() {
    let app = App::start_with(&[("LIMITS_HEADER_TIMEOUT", "2s")]).await;
    for start in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: "] {
        let mut stream = connect(&app).await;
        stream.write_all(start.as_bytes()).await.expect("sent");
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{start:?} was answered: {answer}");
    }
    ask_and_stay(&mut connect(&app).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_a_head_that_dribbles_in_is_cut_off() {
    let app = App::start_with(&[("LIMITS_HEADER_TIMEOUT", "200ms")]).await;
    let (mut reading, mut writing) = connect(&app).await.into_split();
    let dribble = tokio::spawn(async move {
        writing.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
        // Each byte comes well within the limit; all of them never do.
        while writing.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut text = Vec::new();
    timeout(PATIENCE, reading.read_to_end(&mut text)).await.expect("the server closes it").ok();
    assert!(!String::from_utf8_lossy(&text).contains("200 OK"));
    timeout(PATIENCE, dribble).await.expect("nobody listens any more").expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_an_idle_connection_is_closed() {
    let app = App::start_with(&[("LIMITS_HEADER_TIMEOUT", "2s")]).await;
    let mut stream = connect(&app).await;
    ask_and_stay(&mut stream).await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_more_connections_than_the_limit_wait_for_room() {
    let app = App::start_with(&[("LIMITS_CONNECTIONS", "2"), ("LIMITS_HEADER_TIMEOUT", "60s")]).await;
    let (mut first, mut second, mut third) = (connect(&app).await, connect(&app).await, connect(&app).await);
    ask_and_stay(&mut first).await;
    ask_and_stay(&mut second).await;
    third.write_all(GET.as_bytes()).await.expect("sent");
    // Slowness cannot break this: it only makes the silence longer.
    let early = timeout(Duration::from_millis(300), third.read_u8()).await;
    assert!(early.is_err(), "a third connection was served beside two");
    ask_and_stay(&mut second).await;
    drop(first);
    answered(&mut third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_a_body_that_does_not_come_is_408() {
    let app = App::start_with(&[("LIMITS_BODY_TIMEOUT", "100ms")]).await;
    for (head, start) in [("Content-Length: 100\r\n\r\n", "{"), ("Transfer-Encoding: chunked\r\n\r\n", "1\r\n{\r\n")] {
        let mut stream = connect(&app).await;
        stream.write_all(format!("{JSON_POST}{head}{start}").as_bytes()).await.expect("sent");
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"kind\":\"timeout\""), "{answer}");
    }
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_a_request_that_takes_too_long_in_all_is_503_and_may_come_again() {
    let app = App::start_with(&[("LIMITS_REQUEST_TIMEOUT", "100ms")]).await;
    let mut stream = connect(&app).await;
    stream.write_all(format!("{JSON_POST}Content-Length: 100\r\n\r\n{{").as_bytes()).await.expect("sent");
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"kind\":\"busy\""), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s111_a_body_that_is_announced_too_large_is_413_before_it_is_sent() {
    let app = App::start().await;
    for length in ["65537", "1000000000000"] {
        let request = format!("{JSON_POST}Content-Length: {length}\r\n\r\n");
        let answer = exchange(app.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\"kind\":\"too_large\""), "{answer}");
    }
    let most = "x".repeat(64 * 1024 - "session=".len());
    let answer = app.post("/api/session").form(&[("session", most)]).send().await.expect("an answer");
    assert_eq!(answer.status(), 409, "64 KiB are taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn s111_a_body_without_an_end_is_413_and_the_connection_closed() {
    let app = App::start().await;
    let (mut reading, mut writing) = connect(&app).await.into_split();
    let endless = tokio::spawn(async move {
        let head = format!("{JSON_POST}Transfer-Encoding: chunked\r\n\r\n");
        writing.write_all(head.as_bytes()).await.expect("sent");
        let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
        while writing.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut answer = Vec::new();
    timeout(PATIENCE, reading.read_to_end(&mut answer)).await.expect("the server closes it").ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\"kind\":\"too_large\""), "{answer}");
    timeout(PATIENCE, endless).await.expect("nobody listens any more").expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn s118_a_stop_ends_although_the_room_is_full_and_somebody_waits() {
    let settings = [("LIMITS_CONNECTIONS", "1"), ("LIMITS_SHUTDOWN_GRACE", "100ms"), ("LIMITS_HEADER_TIMEOUT", "60s")];
    let app = App::start_with(&settings).await;
    let mut held = connect(&app).await;
    ask_and_stay(&mut held).await;
    held.write_all(b"GET /").await.expect("half a head");
    let mut waiting = connect(&app).await;
    waiting.write_all(GET.as_bytes()).await.expect("sent");
    timeout(PATIENCE, app.stop()).await.expect("the server stops");
}
