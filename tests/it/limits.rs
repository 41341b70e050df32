//! Limits for one client: sizes, timeouts, connections.

use super::support::app::{App, browser, cookies_set};
use super::support::process::PATIENCE;
use super::support::raw::exchange;
use hardtack_doctor::{Address, Browser, Jar, Kind, Request, Sites};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const JSON_POST: &str = "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

async fn connect(app: &App) -> TcpStream {
    TcpStream::connect(app.address).await.expect("a connection")
}

/// Reads until the server closes the connection, which it must do in time.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset after the response counts as a close.
    timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server closes it").ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// Requests `/healthz` and leaves the connection open.
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
        assert_ne!(read, 0, "closed before its response: {text}");
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
    assert!(!cleared, "it would remove the cookies of all hosts of the domain");
    assert_eq!(answer.headers()["cache-control"], "no-store, no-transform");
    let removed = cookies_set(&answer);
    // Half of the limit of 16 KiB may stay: one cookie of 4 KiB, and the small one of another application.
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
    assert!(removed.iter().map(|line| line.len() + 14).sum::<usize>() <= 12 << 10, "proxies accept a head of 16 KiB");
}

/// The attributes of cookies that exceed the header limit, and the page that sets them.
const BOMBS: [(&str, &str); 8] = [
    ("", "/"),
    ("; Path=/", "/"),
    ("; Path=/a", "/a/b"),
    ("", "/a/b"),
    ("; Path=/a/b", "/a/b"),
    ("; Domain=app.shop.example.co.uk; Path=/", "/"),
    ("; Domain=shop.example.co.uk; Path=/a", "/a/b"),
    ("; Domain=example.co.uk; Path=/", "/"),
];

/// Tests each browser with a model of its cookies. None of the models supports `Clear-Site-Data`.
#[tokio::test(flavor = "multi_thread")]
async fn s109_a_browser_that_drowns_in_cookies_recovers_by_itself() {
    let mut drowned = 0;
    for (origin, secure) in [("https://app.shop.example.co.uk", true), ("http://app.shop.example.co.uk", false)] {
        let insecure = if secure { "false" } else { "true" };
        let app = App::start_with(&[("SITE_URL", origin), ("SITE_INSECURE", insecure)]).await;
        let page: Address = format!("{origin}/a/b").parse().expect("an address");
        let sites = Sites::look_up([page.host()], |_| Some("example.co.uk".to_owned()));
        let mut bombs: Vec<_> = BOMBS.iter().map(|(rest, from)| ("bomb", (*rest).to_owned(), *from)).collect();
        if secure {
            let mut partitioned = bombs.clone();
            for (_, rest, _) in &mut partitioned {
                rest.push_str("; Secure; Partitioned");
            }
            bombs.append(&mut partitioned);
            bombs.push(("__Host-bomb", "; Secure; Path=/".to_owned(), "/"));
            bombs.push(("__Host-bomb", "; Secure; Path=/; Partitioned".to_owned(), "/"));
            bombs.push(("__Secure-bomb", "; Secure; Path=/; Domain=example.co.uk".to_owned(), "/"));
            bombs.push(("__Secure-bomb", "; Secure; Path=/a".to_owned(), "/a/b"));
        }
        for browser in Browser::ALL {
            for (name, rest, from) in &bombs {
                let mut jar = Jar::new(browser);
                let setting: Address = format!("{origin}{from}").parse().expect("an address");
                let visit = |to| Request { to, page: to, kind: Kind::Link, now: 1_700_000_000, date: None };
                for n in 0..6 {
                    let line = format!("{name}{n}={}{rest}", "x".repeat(3900));
                    jar.set(&line, &visit(&setting), &sites).expect("kept");
                }
                // Chrome keeps 10 KiB of partitioned cookies at most, so those never exceed the limit there.
                let before = jar.header(&visit(&page), &sites).expect("cookies").len();
                let first = if before > 16 * 1024 { "431" } else { "404" };
                drowned += usize::from(first == "431");
                let mut statuses = Vec::new();
                for _ in 0..2 {
                    // Written by hand, because the client library accepts a hundred headers and browsers accept more.
                    let cookies = jar.header(&visit(&page), &sites).map(|all| format!("Cookie: {all}\r\n"));
                    let head = format!("GET /a/b HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n", page.host());
                    let head = format!("{head}Connection: close\r\n{}\r\n", cookies.unwrap_or_default());
                    let answer = exchange(app.address, head.as_bytes()).await;
                    let (top, _) = answer.split_once("\r\n\r\n").expect("a head");
                    for line in top.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
                        // Most removals are of cookies that never existed.
                        jar.set(line, &visit(&page), &sites).ok();
                    }
                    statuses.push(top.split(' ').nth(1).expect("a status").to_owned());
                }
                // The page does not exist, so 404 shows that the request gets through again.
                assert_eq!(statuses, [first, "404"], "{name}{rest} set by {from}, at {origin}, in {browser:?}");
            }
        }
    }
    assert!(drowned > 100, "{drowned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_a_neighbour_with_many_small_cookies_signs_no_visitor_out() {
    for (url, own) in [("http://localhost:3000", "hardtack_sess"), ("https://app.example.com", "__Host-hardtack_sess")]
    {
        let app = App::start_with(&[("SITE_URL", url)]).await;
        // Each cookie of this application is larger than each of the neighbour's.
        let of_neighbour = (0..250).map(|n| format!("n{n}={}", "x".repeat(60)));
        let ours = ["", "_known", "_told", "_sign_in_0"].map(|end| format!("{own}{end}={}", "y".repeat(100)));
        let all: Vec<_> = ours.iter().cloned().chain(of_neighbour).collect();
        // The response has more header lines than most clients accept, so it is read as text.
        let removed_of = async |cookies: &[String]| {
            let cookies = cookies.join("; ");
            let request = format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
            );
            let answer = exchange(app.address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
            let removed = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
            removed.map(str::to_owned).collect::<Vec<_>>()
        };
        let removed = removed_of(&all).await;
        assert!(removed.len() > 50 && !removed.iter().any(|line| line.starts_with(own)), "{removed:#?}");
        // If the application's own cookies are too large, only those are removed that another host can have set.
        let planted: Vec<_> = (0..5).map(|n| format!("{own}={}", format!("{n}").repeat(4000))).collect();
        let removed = removed_of(&planted).await;
        assert_eq!(removed.iter().any(|line| line.starts_with(own)), url.starts_with("http:"), "{removed:#?}");
    }
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
    assert_eq!(status(&many(5000)).await, "431", "also when the HTTP parser refuses");
    let long = async |size: usize| {
        let query = "x".repeat(size - others - "?".len());
        head(&format!("GET /healthz?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
    };
    assert_eq!(long(16 * 1024).await, "200", "the URL counts like a header");
    assert_eq!(long(16 * 1024 + 1).await, "431");
}

/// Runs the work on the paused clock of the runtime, which advances as soon as all tasks wait, so that each limit is
/// measured exactly. Returns the result and the time that passed on that clock.
async fn by_its_own_clock<T>(work: impl Future<Output = T>) -> (T, Duration) {
    tokio::time::pause();
    // Bytes from a socket advance the clock to the next timer. This timer keeps such steps small.
    let steps = tokio::spawn(async {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let begun = Instant::now();
    let done = work.await;
    let took = begun.elapsed();
    steps.abort();
    tokio::time::resume();
    (done, took)
}

/// Returns whether the time is the limit's, within the steps of the clock.
fn is_about(took: Duration, limit: Duration) -> bool {
    (limit..limit + Duration::from_secs(1)).contains(&took)
}

#[tokio::test]
async fn s110_a_head_that_does_not_come_to_its_end_is_cut_off_in_time() {
    for seconds in [2, 45] {
        let app = App::start_with(&[("LIMITS_HEADER_TIMEOUT", &format!("{seconds}s"))]).await;
        for start in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: "] {
            let mut stream = connect(&app).await;
            stream.write_all(start.as_bytes()).await.expect("sent");
            let (answer, took) = by_its_own_clock(rest(&mut stream)).await;
            assert_eq!(answer, "", "{start:?} was answered");
            assert!(is_about(took, Duration::from_secs(seconds)), "{start:?}: {took:?} and not {seconds} s");
        }
        ask_and_stay(&mut connect(&app).await).await;
    }
}

#[tokio::test]
async fn s110_a_head_that_dribbles_in_is_cut_off_in_time() {
    let app = App::start_with(&[("LIMITS_HEADER_TIMEOUT", "5s")]).await;
    let (mut reading, mut writing) = connect(&app).await.into_split();
    let dribble = async move {
        writing.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
        // Each byte comes well within the limit, but the head never ends.
        while writing.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let mut text = Vec::new();
    let read = async { timeout(PATIENCE, reading.read_to_end(&mut text)).await.expect("the server closes it") };
    let ((_, ()), took) = by_its_own_clock(futures::future::join(read, dribble)).await;
    assert_eq!(String::from_utf8_lossy(&text), "");
    assert!(is_about(took, Duration::from_secs(5)), "{took:?}");
}

#[tokio::test]
async fn s110_an_idle_connection_is_closed_in_time() {
    for seconds in [2, 45] {
        let app = App::start_with(&[("LIMITS_HEADER_TIMEOUT", &format!("{seconds}s"))]).await;
        let mut stream = connect(&app).await;
        ask_and_stay(&mut stream).await;
        let (more, took) = by_its_own_clock(rest(&mut stream)).await;
        assert_eq!(more, "");
        assert!(is_about(took, Duration::from_secs(seconds)), "{took:?} and not {seconds} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_more_connections_than_the_limit_wait_for_room() {
    let app = App::start_with(&[("LIMITS_CONNECTIONS", "2"), ("LIMITS_HEADER_TIMEOUT", "60s")]).await;
    let (mut first, mut second, mut third) = (connect(&app).await, connect(&app).await, connect(&app).await);
    ask_and_stay(&mut first).await;
    ask_and_stay(&mut second).await;
    third.write_all(GET.as_bytes()).await.expect("sent");
    // A slow machine cannot break this, because it only delays the response further.
    let early = timeout(Duration::from_millis(300), third.read_u8()).await;
    assert!(early.is_err(), "a third connection was served at a limit of two");
    ask_and_stay(&mut second).await;
    drop(first);
    answered(&mut third).await;
}

#[tokio::test]
async fn s110_a_body_that_does_not_come_is_408_in_time() {
    let app = App::start_with(&[("LIMITS_BODY_TIMEOUT", "3s"), ("LIMITS_REQUEST_TIMEOUT", "20s")]).await;
    for (head, start) in [("Content-Length: 100\r\n\r\n", "{"), ("Transfer-Encoding: chunked\r\n\r\n", "1\r\n{\r\n")] {
        let mut stream = connect(&app).await;
        stream.write_all(format!("{JSON_POST}{head}{start}").as_bytes()).await.expect("sent");
        let (answer, took) = by_its_own_clock(rest(&mut stream)).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"kind\":\"timeout\""), "{answer}");
        assert!(is_about(took, Duration::from_secs(3)), "{took:?}");
    }
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test]
async fn s110_a_request_that_takes_too_long_in_all_is_503_in_time_and_may_come_again() {
    let app = App::start_with(&[("LIMITS_REQUEST_TIMEOUT", "3s")]).await;
    let mut stream = connect(&app).await;
    stream.write_all(format!("{JSON_POST}Content-Length: 100\r\n\r\n{{").as_bytes()).await.expect("sent");
    let (answer, took) = by_its_own_clock(rest(&mut stream)).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"kind\":\"busy\""), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(is_about(took, Duration::from_secs(3)), "{took:?}");
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
    assert_eq!(answer.status(), 409, "64 KiB are accepted");
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
    timeout(PATIENCE, endless).await.expect("the connection is closed").expect("no panic");
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
