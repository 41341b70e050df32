//! TLS with the server's local authority: clients, the end of connections, and plain http next to TLS.

use super::support::process::{METRICS, PATIENCE, Place, Running, rest as rest_of};
use super::support::raw::exchange;
use super::support::tls::{Browser, LOCAL, SITE, ask, rest, send};
use axum::body::Body;
use axum::http::{Request, Version};
use hardtack::server::settings::Settings;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

const UNHURRIED: (&str, &str) = ("LIMITS_HEADER_TIMEOUT", "10s");
const IMPATIENT: (&str, &str) = ("LIMITS_HEADER_TIMEOUT", "2s");

async fn local(place: &Place, more: &[(&str, &str)]) -> Running {
    place.serve(&[LOCAL.as_slice(), more].concat()).await
}

fn get(path: &str) -> Request<Body> {
    let url = format!("https://localhost:3443{path}");
    Request::builder().uri(url).body(Body::empty()).expect("a request")
}

/// Returns the value of a header in a response's head.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = answer.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.split_once(": ").filter(|(found, _)| *found == name)).map(|(_, value)| value)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_the_local_authority_is_answered_and_no_other() {
    let place = Place::new();
    let server = local(&place, &[]).await;
    let browser = Browser::of(&place);
    let page = browser.get(&server, "/").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("</html>"), "{page}");
    let cookie = header(&page, "set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-hardtack_sess=") && cookie.contains("; Secure"), "{cookie}");
    for name in ["localhost", "127.0.0.1", "::1"] {
        browser.connect(server.address, name).await.expect(name);
    }
    browser.connect(server.address, "example.com").await.expect_err("a name that is not in the certificate");

    let other = Place::new();
    drop(local(&other, &[]).await);
    let refused = Browser::of(&other).connect(server.address, "localhost").await.expect_err("a stranger");
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    let line = server.said.wait_for("path=\"/\"").await;
    assert!(line.contains("client=127.0.0.1"), "{line}");
    let plain = exchange(server.address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1"), "plain http on a TLS listener: {plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_where_the_client_can_and_http11_where_not() {
    let place = Place::new();
    let server = local(&place, &[]).await;
    let browser = Browser::of(&place).offering(&["h2", "http/1.1"]);
    let mut requests = browser.http2(&server).await;
    let answer = requests.send_request(get("/")).await.expect("an answer");
    assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
    let pair = answer.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    // A browser may split the cookies into several header lines.
    let mut parted = get("/api/visits");
    *parted.method_mut() = axum::http::Method::POST;
    for line in ["a=1", &pair, "b=2"] {
        parted.headers_mut().append("cookie", line.parse().expect("a value"));
    }
    let (status, body) = send(&mut requests, parted).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"visits\":2"), "the session of the page: {body}");

    for offered in [vec!["http/1.1"], vec![]] {
        let stream = Browser::of(&place).offering(&offered).connect(server.address, "localhost").await;
        let mut stream = stream.expect("a connection");
        assert_ne!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        ask(&mut stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"), "{offered:?}");
    }
    let none = Browser::of(&place).offering(&["spdy/1"]).connect(server.address, "localhost").await;
    none.expect_err("no common protocol");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_has_the_limits_of_http11() {
    let place = Place::new();
    let server = local(&place, &[]).await;
    let mut requests = Browser::of(&place).offering(&["h2"]).http2(&server).await;
    let mut large = get("/api/session");
    large.headers_mut().insert("x-large", "x".repeat(20_000).parse().expect("a value"));
    let (status, body) = send(&mut requests, large).await;
    assert_eq!(status, 431, "{body}");
    assert!(body.contains("headers_too_large"), "{body}");
    // Over HTTP/2 too, the response removes cookies from a browser that sends too many.
    let mut drowning = get("/");
    drowning.headers_mut().insert("accept", "text/html".parse().expect("a value"));
    for n in 0..60 {
        let cookie = format!("c{n}={}", "x".repeat(4090));
        drowning.headers_mut().append("cookie", cookie.parse().expect("a value"));
    }
    let (status, page) = send(&mut requests, drowning).await;
    assert_eq!(status, 431);
    assert!(page.contains("Too many cookies"), "{page}");
    let mut body = get("/api/session");
    *body.method_mut() = axum::http::Method::POST;
    body.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
    *body.body_mut() = Body::from(format!("{{\"session\":\"{}\"}}", "x".repeat(70_000)));
    assert_eq!(send(&mut requests, body).await.0, 413);
    assert_eq!(send(&mut requests, get("/healthz")).await.0, 200, "the connection stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_who_is_slow_to_shake_hands_or_says_nothing_afterwards_is_dropped() {
    let place = Place::new();
    let server = local(&place, &[IMPATIENT, ("LIMITS_CONNECTIONS", "1")]).await;
    // The limit is one connection, so each is served only after the one before it was dropped.
    let mut mute = TcpStream::connect(server.address).await.expect("a connection");
    assert_eq!(rest_of(&mut mute).await, "");
    let mut half = TcpStream::connect(server.address).await.expect("a connection");
    half.write_all(&[0x16, 0x03, 0x01, 0x02]).await.expect("half a record");
    rest_of(&mut half).await;
    for offered in ["h2", "http/1.1"] {
        let browser = Browser::of(&place).offering(&[offered]);
        let mut silent = browser.shaken(server.address).await;
        rest(&mut silent).await;
    }
    Browser::of(&place).is_answered(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_an_idle_http2_connection_is_closed_and_one_with_a_request_under_way_is_not() {
    let place = Place::new();
    let server = local(&place, &[UNHURRIED, ("LIMITS_BODY_TIMEOUT", "1h")]).await;
    let browser = Browser::of(&place).offering(&["h2"]);
    let mut busy = browser.http2(&server).await;
    let (body, rest) = tokio::sync::oneshot::channel::<()>();
    let late = futures::stream::once(async move {
        rest.await.ok();
        Ok::<_, std::io::Error>("{}")
    });
    let mut visit = get("/api/visits");
    *visit.method_mut() = axum::http::Method::POST;
    visit.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
    *visit.body_mut() = Body::from_stream(late);
    let answer = tokio::spawn(async move { send(&mut busy, visit).await });
    let mut idle = browser.http2(&server).await;
    assert_eq!(send(&mut idle, get("/healthz")).await.0, 200);
    // The client of this test answers pings by itself, which must not keep the connection open.
    let closed = super::support::process::until(|| idle.is_closed().then_some(())).await;
    closed.expect("an idle connection is closed");
    // The busy connection must stay open for the same time again.
    tokio::time::sleep(Duration::from_secs(12)).await;
    body.send(()).expect("still asked for");
    let (status, body) = answer.await.expect("no panic");
    assert_eq!(status, 200, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_under_tls_finish() {
    let place = Place::new();
    let mut server = local(&place, &[UNHURRIED]).await;
    let browser = Browser::of(&place);
    let mut late = browser.connect(server.address, "localhost").await.expect("a connection");
    ask(&mut late, "POST /api/visits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n").await;
    ask(&mut late, "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n").await;
    let mut told = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut late, &mut told).await.expect("100 Continue");
    server.signal("TERM");
    server.said.wait_for("stopping").await;
    ask(&mut late, "{}").await;
    assert!(rest(&mut late).await.contains("first time"));
    assert_eq!(server.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_who_is_shaking_hands() {
    let place = Place::new();
    let long = [("LIMITS_HEADER_TIMEOUT", "1h"), ("LIMITS_SHUTDOWN_GRACE", "1h")];
    let mut server = local(&place, &long).await;
    let mut mute = TcpStream::connect(server.address).await.expect("a connection");
    // Connections are accepted in order, so the response to this one shows that the one before it was accepted too.
    assert!(Browser::of(&place).get(&server, "/healthz").await.contains("alive"));
    server.signal("TERM");
    assert_eq!(rest_of(&mut mute).await, "");
    assert_eq!(server.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_takes_one_grace_whoever_holds_which_listener() {
    let place = Place::new();
    let settings = [
        ("LIMITS_HEADER_TIMEOUT", "1h"),
        ("LIMITS_BODY_TIMEOUT", "1h"),
        ("LIMITS_SHUTDOWN_GRACE", "10s"),
        ("TLS_REDIRECT_LISTEN", "127.0.0.1:0"),
        METRICS,
    ];
    let mut server = local(&place, &settings).await;
    let mut held = Vec::new();
    for words in ["plain http at http://", "metrics for Prometheus are at http://"] {
        let line = server.said.wait_for(words).await;
        let address: String = line.split("http://").nth(1).expect("an address").into();
        let address = address.split([' ', '/']).next().expect("an address");
        let mut half = TcpStream::connect(address).await.expect("a connection");
        half.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("sent");
        // Connections are accepted in order, so the response to this one shows that the one before it was accepted too.
        let address = address.parse().expect("an address");
        exchange(address, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        held.push(half);
    }
    let mut late = Browser::of(&place).connect(server.address, "localhost").await.expect("a connection");
    ask(&mut late, "POST /api/visits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n").await;
    ask(&mut late, "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n").await;
    tokio::io::AsyncReadExt::read_exact(&mut late, &mut [0; 25]).await.expect("100 Continue");
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.end().await.code(), Some(0));
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(20), "not one grace period: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_who_does_not_take_an_answer_under_tls_is_dropped() {
    let place = Place::new();
    let site = place.path().join("site");
    std::fs::create_dir(&site).expect("a folder");
    // More than the buffers of both ends hold.
    std::fs::write(site.join("large.txt"), vec![b'x'; 64 << 20]).expect("a file");
    let settings = [("LEPTOS_SITE_ROOT", "site"), ("LIMITS_ANSWER_TIMEOUT", "300ms"), ("LIMITS_CONNECTIONS", "1")];
    let server = local(&place, &settings).await;
    let browser = Browser::of(&place);
    let mut unread = browser.connect(server.address, "localhost").await.expect("a connection");
    ask(&mut unread, "GET /large.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    // The limit is one connection, so a response to this one shows that the other was dropped.
    let next = browser.get(&server, "/healthz").await;
    assert!(next.contains("alive"), "{next}");
    let taken = rest(&mut unread).await;
    assert!(taken.starts_with("HTTP/1.1 200") && taken.len() < 64 << 20, "{}", taken.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn s110_who_does_not_take_an_answer_over_http2_is_dropped_though_pings_are_answered() {
    let place = Place::new();
    let settings = [UNHURRIED, ("LIMITS_ANSWER_TIMEOUT", "300ms"), ("LIMITS_CONNECTIONS", "1")];
    let server = local(&place, &settings).await;
    let stream = Browser::of(&place).offering(&["h2"]).shaken(server.address).await;
    let shut = http2::Builder::new(TokioExecutor::new()).initial_stream_window_size(0).clone();
    let (mut requests, connection) = shut.handshake::<_, Body>(TokioIo::new(stream)).await.expect("HTTP/2");
    let closed = tokio::spawn(connection);
    let answer = requests.send_request(get("/")).await.expect("a head");
    assert_eq!(answer.status(), 200);
    // The limit is one connection, so a response to this one shows that the other was dropped.
    Browser::of(&place).is_answered(&server).await;
    timeout(PATIENCE, closed).await.expect("closed").expect("no panic").ok();
    answer.into_body().collect().await.expect_err("the rest of the answer");
}

/// Returns the address of the plain http listener next to TLS.
async fn beside(server: &Running) -> SocketAddr {
    let line = server.said.wait_for("plain http at").await;
    let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
    address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("an address in {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_s84_plain_http_leads_pages_to_https_and_refuses_everything_else() {
    let place = Place::new();
    let server = local(&place, &[("TLS_REDIRECT_LISTEN", "127.0.0.1:0"), UNHURRIED]).await;
    let plain = beside(&server).await;
    let cookie = "Cookie: __Host-hardtack_sess=a.b";
    for (request, to) in [
        ("GET /", "/"),
        ("HEAD /a/b?x=1&y=%2F", "/a/b?x=1&y=%2F"),
        ("GET //evil.example/x", "//evil.example/x"),
        ("GET http://evil.example/x", "/x"),
        ("GET /apidocs", "/apidocs"),
    ] {
        let head = format!("{request} HTTP/1.1\r\nHost: evil.example\r\n{cookie}\r\nConnection: close\r\n\r\n");
        let answer = exchange(plain, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 308 "), "{request}: {answer}");
        assert_eq!(header(&answer, "location"), Some(format!("https://localhost:3443{to}").as_str()), "{request}");
        assert!(header(&answer, "set-cookie").is_none() && header(&answer, "strict-transport-security").is_none());
    }
    for request in ["GET /api/session", "HEAD /api/session", "POST /", "POST /api/visits", "OPTIONS *", "DELETE /x"] {
        let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\nConnection: close\r\n\r\n");
        let answer = exchange(plain, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
        assert!(header(&answer, "set-cookie").is_none() && header(&answer, "location").is_none(), "{answer}");
        if !request.starts_with("HEAD") {
            let body = answer.split_once("\r\n\r\n").expect("a body").1;
            let error: Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(error["kind"], "https_required");
            assert!(error["message"].as_str().is_some_and(|said| said.contains("https://localhost:3443")), "{body}");
        }
    }
    let mut slow = TcpStream::connect(plain).await.expect("a connection");
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("sent");
    rest_of(&mut slow).await;
    let log = server.stop().await;
    let told = |line: &&String| line.contains("was sent over plain http") && line.contains("client=127.0.0.1");
    // Even a slow machine sends several of the eleven requests in a minute.
    assert!((1..11).contains(&log.iter().filter(told).count()), "once a minute");
    assert!(!log.join("\n").contains("a.b"), "the path of the request is not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn s85_browsers_are_told_to_stay_on_https_unless_this_machine_is_the_host() {
    const STAY: Option<&str> = Some("max-age=31536000");
    let ask = async |server: &Running, path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        exchange(server.address, head.as_bytes()).await
    };
    for (url, expected) in [
        ("https://app.example.com", STAY),
        ("https://localhost", None),
        ("https://127.0.0.1", None),
        ("http://localhost", None),
    ] {
        let place = Place::new();
        // A proxy does TLS here.
        let server = place.serve(&[("SITE_URL", url)]).await;
        for path in ["/", "/healthz", "/nothing", "/api/nothing", "/api/session"] {
            let answer = ask(&server, path).await;
            assert_eq!(header(&answer, "strict-transport-security"), expected, "{url} {path}");
        }
    }
    let place = Place::new();
    let server = local(&place, &[]).await;
    let page = Browser::of(&place).get(&server, "/").await;
    assert_eq!(header(&page, "strict-transport-security"), None);
}

#[test]
fn settings_of_tls_that_contradict_each_other_are_refused_with_reason_and_cure() {
    let load = |env: &[(&str, &str)]| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let env = env.iter().map(|(name, value)| (format!("HARDTACK_{name}"), (*value).to_owned()));
        Settings::load(Some(file.path()), env).map_err(|error| error.to_string())
    };
    let redirect = ("TLS_REDIRECT_LISTEN", "127.0.0.1:3080");
    for (env, words) in [
        (vec![("TLS_MODE", "local")], ["`tls.mode`", "`site.url` is http", "https://"]),
        (vec![("TLS_MODE", "files")], ["`tls.mode`", "`site.url` is http", "https://"]),
        (vec![redirect], ["`tls.redirect_listen`", "`tls.mode` is `off`", "`local`"]),
        (vec![SITE, redirect], ["`tls.redirect_listen`", "`tls.mode` is `off`", "`local`"]),
        (
            [LOCAL.as_slice(), &[redirect, ("SITE_LISTEN", "127.0.0.1:3080")]].concat(),
            ["`tls.redirect_listen`", "`site.listen`", "another port"],
        ),
        (vec![("TLS_MODE", "on")], ["tls.mode", "`on`", "`off`, `local` and `files`"]),
        (vec![("TLS_DIRECTORY", "")], ["tls.directory", "empty", "folder"]),
    ] {
        let said = load(&env).expect_err("a contradiction");
        assert!(words.iter().all(|word| said.contains(word)) && said.ends_with('.'), "{env:?}: {said}");
    }
    // A proxy does TLS.
    load(&[SITE]).expect("legitimate");
    load(&[LOCAL.as_slice(), &[redirect]].concat()).expect("legitimate");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_for_plain_http_is_one_sentence_that_names_its_setting() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let more = [("TLS_REDIRECT_LISTEN", address.as_str()), ("SITE_LISTEN", "127.0.0.1:0")];
    let said = place.refusal(1, &[], &[LOCAL.as_slice(), &more].concat());
    assert!(said.contains("tls.redirect_listen") && said.contains("in use"), "{said}");
}
