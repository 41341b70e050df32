//! A cache between the server and two visitors that stores every response unless a header forbids it.

use crate::support::app::{App, browser};
use crate::support::people::Person;
use hardtack::app::access::PAGES;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use std::collections::HashMap;

/// A shared cache. It is more eager than any real one, because it needs neither a lifetime nor a validator. Source: RFC
/// 9111, 3 (which responses a shared cache may store) and 4.1 (`Vary`).
#[derive(Default)]
struct Cache {
    kept: HashMap<String, Vec<Kept>>,
    hits: usize,
}

struct Kept {
    /// The request fields that `Vary` names, with the values of the first request.
    asked: Vec<(String, Option<String>)>,
    body: String,
}

fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns the names in a list header, in lower case and without the part after `=`.
fn names(headers: &HeaderMap, list: &str) -> Vec<String> {
    let lines = headers.get_all(list).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
    let entries = lines.flat_map(|line| line.split(',').map(|entry| entry.trim().to_owned()).collect::<Vec<_>>());
    entries.map(|entry| entry.split('=').next().unwrap_or_default().to_owned()).collect()
}

impl Cache {
    /// Returns the cached body, or sends the request and caches its response.
    async fn ask(&mut self, request: RequestBuilder) -> String {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (path, asked) = (request.url().path().to_owned(), request.headers().clone());
        let fits = |kept: &&Kept| kept.asked.iter().all(|(name, value)| field(&asked, name) == *value);
        if let Some(kept) = self.kept.get(&path).and_then(|all| all.iter().find(fits)) {
            self.hits += 1;
            return kept.body.clone();
        }
        let answer = client.execute(request).await.expect("an answer");
        let told = names(answer.headers(), "cache-control");
        let forbidden = told.iter().any(|word| matches!(word.as_str(), "no-store" | "private" | "no-cache"));
        let vary = names(answer.headers(), "vary");
        let body = answer.text().await.expect("a body");
        if !forbidden && !vary.iter().any(|name| name == "*") {
            let asked = vary.into_iter().map(|name| (name.clone(), field(&asked, &name))).collect();
            self.kept.entry(path).or_default().push(Kept { asked, body: body.clone() });
        }
        body
    }
}

/// A visitor whose cookies the cache sees.
struct Visitor {
    name: &'static str,
    cookie: String,
}

impl Visitor {
    async fn register(app: &App, name: &'static str) -> Self {
        let person = Person::at(&app.url(""), &format!("{}@example.com", name.to_lowercase()));
        let account = json!({"name": name, "username": person.username, "password": "le sel de la mer 7"});
        let told = person.post("/api/register", account).await;
        assert_eq!(told.status, 200, "{told:?}");
        let pairs: Vec<_> = told.cookies.iter().filter_map(|set| set.split(';').next()).collect();
        Self { name, cookie: pairs.join("; ") }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s91_a_cache_in_between_shows_no_visitor_what_is_another_ones() {
    let app = App::start().await;
    let visitors = [Visitor::register(&app, "Adalind").await, Visitor::register(&app, "Berengar").await];
    let mut cache = Cache::default();
    let client: Client = browser();
    let functions = server_fn::axum::server_fn_paths().filter(|(_, method)| method == "GET").map(|(path, _)| path);
    let own: Vec<_> = PAGES.iter().map(|(page, _)| *page).chain(functions).collect();
    // A cache that decides by the end of an address would store these (web cache deception).
    let deceiving = own.iter().flat_map(|path| [format!("{path}/x.css"), format!("{path};x.js")]).collect::<Vec<_>>();
    let paths: Vec<_> = own.iter().copied().chain(deceiving.iter().map(String::as_str)).collect();
    let mut named = 0;
    for turn in 0..2 {
        for path in &paths {
            for (number, visitor) in visitors.iter().enumerate() {
                let request = client.get(app.url(path)).header("accept", "text/html").header("cookie", &visitor.cookie);
                let body = cache.ask(request).await;
                let other = &visitors[1 - number];
                assert!(!body.contains(other.name), "{} was shown {path} of {}, turn {turn}", visitor.name, other.name);
                let is_own = body.contains(visitor.name);
                assert!(!is_own || own.contains(path), "{path} is a page of {}", visitor.name);
                named += usize::from(is_own);
            }
        }
    }
    assert!(named > 8, "too few pages name their visitor: {named}");
}

/// Checks the cache itself: without a header that forbids it, a visitor gets the response to another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_in_between_keeps_what_is_not_forbidden() {
    use axum::http::HeaderMap;
    use axum::routing::get;
    let mine = async |headers: HeaderMap| field(&headers, "cookie").unwrap_or_default();
    let routes = axum::Router::new()
        .route("/forgotten", get(mine))
        .route("/varies", get(async move |headers: HeaderMap| ([("vary", "accept, Cookie")], mine(headers).await)))
        .route("/private", get(async move |headers: HeaderMap| ([("cache-control", "private")], mine(headers).await)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let (mut cache, client) = (Cache::default(), browser());
    for (path, shown) in [("/forgotten", "ada"), ("/varies", "bob"), ("/private", "bob")] {
        let mut last = String::new();
        for visitor in ["ada", "bob"] {
            last = cache.ask(client.get(format!("http://{address}{path}")).header("cookie", visitor)).await;
        }
        assert_eq!(last, shown, "{path}");
    }
    cache.ask(client.get(format!("http://{address}/varies")).header("cookie", "ada")).await;
    assert_eq!(cache.hits, 2, "it also stores responses with `Vary`");
}
