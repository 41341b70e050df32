//! Tests of the findings from the metadata of providers.

use super::*;

/// Returns the metadata of a provider that supports everything.
fn announced() -> Announced {
    Announced {
        provider: "a".to_owned(),
        issuer: "https://a.example".to_owned(),
        code: true,
        exchanges: true,
        signs: true,
        identifies: true,
        names_itself: true,
        asked: vec!["email".to_owned()],
        pkce: true,
        ..Announced::default()
    }
}

fn with(change: impl FnOnce(&mut Announced)) -> Vec<Announced> {
    let mut changed = announced();
    change(&mut changed);
    vec![changed]
}

pub(super) fn cases() -> Vec<Case<Vec<Announced>>> {
    let list = |all: &[&str]| Some(all.iter().map(|one| (*one).to_owned()).collect());
    let mut two = with(|one| one.names_itself = false);
    two.push(Announced { provider: "b".to_owned(), ..announced() });
    vec![
        (Code::ProviderUnusable, "it says nothing", with(|one| one.failure = Some("404".to_owned()))),
        (
            Code::ProviderUnusable,
            "it is away",
            with(|one| (one.failure, one.away) = (Some("it cannot be reached".to_owned()), true)),
        ),
        (Code::ProviderUnusable, "no code flow", with(|one| one.code = false)),
        (Code::ProviderUnusable, "no tokens", with(|one| one.exchanges = false)),
        (Code::ProviderUnusable, "no signature that is accepted", with(|one| one.signs = false)),
        (Code::ProviderUnusable, "no client secret", with(|one| one.identifies = false)),
        (Code::ProviderDiffers, "PKCE without S256", with(|one| one.challenges = list(&["plain"]))),
        (Code::ProviderDiffers, "a scope", with(|one| one.scopes = list(&["openid"]))),
        (Code::ProviderDiffers, "no form", with(|one| (one.form_post, one.posts) = (true, Some(false)))),
        (Code::ProviderUnnamed, "one of two", two),
    ]
}

#[test]
fn a_provider_that_announces_all_or_lists_nothing_has_no_finding() {
    assert!(super::providers(&[announced()]).is_empty());
    let all = with(|one| {
        one.challenges = Some(vec!["plain".to_owned(), "S256".to_owned()]);
        one.scopes = Some(vec!["openid".to_owned(), "email".to_owned()]);
        (one.form_post, one.posts) = (true, Some(true));
    });
    assert!(super::providers(&all).is_empty());
    // A provider need not list features that are not asked for. The only provider need not name itself.
    let less = with(|one| {
        (one.pkce, one.names_itself) = (false, false);
        one.challenges = Some(Vec::new());
    });
    assert!(super::providers(&less).is_empty());
}

#[test]
fn each_cause_of_a_provider_has_its_finding() {
    for (code, case, announced) in cases() {
        assert_found(code, case, &super::providers(&announced));
    }
}

#[test]
fn what_may_pass_is_a_warning() {
    let away = with(|one| (one.failure, one.away) = (Some("it does not answer in time".to_owned()), true));
    assert_eq!(super::providers(&away)[0].severity, Severity::Warning);
    let wrong = with(|one| one.failure = Some("unexpected issuer".to_owned()));
    let found = super::providers(&wrong);
    assert_eq!(found[0].severity, Severity::Error);
    assert!(
        found[0].cure.line().contains("https://a.example/.well-known/openid-configuration"),
        "{}",
        found[0].cure.line()
    );
}
