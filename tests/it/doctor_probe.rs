//! The doctor's requests: each cause is produced by a server with one fault and must be found by its code.

use crate::support::played::{Answer, Change, own_address, serve};
use crate::support::servers::note_skipped;
use axum::http::request::Parts;
use hardtack::server::{Visit, probe};
use hardtack_doctor::{Code, Evidence, Finding, Severity, diagnose, verdicts};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PAGE: &str = "http://localhost:5173";
/// The origin of a page on the public internet. It has an IP address, so that no name is resolved.
const FAR: &str = "https://203.0.113.7";

/// The expected finding, a label, the origin of the page, and the fault of the server.
type Case = (Code, &'static str, &'static str, Change);

fn change(change: impl Fn(&Parts, &mut Answer) + Send + Sync + 'static) -> Change {
    Arc::new(change)
}

/// Replaces a header in all responses.
fn header(name: &'static str, values: &'static [&'static str]) -> Change {
    change(move |_, answer| answer.set(name, values))
}

/// Replaces the cookie.
fn cookie(line: &'static str) -> Change {
    change(move |_, answer| answer.change("set-cookie", line))
}

/// Replaces the response to preflights.
fn preflight(status: u16, name: &'static str, value: &'static str) -> Change {
    change(move |request, answer| {
        if request.method == "OPTIONS" {
            answer.status = status;
            answer.set(name, &[value]);
        }
    })
}

fn cors_cases() -> Vec<Case> {
    const ORIGIN: &str = "access-control-allow-origin";
    vec![
        (Code::Wildcard, "a wildcard", PAGE, header(ORIGIN, &["*"])),
        (Code::NoCredentials, "no credentials", PAGE, header("access-control-allow-credentials", &[])),
        (Code::OtherOrigin, "a slash at the end", PAGE, header(ORIGIN, &["http://localhost:5173/"])),
        (Code::OtherOrigin, "no CORS at all", PAGE, header(ORIGIN, &[])),
        (Code::TwoOrigins, "said twice", PAGE, header(ORIGIN, &[PAGE, PAGE])),
        (Code::Preflight, "a sign-in first", PAGE, preflight(401, "www-authenticate", "Basic")),
        (Code::PreflightRedirected, "a slash", PAGE, preflight(308, "location", "/session/")),
        (Code::WildcardList, "all headers", PAGE, preflight(204, "access-control-allow-headers", "*")),
        (Code::Unlisted, "another header", PAGE, preflight(204, "access-control-allow-headers", "x-id")),
        (
            Code::ErrorsHidden,
            "a 404 without CORS",
            PAGE,
            change(|_, answer| {
                if answer.status == 404 {
                    answer.set(ORIGIN, &[]);
                }
            }),
        ),
        (
            Code::AnyOrigin,
            "each origin",
            PAGE,
            change(|request, answer| {
                let origin = request.headers.get("origin").and_then(|origin| origin.to_str().ok()).unwrap_or_default();
                answer.set(ORIGIN, &[origin]);
                answer.set("access-control-allow-credentials", &["true"]);
            }),
        ),
        (Code::ExposedSetCookie, "exposed", PAGE, header("access-control-expose-headers", &["set-cookie"])),
    ]
}

fn cookie_cases() -> Vec<Case> {
    let large: &'static str = format!("sid={}; Path=/; HttpOnly", "v".repeat(4100)).leak();
    vec![
        (Code::CrossSite, "another site's page", "http://192.168.7.7", cookie("sid=1; Path=/; HttpOnly; SameSite=Lax")),
        (Code::NotSecure, "None alone", PAGE, cookie("sid=1; Path=/; HttpOnly; SameSite=None")),
        (Code::SecureOnLoopback, "Secure", PAGE, cookie("sid=1; Path=/; HttpOnly; Secure; SameSite=Lax")),
        (Code::Domain, "another domain", PAGE, cookie("sid=1; Path=/; HttpOnly; Domain=example.com")),
        (Code::Prefix, "a prefix", PAGE, cookie("__Host-sid=1; Path=/; HttpOnly")),
        (Code::HttpPrefix, "a newer prefix", PAGE, cookie("__Http-sid=1; Path=/; Secure")),
        (Code::Path, "another path", PAGE, cookie("sid=1; Path=/login; HttpOnly")),
        (Code::TooLarge, "4100 bytes", PAGE, cookie(large)),
        (Code::Expired, "the past", PAGE, cookie("sid=1; Path=/; HttpOnly; Expires=Wed, 01 Jan 2020 00:00:00 GMT")),
        (Code::LoopbackNames, "two names", "http://127.0.0.1:5173", header("vary", &["origin"])),
        (Code::SchemesDiffer, "two schemes", "https://localhost:5173", header("vary", &["origin"])),
        (Code::Strict, "Strict", PAGE, cookie("sid=1; Path=/; HttpOnly; SameSite=Strict")),
        (Code::NoCookie, "none", PAGE, header("set-cookie", &[])),
        (Code::Unreadable, "neither name nor value", PAGE, cookie("=; Path=/; HttpOnly")),
        (Code::Joined, "two in one line", PAGE, cookie("sid=1; Path=/; HttpOnly; SameSite=Lax, theme=dark; Path=/")),
        (Code::Cleared, "cleared by its own answer", PAGE, header("clear-site-data", &["\"cookies\""])),
        (
            Code::SharedName,
            "two of a name",
            PAGE,
            change(|_, answer| {
                if answer.headers.iter().any(|(name, _)| *name == "set-cookie") {
                    answer.headers.push(("set-cookie", "sid=another; Path=/; HttpOnly; SameSite=Lax".to_owned()));
                }
            }),
        ),
    ]
}

fn answer_cases() -> Vec<Case> {
    let forgets = |when: fn(usize) -> bool| {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        change(move |request, answer| {
            if request.headers.contains_key("cookie") && request.method == "GET" {
                let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if when(call) {
                    answer.set("set-cookie", &[&format!("sid=another-{call}; Path=/; HttpOnly; SameSite=Lax")]);
                }
            }
        })
    };
    vec![
        (
            Code::Redirected,
            "to a sign-in",
            PAGE,
            change(|request, answer| {
                if request.method == "GET" && request.uri.path() == "/session" {
                    answer.status = 302;
                    answer.set("location", &["http://localhost:9/login?state=hush"]);
                }
            }),
        ),
        (
            Code::DeadEnd,
            "to a custom scheme",
            PAGE,
            change(|request, answer| {
                if request.method == "GET" && request.uri.path() == "/session" {
                    answer.status = 302;
                    answer.set("location", &["myapp://callback"]);
                }
            }),
        ),
        (
            Code::Refused,
            "a bot filter",
            PAGE,
            change(|request, answer| {
                if request.method != "OPTIONS" {
                    answer.status = 403;
                }
            }),
        ),
        (
            Code::NoRoom,
            "next to large cookies",
            FAR,
            change(|_, answer| {
                if answer.headers.iter().any(|(name, _)| *name == "set-cookie") {
                    let line = |name: &str, length: usize| {
                        let value = "v".repeat(length);
                        format!("{name}={value}; Path=/; HttpOnly; Secure; SameSite=None; Partitioned")
                    };
                    let lines = [line("sid", 8), line("a", 4000), line("b", 4000), line("c", 4000)];
                    answer.set("set-cookie", &lines.each_ref().map(String::as_str));
                }
            }),
        ),
        (Code::Cached, "cacheable", PAGE, header("cache-control", &["public, max-age=60"])),
        (Code::Forgotten, "another each time", PAGE, forgets(|_| true)),
        (Code::NodesDiffer, "sometimes another", PAGE, forgets(|call| call == 0)),
        (Code::Clock, "a slow clock", PAGE, header("date", &["Wed, 01 Jan 2020 00:00:00 GMT"])),
        (
            Code::LocalNetwork,
            "a page on the public internet",
            FAR,
            cookie("sid=1; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"),
        ),
    ]
}

async fn visit(url: &str, page: &str) -> Evidence {
    let visit = Visit::new(url, None, Some(page)).unwrap_or_else(|error| panic!("{url} {page} {error}"));
    probe(&visit).await
}

/// Asserts that the case has its finding and no other error.
pub fn assert_found(code: Code, case: &str, found: &[Finding]) {
    let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|finding| finding.code == code), "{case}: {code} is not in {shown:#?}");
    let others = found.iter().any(|finding| finding.code != code && finding.severity == Severity::Error);
    assert!(!others, "{case}: another error with {code}: {shown:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_that_a_server_produces_is_found_by_its_code() {
    for (code, case, page, change) in cors_cases().into_iter().chain(cookie_cases()).chain(answer_cases()) {
        let port = serve(HERE, change).await;
        let evidence = visit(&format!("http://localhost:{port}/session"), page).await;
        assert_found(code, case, &diagnose(&evidence));
        assert!(evidence.exchanges.len() <= 12, "{case}: too many calls: {:#?}", evidence.exchanges);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_has_no_finding_and_its_session_holds_in_all_browsers() {
    let port = serve(HERE, change(|_, _| {})).await;
    let url = format!("http://localhost:{port}/session");
    for page in [PAGE, url.as_str()] {
        let evidence = visit(&url, page).await;
        assert_eq!(diagnose(&evidence), [], "{page}");
        for verdict in verdicts(&evidence) {
            assert!(verdict.holds(), "{page} {}: {:?}", verdict.browser, verdict.hops);
        }
        let preflights = evidence.exchanges.iter().filter(|exchange| exchange.method == "OPTIONS").count();
        assert_eq!(preflights, usize::from(page == PAGE), "same-origin pages send no preflight");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_plain_http_beyond_this_machine_is_found() {
    // A machine without a network has no such address. The unit tests of the doctor cover that case.
    let Some(ip) = own_address() else { return note_skipped("a network") };
    let lax = "sid=1; Path=/; HttpOnly; SameSite=Lax";
    for (code, line) in [(Code::PlainHttp, lax), (Code::SecureOverHttp, "sid=1; Path=/; HttpOnly; Secure")] {
        let port = serve(ip, cookie(line)).await;
        let url = format!("http://{ip}:{port}/session");
        assert_found(code, line, &diagnose(&visit(&url, &url).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_browser_sends_the_probe_does_not_send_either() {
    let evidence = visit("http://api.example.com/session", "https://app.example.com").await;
    assert!(evidence.exchanges.is_empty() && evidence.addresses.is_empty(), "no name is resolved");
    assert_found(Code::MixedContent, "mixed content", &diagnose(&evidence));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_twenty_times_with_their_queries_and_a_loop_is_an_error() {
    let port = serve(
        HERE,
        change(|request, answer| {
            let came: u32 = request.uri.query().and_then(|query| query.parse().ok()).unwrap_or(0);
            if request.method == "GET" && request.uri.path() == "/session" {
                (answer.status, answer.headers) = (302, answer.headers.drain(..).collect());
                answer.set("location", &[&format!("/session?{}", came + 1)]);
            }
        }),
    )
    .await;
    let evidence = visit(&format!("http://localhost:{port}/session?0"), PAGE).await;
    let first = evidence.exchanges.iter().filter(|exchange| exchange.step == hardtack_doctor::Step::First);
    let led: Vec<_> = first.filter_map(|exchange| exchange.one("location")).collect();
    let expected: Vec<_> = (1..=21).map(|hop| format!("/session?{hop}")).collect();
    assert_eq!(led, expected);
    assert_found(Code::DeadEnd, "a loop", &diagnose(&evidence));
    assert!(verdicts(&evidence).iter().all(|verdict| verdict.broken().is_some()), "a loop loses the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_were_given_go_to_the_server_alone_and_are_not_shown() {
    let port = serve(
        HERE,
        change(|request, answer| {
            let named = request.headers.get("authorization").is_some_and(|value| value == "Basic aHVzaA==");
            if request.method != "OPTIONS" && !named {
                answer.status = 401;
                answer.set("set-cookie", &[]);
            }
        }),
    )
    .await;
    let mut visit = Visit::new(&format!("http://localhost:{port}"), Some("/session"), Some(PAGE)).expect("a visit");
    assert!(diagnose(&probe(&visit).await).iter().any(|finding| finding.code == Code::Refused));
    visit.header("Authorization: Basic aHVzaA==").expect("a header");
    let evidence = probe(&visit).await;
    assert_eq!(diagnose(&evidence), []);
    let told: Vec<_> = evidence.exchanges.iter().map(hardtack_doctor::Exchange::told).collect();
    assert!(!format!("{told:?}").contains("aHVzaA"), "{told:?}");
    assert!(visit.header("Cookie: sid=1").is_err() && visit.header("no header").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_post_can_be_left_out_and_is_json() {
    let port = serve(HERE, change(|_, _| {})).await;
    let mut visit = Visit::new(&format!("http://localhost:{port}"), Some("/session"), Some(PAGE)).expect("a visit");
    for (post, methods) in [
        (true, vec!["OPTIONS", "GET", "GET", "GET", "POST", "GET", "GET"]),
        (false, vec!["OPTIONS", "GET", "GET", "GET", "GET", "GET"]),
    ] {
        visit.post = post;
        let evidence = probe(&visit).await;
        let asked: Vec<_> = evidence.exchanges.iter().map(|exchange| exchange.method.as_str()).collect();
        assert_eq!(asked, methods);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_begins_at_a_post_is_seen_where_the_method_says_so() {
    let port = serve(
        HERE,
        change(|request, answer| {
            if request.method != "POST" {
                answer.set("set-cookie", &[]);
            }
            if request.method == "PUT" && !request.headers.contains_key("cookie") {
                answer.status = 401;
            }
        }),
    )
    .await;
    let mut visit = Visit::new(&format!("http://localhost:{port}"), Some("/session"), Some(PAGE)).expect("a visit");
    let mut with = async |method: &str| {
        visit.method(method).expect("a method");
        let evidence = probe(&visit).await;
        let asked: Vec<_> = evidence.exchanges.iter().map(|exchange| exchange.method.clone()).collect();
        (asked.join(" "), evidence)
    };
    let (asked, evidence) = with("post").await;
    assert_eq!(asked, "OPTIONS GET POST GET GET GET GET");
    assert!(verdicts(&evidence).iter().all(hardtack_doctor::Verdict::holds), "{:?}", verdicts(&evidence));
    let came = evidence.exchanges.iter().filter(|exchange| exchange.asked.iter().any(|(name, _)| name == "cookie"));
    assert_eq!(came.count(), 3, "the two GETs after it, and the GET of an unknown path");
    // A method that is not listed is found by its preflight.
    let (asked, evidence) = with("PUT").await;
    assert_eq!(asked, "OPTIONS GET PUT GET GET GET GET");
    assert_found(Code::Unlisted, "PUT", &diagnose(&evidence));
    assert_eq!(with("get").await.0, "GET GET GET GET GET", "only safe methods");
    for forbidden in ["TRACE", "connect", "two words", ""] {
        assert!(visit.method(forbidden).is_err(), "{forbidden}");
    }
}

#[test]
fn every_code_that_the_page_says_the_command_finds_is_produced_for_real() {
    let mut produced: BTreeSet<_> =
        cors_cases().iter().chain(&cookie_cases()).chain(&answer_cases()).map(|(code, ..)| *code).collect();
    produced.extend([Code::PlainHttp, Code::SecureOverHttp, Code::MixedContent]);
    produced.extend(crate::doctor_reach::PRODUCED);
    let page = include_str!("../../docs/DOCTOR.md");
    for code in Code::ALL {
        let section = page.split(&format!("\n### {code}\n")).nth(1).expect("a section");
        let by = section.split("**Found by.** ").nth(1).and_then(|rest| rest.lines().next()).expect("a way");
        assert_eq!(by.contains("the command"), produced.contains(code), "{code}");
    }
}
