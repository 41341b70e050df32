//! Tests of the doctor: the problems that it must find, and the healthy setups in which it must find none.

mod broken;
mod broken_answers;
mod calls;
mod checks;
mod chromium;
mod corpus;
mod engines;
mod front_ends;
mod jars;
mod lines;
mod networks;
mod played;
mod probes;
mod properties;
mod providers;
mod systems;
mod texts;
mod visits;

use super::*;

/// A cause, the name of a case that shows it, and the case.
type Case<T> = (Code, &'static str, T);

fn address(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("{text} {error}"))
}

/// Returns the recommended setup.
fn topology(server: &str, pages: &[&str]) -> Topology {
    Topology::of(address(server), pages.iter().map(|page| address(page)).collect(), Sites::default())
}

fn codes(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{finding}")).collect()
}

/// Asserts that the case has its own finding and no other error.
fn assert_found(code: Code, case: &str, findings: &[Finding]) {
    assert!(findings.iter().any(|finding| finding.code == code), "{case}: {code} is not in {:#?}", codes(findings));
    let others = findings.iter().find(|finding| finding.code != code && finding.severity == Severity::Error);
    assert!(others.is_none(), "{case}: other errors than {code}: {:#?}", codes(findings));
    for finding in findings {
        assert!(finding.what.ends_with('.') && !finding.cure.hardtack.is_empty(), "{case}: {finding:#?}");
        assert!(!finding.what.contains("  ") && !finding.cure.express.contains("  "), "{case}: {finding:#?}");
    }
}

#[test]
fn every_code_is_found_by_some_way() {
    let found: std::collections::BTreeSet<_> = checks::cases().into_iter().map(|(code, ..)| code).collect();
    let probed = probes::cases().into_iter().map(|(code, ..)| code);
    let visited = visits::cases().into_iter().map(|(code, ..)| code);
    let announced = providers::cases().into_iter().map(|(code, ..)| code);
    let found: Vec<_> = found.into_iter().chain(probed).chain(announced).chain(visited).collect();
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !found.contains(code)).collect();
    assert!(missing.is_empty(), "no test shows {missing:?}");
}
