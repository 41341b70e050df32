//! Tests of the findings and the verdicts from the evidence of a probe.

use super::*;
use std::time::Duration;

pub(super) const NOW: u64 = 1_790_000_000;
pub(super) const PAGE: &str = "https://app.example.com";
const FAR: &str = "https://app.example.org";
pub(super) const URL: &str = "https://api.example.com/api/session";
pub(super) const COOKIE: &str = "__Host-sid=hush; Path=/; HttpOnly; Secure; SameSite=Lax";
const PARTITIONED: &str = "__Host-sid=hush; Path=/; HttpOnly; Secure; SameSite=None; Partitioned";

/// Returns the evidence of a healthy server that sets this cookie.
pub(super) fn healthy(page: &str, url: &str, cookie: &str) -> Evidence {
    let mut evidence = Evidence::new(address(page), address(url), Sites::default());
    if evidence.url.is_https() {
        evidence.tls = Some(played::accepted());
    }
    for (at, step) in Step::ALL.into_iter().enumerate() {
        let ask = evidence.ask(step, NOW + at as u64);
        let origin = evidence.page.origin();
        let mut headers =
            vec![("access-control-allow-origin", origin.as_str()), ("access-control-allow-credentials", "true")];
        let status = match step {
            Step::Preflight => {
                headers.push(("access-control-allow-methods", "GET,POST"));
                headers.push(("access-control-allow-headers", "Content-Type"));
                204
            }
            Step::First => {
                headers.extend([("set-cookie", cookie), ("cache-control", "no-store")]);
                200
            }
            Step::Again | Step::Post | Step::Stranger => 200,
            Step::Error => 404,
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).map(owned).collect();
        let asked = ask.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (method, url, at) = (ask.method, ask.url, NOW + at as u64);
        evidence.exchanges.push(Exchange { step, method, url, asked, status, headers, at, took: Duration::ZERO });
    }
    evidence
}

/// Returns the evidence of a healthy server, with one change.
pub(super) fn near(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = healthy(PAGE, URL, COOKIE);
    change(&mut evidence);
    evidence
}

/// Sets a header in all responses, or in those of one step.
pub(super) fn set(evidence: &mut Evidence, step: Option<Step>, name: &str, values: &[&str]) {
    for exchange in evidence.exchanges.iter_mut().filter(|exchange| step.is_none_or(|step| exchange.step == step)) {
        exchange.headers.retain(|(known, _)| known != name);
        exchange.headers.extend(values.iter().map(|&value| (name.to_owned(), value.to_owned())));
    }
}

pub(super) fn answer(evidence: &mut Evidence, step: Step, status: u16, location: &str) {
    set(evidence, Some(step), "location", &[location]);
    evidence
        .exchanges
        .iter_mut()
        .filter(|exchange| exchange.step == step)
        .for_each(|exchange| exchange.status = status);
}

#[test]
fn a_healthy_server_has_no_finding_and_holds_in_all_browsers() {
    for (page, url, cookie) in [
        (PAGE, URL, COOKIE),
        (FAR, URL, PARTITIONED),
        ("https://api.example.com", URL, COOKIE),
        ("http://localhost:2015", "http://localhost:3000/api/session", "sid=hush; Path=/; HttpOnly; SameSite=Lax"),
    ] {
        let evidence = healthy(page, url, cookie);
        let findings = diagnose(&evidence);
        assert!(findings.is_empty(), "{page} {:#?}", codes(&findings));
        for verdict in verdicts(&evidence) {
            // A Firefox that blocks all cross-site cookies stores no partitioned ones either.
            let strict = page == FAR && verdict.browser == Browser::new(Maker::Firefox, true);
            assert_eq!(verdict.holds(), !strict, "{page} {}: {:?}", verdict.browser, verdict.hops);
        }
    }
}

#[test]
fn each_cause_that_a_probe_sees_has_its_finding() {
    for (code, case, evidence) in cases() {
        let findings = diagnose(&evidence);
        assert_found(code, case, &findings);
        let shown = format!(
            "{evidence:?} {findings:?} {:?}",
            evidence.exchanges.iter().map(Exchange::shown).collect::<Vec<_>>()
        );
        assert!(!shown.contains("hush"), "{case}: a cookie's value is shown");
    }
}

#[test]
fn the_probe_asks_as_chrome_would() {
    let evidence = healthy(PAGE, URL, COOKIE);
    let header =
        |ask: &Ask, name: &str| ask.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let preflight = evidence.ask(Step::Preflight, NOW);
    assert_eq!((preflight.method.as_str(), header(&preflight, "cookie")), ("OPTIONS", None));
    let post = evidence.ask(Step::Post, NOW);
    assert_eq!(header(&post, "cookie").as_deref(), Some("__Host-sid=hush"));
    assert_eq!(header(&post, "sec-fetch-site").as_deref(), Some("same-site"));
    assert_eq!(header(&post, "origin").as_deref(), Some(PAGE));
    let lost = healthy(FAR, URL, COOKIE).ask(Step::Again, NOW);
    assert_eq!((header(&lost, "cookie"), header(&lost, "sec-fetch-site").as_deref()), (None, Some("cross-site")));
}

#[test]
fn the_verdict_differs_by_browser_and_says_where_it_broke() {
    let evidence = healthy(FAR, URL, "sid=hush; Path=/; HttpOnly; Secure; SameSite=None");
    let broken: Vec<_> = verdicts(&evidence).iter().map(|verdict| verdict.broken().map(|(hop, _)| hop)).collect();
    let (holds, blocked) = (None, Some(Hop::Keep));
    assert_eq!(broken, [holds, blocked, holds, blocked, holds, blocked]);

    let mut evidence = healthy(PAGE, URL, COOKIE);
    set(&mut evidence, Some(Step::First), "access-control-allow-origin", &["*"]);
    assert!(verdicts(&evidence).iter().all(|verdict| verdict.broken().is_some_and(|(hop, _)| hop == Hop::Read)));
}

#[test]
fn names_that_lead_into_one_network_are_no_finding() {
    let here = vec![[192, 168, 1, 2].into()];
    let evidence = near(|it| (it.addresses, it.page_addresses) = (here.clone(), here.clone()));
    assert!(diagnose(&evidence).is_empty());
    let mut own = healthy("https://api.example.com", URL, COOKIE);
    own.addresses = here;
    assert!(diagnose(&own).is_empty(), "an own page is in the same network as its server");
}

#[test]
fn a_redirect_is_followed_as_browsers_follow_it() {
    let mut evidence = near(|it| answer(it, Step::First, 302, "/login?state=hush"));
    for (location, target) in [
        ("/login?state=hush", "https://api.example.com/login"),
        ("login", "https://api.example.com/api/login"),
        ("//login.example.net/a", "https://login.example.net/a"),
        ("http://api.example.com#x", "http://api.example.com/"),
        ("?page=2", "https://api.example.com/api/session"),
        ("../c/./d", "https://api.example.com/c/d"),
        ("..", "https://api.example.com/"),
        ("/über uns", "https://api.example.com/%C3%BCber%20uns"),
        (&header_text(b"/caf\xE9"), "https://api.example.com/caf%E9"),
        ("\\\\login.example.net\\a", "https://login.example.net/a"),
        ("HTTPS:login.example.net/a", "https://login.example.net/a"),
    ] {
        answer(&mut evidence, Step::First, 302, location);
        let hop = evidence.of(Step::First).next().expect("a hop");
        assert_eq!(hop.target().expect(location).to_string(), target);
        assert!(!format!("{:?}", hop.shown()).contains("hush"), "a token is shown");
    }
    let led = evidence.ask_at(Step::First, address("https://login.example.net/a"), NOW);
    assert!(led.headers.contains(&("origin", "null".to_owned())), "the origin is hidden");
}

#[test]
fn cookies_of_a_preflight_count_for_nothing() {
    let mut evidence = near(|it| set(it, Some(Step::First), "set-cookie", &[]));
    set(&mut evidence, Some(Step::Preflight), "set-cookie", &["sid=hush; Domain=example.org; HttpOnly"]);
    assert!(matches!(diagnose(&evidence)[..], [Finding { code: Code::NoCookie, .. }]));
}

#[test]
fn who_is_refused_is_told_that_alone() {
    let mut evidence = near(|it| set(it, None, "access-control-allow-origin", &[]));
    set(&mut evidence, None, "set-cookie", &[]);
    for step in Step::ALL {
        answer(&mut evidence, step, 403, "");
    }
    assert!(matches!(diagnose(&evidence)[..], [Finding { code: Code::OtherOrigin, .. }]), "{:?}", diagnose(&evidence));
}

#[test]
fn who_does_not_answer_breaks_the_first_hop() {
    let mut evidence = Evidence::new(address(PAGE), address(URL), Sites::default());
    assert!(
        verdicts(&evidence).iter().all(|verdict| verdict.broken().is_none() && !verdict.holds()),
        "nothing was seen"
    );
    evidence.failure = Some(Failure::Silent);
    let broken = verdicts(&evidence)[0].broken().map(|(hop, why)| (hop, why.to_owned()));
    assert_eq!(broken, Some((Hop::Reach, "no connection was made in time".to_owned())));
}

#[test]
fn the_name_of_the_cookie_narrows_what_is_looked_at() {
    let mut evidence = healthy(PAGE, URL, COOKIE);
    set(&mut evidence, Some(Step::Post), "set-cookie", &["theme=dark; Max-Age=0", "old=; Max-Age=0"]);
    assert!(diagnose(&evidence).is_empty(), "a cookie that scripts may read is not the session cookie");
    evidence.cookie = Some("theme".to_owned());
    assert!(diagnose(&evidence).iter().any(|finding| finding.code == Code::Expired));
}

/// Returns a case for every cause that a probe can see, each made by one change.
pub(super) fn cases() -> Vec<Case<Evidence>> {
    let mut cases = cors_cases();
    cases.extend(cookie_cases());
    cases.extend(answer_cases());
    cases.extend(edge_cases());
    cases
}

fn cors_cases() -> Vec<Case<Evidence>> {
    let origin = |values: &[&str]| near(|it| set(it, None, "access-control-allow-origin", values));
    let preflight = |name: &str, values: &[&str]| near(|it| set(it, Some(Step::Preflight), name, values));
    vec![
        (Code::Wildcard, "a wildcard", origin(&["*"])),
        (Code::NoCredentials, "missing", near(|it| set(it, None, "access-control-allow-credentials", &[]))),
        (Code::NoCredentials, "upper case", near(|it| set(it, None, "access-control-allow-credentials", &["True"]))),
        (Code::OtherOrigin, "a slash", origin(&["https://app.example.com/"])),
        (Code::OtherOrigin, "none", origin(&[])),
        (Code::TwoOrigins, "two lines", origin(&[PAGE, PAGE])),
        (Code::TwoOrigins, "a list", origin(&["https://app.example.com, https://app.example.org"])),
        (Code::Preflight, "401", near(|it| answer(it, Step::Preflight, 401, ""))),
        (Code::Preflight, "no headers", preflight("access-control-allow-origin", &[])),
        (Code::PreflightRedirected, "to a sign-in", near(|it| answer(it, Step::Preflight, 302, "/login"))),
        (Code::WildcardList, "all headers", preflight("access-control-allow-headers", &["*"])),
        (Code::Unlisted, "not the content type", preflight("access-control-allow-headers", &["x-id"])),
        (Code::ErrorsHidden, "404", near(|it| set(it, Some(Step::Error), "access-control-allow-origin", &[]))),
        (
            Code::ErrorsHidden,
            "a post that fails",
            near(|it| {
                answer(it, Step::Post, 500, "");
                set(it, Some(Step::Post), "access-control-allow-origin", &[]);
            }),
        ),
        (Code::AnyOrigin, "a beginning", {
            let stranger = "https://app.example.com.hardtack-doctor.invalid";
            near(|it| set(it, Some(Step::Stranger), "access-control-allow-origin", &[stranger]))
        }),
        (
            Code::ExposedSetCookie,
            "exposed",
            near(|it| set(it, None, "access-control-expose-headers", &["A, Set-Cookie"])),
        ),
    ]
}

fn cookie_cases() -> Vec<Case<Evidence>> {
    let cookie = |line: &str| healthy(PAGE, URL, line);
    let http = |url: &str| {
        let page = address(url).origin();
        healthy(&page, url, "sid=hush; Path=/; HttpOnly; Secure; SameSite=Lax")
    };
    let large = format!("sid={}; HttpOnly; Secure", "v".repeat(4100));
    vec![
        (Code::CrossSite, "lax", healthy(FAR, URL, COOKIE)),
        (Code::CrossSite, "silent", healthy(FAR, URL, "sid=hush; Path=/; HttpOnly; Secure")),
        (Code::NotSecure, "none", healthy(FAR, URL, "sid=hush; Path=/; HttpOnly; SameSite=None")),
        (Code::ThirdParty, "not partitioned", healthy(FAR, URL, "sid=hush; Path=/; HttpOnly; Secure; SameSite=None")),
        (Code::SecureOverHttp, "http", http("http://api.example.com/")),
        (Code::SecureOnLoopback, "this machine", http("http://localhost:3000/")),
        (Code::Domain, "another", cookie("sid=hush; Path=/; HttpOnly; Secure; Domain=example.org")),
        (Code::Prefix, "a domain", cookie("__Host-sid=hush; Path=/; HttpOnly; Secure; Domain=example.com")),
        (Code::HttpPrefix, "a script's", cookie("__Http-sid=hush; Path=/; Secure")),
        (Code::Path, "a sign-in's", cookie("sid=hush; Path=/login; HttpOnly; Secure")),
        (Code::TooLarge, "large", cookie(&large)),
        (Code::Expired, "past", cookie("sid=hush; Path=/; HttpOnly; Secure; Expires=Wed, 01 Jan 2020 00:00:00 GMT")),
        (Code::LoopbackNames, "two names", healthy("http://127.0.0.1:1", "http://localhost:2/", "sid=hush; HttpOnly")),
        (Code::SchemesDiffer, "schemes", healthy("http://localhost:1", "https://localhost:2/", COOKIE)),
        (Code::Unreadable, "a sign", cookie("sid=hu\u{1}sh; HttpOnly")),
        (Code::Strict, "strict", cookie("__Host-sid=hush; Path=/; HttpOnly; Secure; SameSite=Strict")),
        (Code::NoCookie, "none", cookie("")),
        (
            Code::Joined,
            "two in one line",
            cookie("__Host-sid=hush; Path=/; HttpOnly; Secure; SameSite=Lax, theme=dark; Path=/"),
        ),
        (
            Code::Cleared,
            "by its own answer",
            near(|it| set(it, Some(Step::Again), "clear-site-data", &["\"cache\", \"cookies\""])),
        ),
        (
            Code::Refused,
            "by a bot filter",
            near(|it| {
                for step in [Step::First, Step::Again, Step::Post] {
                    answer(it, step, 403, "");
                }
            }),
        ),
        (Code::DeadEnd, "to an application", near(|it| answer(it, Step::First, 302, "myapp://callback"))),
        (Code::NoRoom, "beside three large ones", {
            let large = |name: &str| {
                format!("{name}={}; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", "v".repeat(4000))
            };
            let mut evidence = healthy(FAR, URL, PARTITIONED);
            let lines = [PARTITIONED.to_owned(), large("a"), large("b"), large("c")];
            set(&mut evidence, Some(Step::First), "set-cookie", &lines.each_ref().map(String::as_str));
            evidence.cookie = Some("__Host-sid".to_owned());
            evidence
        }),
        (
            Code::SharedName,
            "twice",
            near(|it| {
                set(it, Some(Step::First), "set-cookie", &[COOKIE, "__Host-sid=hush2; Path=/; Secure; HttpOnly"]);
            }),
        ),
        (
            Code::Cached,
            "for everybody",
            near(|it| set(it, Some(Step::First), "cache-control", &["public, max-age=60"])),
        ),
        (Code::Cached, "with the cookie", {
            let mut evidence = near(|it| set(it, Some(Step::Again), "cache-control", &["public, max-age=60"]));
            set(&mut evidence, Some(Step::Again), "cf-cache-status", &["HIT"]);
            evidence
        }),
        (Code::Cached, "silent", near(|it| set(it, Some(Step::First), "cache-control", &[]))),
        (Code::Cached, "aged", near(|it| set(it, Some(Step::First), "age", &["30"]))),
    ]
}

fn answer_cases() -> Vec<Case<Evidence>> {
    let other = "__Host-sid=hush2; Path=/; HttpOnly; Secure; SameSite=Lax";
    let elsewhere = |location: &str| {
        near(|it| {
            answer(it, Step::First, 302, location);
            set(it, Some(Step::First), "access-control-allow-origin", &[]);
            set(it, Some(Step::Again), "set-cookie", &[COOKIE]);
            set(it, Some(Step::Again), "cache-control", &["no-store"]);
        })
    };
    vec![
        (Code::Redirected, "to a sign-in elsewhere", elsewhere("https://login.example.net/authorize")),
        (
            Code::Redirected,
            "a post that is led away",
            near(|it| {
                answer(it, Step::Post, 307, "https://login.example.net/");
                set(it, Some(Step::Post), "access-control-allow-origin", &[]);
            }),
        ),
        (Code::Forgotten, "always new", near(|it| set(it, Some(Step::Again), "set-cookie", &[other]))),
        (
            Code::NodesDiffer,
            "sometimes new",
            near(|it| {
                let again = it.exchanges.iter_mut().find(|exchange| exchange.step == Step::Again);
                again.expect("a second call").headers.push(("set-cookie".to_owned(), other.to_owned()));
            }),
        ),
        (Code::Clock, "slow", near(|it| set(it, None, "date", &["Sun, 20 Sep 2026 00:00:00 GMT"]))),
    ]
}

fn edge_cases() -> Vec<Case<Evidence>> {
    let tls = |change: fn(&mut TlsSeen)| near(|it| it.tls.iter_mut().for_each(change));
    let failed = |failure| {
        near(|it| {
            it.exchanges.clear();
            (it.failure, it.tls) = (Some(failure), None);
        })
    };
    vec![
        (
            Code::SchemeUnknown,
            "back to http",
            near(|it| answer(it, Step::First, 301, "http://api.example.com/api/session")),
        ),
        (Code::SchemeUnknown, "not secure", healthy(PAGE, URL, "sid=hush; Path=/; HttpOnly; SameSite=Lax")),
        (Code::Certificate, "not trusted", tls(|it| it.trusted = false)),
        (Code::Certificate, "another name", tls(|it| it.names_host = false)),
        (Code::Certificate, "ended", tls(|it| it.term.left = -1)),
        (Code::Certificate, "none of today", failed(Failure::OldTls)),
        (Code::Certificate, "none of its name", failed(Failure::NoHost)),
        (Code::Unreachable, "no TLS in common", failed(Failure::Tls)),
        (Code::Unreachable, "a slow start", failed(Failure::Slow)),
        (Code::CertificateEnds, "soon", tls(|it| it.term.left = 3 * 86400)),
        (Code::Unreachable, "no name", failed(Failure::Name)),
        (Code::Unreachable, "nobody", failed(Failure::Refused)),
        (Code::PlainHttp, "plain", healthy("http://a.example.com", "http://a.example.com/", "sid=hush; HttpOnly")),
        (Code::MixedContent, "mixed", healthy(PAGE, "http://api.example.com/", "sid=hush; HttpOnly")),
        (Code::LocalNetwork, "a name that leads there", near(|it| it.addresses = vec![[192, 168, 1, 2].into()])),
    ]
}
