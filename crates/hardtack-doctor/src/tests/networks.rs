//! Tests of pages on the internet that call servers on this machine or in the local network.

use super::probes::healthy;
use super::*;

const PARTITIONED: &str = "sid=hush; Path=/; HttpOnly; Secure; SameSite=None; Partitioned";

/// Returns the result of the first hop in Chrome, Firefox and Safari.
fn reach(page: &str, url: &str) -> [&'static str; 3] {
    let verdicts = verdicts(&healthy(page, url, PARTITIONED));
    Browser::USUAL.map(|browser| {
        let verdict = verdicts.iter().find(|verdict| verdict.browser == browser).expect("a verdict");
        match (&verdict.hops[0].1, verdict.asks) {
            (State::Fine, false) => "sent",
            (State::Unseen, true) => "asks",
            (State::Broken(_), false) => "blocked",
            other => panic!("{page} {url}: {other:?}"),
        }
    })
}

#[test]
fn a_call_into_the_local_network_goes_as_each_browser_lets_it() {
    for (page, url, ways) in [
        // Chromium 156: refused although the permission is granted.
        ("http://app.example.com", "http://127.0.0.1:3000/", ["blocked", "sent", "sent"]),
        ("http://app.example.com", "http://192.168.1.5/", ["blocked", "sent", "sent"]),
        ("http://app.example.com", "https://nas.local/", ["blocked", "sent", "sent"]),
        // Chromium 156: sent if the permission is granted.
        ("https://app.example.com", "http://localhost:3000/", ["asks", "sent", "sent"]),
        ("https://app.example.com", "https://192.168.1.5/", ["asks", "sent", "sent"]),
        ("https://app.example.com", "http://192.168.1.5/", ["asks", "blocked", "blocked"]),
        ("https://app.example.com", "http://[fd00::1]/", ["asks", "blocked", "blocked"]),
        ("https://app.example.com", "http://nas.local/", ["asks", "blocked", "blocked"]),
        // Chrome does not know from such a name that the server is near.
        ("https://app.example.com", "http://nas/", ["blocked", "blocked", "blocked"]),
        ("https://app.example.com", "http://api.example.com/", ["blocked", "blocked", "blocked"]),
        ("https://app.example.com", "http://203.0.113.7/", ["blocked", "blocked", "blocked"]),
        // Chromium 156: sent without asking, because the page is near too.
        ("https://192.168.1.6", "http://192.168.1.5/", ["sent", "blocked", "blocked"]),
        ("https://localhost:5173", "http://nas.local/", ["sent", "blocked", "blocked"]),
        ("https://nas.local", "http://nas.local:8080/", ["sent", "blocked", "blocked"]),
        ("https://192.168.1.6", "http://nas/", ["blocked", "blocked", "blocked"]),
        // Chromium 156: sent without asking, because the page is in the local network.
        ("http://192.168.1.6", "http://192.168.1.5/", ["sent", "sent", "sent"]),
        ("http://localhost:5173", "http://192.168.1.5/", ["sent", "sent", "sent"]),
        ("http://192.168.1.5:5173", "http://192.168.1.5/", ["sent", "sent", "sent"]),
    ] {
        assert_eq!(reach(page, url), ways, "{page} calls {url}");
    }
}

#[test]
fn what_one_browser_sends_is_asked_and_what_none_sends_is_not() {
    for (page, url, sent) in [
        ("https://app.example.com", "http://192.168.1.5/", true),
        ("https://app.example.com", "http://nas.local/", true),
        ("https://app.example.com", "http://nas/", false),
        ("https://app.example.com", "http://api.example.com/", false),
        ("http://app.example.com", "http://127.0.0.1:3000/", true),
    ] {
        assert_eq!(Evidence::new(address(page), address(url), Sites::default()).is_sent(), sent, "{page} {url}");
    }
}

#[test]
fn chrome_asks_first_and_holds_where_the_visitor_allows_it() {
    let evidence = healthy("https://app.example.com", "https://192.168.1.5/", PARTITIONED);
    let verdicts = verdicts(&evidence);
    assert!(verdicts[0].asks && verdicts[0].holds_if_allowed() && !verdicts[0].holds());
    assert_eq!(verdicts[0].broken(), None);
    assert!(verdicts[2].holds() && !verdicts[2].asks, "Firefox");
    assert!(matches!(
        &diagnose(&evidence)[..],
        [Finding { code: Code::LocalNetwork, severity: Severity::Warning, .. }]
    ));
}

#[test]
fn a_page_on_plain_http_is_told_to_be_served_over_https() {
    let evidence = healthy("http://app.example.com", "https://192.168.1.5/", PARTITIONED);
    let found = diagnose(&evidence);
    let finding = found.iter().find(|finding| finding.code == Code::LocalNetwork).expect("HT029");
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.cure.hardtack.contains("https://app.example.com"), "{finding:#?}");
    assert_eq!(verdicts(&evidence)[0].broken().map(|(hop, _)| hop), Some(Hop::Reach));
}

#[test]
fn a_name_that_leads_near_asks_too_and_one_that_leads_away_does_not() {
    let mut evidence = healthy("https://app.example.com", "https://api.example.com/", PARTITIONED);
    evidence.addresses = vec![[192, 168, 1, 2].into()];
    assert!(verdicts(&evidence)[0].asks);
    evidence.page_addresses = vec![[192, 168, 1, 3].into()];
    assert!(!verdicts(&evidence)[0].asks, "the page is near too");
}
