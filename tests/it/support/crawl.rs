//! Samples of the application's responses, one of each kind.

use super::app::{App, browser};
use super::people::Person;
use super::raw::exchange;
use hardtack::app::access::PAGES;
use reqwest::RequestBuilder;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::json;

/// A response, with the request that it belongs to.
pub(crate) struct Answer {
    /// The method and the path of the request.
    pub(crate) to: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().expect("text"));
        value.unwrap_or_else(|| panic!("{name} is missing on {} ({})", self.to, self.status))
    }

    pub(crate) fn is_page(&self) -> bool {
        self.headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
    }

    /// Returns the nonce in the content security policy of a page.
    pub(crate) fn nonce(&self) -> Option<&str> {
        let (_, rest) = self.header("content-security-policy").split_once("'nonce-")?;
        rest.split('\'').next()
    }
}

pub(crate) async fn ask(request: RequestBuilder) -> Answer {
    let request = request.build().expect("a request");
    let to = format!("{} {}", request.method(), request.url().path());
    let answer = browser().execute(request).await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    // An event stream has no end.
    let body = if is_stream(&headers) { String::new() } else { answer.text().await.expect("a body") };
    Answer { to, status, headers, body }
}

/// Returns the server's response to a head that no client library would send.
pub(crate) async fn ask_raw(app: &App, head: &str) -> Answer {
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

/// Returns one response of each kind.
pub(crate) async fn crawl() -> Vec<Answer> {
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
    answers.extend(of_an_account(&app).await);
    answers.extend(failures(&app).await);
    answers
}

/// Returns the responses of all pages, functions of the API and other addresses, without an account and with one.
async fn of_an_account(app: &App) -> Vec<Answer> {
    let ada = Person::at(&app.url(""), "ada@example.com");
    let cookie =
        |cookies: &[String]| cookies.iter().filter_map(|set| set.split(';').next()).collect::<Vec<_>>().join("; ");
    let cookies = [String::new(), cookie(&ada.register().await.cookies)];
    let mut answers = Vec::new();
    for cookie in &cookies {
        let as_they_are = |request: RequestBuilder| {
            let request = if cookie.is_empty() { request } else { request.header("cookie", cookie) };
            ask(request.header("sec-fetch-site", "same-origin"))
        };
        for (page, _) in PAGES {
            answers.push(as_they_are(app.get(page).header("accept", "text/html")).await);
            answers.push(as_they_are(app.get(page).header("accept", "application/json")).await);
        }
        for (path, method) in server_fn::axum::server_fn_paths().filter(|(path, _)| *path != "/api/logout") {
            let request = app.browser.request(method, app.url(path)).header("content-type", "application/json");
            answers.push(as_they_are(request.body("{}")).await);
        }
        for path in ["/api/events", "/api/doctor/echo", "/api/doctor/fail", "/doctor.js", "/robots.txt", "/pkg/"] {
            answers.push(as_they_are(app.get(path)).await);
        }
        for accept in ["text/html", "application/json"] {
            for (path, fields) in [
                ("/sign-in", &[("provider", "none")][..]),
                ("/sign-in", &[]),
                ("/sign-in/none/callback", &[("state", "x")]),
                ("/sign-in/none/end", &[]),
                ("/api/doctor/set?test=x", &[]),
                ("/api/login", &[("username", "ada@example.com"), ("password", "a guess")]),
            ] {
                answers.push(as_they_are(app.post(path).header("accept", accept).form(fields)).await);
            }
            answers.push(as_they_are(app.get("/sign-in/none/callback?state=x&code=y").header("accept", accept)).await);
        }
    }
    for _ in 0..11 {
        let guess = app.post("/api/login").json(&json!({"username": "eve@example.com", "password": "a guess"}));
        answers.push(ask(guess).await);
    }
    answers.push(ask(app.post("/api/logout").json(&json!({})).header("cookie", &cookies[1])).await);
    answers
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|value| value == "text/event-stream")
}

/// Returns the responses to faults of the store and of a record.
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
