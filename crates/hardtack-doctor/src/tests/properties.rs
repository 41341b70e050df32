//! Property tests: invariants for arbitrary pages, servers and cookies.

use super::*;
use proptest::prelude::*;

/// Returns hosts that are often equal or related, because unrelated ones would show nothing.
fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "(api|app|www)\\.(example|other)\\.(com|org)",
        "(example|other)\\.(com|org)",
        Just("localhost".to_owned()),
        Just("127.0.0.1".to_owned()),
        Just("[::1]".to_owned()),
        Just("192.168.1.2".to_owned()),
        Just("com".to_owned()),
    ]
}

fn anywhere() -> impl Strategy<Value = Address> {
    ("https?", host(), prop_oneof![Just(""), Just(":8443")], "(/[ab]{0,2}){0,3}")
        .prop_map(|(scheme, host, port, path)| address(&format!("{scheme}://{host}{port}{path}")))
}

/// Returns addresses of servers and pages that can use them: https, with names of the internet.
fn secure() -> impl Strategy<Value = Address> {
    ("(api|app|www)", "(example|other)", "(com|org)", prop_oneof![Just(""), Just(":8443")])
        .prop_map(|(a, b, c, port)| address(&format!("https://{a}.{b}.{c}{port}")))
}

fn line() -> impl Strategy<Value = String> {
    let name = "(__Host-|__Secure-|__Http-|__Host-Http-)?sid";
    let attribute = prop_oneof![
        Just("Secure".to_owned()),
        Just("HttpOnly".to_owned()),
        Just("Partitioned".to_owned()),
        Just("Path=/".to_owned()),
        "Path=(/[ab]{0,2}){1,2}",
        "SameSite=(Lax|Strict|None|other)",
        host().prop_map(|host| format!("Domain={host}")),
        "Max-Age=-?[0-9]{1,3}",
        "Expires=[ -~]{0,30}",
        "[ -~&&[^;]]{0,12}",
    ];
    (name, "[a-z]{0,8}", prop::collection::vec(attribute, 0..7))
        .prop_map(|(name, value, attributes)| format!("{name}={value}; {}", attributes.join("; ")))
}

fn browser() -> impl Strategy<Value = Browser> {
    prop::sample::select(Browser::ALL.to_vec())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Fetch, Kind::Link, Kind::Post])
}

fn told() -> impl Strategy<Value = Echo> {
    let known = prop::sample::select(vec![Known::NoCookie, Known::Foreign, Known::Forgotten, Known::Live]);
    let names = prop::collection::vec("(__Host-)?(sid|other)", 0..4);
    (line(), known, names, any::<(bool, bool, bool)>(), prop::option::of("none|active|\\PC{0,9}"), any::<i64>())
        .prop_map(
            |(session_cookie, session, cookies, (test_cookie, partitioned_cookie, https), storage_access, now)| Echo {
                nonce: "n".to_owned(),
                answer: String::new(),
                scheme: if https { Scheme::Https } else { Scheme::Http },
                origin: None,
                fetch_site: None,
                cookies,
                test_cookie,
                partitioned_cookie,
                session_cookie,
                session,
                storage_access,
                now,
                proof: String::new(),
            },
        )
}

proptest! {
    #[test]
    fn whatever_a_page_tells_has_a_diagnosis_that_agrees_with_itself(
        (page, server) in (anywhere(), anywhere()),
        (echo, sides, now) in (prop::option::of(told()), any::<[bool; 8]>(), any::<i64>()),
    ) {
        let attempt = |fails: bool| if fails { Try::Failed } else { Try::Answered(()) };
        let mut tries = Tries::new(page, server, Sites::default());
        (tries.opaque, tries.plain) = (attempt(sides[0]), attempt(sides[1]));
        (tries.json, tries.failing) = (attempt(sides[2]), attempt(sides[3]));
        tries.credentialed = echo.map_or(Try::Failed, Try::Answered);
        (tries.application, tries.rendered) = (Try::Answered(sides[4]), Some(sides[5]));
        (tries.browser.cookies, tries.browser.local_network_denied) = (sides[6], sides[7]);
        (tries.nonce, tries.now) = ("n".to_owned(), now);
        // Serialised and parsed, because the results are sent in a URL.
        let told = serde_json::to_string(&tries).expect("JSON");
        let mut tries: Tries = serde_json::from_str(&told).expect("tries");
        tries.sites = Sites::default();
        let diagnosis = Diagnosis::of(&tries);
        let is_error = diagnosis.findings.iter().any(|finding| finding.severity == Severity::Error);
        prop_assert!(!is_error || diagnosis.broken().is_some(), "{diagnosis:#?}");
        for finding in &diagnosis.findings {
            prop_assert!(diagnosis.text.contains(&finding.what), "{diagnosis:#?}");
        }
    }

    #[test]
    fn a_cookie_that_is_dropped_is_never_sent(
        (line, browser) in (line(), browser()),
        (page, from, to) in (anywhere(), anywhere(), anywhere()),
        (kind, after) in (kind(), 0..1000_u64),
    ) {
        let sites = Sites::default();
        let mut jar = Jar::new(browser);
        let kept = jar.set(&line, &Request::fetch(&page, &from, 1_000_000), &sites);
        let request = Request { to: &to, page: &page, kind, now: 1_000_000 + after, date: None };
        let sent = jar.header(&request, &sites);
        prop_assert!(kept.is_ok() || sent.is_none(), "{line} {kept:?} {sent:?}");
        prop_assert_eq!(jar.sent(&request, &sites).is_empty(), sent.is_none());
        prop_assert!(jar.sent(&request, &sites).len() + jar.withheld(&request, &sites).len() == usize::from(kept.is_ok()));
    }

    #[test]
    fn what_is_sent_keeps_the_promises_of_its_attributes(
        (line, browser) in (line(), browser()),
        (page, other, from, to) in (anywhere(), anywhere(), anywhere(), anywhere()),
    ) {
        let sites = Sites::default();
        let mut jar = Jar::new(browser);
        if jar.set(&line, &Request::fetch(&page, &from, 0), &sites).is_err() {
            return Ok(());
        }
        let sent = jar.header(&Request::fetch(&other, &to, 1), &sites).is_some();
        let cookie = SetCookie::read(&line).expect("it was kept");
        if sent {
            prop_assert!(!cookie.secure || to.is_https() || to.is_loopback(), "{line} to {to}");
            prop_assert!(cookie.domain.is_some() || to.host() == from.host(), "{line} from {from} to {to}");
            let held = browser.blocks_third_parties && !cookie.partitioned;
            let near = super::sites::is_same_site(&other, &to, false, &sites);
            prop_assert!(!held || near, "{line}: blocked, and sent to {to} by {other}");
            let strict = matches!(cookie.same_site, Some(SameSite::Lax | SameSite::Strict));
            prop_assert!(!strict || near, "{line}: cross-site, and sent to {to} by {other}");
        }
    }

    #[test]
    fn a_setup_that_follows_from_its_origins_has_no_finding(
        server in secure(), pages in prop::collection::vec(secure(), 0..4)
    ) {
        let topology = Topology::of(server, pages, Sites::default());
        let findings = check(&topology);
        prop_assert!(findings.is_empty(), "{:#?}", codes(&findings));
        let line = "__Host-hardtack_sess=v; HttpOnly; Secure; Path=/; SameSite=";
        let line = match topology.cookie.same_site {
            Some(SameSite::None) => format!("{line}None; Partitioned"),
            _ => format!("{line}Lax"),
        };
        // A Firefox that blocks all cross-site cookies stores no partitioned ones either.
        let strict = |page: &Address, browser| browser == Browser::new(Maker::Firefox, true) && !topology.pair(page).is_same_site(true);
        let users = topology.users().flat_map(|page| Browser::ALL.map(|browser| (page, browser)));
        for (page, browser) in users.filter(|(page, browser)| !strict(page, *browser)) {
            let mut jar = Jar::new(browser);
            let request = Request::fetch(page, &topology.server, 0);
            prop_assert_eq!(jar.set(&line, &request, &topology.sites), Ok(Kept::New));
            prop_assert!(jar.header(&request, &topology.sites).is_some(), "{page} {browser}");
        }
    }

    #[test]
    fn what_chrome_loses_is_an_error_and_what_is_an_error_chrome_loses(
        (page, url) in (anywhere(), anywhere()),
        line in line(),
        near in any::<bool>(),
    ) {
        let url = if near { page.clone() } else { url };
        let evidence = probes::healthy(&page.origin(), &url.to_string(), &line);
        let verdict = &verdicts(&evidence)[0];
        // If two cookies are in one line, the second is lost, and not the session cookie.
        let mut findings = diagnose(&evidence);
        findings.retain(|finding| finding.code != Code::Joined);
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        prop_assert_eq!(verdict.broken().is_some(), errors > 0, "{} {} {}: {:#?} {:#?}", page, url, line, verdict, codes(&findings));
    }

    #[test]
    fn nothing_that_is_set_up_makes_the_check_panic(
        (server, pages) in (anywhere(), prop::collection::vec(anywhere(), 0..4)),
        (line, texts) in (line(), prop::collection::vec("[ -~]{0,20}", 0..4)),
        (flags, days, bound) in (any::<[bool; 5]>(), any::<Option<(i64, i64)>>(), any::<Option<u16>>()),
    ) {
        let mut topology = Topology::of(server, pages, Sites::default());
        if let Ok(cookie) = SetCookie::read(&line) {
            topology.cookie = cookie;
        }
        topology.cors.origins.extend(texts.iter().cloned());
        topology.cors.headers.clone_from(&texts);
        topology.client.methods.clone_from(&texts);
        (topology.cors.credentials, topology.client.credentials) = (flags[0], flags[1]);
        (topology.edge.believes_https, topology.store.lasting, topology.store.nodes) = (flags[2], flags[3], 2);
        topology.edge.term = days.map(|(left, life)| Term { left, life });
        (topology.edge.bound, topology.sign_in_elsewhere) = (bound, flags[4]);
        for finding in check(&topology) {
            prop_assert!(!finding.what.is_empty() && finding.link().contains("#ht0"));
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,60}", line in "[\\x00-\\x7f\\u{80}-\\u{ff}]{0,80}") {
        let _ = text.parse::<Address>();
        let _ = SetCookie::read(&line);
        let _ = SetCookie::read(&format!("a=b; Expires={text}; Max-Age={text}; Domain={text}; Path={text}"));
        let url = address("https://example.com/a");
        let mut jar = Jar::new(Browser::USUAL[0]);
        let _ = jar.set(&text, &Request::fetch(&url, &url, u64::MAX), &Sites::default());
        let mut evidence = Evidence::new(url.clone(), url.clone(), Sites::default());
        let headers = ["set-cookie", "location", "date", "age", "access-control-allow-origin", "cache-control"];
        for step in Step::ALL {
            let headers = headers.iter().map(|&name| (name.to_owned(), text.clone())).collect();
            let (method, url, asked) = ("GET".to_owned(), url.clone(), Vec::new());
            let (status, at, took) = (302, u64::MAX, std::time::Duration::ZERO);
            evidence.exchanges.push(Exchange { step, method, url, asked, status, headers, at, took });
        }
        let _ = (diagnose(&evidence), verdicts(&evidence));
    }
}
