//! Access to pages and server functions, which is decided before any output, and the redirects after a form.

use super::support::app::{App, browser, cookies_set};
use hardtack::app::access::{Access, PAGES};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const PASSWORD: &str = "a biscuit that keeps for years";

/// A state of the visitor's browser, given by the session cookie that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// No cookie.
    Nobody,
    /// A session without an account.
    Stranger,
    SignedIn,
    /// The cookie of a session that the visitor has signed out of.
    Ended,
    /// The cookie of an expired session.
    Expired,
}

pub(crate) const VISITORS: [Visitor; 5] =
    [Visitor::Nobody, Visitor::Stranger, Visitor::SignedIn, Visitor::Ended, Visitor::Expired];

pub(crate) struct Stage {
    pub(crate) app: App,
    cookies: [String; 5],
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let app = App::start().await;
        let expired = register(&app, "grace").await;
        app.clock.advance(Duration::from_secs(13 * 60 * 60));
        let ended = register(&app, "mary").await;
        let answer = with(&ended, bare().post(app.url("/api/logout"))).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let stranger = pair(&bare().post(app.url("/api/visits")).send().await.expect("an answer"));
        let signed_in = register(&app, "ada").await;
        Self { app, cookies: [String::new(), stranger, signed_in, ended, expired] }
    }

    /// Adds the cookie of this visitor to a request.
    pub(crate) fn of(&self, visitor: Visitor, request: RequestBuilder) -> RequestBuilder {
        with(&self.cookies[visitor as usize], request)
    }

    async fn page(&self, visitor: Visitor, path: &str, accept: &str) -> Response {
        let request = bare().get(self.app.url(path)).header("accept", accept);
        self.of(visitor, request).send().await.expect("an answer")
    }
}

/// Returns a client without a cookie jar, so that a test can send the cookies of another browser.
pub(crate) fn bare() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client")
}

fn with(cookie: &str, request: RequestBuilder) -> RequestBuilder {
    if cookie.is_empty() { request } else { request.header("cookie", cookie) }
}

/// Returns the session cookie as a browser sends it back.
fn pair(answer: &Response) -> String {
    let set = cookies_set(answer);
    let cookie = set.iter().find(|cookie| cookie.starts_with("hardtack_sess=")).expect("a session");
    cookie.split(';').next().expect("a pair").to_owned()
}

/// Creates an account and returns the cookie of its session.
async fn register(app: &App, name: &str) -> String {
    let account = json!({"name": name, "username": format!("{name}@example.com"), "password": PASSWORD});
    let answer = bare().post(app.url("/api/register")).json(&account).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    pair(&answer)
}

/// Returns a form post from a page of this server, as a browser without script sends it.
fn form(app: &App, path: &str, page: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let request = app.post(path).form(fields).header("accept", PAGE);
    request.header("sec-fetch-site", "same-origin").header("referer", format!("http://localhost:3000{page}"))
}

/// Posts a form and returns the path that the response redirects to.
async fn leads(app: &App, path: &str, page: &str, fields: &[(&str, &str)]) -> String {
    let answer = form(app, path, page, fields).send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (303, &"no-store".parse().expect("a value"))
    );
    let to = location(&answer).to_owned();
    assert_eq!(answer.bytes().await.expect("a body").len(), 0);
    to
}

fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().expect("text")
}

const PAGE: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_shown_to_whom_it_is_for_and_others_are_led_on_by_an_answer_without_a_page() {
    let guarded: Vec<_> =
        PAGES.iter().filter(|(_, access)| *access == Access::SignedIn).map(|(path, _)| *path).collect();
    assert_eq!(guarded, ["/devices", "/profile", "/security"], "a change of who may see a page belongs here too");
    let stage = Stage::set().await;
    for (path, access) in PAGES {
        for visitor in VISITORS {
            let answer = stage.page(visitor, path, PAGE).await;
            let signed_in = visitor == Visitor::SignedIn;
            let to = match access {
                Access::Everybody => None,
                Access::SignedIn => (!signed_in).then(|| format!("/login?next={path}")),
                Access::Nobody => signed_in.then(|| "/profile".to_owned()),
            };
            let expected = if to.is_none() { "no-store, no-transform" } else { "no-store" };
            assert_eq!(answer.headers()["cache-control"], expected, "{path} {visitor:?}");
            assert!(
                answer
                    .headers()
                    .get_all("vary")
                    .iter()
                    .any(|vary| vary.to_str().is_ok_and(|vary| vary.contains("cookie")))
            );
            let Some(to) = to else {
                assert_eq!(answer.status(), 200, "{path} {visitor:?}");
                let page = answer.text().await.expect("a page");
                assert_eq!(page.contains(">ada<"), signed_in, "{path} {visitor:?}: {page}");
                continue;
            };
            assert_eq!((answer.status().as_u16(), location(&answer)), (303, to.as_str()), "{path} {visitor:?}");
            let body = answer.bytes().await.expect("a body");
            assert_eq!(body.len(), 0, "{path} {visitor:?}: a redirect has no body");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_slash_too_many_leads_to_the_page_and_shows_nothing_of_it() {
    let stage = Stage::set().await;
    for (path, _) in PAGES.into_iter().filter(|(path, _)| *path != "/") {
        for visitor in VISITORS {
            let answer = stage.page(visitor, &format!("{path}/?next=/devices"), PAGE).await;
            assert_eq!((answer.status().as_u16(), location(&answer)), (308, format!("{path}?next=/devices").as_str()));
            assert_eq!(answer.bytes().await.expect("a body").len(), 0, "{path} {visitor:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s67_no_other_spelling_of_its_path_leads_to_a_page() {
    let app = App::start().await;
    for (path, _) in PAGES.into_iter().filter(|(path, _)| *path != "/") {
        let encoded = format!("/%{:02x}{}", path.as_bytes()[1], &path[2..]);
        for path in [format!("{path}/."), format!("/.{path}"), format!("/{path}"), format!("{path}//"), encoded] {
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
            let answer = crate::support::raw::exchange(app.address, head.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_asks_for_a_page_of_who_is_signed_in_is_told_so_in_json() {
    let stage = Stage::set().await;
    for (path, _) in PAGES.into_iter().filter(|(_, access)| *access == Access::SignedIn) {
        for visitor in VISITORS.into_iter().filter(|visitor| *visitor != Visitor::SignedIn) {
            let answer = stage.page(visitor, path, "application/json").await;
            assert_eq!(answer.status(), 401, "{path} {visitor:?}");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!(body["kind"], "not_signed_in", "{path} {visitor:?}");
        }
    }
}

/// Returns for each server function whether it requires a sign-in. A new function needs an entry here.
fn decisions() -> BTreeMap<&'static str, bool> {
    [
        ("GET /api/session", false),
        ("POST /api/session", false),
        ("POST /api/visits", false),
        ("GET /api/overview", false),
        ("GET /api/doctor", false),
        ("POST /api/theme", false),
        ("POST /api/register", false),
        ("POST /api/login", false),
        ("POST /api/logout", false),
        ("GET /api/profile", true),
        ("POST /api/password", true),
        ("POST /api/confirm", true),
        ("POST /api/disconnect", true),
        ("GET /api/devices", true),
        ("POST /api/devices/end", true),
        ("POST /api/devices/end-others", true),
    ]
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_has_a_decision_and_keeps_to_it() {
    let stage = Stage::set().await;
    let mut left = decisions();
    for (path, method) in server_fn::axum::server_fn_paths() {
        let call = format!("{method} {path}");
        let guarded = left.remove(call.as_str()).unwrap_or_else(|| panic!("add a decision for {call} to `decisions`"));
        for visitor in VISITORS {
            // Not called, because it would end the session that the later calls need.
            if visitor == Visitor::SignedIn && path == "/api/logout" {
                continue;
            }
            let fields = json!({
                "session": "x", "theme": "dark", "name": "x", "username": "x", "password": "x", "current": "x", "new": "x",
                "handle": "x", "provider": "x",
            });
            let request = bare().request(method.clone(), stage.app.url(path));
            let request = if method == "POST" { request.json(&fields) } else { request };
            let answer = stage.of(visitor, request).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.expect("JSON");
            let refused = (status, body["kind"].as_str()) == (401, Some("not_signed_in"));
            assert_eq!(refused, guarded && visitor != Visitor::SignedIn, "{call} {visitor:?}: {status} {body}");
        }
    }
    assert!(left.is_empty(), "decisions without a function: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_an_outage_is_no_sign_out() {
    let stage = Stage::set().await;
    for (table, away, everybody) in
        [("account", "ALTER TABLE account RENAME TO away", 200), ("session", "ALTER TABLE session RENAME TO gone", 503)]
    {
        stage.app.execute(away).await;
        for (path, access) in PAGES {
            let answer = stage.page(Visitor::SignedIn, path, PAGE).await;
            let expected = if access == Access::Everybody { everybody } else { 503 };
            assert_eq!(answer.status(), expected, "{path} without the table {table}");
            assert!(cookies_set(&answer).is_empty() && answer.headers().get("location").is_none(), "{path} {table}");
            assert_eq!(answer.headers().contains_key("retry-after"), expected == 503);
            let page = answer.text().await.expect("a page");
            assert!(!head(&page).contains("Sign in") && !page.contains(">ada<"), "{path} {table}: {page}");
            assert_eq!(head(&page).contains("Your account"), expected == 200, "{path} {table}: {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s54_the_way_back_is_a_path_of_ours_or_none() {
    let stage = Stage::set().await;
    let base = url::Url::parse("http://localhost:3000/login").expect("a URL");
    for (next, to) in [
        ("/security", "/security"),
        ("/", "/"),
        ("/caf%25C3%25A9", "/caf%C3%A9"),
        ("", "/profile"),
        ("security", "/profile"),
        ("//evil.example", "/profile"),
        ("/\\evil.example", "/profile"),
        ("%2f%2fevil.example", "/profile"),
        ("%2F%5Cevil.example", "/profile"),
        ("/%252f/evil.example", "/profile"),
        ("/%09/evil.example", "/profile"),
        ("/%0a/evil.example", "/profile"),
        ("/%0d%0aset-cookie:%20x=y", "/profile"),
        ("%20//evil.example", "/profile"),
        ("https:evil.example", "/profile"),
        ("https://evil.example", "/profile"),
        ("javascript:alert(1)", "/profile"),
        ("/.//evil.example", "/profile"),
        ("/x/..//evil.example", "/profile"),
        ("/x?next=//evil.example", "/profile"),
    ] {
        let led = stage.page(Visitor::SignedIn, &format!("/login?next={next}"), PAGE).await;
        assert_eq!(location(&led), to, "{next}");
        assert_eq!(base.join(to).expect("a URL").origin(), base.origin());
        // The text of the form field, which is not percent-encoded yet.
        let decoded =
            url::form_urlencoded::parse(format!("n={next}").as_bytes()).next().map(|(_, text)| text.into_owned());
        let field = decoded.unwrap_or_default();
        let fields = [("username", "ada@example.com"), ("password", "wrong"), ("next", field.as_str())];
        let refused = leads(&stage.app, "/api/login", "/login", &fields).await;
        let back = if to == "/profile" { String::new() } else { format!("next={}&", to.replace('%', "%25")) };
        assert!(
            refused == format!("/login?{back}error=bad_credentials&field=password")
                || refused == format!("/login?{back}error=too_many_attempts"),
            "{next}: {refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_leads_to_where_its_visitor_wanted_to_go_and_says_in_fixed_words_what_is_wrong() {
    let app = App::start().await;
    let account = |name, username, password| [("name", name), ("username", username), ("password", password)];
    let ada = account("ada", "ada@example.com", PASSWORD);
    let login = |password| [("username", "ada@example.com"), ("password", password), ("next", "/security")];
    assert_eq!(leads(&app, "/api/register", "/register", &ada).await, "/profile");
    assert_eq!(leads(&app, "/api/logout", "/security", &[]).await, "/");
    assert_eq!(
        leads(&app, "/api/login", "/login?next=/security", &login("canary")).await,
        "/login?next=/security&error=bad_credentials&field=password"
    );
    assert_eq!(leads(&app, "/api/login", "/login", &login(PASSWORD)).await, "/security");
    // The theme form returns to the page that it was posted from, with its query.
    assert_eq!(
        leads(&app, "/api/theme", "/login?next=/security", &[("theme", "dark")]).await,
        "/login?next=/security&done=theme"
    );
    for (fields, word) in [
        (account("", "mary@example.com", PASSWORD), "error=invalid&field=name"),
        (account("mary", "canary", PASSWORD), "error=invalid&field=username"),
        (account("mary", "mary@example.com", "canary"), "error=invalid&field=password"),
        (account("mary", "Ada@example.com", "another biscuit, harder"), "error=username_taken&field=username"),
    ] {
        assert_eq!(leads(&app, "/api/register", "/register", &fields).await, format!("/register?{word}"));
    }
    let change = |current, new| [("current", current), ("new", new), ("end_others", "true")];
    let wrong = leads(&app, "/api/password", "/security", &change("canary", "another biscuit, harder")).await;
    assert_eq!(wrong, "/security?error=bad_credentials&field=current");
    let weak = leads(&app, "/api/password", "/security", &change(PASSWORD, "canary")).await;
    assert_eq!(weak, "/security?error=invalid&field=new");
    let changed = leads(&app, "/api/password", "/security", &change(PASSWORD, "another biscuit, harder")).await;
    assert_eq!(changed, "/security?done=password");
    // Without a `Referer`, the redirect goes to the page that the form belongs to.
    let bare =
        app.post("/api/login").form(&login("canary")).header("accept", PAGE).header("sec-fetch-site", "same-origin");
    let bare = bare.send().await.expect("an answer");
    assert!(location(&bare).starts_with("/login?"), "{}", location(&bare));
}

/// Returns the account menu of a page.
fn head(page: &str) -> &str {
    let nav = page.split_once("class=\"who\">").and_then(|(_, rest)| rest.split_once("</nav>"));
    nav.map_or("", |(nav, _)| nav)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_page_names_who_is_signed_in_and_counting_goes_on() {
    let app = App::start().await;
    let page = async || app.get("/").send().await.expect("an answer").text().await.expect("a page");
    let first = page().await;
    assert!(head(&first).contains("Sign in") && first.contains("for the first time"), "{first}");
    let account = json!({"name": "Ada <b>", "username": "ada@example.com", "password": PASSWORD});
    app.post("/api/register").json(&account).send().await.expect("an answer");
    let second = page().await;
    assert!(head(&second).contains("Ada &lt;b&gt;") && !head(&second).contains("Sign in"), "{second}");
    assert!(!second.contains("Ada <b>"), "{second}");
    assert!(second.contains("You visited this page 2 times"), "visits are still counted: {second}");
    let elsewhere = browser().get(app.url("/")).send().await.expect("an answer").text().await.expect("a page");
    assert!(!elsewhere.contains("Ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_tells_beforehand_what_a_password_must_be_and_whether_accounts_are_to_be_had() {
    let app = App::start_with(&[("SIGN_IN_PASSWORD_MIN", "15")]).await;
    let page = app.get("/register").send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("At least 15 characters") && page.contains("minlength=\"15\""), "{page}");
    for (field, autocomplete) in [("username", "username"), ("password", "new-password"), ("name", "name")] {
        let input = page.split("<input ").find(|input| input.contains(&format!("name=\"{field}\""))).expect("a field");
        assert!(input.contains(&format!("autocomplete=\"{autocomplete}\"")), "{input}");
        assert!(!input.contains("maxlength") && !input.contains("onpaste"), "{input}");
    }
    let closed = App::start_with(&[("SIGN_IN_REGISTER", "closed")]).await;
    let page = closed.get("/register").send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("This site does not accept new accounts.") && !page.contains("new-password"), "{page}");
}
