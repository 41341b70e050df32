//! Tests with two corpora: the doctor finds no error in a healthy system, and only the right cause in a broken one.

use super::broken;
use super::front_ends::FRONT_ENDS;
use super::played::{accepted, play};
use super::systems::{Healthy, NONE, PRIVATE, SYSTEMS, at_root};
use super::*;
use std::fmt::Write as _;

/// Returns the evidence that a probe gets from a healthy system.
fn seen(system: &Healthy) -> Evidence {
    let url = address(system.url);
    let mut evidence = Evidence::new(url.at("/"), url, Sites::default());
    evidence.tls = Some(accepted());
    play(&mut evidence, &|step, nth, _| {
        let lines = if step == Step::First { system.first } else { system.later };
        let lines = lines.iter().map(|line| ("set-cookie".to_owned(), line.replace("{n}", &format!("value{nth}"))));
        let headers = system.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let status = if step == Step::Error { 404 } else { 200 };
        (status, headers.chain(lines.filter(|_| step != Step::Error)).collect())
    });
    evidence
}

/// Returns each healthy system: its name, the evidence, and the names of its session cookies.
fn healthy() -> impl Iterator<Item = (&'static str, Evidence, &'static [&'static str])> {
    let served = FRONT_ENDS.iter().map(|it| (it.system.name, it.system.seen(), it.session));
    SYSTEMS.iter().map(|system| (system.name, seen(system), system.session)).chain(served)
}

fn errors(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

/// Returns the outcome of the session in the browsers with their default settings.
fn outcome(evidence: &Evidence) -> String {
    let verdicts = verdicts(evidence);
    let usual: Vec<_> = verdicts.iter().filter(|verdict| Browser::USUAL.contains(&verdict.browser)).collect();
    let lost: Vec<_> = usual.iter().filter(|verdict| verdict.broken().is_some()).collect();
    let makers: Vec<_> = lost.iter().map(|verdict| verdict.browser.maker.to_string()).collect();
    let asks = if usual.iter().any(|verdict| verdict.asks) { "Chrome asks first" } else { "" };
    let lost = match lost.len() {
        3 => "lost".to_owned(),
        0 if usual.iter().all(|verdict| verdict.holds() || verdict.holds_if_allowed()) => "holds".to_owned(),
        0 => "not seen".to_owned(),
        _ => format!("lost in {}", makers.join(" and ")),
    };
    if asks.is_empty() { lost } else { format!("{asks}; {lost}") }
}

#[test]
fn healthy_systems_have_no_error_and_their_own_session_cookie() {
    assert!(SYSTEMS.len() + FRONT_ENDS.len() >= 40);
    for (name, evidence, session) in healthy() {
        let findings = diagnose(&evidence);
        assert!(errors(&findings).is_empty(), "{name}: {findings:#?}");
        assert_eq!(evidence.candidates().0, session, "{name}");
        assert_eq!(outcome(&evidence), "holds", "{name}: {:#?}", verdicts(&evidence));
    }
}

#[test]
fn broken_systems_have_their_cause_and_no_other_error() {
    assert!(broken::systems().count() >= 40);
    let mut wrong = String::new();
    for broken::Broken { code, system } in broken::systems() {
        let (evidence, name) = (system.seen(), system.name);
        let findings = diagnose(&evidence);
        let named = findings.iter().any(|finding| finding.code == *code);
        let others = errors(&findings).into_iter().any(|finding| finding.code != *code);
        if !named || others {
            let _ = writeln!(wrong, "{name}: {code}, {} {:#?}", outcome(&evidence), codes(&findings));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn an_error_and_a_loss_in_chrome_are_one_thing() {
    // With these causes the session itself holds: only errors are hidden, a second cookie is lost, or other pages can
    // use the session too.
    let beside = [Code::ErrorsHidden, Code::Joined, Code::AnyOrigin];
    let broken = broken::systems().map(|it| (it.system.name, it.system.seen()));
    for (name, evidence) in healthy().map(|(name, evidence, _)| (name, evidence)).chain(broken) {
        let findings = diagnose(&evidence);
        let lost = verdicts(&evidence)[0].broken().is_some();
        let errors = errors(&findings).into_iter().filter(|finding| !beside.contains(&finding.code)).count();
        assert_eq!(lost, errors > 0, "{name}: {:#?} {:#?}", verdicts(&evidence)[0], codes(&findings));
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

/// Returns the findings of a system as text for a cell of a table.
fn said(findings: &[Finding]) -> String {
    let said = |finding: &Finding| format!("{} {}: {}", finding.code, finding.severity, finding.what);
    let said: Vec<_> = findings.iter().map(said).collect();
    if said.is_empty() { "none".to_owned() } else { said.join("<br>").replace('|', "\\|") }
}

/// Returns the two tables of `docs/DOCTOR.md`.
fn tables() -> [String; 2] {
    let mut healthy_table = "| setup | session cookie | findings | session |\n|---|---|---|---|\n".to_owned();
    for (name, evidence, session) in healthy() {
        let session: Vec<_> = session.iter().map(|name| format!("`{name}`")).collect();
        let (cookies, says, outcome) = (session.join(", "), said(&diagnose(&evidence)), outcome(&evidence));
        let _ = writeln!(healthy_table, "| {name} | {cookies} | {says} | {outcome} |");
    }
    let mut broken_table = "| setup | findings | session |\n|---|---|---|\n".to_owned();
    for broken::Broken { system, .. } in broken::systems() {
        let evidence = system.seen();
        let _ = writeln!(broken_table, "| {} | {} | {} |", system.name, said(&diagnose(&evidence)), outcome(&evidence));
    }
    [healthy_table, broken_table]
}

#[test]
fn the_page_shows_what_the_corpora_say() {
    const NAMES: [&str; 2] = ["healthy", "broken"];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/DOCTOR.md");
    let page = std::fs::read_to_string(path).expect("docs/DOCTOR.md");
    let mut wanted = page.clone();
    for (name, table) in NAMES.into_iter().zip(tables()) {
        let [begin, end] = [format!("<!-- {name} systems -->\n"), format!("<!-- end of {name} systems -->")];
        let (before, rest) = wanted.split_once(&begin).unwrap_or_else(|| panic!("no table of {name} systems"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no end of the table of {name} systems"));
        wanted = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    // A maintainer reads the differences, and then writes the tables with `HARDTACK_WRITE_TABLES=1 cargo test`.
    if std::env::var_os("HARDTACK_WRITE_TABLES").is_some() {
        std::fs::write(path, &wanted).expect("written");
    }
    for (is, should) in page.lines().zip(wanted.lines()) {
        assert_eq!(is, should, "docs/DOCTOR.md differs from the corpora");
    }
    assert_eq!(page, wanted, "docs/DOCTOR.md differs from the corpora");
}
