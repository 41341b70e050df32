//! The headers that stand on every answer, whatever it is.

use super::support::app::{App, browser};
use super::support::raw::exchange;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, RequestBuilder};
use std::collections::HashSet;

/// An answer, and what it was to.
struct Answer {
    to: String,
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().expect("text"));
        value.unwrap_or_else(|| panic!("{name} is missing on {} ({})", self.to, self.status))
    }

    fn is_page(&self) -> bool {
        self.headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
    }

    /// The nonce in the policy of a page.
    fn nonce(&self) -> Option<&str> {
        let (_, rest) = self.header("content-security-policy").split_once("'nonce-")?;
        rest.split('\'').next()
    }
}

async fn ask(request: RequestBuilder) -> Answer {
    let request = request.build().expect("a request");
    let to = format!("{} {}", request.method(), request.url().path());
    let answer = browser().execute(request).await.expect("an answer");
    Answer {
        to,
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.text().await.expect("a body"),
    }
}

/// What the server says to a head that no client library would send.
async fn ask_raw(app: &App, head: &str) -> Answer {
    let request = format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = exchange(app.address, request.as_bytes()).await;
    let (top, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{head}: {answer}"));
    let mut lines = top.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        (name, value.trim().parse().expect("a value"))
    };
    let (to, body) = (head.lines().next().unwrap_or_default().to_owned(), body.to_owned());
    Answer { to, status: status.expect("a status"), headers: lines.map(header).collect(), body }
}

/// One answer of each kind that there is.
async fn crawl() -> Vec<Answer> {
    let app = App::start().await;
    let mut answers = Vec::new();
    for path in ["/", "/nothing", "/pkg/nothing.js", "/healthz", "/readyz", "/api/session", "/api/overview"] {
        answers.push(ask(app.get(path)).await);
        answers.push(ask(app.get(path).header("accept", "application/json")).await);
        answers.push(ask(app.browser.head(app.url(path))).await);
    }
    for path in ["/", "/api/session", "/api/nothing", "/healthz", "/nothing"] {
        for site in ["cross-site", "same-origin"] {
            answers.push(ask(app.post(path).header("sec-fetch-site", site)).await);
            answers.push(ask(app.browser.put(app.url(path)).header("sec-fetch-site", site)).await);
        }
    }
    for accept in ["text/html", "application/json"] {
        let post = |path: &str| app.post(path).header("accept", accept);
        answers.push(ask(post("/api/visits")).await);
        answers.push(ask(post("/api/session").form(&[("session", "x")])).await);
        answers.push(ask(post("/api/theme").form(&[("theme", "dark")])).await);
        answers.push(ask(post("/api/session").body("text")).await);
        answers.push(ask(app.get("/").header("accept", accept).header("cookie", "a".repeat(17_000))).await);
    }
    for head in [
        "TRACE / HTTP/1.1",
        "OPTIONS / HTTP/1.1",
        "GET /%2e%2e/Cargo.toml HTTP/1.1",
        "GET /api/session HTTP/1.0",
        "POST /api/visits HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999",
    ] {
        answers.push(ask_raw(&app, head).await);
    }
    answers.extend(failures(&app).await);
    answers
}

/// Faults of the store and of a record.
async fn failures(app: &App) -> Vec<Answer> {
    let first = ask(app.get("/")).await;
    let cookie = first.header("set-cookie").split(';').next().expect("a pair").to_owned();
    let as_before = |request: RequestBuilder| ask(request.header("cookie", cookie.as_str()));
    let mut answers = Vec::new();
    app.execute("ALTER TABLE session RENAME TO elsewhere").await;
    for path in ["/", "/api/session", "/readyz"] {
        answers.push(as_before(app.get(path)).await);
    }
    answers.push(as_before(app.post("/api/visits").header("accept", "text/html")).await);
    app.execute("ALTER TABLE elsewhere RENAME TO session").await;
    app.execute("UPDATE session SET data = '{\"visits\":\"[]\",\"handshake\":\"[]\"}'").await;
    answers.push(as_before(app.get("/")).await);
    answers.push(as_before(app.get("/api/session")).await);
    answers.push(as_before(app.post("/api/visits").header("accept", "text/html")).await);
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn s88_s90_every_answer_has_every_security_header() {
    let answers = crawl().await;
    let statuses: HashSet<u16> = answers.iter().map(|answer| answer.status).collect();
    for status in [200, 303, 403, 404, 405, 409, 413, 415, 431, 500, 503] {
        assert!(statuses.contains(&status), "no answer with {status}: {statuses:?}");
    }
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        // A page elsewhere finds out by it whether the server can be reached at all.
        let probe = answer.to.ends_with(" /healthz") && answer.status == 200;
        let policy = if probe { "cross-origin" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), policy, "{}", answer.to);
        assert_eq!(answer.header("cross-origin-embedder-policy"), "require-corp");
        assert!(answer.header("permissions-policy").contains("camera=()"));
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            assert!(policy.split("; ").any(|found| found == part), "{}: {policy}", answer.to);
        }
        for (name, value) in &answer.headers {
            let once = answer.headers.get_all(name).iter().count() == 1;
            assert!(once || name == "set-cookie" || name == "vary", "{name}: {value:?} is twice on {}", answer.to);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s89_no_policy_lets_anything_inline_without_a_nonce() {
    let mut with_nonce = 0;
    for answer in crawl().await {
        let policy = answer.header("content-security-policy");
        for word in ["'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "data:", "blob:", "*", "http:", "https:"] {
            assert!(!policy.contains(word), "{}: {policy}", answer.to);
        }
        if !answer.is_page() {
            continue;
        }
        for tag in tags(&answer.body) {
            let is_inline = tag.name == "script" || tag.name == "style";
            let nonce = tag.attributes.iter().find(|(name, _)| *name == "nonce").map(|(_, value)| *value);
            assert!(!is_inline || (nonce.is_some() && nonce == answer.nonce()), "{}: {tag:?}", answer.to);
            for (name, value) in &tag.attributes {
                let handler = name.starts_with("on") && !name.contains(':');
                assert!(*name != "style" && !handler && !value.starts_with("javascript:"), "{tag:?}");
            }
            with_nonce += usize::from(is_inline);
        }
    }
    assert!(with_nonce > 0, "pages have a script");
}

#[tokio::test(flavor = "multi_thread")]
async fn s88_the_policy_of_a_page_is_strict_and_names_its_nonce() {
    let app = App::start().await;
    for path in ["/", "/nothing"] {
        let answer = ask(app.get(path)).await;
        let nonce = answer.nonce().expect("a nonce");
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self' \
             'nonce-{nonce}'; connect-src 'self'; img-src 'self'; base-uri 'none'; object-src 'none'; \
             frame-ancestors 'none'; form-action 'self'"
        );
        assert_eq!(answer.header("content-security-policy"), policy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s88_a_thousand_pages_have_a_thousand_nonces_of_128_bits() {
    let app = App::start().await;
    let stranger = Client::new();
    let mut nonces = HashSet::new();
    for number in 0..1000 {
        let path = if number % 10 == 0 { "/" } else { "/nothing" };
        let answer = ask(stranger.get(app.url(path))).await;
        let nonce = answer.nonce().expect("a nonce").trim_end_matches('=').to_owned();
        assert!(nonce.len() * 6 >= 128, "{nonce} is of less than 128 bits");
        assert!(nonces.insert(nonce), "a nonce came twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_s91_whatever_sets_a_cookie_or_is_an_error_is_kept_by_no_cache() {
    let mut cookies = 0;
    for answer in crawl().await {
        let sets = answer.headers.contains_key("set-cookie");
        cookies += usize::from(sets);
        if sets || answer.status >= 400 || answer.to.contains("/api/") {
            // A page is not to be rewritten by a proxy, either.
            let expected = if answer.is_page() { "no-store, no-transform" } else { "no-store" };
            assert_eq!(answer.header("cache-control"), expected, "{} {}", answer.to, answer.status);
        }
    }
    assert!(cookies > 3, "some answers set cookies");
}

#[tokio::test(flavor = "multi_thread")]
async fn s93_no_answer_names_the_software_behind_it() {
    for answer in crawl().await {
        for name in ["server", "x-powered-by", "via", "serverfnerror"] {
            assert!(!answer.headers.contains_key(name), "{name} on {}", answer.to);
        }
        let body = answer.body.to_lowercase();
        for word in ["axum", "hyper", "sqlx", "sqlite error", "no such table", "panicked", env!("CARGO_PKG_VERSION")] {
            assert!(!body.contains(word), "{word} in the answer to {}: {body}", answer.to);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s93_trace_is_405_and_echoes_nothing() {
    let app = App::start().await;
    for path in ["/", "/api/session", "/healthz", "/favicon.svg"] {
        let answer = ask_raw(&app, &format!("TRACE {path} HTTP/1.1\r\nCookie: canary=canary")).await;
        assert_eq!(answer.status, 405, "{path}");
        assert!(!answer.body.contains("canary"), "{}", answer.body);
    }
}

/// A start tag.
#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

/// The start tags of a page, as far as pages of ours need it.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        let end = |c: char| c.is_whitespace() || c == '>' || c == '/';
        let name = &rest[..rest.find(end).unwrap_or(0)];
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        rest = &rest[name.len()..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            let until = |c: char| c.is_whitespace() || matches!(c, '=' | '>');
            let name = &rest[..rest.find(until).unwrap_or(rest.len())];
            if name.is_empty() {
                break;
            }
            rest = &rest[name.len()..];
            let value = rest.strip_prefix("=\"").and_then(|rest| rest.split_once('"'));
            if let Some((value, after)) = value {
                attributes.push((name, value));
                rest = after;
            } else {
                attributes.push((name, ""));
                rest = rest.strip_prefix('=').unwrap_or(rest);
            }
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

#[tokio::test(flavor = "multi_thread")]
async fn s88_the_page_that_shows_its_address_is_not_compressed() {
    let app = App::start().await;
    let encoding = async |path: &str| {
        let answer = ask(app.get(path).header("accept-encoding", "br, gzip").header("accept", "text/html")).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.headers.get("content-encoding").map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(encoding("/doctor").await, None);
    assert_eq!(encoding(&format!("/doctor?tries={}", "a".repeat(2000))).await, None);
    assert_eq!(encoding("/").await.as_deref(), Some("br"), "others are");
}
