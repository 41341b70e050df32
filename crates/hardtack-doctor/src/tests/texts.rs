//! Tests that `docs/DOCTOR.md` agrees with the codes.

use super::*;

const PAGE: &str = include_str!("../../../../docs/DOCTOR.md");

/// Returns the section of a heading, up to the next one.
fn section(heading: &str) -> Option<&'static str> {
    let start = PAGE.find(&format!("\n### {heading}\n"))? + 1;
    let rest = &PAGE[start + 4..];
    Some(rest.find("\n### ").or(rest.find("\n## ")).map_or(rest, |end| &rest[..end]))
}

#[test]
fn every_code_has_its_section_with_title_and_reason() {
    for code in Code::ALL {
        let section = section(&code.to_string()).unwrap_or_else(|| panic!("docs/DOCTOR.md has no section of {code}"));
        for part in [code.title(), code.why(), "**Cure.** ", "**Found by.** "] {
            assert!(section.contains(part), "{code} lacks: {part}");
        }
        assert_eq!(code.link(), format!("docs/DOCTOR.md#{}", code.to_string().to_lowercase()));
    }
    let headings = PAGE.lines().filter(|line| line.starts_with("### HT")).count();
    assert_eq!(headings, Code::ALL.len(), "a section has a code that does not exist");
}

#[test]
fn every_cause_is_a_code_or_has_its_reason() {
    let (_, rest) = PAGE.split_once("## What cannot be found").expect("the list of what cannot be found");
    for number in 1..=40 {
        let known = Code::ALL.iter().any(|code| code.number() == number);
        assert!(known || rest.contains(&format!("- {number}: ")), "cause {number} has neither a code nor a reason");
    }
}

#[test]
fn the_page_says_by_which_way_each_code_is_found() {
    let ways = |code: Code, way: &str| {
        let section = section(&code.to_string()).unwrap_or_default();
        let found = section.split("**Found by.** ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        found.contains(way)
    };
    let of = |codes: Vec<Code>| codes.into_iter().collect::<std::collections::BTreeSet<_>>();
    for (way, shown) in [
        ("the setup", of(checks::cases().into_iter().map(|(code, ..)| code).collect())),
        ("the command", of(probes::cases().into_iter().map(|(code, ..)| code).collect())),
        ("the providers", of(providers::cases().into_iter().map(|(code, ..)| code).collect())),
        ("the page", of(visits::cases().into_iter().map(|(code, ..)| code).collect())),
    ] {
        for code in Code::ALL {
            assert_eq!(ways(*code, way), shown.contains(code), "{code}: {way}");
        }
    }
}

#[test]
fn findings_travel_as_they_are() {
    let finding = &check(&topology("http://example.com", &[]))[0];
    assert_eq!(finding.code.to_string(), "HT042");
    assert_eq!(Code::try_from("HT042".to_owned()), Ok(Code::PlainHttp));
    assert!(Code::try_from("HT025".to_owned()).is_err(), "another port is not a cause");
    assert_eq!(finding.link(), "docs/DOCTOR.md#ht042");
    let text = serde_json::to_string(finding).expect("JSON");
    assert!(text.starts_with(r#"{"code":"HT042","severity":"warning","what":"#), "{text}");
    assert_eq!(serde_json::from_str::<Finding>(&text).expect("a finding"), *finding);
}
