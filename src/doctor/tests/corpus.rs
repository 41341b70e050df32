//! The doctor finds no error in a healthy system, and takes the right cookie for the session's.

use super::systems::{Healthy, NONE, PRIVATE, SYSTEMS, at_root};
use super::*;
use std::time::Duration;

/// What a probe sees of it.
fn seen(system: &Healthy) -> Evidence {
    let url = address(system.url);
    let mut evidence = Evidence::new(url.at("/"), url, Sites::default());
    evidence.tls =
        Some(TlsSeen { trusted: true, names_host: true, begun: true, days_left: 60, issuer: "R10".to_owned() });
    for (at, step) in evidence.steps().enumerate() {
        let ask = evidence.ask(step, probes::NOW + at as u64);
        let lines = if step == Step::First { system.first } else { system.later };
        let lines = lines.iter().map(|line| ("set-cookie".to_owned(), line.replace("{n}", &format!("value{at}"))));
        let headers = system.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers = headers.chain(lines.filter(|_| step != Step::Error)).collect();
        let asked = ask.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let status = if step == Step::Error { 404 } else { 200 };
        let (method, url, at) = (ask.method.to_owned(), ask.url, probes::NOW + at as u64);
        evidence.exchanges.push(Exchange { step, method, url, asked, status, headers, at, took: Duration::ZERO });
    }
    evidence
}

#[test]
fn healthy_systems_have_no_error_and_their_own_session_cookie() {
    assert!(SYSTEMS.len() >= 40);
    for system in SYSTEMS {
        let (evidence, name) = (seen(system), system.name);
        let errors: Vec<_> = diagnose(&evidence).into_iter().filter(|it| it.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert_eq!(evidence.candidates().0, system.session, "{name}");
        for verdict in verdicts(&evidence) {
            assert!(verdict.holds(), "{name}, {}: {:?}", verdict.browser, verdict.hops);
        }
    }
}

#[test]
fn no_balancers_cookie_is_taken_for_a_session_where_nothing_else_is_set() {
    let alone =
        at_root("a balancer alone", &["AWSALB=x; Path=/", "__cf_bm=x; Path=/; HttpOnly; Secure"], NONE, PRIVATE, NONE);
    let evidence = seen(&alone);
    assert_eq!(evidence.candidates().0, [] as [&str; 0]);
    assert!(diagnose(&evidence).iter().any(|finding| finding.code == Code::NoCookie));
}
