//! Tests of the findings from the calls of a page's script.

use super::*;

const COOKIE: &str = "__Host-sid=; HttpOnly; SameSite=Lax; Secure; Path=/";

fn echo(cookie: &str) -> Echo {
    let name = cookie.split('=').next().unwrap_or_default().to_owned();
    Echo {
        nonce: "n".to_owned(),
        answer: String::new(),
        cookies: vec![name],
        test_cookie: true,
        partitioned_cookie: true,
        session_cookie: cookie.to_owned(),
        session: Known::Live,
        scheme: Scheme::Https,
        origin: None,
        fetch_site: None,
        storage_access: None,
        now: 1_790_000_000,
        proof: String::new(),
    }
}

fn healthy(page: &str, server: &str, cookie: &str) -> Tries {
    let mut tries = Tries::new(address(page), address(server), Sites::default());
    let scheme = if tries.server.is_https() { Scheme::Https } else { Scheme::Http };
    let answer = || Try::Answered(());
    (tries.opaque, tries.plain, tries.json, tries.failing) = (answer(), answer(), answer(), answer());
    tries.credentialed = Try::Answered(Echo { scheme, ..echo(cookie) });
    (tries.application, tries.repeats) = (Try::Answered(true), vec![Some(Known::Live); 3]);
    (tries.nonce, tries.rendered, tries.now) = ("n".to_owned(), Some(true), 1_790_000_000);
    tries
}

fn near(change: impl FnOnce(&mut Tries)) -> Tries {
    let mut tries = healthy("https://app.example.com", "https://api.example.com", COOKIE);
    change(&mut tries);
    tries
}

/// Returns the results in a browser that has lost the test cookie, with a change to the echo.
fn lost(page: &str, server: &str, cookie: &str, change: impl FnOnce(&mut Echo)) -> Tries {
    let mut tries = healthy(page, server, cookie);
    if let Try::Answered(echo) = &mut tries.credentialed {
        (echo.test_cookie, echo.session, echo.partitioned_cookie) = (false, Known::NoCookie, false);
        echo.cookies.clear();
        change(echo);
    }
    (tries.rendered, tries.application, tries.repeats) = (None, Try::Skipped, Vec::new());
    tries
}

fn seen(change: impl FnOnce(&mut Echo)) -> Tries {
    near(|it| {
        if let Try::Answered(echo) = &mut it.credentialed {
            change(echo);
        }
        it.repeats.clear();
    })
}

/// Returns healthy results with a change, where the server lists the page.
fn listed(change: impl FnOnce(&mut Tries)) -> Tries {
    near(|it| {
        it.listed = Some(vec!["https://app.example.com".to_owned()]);
        change(it);
    })
}

#[test]
fn what_looks_like_a_loss_and_is_none_has_no_finding() {
    for (case, tries) in [
        ("a policy that forbids something else", near(|it| it.browser.policy_violated = true)),
        (
            "a session that ends meanwhile",
            near(|it| it.repeats = [Known::Live, Known::Forgotten, Known::Forgotten].map(Some).to_vec()),
        ),
        ("a cookie of the API alone", {
            let mut tries =
                healthy("https://api.example.com", "https://api.example.com/api/echo", "sid=; Secure; Path=/api/");
            tries.rendered = Some(false);
            tries
        }),
        ("a proxy that hands on the session's cookie alone", seen(|echo| echo.test_cookie = false)),
    ] {
        let findings = diagnose_tries(&tries);
        assert!(findings.is_empty(), "{case}: {:#?}", codes(&findings));
    }
}

#[test]
fn where_the_list_is_known_the_nearest_entry_is_shown_and_a_listed_page_is_not_told_to_be_listed() {
    let mut tries = near(|it| it.plain = Try::Failed);
    tries.listed = Some(vec!["https://app.example.com:8443".to_owned()]);
    assert!(diagnose_tries(&tries)[0].what.contains("`https://app.example.com:8443`"));
    let finding = &diagnose_tries(&listed(|it| it.plain = Try::Failed))[0];
    assert!(!finding.cure.hardtack.contains("front_ends"), "{finding:#?}");
}

#[test]
fn a_healthy_visit_has_no_finding() {
    for (page, server, cookie) in [
        ("https://app.example.com/doctor", "https://api.example.com", COOKIE),
        ("https://api.example.com", "https://api.example.com", COOKIE),
        ("http://localhost:2015", "http://localhost:3000", "sid=; HttpOnly; Path=/"),
        ("https://app.example.org", "https://api.example.com", "sid=; Secure; SameSite=None; Partitioned; Path=/"),
    ] {
        let findings = diagnose_tries(&healthy(page, server, cookie));
        assert!(findings.is_empty(), "{page} {:#?}", codes(&findings));
        let nothing = Tries::new(address(page), address(server), Sites::default());
        assert!(diagnose_tries(&nothing).is_empty(), "calls that were not made show nothing");
    }
}

#[test]
fn each_cause_that_a_page_sees_has_its_finding() {
    for (code, case, tries) in cases() {
        assert_found(code, case, &diagnose_tries(&tries));
    }
}

/// Returns the results with the user agent of Chrome.
fn in_chrome(mut tries: Tries) -> Tries {
    tries.browser.agent =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36".to_owned();
    tries
}

/// Returns a case for every cause that a page can distinguish.
pub(super) fn cases() -> Vec<Case<Tries>> {
    let mut all = near_cases();
    all.extend(local_network_cases());
    all
}

fn blocked(page: &str, server: &str, denied: bool) -> Tries {
    let mut tries = Tries::new(address(page), address(server), Sites::default());
    tries.opaque = Try::Failed;
    tries.browser.local_network_denied = denied;
    tries
}

fn local_network_cases() -> Vec<Case<Tries>> {
    let page = "https://app.example.com";
    vec![
        (Code::LocalNetwork, "denied", blocked(page, "https://192.168.1.2", true)),
        (Code::LocalNetwork, "denied, to plain http", in_chrome(blocked(page, "http://192.168.1.2", true))),
        (
            Code::LocalNetwork,
            "from plain http",
            in_chrome(blocked("http://app.example.com", "http://192.168.1.2", false)),
        ),
        (Code::Unreachable, "not asked yet", in_chrome(blocked(page, "http://192.168.1.2", false))),
        (
            Code::Unreachable,
            "from plain http, in Firefox",
            blocked("http://app.example.com", "http://192.168.1.2", false),
        ),
        (Code::MixedContent, "to the local network, in Safari", blocked(page, "http://192.168.1.2", false)),
    ]
}

fn near_cases() -> Vec<Case<Tries>> {
    let (near_page, api, far_page) = ("https://app.example.com", "https://api.example.com", "https://app.example.org");
    let open = "sid=; HttpOnly; Secure; SameSite=None; Path=/";
    vec![
        (Code::Uncredentialed, "the application's own call", near(|it| it.application = Try::Answered(false))),
        (Code::NoCredentials, "not with cookies", near(|it| it.credentialed = Try::Failed)),
        (Code::OtherOrigin, "not across", near(|it| it.plain = Try::Failed)),
        (Code::Preflight, "not with JSON", near(|it| it.json = Try::Failed)),
        (Code::ErrorsHidden, "no errors", near(|it| it.failing = Try::Failed)),
        (Code::CrossSite, "lax", lost(far_page, api, COOKIE, |_| {})),
        (Code::ThirdParty, "told", lost(far_page, api, open, |echo| echo.storage_access = Some("none".to_owned()))),
        (Code::ThirdParty, "partitioned came", lost(far_page, api, open, |echo| echo.partitioned_cookie = true)),
        (
            Code::SecureOverHttp,
            "plain http",
            lost("http://a.example.com", "http://a.example.com", "sid=; Secure; Path=/", |_| {}),
        ),
        (
            Code::SecureOnLoopback,
            "this machine",
            lost("http://localhost:1", "http://localhost:1", "sid=; Secure; Path=/", |_| {}),
        ),
        (Code::LoopbackNames, "two names", lost("http://127.0.0.1:1", "http://localhost:2", "sid=; Path=/", |_| {})),
        (Code::Path, "another path", lost(near_page, api, "sid=; Secure; Path=/app", |_| {})),
        (Code::LoopbackNames, "not let in", {
            let mut tries = healthy("http://127.0.0.1:1", "http://localhost:2", "sid=; Path=/");
            tries.plain = Try::Failed;
            tries
        }),
        (Code::SchemesDiffer, "schemes", lost("http://localhost:1", "https://localhost:2", COOKIE, |_| {})),
        (Code::NotSecure, "none", lost(far_page, api, "sid=; SameSite=None; Path=/", |_| {})),
        (Code::Domain, "another", lost(near_page, api, "sid=; Secure; Path=/; Domain=example.org", |_| {})),
        (Code::Prefix, "a path", lost(near_page, api, "__Host-sid=; Secure; Path=/v1", |_| {})),
        (Code::HttpPrefix, "a script's", lost(near_page, api, "__Http-sid=; Secure; Path=/", |_| {})),
        (Code::Expired, "no age", lost(near_page, api, "sid=; Secure; Path=/; Max-Age=0", |_| {})),
        (Code::NoRoom, "none kept", {
            let mut tries = lost(near_page, api, COOKIE, |_| {});
            tries.browser.cookies = false;
            tries
        }),
        (
            Code::NoRoom,
            "partitioned already",
            lost(far_page, api, &format!("{open}; Partitioned"), |echo| echo.storage_access = Some("none".to_owned())),
        ),
        (Code::NoRoom, "no reason left", lost(near_page, api, COOKIE, |_| {})),
        (Code::NoRoom, "many", seen(|echo| echo.cookies.extend((0..50).map(|n| format!("c{n}"))))),
        (Code::SchemeUnknown, "behind a proxy", seen(|echo| echo.scheme = Scheme::Http)),
        (Code::SharedName, "foreign", seen(|echo| echo.session = Known::Foreign)),
        (
            Code::SharedName,
            "twice",
            seen(|echo| {
                echo.cookies.push("__Host-sid".to_owned());
                echo.session = Known::Foreign;
            }),
        ),
        (Code::Unlisted, "the application's own header", near(|it| it.application = Try::Failed)),
        (Code::Forgotten, "another key", seen(|echo| echo.session = Known::OtherKey)),
        (Code::OtherOrigin, "its own page by another address", near(|it| (it.plain, it.own) = (Try::Failed, true))),
        (Code::OtherOrigin, "listed, and a proxy answers", listed(|it| it.plain = Try::Failed)),
        (Code::NoCredentials, "listed, and a proxy takes it away", listed(|it| it.credentialed = Try::Failed)),
        (Code::Preflight, "listed, and a proxy answers", listed(|it| it.json = Try::Failed)),
        (Code::Cached, "one answer for two", near(|it| it.cached = true)),
        (
            Code::Unreadable,
            "a name that is a sentence",
            seen(|echo| "Call us: =; Path=/".clone_into(&mut echo.session_cookie)),
        ),
        (Code::Unreachable, "its own page, now and then", {
            let mut tries = healthy("https://api.example.com", "https://api.example.com", COOKIE);
            tries.json = Try::Failed;
            tries
        }),
        (Code::Forgotten, "no row", seen(|echo| echo.session = Known::Forgotten)),
        (Code::NodesDiffer, "luck", near(|it| it.repeats[1] = Some(Known::Forgotten))),
        (Code::Cached, "another's answer", seen(|echo| "old".clone_into(&mut echo.nonce))),
        (Code::Clock, "fast", seen(|echo| echo.now += 3600)),
        (Code::NotForwarded, "rendered without", near(|it| it.rendered = Some(false))),
        (Code::Unreachable, "now and then", near(|it| it.repeats.push(None))),
        (Code::Unreachable, "nobody", blocked(near_page, api, false)),
        (Code::Unreachable, "policy", near(|it| (it.opaque, it.browser.policy_violated) = (Try::Failed, true))),
        (Code::MixedContent, "mixed", blocked(near_page, "http://api.example.com", false)),
    ]
}

#[test]
fn the_trip_breaks_where_its_cause_is_and_what_lies_behind_is_not_seen() {
    let cases = cases();
    let hops = |code: Code| {
        let (.., tries) = cases.iter().find(|(known, ..)| *known == code).expect("a case");
        Diagnosis::of(tries).hops
    };
    for (code, at) in [
        (Code::Unreachable, Hop::Reach),
        (Code::OtherOrigin, Hop::Read),
        (Code::Preflight, Hop::Ask),
        (Code::ThirdParty, Hop::Return),
        (Code::Forgotten, Hop::Know),
    ] {
        let hops = hops(code);
        let place = hops.iter().position(|(hop, _)| *hop == at).expect("the hop");
        assert!(matches!(hops[place].1, State::Broken(_)), "{code}: {hops:?}");
        assert!(hops[..place].iter().all(|(_, state)| *state == State::Fine), "{code}: {hops:?}");
    }
    let own = healthy("https://api.example.com", "https://api.example.com", COOKIE);
    let own: Vec<_> = Diagnosis::of(&own).hops.into_iter().map(|(hop, _)| hop).collect();
    assert_eq!(own, [Hop::Reach, Hop::Return, Hop::Know], "own pages need no CORS");
}

#[test]
fn the_text_for_a_report_has_all_of_it() {
    for (code, case, tries) in cases() {
        let Diagnosis { findings, text, .. } = Diagnosis::of(&tries);
        assert!(text.contains(&code.to_string()), "{case}: {text}");
        for finding in findings {
            for part in [&finding.what, &finding.why] {
                assert!(text.contains(part.as_str()), "{case}: {part} is not in {text}");
            }
            assert!(finding.cure.hardtack.lines().all(|line| text.contains(line)), "{case}: {text}");
        }
        assert!(!text.contains('\u{1b}') && text.contains(&tries.page.to_string()), "{case}: {text}");
    }
}
