//! The headers that every response must have.

use super::support::app::App;
use super::support::crawl::{ask, ask_raw, crawl};
use hardtack::app::access::PAGES;
use reqwest::Client;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// The browser features that the permissions policy denies to every page.
const NOTHING_PERMITTED: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
                                 magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

#[tokio::test(flavor = "multi_thread")]
async fn s88_s90_every_answer_has_every_security_header() {
    let answers = crawl().await;
    let statuses: HashSet<u16> = answers.iter().map(|answer| answer.status).collect();
    for status in [200, 204, 303, 400, 401, 403, 404, 405, 409, 413, 415, 429, 431, 500, 503] {
        assert!(statuses.contains(&status), "no answer with {status}: {statuses:?}");
    }
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        // Pages on other origins load it to find out whether the server is reachable.
        let probe = answer.to.ends_with(" /healthz") && answer.status == 200;
        // Pages on other origins load the script to test their browser.
        let for_all = probe || answer.to == "GET /doctor.js";
        let policy = if for_all { "cross-origin" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), policy, "{}", answer.to);
        assert_eq!(answer.header("cross-origin-embedder-policy"), "require-corp");
        assert_eq!(answer.header("permissions-policy"), NOTHING_PERMITTED);
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

/// Returns the paths of the server as its routers spell them.
fn routes() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
    let mut routes: Vec<_> = PAGES.iter().map(|(page, _)| (*page).to_owned()).collect();
    routes.extend(server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()));
    for file in fs::read_dir(folder).expect("a folder") {
        let text = fs::read_to_string(file.expect("a file").path()).unwrap_or_default();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let named = text.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
        routes.extend(named.map(str::to_owned));
    }
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn s88_s90_every_address_of_the_server_is_among_those_answers() {
    let asked: Vec<_> = crawl().await.into_iter().map(|answer| answer.to).collect();
    let routes = routes();
    assert!(routes.iter().any(|route| route == "/sign-in/{provider}/callback") && routes.len() > 20, "{routes:?}");
    let fits = |route: &str, path: &str| {
        let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
        let rest = route.last().is_some_and(|part| part.starts_with("{*"));
        let parts = route.iter().zip(&path).all(|(part, said)| part.starts_with('{') || part == said);
        parts && (rest || route.len() == path.len())
    };
    let missed: Vec<_> = routes
        .iter()
        // The metrics are on a separate listener, which browsers do not call.
        .filter(|route| *route != "/metrics")
        .filter(|route| !asked.iter().any(|to| to.split_once(' ').is_some_and(|(_, path)| fits(route, path))))
        .collect();
    assert!(missed.is_empty(), "no response is checked of {missed:?}");
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
        assert!(nonce.len() * 6 >= 128, "{nonce} has less than 128 bits");
        assert!(nonces.insert(nonce), "a nonce was repeated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_s91_whatever_sets_a_cookie_or_is_an_error_is_kept_by_no_cache() {
    let mut cookies = 0;
    for answer in crawl().await {
        let sets = answer.headers.contains_key("set-cookie");
        cookies += usize::from(sets);
        if sets || answer.status >= 400 || answer.to.contains("/api/") {
            // Proxies must not rewrite a page or an event stream.
            let as_it_is = answer.is_page() || answer.to == "GET /api/events" && answer.status == 200;
            let expected = if as_it_is { "no-store, no-transform" } else { "no-store" };
            assert_eq!(answer.header("cache-control"), expected, "{} {}", answer.to, answer.status);
        }
    }
    assert!(cookies > 3, "too few responses set cookies: {cookies}");
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

/// A start tag of a page.
#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

/// Returns the start tags of a page, with as much of the HTML syntax as the server's pages use.
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
    assert_eq!(encoding("/").await.as_deref(), Some("br"), "other pages are compressed");
}
