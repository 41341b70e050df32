//! Cookies in a browser that earlier settings or other applications have left (G9).

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::{Kind, open};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hardtack_doctor::{Address, Browser, Jar, Request, Sites};
use hardtack_session::cookie::{CookieSettings, SameSite};
use hardtack_session::{Error, Keys, Owner, Session};
use std::sync::Arc;

fn routes() -> Router {
    Router::new()
        .route("/who", get(who))
        .route("/deep/er/who", get(who))
        .route("/sign-in/{account}", get(sign_in))
        .route("/deep/sign-in", get(async |session: Session| sign_in(session, Path("ada".to_owned())).await))
        .route("/end", get(async |session: Session| session.end().await))
        .fallback(who)
}

async fn who(session: Session) -> Result<String, Error> {
    Ok(session.facts().await?.and_then(|facts| facts.owner.account).unwrap_or_else(|| "nobody".to_owned()))
}

async fn sign_in(session: Session, Path(account): Path<String>) -> Result<(), Error> {
    session.sign_in(Owner { account: Some(account), device: None }, None).await
}

/// A browser that returns several times, with a model of its cookies.
struct Visitor<'a> {
    jar: Jar,
    site: Address,
    sites: Sites,
    now: u64,
    engine: &'a Engine,
}

impl Visitor<'_> {
    /// Opens a page. The request names the host as a proxy would.
    async fn open(&mut self, path: &str) -> String {
        self.now += 1;
        let to: Address = format!("{}{path}", self.site.origin()).parse().expect("an address");
        let request = Request { to: &to, page: &to, kind: hardtack_doctor::Kind::Link, now: self.now, date: None };
        let mut sent = browser().get(self.engine.url(path)).header("host", self.site.host());
        if let Some(cookies) = self.jar.header(&request, &self.sites) {
            sent = sent.header("cookie", cookies);
        }
        let answer = sent.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let lines = cookies_set(&answer);
        // A browser that does not know `Partitioned` takes a removal and the new cookie for the same cookie.
        let removals = lines.iter().take_while(|line| line.contains("Max-Age=0")).count();
        assert!(removals + 1 >= lines.len(), "the new cookie is the last line: {lines:?}");
        for line in lines {
            // Most removals are of cookies that never existed.
            self.jar.set(&line, &request, &self.sites).ok();
        }
        answer.text().await.expect("text")
    }

    /// Sets a cookie as other applications of the host, or scripts of sibling hosts, can do.
    fn plant(&mut self, line: &str, path: &str) {
        let to: Address = format!("{}{path}", self.site.origin()).parse().expect("an address");
        let request = Request { to: &to, page: &to, kind: hardtack_doctor::Kind::Link, now: self.now, date: None };
        self.jar.set(line, &request, &self.sites).expect("kept");
    }
}

/// Tests every pair of cookie settings before and after a change: the browser returns, signs in, and is signed in.
#[tokio::test(flavor = "multi_thread")]
async fn g9_a_browser_with_cookies_of_earlier_settings_is_signed_in_by_its_next_sign_in() {
    let base = CookieSettings { name: "my_sess".to_owned(), persistent: true, ..CookieSettings::new(true) };
    let shapes = [
        base.clone(),
        CookieSettings { partitioned: true, same_site: SameSite::None, ..base.clone() },
        CookieSettings { domain: Some("example.com".to_owned()), ..base.clone() },
        CookieSettings { domain: Some("app.example.com".to_owned()), partitioned: true, ..base.clone() },
    ];
    let site: Address = "https://app.example.com/".parse().expect("an address");
    let own = open(Kind::Memory).await;
    let keys = Keys::generate().expect("a key");
    let mut engines = Vec::new();
    for shape in &shapes {
        let set = |s: hardtack_session::Sessions| s.keys(keys.clone()).cookie(shape.clone()).expect("legal");
        engines.push(Engine::start_as(Arc::clone(&own.store), routes(), set).await);
    }
    for (before, then) in engines.iter().enumerate() {
        for (after, now) in engines.iter().enumerate().filter(|(after, _)| *after != before) {
            let change = format!("{:?} to {:?}", shapes[before], shapes[after]);
            let sites = Sites::look_up([site.host()], |_| Some("example.com".to_owned()));
            let jar = Jar::new(Browser::USUAL[0]);
            let mut visitor = Visitor { jar, site: site.clone(), sites, now: 1_700_000_000, engine: then };
            visitor.open("/sign-in/ada").await;
            visitor.engine = now;
            assert_eq!(visitor.open("/who").await, "ada", "the session survives, {change}");
            visitor.open("/sign-in/grace").await;
            assert_eq!(visitor.open("/who").await, "grace", "{change}");
            visitor.open("/end").await;
            assert_eq!(visitor.open("/who").await, "nobody", "{change}");
            let request =
                Request { to: &site, page: &site, kind: hardtack_doctor::Kind::Link, now: visitor.now, date: None };
            assert_eq!(visitor.jar.sent(&request, &visitor.sites), [] as [&str; 0], "{change}");
        }
    }
}

/// Tests a cookie of an earlier path that the request does not carry: below that path the browser would send two.
#[tokio::test(flavor = "multi_thread")]
async fn g9_a_cookie_of_an_earlier_path_goes_when_a_session_begins_above_it() {
    let now = CookieSettings { name: "my_sess".to_owned(), ..CookieSettings::new(true) };
    let earlier = CookieSettings { path: "/deep".to_owned(), ..now.clone() };
    let (own, keys) = (open(Kind::Memory).await, Keys::generate().expect("a key"));
    let with = |cookie: &CookieSettings| {
        let (cookie, keys, earlier) = (cookie.clone(), keys.clone(), earlier.clone());
        move |s: hardtack_session::Sessions| {
            s.keys(keys.clone()).cookie(cookie.clone()).expect("legal").former(vec![earlier.clone()])
        }
    };
    let before = Engine::start_as(Arc::clone(&own.store), routes(), with(&earlier)).await;
    let after = Engine::start_as(Arc::clone(&own.store), routes(), with(&now)).await;
    let site: Address = "https://app.example.com/".parse().expect("an address");
    let sites = Sites::look_up([site.host()], |_| Some("example.com".to_owned()));
    let jar = Jar::new(Browser::USUAL[0]);
    let mut visitor = Visitor { jar, site, sites, now: 1_700_000_000, engine: &before };
    visitor.open("/deep/sign-in").await;
    assert_eq!(visitor.open("/deep/er/who").await, "ada");
    visitor.engine = &after;
    visitor.open("/sign-in/grace").await;
    assert_eq!(visitor.open("/deep/er/who").await, "grace");
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_what_others_planted_is_taken_away_and_the_good_cookie_stays() {
    let settings = CookieSettings { name: "my_sess".to_owned(), ..CookieSettings::new(true) };
    let own = open(Kind::Memory).await;
    let engine = Engine::start_as(own.store, routes(), |s| s.cookie(settings.clone()).expect("legal")).await;
    let site: Address = "https://app.example.com/".parse().expect("an address");
    let stolen = engine.cookie_from("/sign-in/mallory").await;
    for value in ["my_sess=x", stolen.as_str()] {
        for (rest, from) in [
            ("; Domain=example.com; Path=/", "/"),
            ("; Domain=app.example.com; Path=/", "/"),
            ("; Domain=example.com; Path=/; Secure; Partitioned", "/"),
            ("; Path=/; Secure; Partitioned", "/"),
            ("", "/deep/page"),
            ("; Path=/deep/", "/"),
            ("; Domain=example.com; Path=/deep/er", "/"),
        ] {
            let sites = Sites::look_up([site.host()], |_| Some("example.com".to_owned()));
            let jar = Jar::new(Browser::USUAL[0]);
            let mut visitor = Visitor { jar, site: site.clone(), sites, now: 1_700_000_000, engine: &engine };
            visitor.open("/sign-in/ada").await;
            visitor.plant(&format!("{value}{rest}"), from);
            assert_eq!(visitor.open("/deep/er/who").await, "nobody", "two cookies count as none, {rest}");
            assert_eq!(visitor.open("/deep/er/who").await, "ada", "one cookie is left, {rest}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_a_name_that_is_bound_to_its_host_is_looked_for_in_two_places_alone() {
    let own = open(Kind::Memory).await;
    let bound = |s: hardtack_session::Sessions| s.cookie(CookieSettings::new(true)).expect("legal");
    let engine = Engine::start_as(own.store, routes(), bound).await;
    let request = browser().get(engine.url("/deep/er/who")).header("host", "app.example.com");
    let answer = request.header("cookie", "__Host-hardtack_sess=a; __Host-hardtack_sess=b").send().await;
    let removals = cookies_set(&answer.expect("an answer"));
    let [removal] = &removals[..] else { panic!("{removals:?}") };
    let expected = "__Host-hardtack_sess=; HttpOnly; SameSite=Lax; Partitioned; Secure; Path=/; Max-Age=0";
    assert_eq!(removal, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn g9_an_answer_that_heals_stays_within_what_proxies_take_and_nothing_strange_gets_into_it() {
    let own = open(Kind::Memory).await;
    let settings = CookieSettings { name: "my_sess".to_owned(), ..CookieSettings::new(true) };
    let engine = Engine::start_as(own.store, routes(), |s| s.cookie(settings.clone()).expect("legal")).await;
    let deep = "/a/b/c/d/e/f/".repeat(100);
    for (host, path) in [
        ("a.b.c.d.e.f.example.com", deep.as_str()),
        ("127.0.0.1", "/"),
        ("[::1]:3000", "/x;Domain=evil"),
        ("com", "/%0d%0aset-cookie:x"),
        ("localhost", "/,/;/"),
    ] {
        let request = browser().get(engine.url(path)).header("host", host).header("cookie", "my_sess=a; my_sess=b");
        let removals = cookies_set(&request.send().await.expect("an answer"));
        assert!(removals.len() <= 20 && removals.iter().map(String::len).sum::<usize>() < 3000, "{removals:?}");
        for removal in removals {
            assert!(removal.starts_with("my_sess=; HttpOnly; SameSite=Lax; "), "{removal}");
            assert!(!removal.contains("evil") && !removal.contains("Domain=com"), "{removal}");
        }
    }
}
