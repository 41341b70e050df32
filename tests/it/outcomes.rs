//! The outcome of a form without script: its page shows it once, and a forged address does not make the page show it.

use super::support::app::{App, browser, cookies_set};
use super::support::people::PASSWORD;
use reqwest::{Client, Response};

const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const WRONG: &str = "Wrong e-mail address or password";
const CHANGED: &str = "class=\"done\">Your password has been changed.";
const NO_COOKIE: &str = "data-cookies=\"\" hidden";

/// Posts a form from a page, as a browser without script does.
async fn post(app: &App, browser: &Client, to: &str, referer: &str, fields: &[(&str, &str)]) -> Response {
    let form = browser.post(app.url(to)).form(fields).header("accept", PAGE).header("sec-fetch-site", "same-origin");
    let form = if referer.is_empty() { form } else { form.header("referer", app.url(referer)) };
    let answer = form.send().await.expect("an answer");
    assert_eq!(answer.status(), 303, "{to}");
    answer
}

fn to(answer: &Response) -> String {
    answer.headers()["location"].to_str().expect("text").to_owned()
}

/// Returns a page that is requested from another page of the site.
async fn shown(app: &App, browser: &Client, path: &str, referer: &str) -> String {
    let page = browser.get(app.url(path)).header("accept", PAGE).header("referer", app.url(referer));
    page.send().await.expect("an answer").text().await.expect("a page")
}

const ADA: [(&str, &str); 3] = [("name", "Ada"), ("username", "ada@example.com"), ("password", PASSWORD)];
const NEW: [(&str, &str); 3] = [("current", PASSWORD), ("new", "another biscuit, harder"), ("end_others", "true")];

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_said_once_and_by_no_address_that_anybody_can_write() {
    let app = App::start().await;
    let ada = browser();
    post(&app, &ada, "/api/register", "/register", &ADA).await;
    // A link, a bookmark, or a page that showed another outcome before.
    for path in ["/security?done=password", "/devices?error=last_factor", "/security?error=sign_in_again"] {
        let page = shown(&app, &ada, path, "/security").await;
        assert!(!page.contains(CHANGED) && !page.contains("This is your only way to sign in"), "{path}");
        assert!(page.contains("<section id=\"again\" hidden"), "{path}");
    }
    let changed = post(&app, &ada, "/api/password", "/security", &NEW).await;
    assert_eq!(to(&changed), "/security?done=password");
    let mark = cookies_set(&changed).into_iter().find(|line| line.starts_with("hardtack_sess_told=")).expect("a mark");
    assert!(mark.contains("HttpOnly") && mark.contains("Max-Age=600"), "{mark}");
    // The cookie is for one address, and another address shows no outcome.
    let wrong = shown(&app, &ada, "/security?error=bad_credentials&field=current", "/security").await;
    assert!(!wrong.contains("Wrong password"), "{wrong}");
    let first = shown(&app, &ada, "/security?done=password", "/security").await;
    assert!(first.contains(CHANGED), "{first}");
    let again = shown(&app, &ada, "/security?done=password", "/security").await;
    assert!(!again.contains(CHANGED), "a reload shows the outcome again");
    // Another browser with the same address shows no outcome, unless the request comes from a page of this site.
    let other = shown(&app, &browser(), "/login?error=bad_credentials&field=password", "/devices").await;
    assert!(other.contains(WRONG), "a browser without cookies, from a page of this site");
    let linked = browser().get(app.url("/login?error=bad_credentials")).header("accept", PAGE);
    for referer in ["https://evil.example/login", "https://evil.example/"] {
        let linked = linked.try_clone().expect("a request").header("referer", referer);
        let page = linked.send().await.expect("an answer").text().await.expect("a page");
        assert!(!page.contains(WRONG), "{referer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_beforehand_uses_no_outcome_up() {
    let app = App::start().await;
    let ada = browser();
    let led = to(&post(&app, &ada, "/api/login", "/login", &ADA[1..]).await);
    let prefetch = ada.get(app.url(&led)).header("sec-purpose", "prefetch").send().await.expect("an answer");
    assert!(!prefetch.text().await.expect("a page").contains(WRONG));
    assert!(shown(&app, &ada, &led, "/login").await.contains(WRONG));
    assert!(!shown(&app, &ada, &led, "/login").await.contains(WRONG));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_comes_back_to_a_page_that_holds_it() {
    let app = App::start().await;
    let ada = browser();
    post(&app, &ada, "/api/register", "", &ADA).await;
    let wrong = [("username", "ada@example.com"), ("password", "wrong"), ("next", "/security")];
    // The referers are pages that do not hold the form, among them `/` for a page of another origin, which browsers
    // shorten to its origin.
    for referer in ["/", "/doctor", "/profile", "/register", "/nowhere", "/login/", ""] {
        let led = to(&post(&app, &browser(), "/api/login", referer, &wrong).await);
        assert!(led.starts_with("/login?next=/security&error="), "{referer}: {led}");
    }
    let bad = [("current", "wrong"), ("new", "another biscuit, harder")];
    assert_eq!(
        to(&post(&app, &ada, "/api/password", "/", &bad).await),
        "/security?error=bad_credentials&field=current"
    );
    let confirm = [("current", "wrong")];
    for (referer, page) in [("/", "/devices"), ("/devices", "/devices"), ("/security", "/security")] {
        let led = to(&post(&app, &ada, "/api/confirm", referer, &confirm).await);
        assert!(led.starts_with(&format!("{page}?error=")), "{referer}: {led}");
    }
    assert_eq!(to(&post(&app, &ada, "/api/theme", "/profile", &[("theme", "dark")]).await), "/profile?done=theme");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_keeps_no_cookie_is_told_so_when_it_has_signed_in() {
    let app = App::start().await;
    let bare = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
    for (to_, page) in [("/api/register", "/register"), ("/api/login", "/login")] {
        assert_eq!(to(&post(&app, &bare, to_, page, &ADA).await), "/profile");
        let guarded = bare.get(app.url("/profile")).header("accept", PAGE).header("referer", app.url(page));
        let led = to(&guarded.send().await.expect("an answer"));
        assert_eq!(led, "/login?next=/profile&error=no_cookie");
        let said = shown(&app, &bare, &led, page).await;
        assert!(
            !said.contains(NO_COOKIE) && said.contains("Your browser does not send this site’s cookie back"),
            "{said}"
        );
        assert!(said.contains("<a href=\"/doctor\">Find out why</a>"), "{said}");
    }
    // The address without a referer shows no outcome.
    let linked = bare.get(app.url("/login?next=/profile&error=no_cookie")).send().await.expect("an answer");
    assert!(linked.text().await.expect("a page").contains(NO_COOKIE));
    // After a sign-out the browser is not told so either, although its page came from the sign-in.
    let ada = browser();
    post(&app, &ada, "/api/login", "/login", &ADA[1..]).await;
    assert!(shown(&app, &ada, "/profile", "/login").await.contains("Your profile"));
    post(&app, &ada, "/api/logout", "/profile", &[]).await;
    let left = ada.get(app.url("/profile")).header("accept", PAGE).header("referer", app.url("/login"));
    assert_eq!(to(&left.send().await.expect("an answer")), "/login?next=/profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_until_when_its_session_lives_and_nothing_stands_behind_its_end() {
    let app = App::start().await;
    let ada = browser();
    post(&app, &ada, "/api/register", "/register", &ADA).await;
    let left = async || {
        let page = shown(&app, &ada, "/profile", "/").await;
        assert!(page.ends_with("</html>"), "{page}");
        let left = page.split_once("data-left=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a deadline");
        left.0.parse::<u64>().expect("seconds")
    };
    assert_eq!(left().await, 30 * 60);
    // The use is written to the store once a minute.
    app.clock.advance(std::time::Duration::from_secs(30));
    assert_eq!(left().await, 30 * 60 - 30);
    app.clock.advance(std::time::Duration::from_secs(20 * 60));
    assert_eq!(left().await, 30 * 60);
    for path in ["/", "/login", "/doctor", "/nowhere"] {
        let page = shown(&app, &browser(), path, "/").await;
        assert!(page.ends_with("</html>") && !page.contains("__RESOLVED"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s55_a_form_says_beside_its_field_what_is_wrong_and_repeats_nothing() {
    let app = App::start().await;
    for (path, words, beside) in [
        ("/login?error=bad_credentials&field=password", "Wrong e-mail address or password.", "password"),
        ("/login?error=too_many_attempts", "Too many attempts", ""),
        ("/register?error=invalid&field=username", "Enter one e-mail address", "username"),
        ("/register?error=username_taken&field=username", "There is an account with this e-mail address", "username"),
        ("/register?error=invalid&field=current", "could not be understood", ""),
    ] {
        // A browser without cookies.
        let page = app
            .get(path)
            .header("referer", app.url("/login"))
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a page");
        let place = page.split_once(&format!("data-about=\"{beside}\"")).map(|(_, rest)| rest);
        let place = place.and_then(|rest| rest.split_once('>')).and_then(|(_, text)| text.split('<').next());
        assert!(place.is_some_and(|said| said.contains(words)), "{path}: {place:?}");
        assert_eq!(page.matches("aria-invalid").count(), usize::from(!beside.is_empty()), "{path}");
        assert_eq!(page.matches(" autofocus").count(), 1, "{path}");
    }
    for known in ["/login?error=bad_credentials&field=canary", "/register?error=invalid&field=canary"] {
        let page = app.get(known).header("referer", app.url("/login")).send().await.expect("an answer");
        assert!(!page.text().await.expect("a page").contains("canary"), "{known}");
    }
    for word in ["canary", "%22%3E%3Cscript%3Ecanary", "//canary", "/\\canary", "bad_credentials%00canary"] {
        for path in ["/login", "/register"] {
            let query = format!("error={word}&field={word}&done={word}&next={}", word.replace("canary", "//canary"));
            let page =
                app.get(&format!("{path}?{query}")).header("referer", app.url(path)).send().await.expect("an answer");
            assert!(!page.text().await.expect("a page").contains("canary"), "{path}?{query}");
        }
    }
}
