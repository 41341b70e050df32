//! OpenID providers and the problems that visitors would meet at a sign-in: HT050, HT051, HT052.

use super::code::Code;
use super::finding::{Cure, Finding, sorted};

/// The metadata of an OpenID provider, as far as a sign-in depends on it, and the features that a sign-in would ask
/// for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Announced {
    /// Its `id` in the settings.
    pub provider: String,
    /// Its `issuer` in the settings.
    pub issuer: String,
    /// The reason why its metadata could not be read, if it could not.
    pub failure: Option<String>,
    /// Whether the reason is that it was not reached, which may be temporary.
    pub away: bool,
    /// Whether it supports the code flow (`response_types_supported`).
    pub code: bool,
    /// Whether it exchanges a code for tokens (`token_endpoint`).
    pub exchanges: bool,
    /// Whether it signs ID tokens with an algorithm that is accepted.
    pub signs: bool,
    /// Whether it accepts a client secret by `client_secret_basic` or `client_secret_post`.
    pub identifies: bool,
    /// Its PKCE methods, if it lists them.
    pub challenges: Option<Vec<String>>,
    /// Its scopes, if it lists them.
    pub scopes: Option<Vec<String>>,
    /// Whether it supports the response mode `form_post`, if it lists its response modes.
    pub posts: Option<bool>,
    /// Whether each of its authorization responses names its issuer (RFC 9207).
    pub names_itself: bool,
    /// The scopes that a sign-in asks for.
    pub asked: Vec<String>,
    /// Whether a sign-in uses PKCE.
    pub pkce: bool,
    /// Whether a sign-in uses the response mode `form_post`.
    pub form_post: bool,
}

/// Returns the problems that visitors would meet at a sign-in, the most severe first.
#[must_use]
pub fn providers(all: &[Announced]) -> Vec<Finding> {
    let mut found = Vec::new();
    for one in all {
        judge(one, all.len() > 1, &mut found);
    }
    sorted(found)
}

fn judge(one: &Announced, among_others: bool, found: &mut Vec<Finding>) {
    let Announced { provider, issuer, .. } = one;
    if let Some(failure) = &one.failure {
        let what = format!("The metadata of `{provider}` is not available: {}.", failure.trim_end_matches('.'));
        found.push(if one.away { away(what, issuer) } else { unusable(what, issuer) });
        return;
    }
    let needs = [
        (one.code, "it does not announce the code flow (`response_types_supported`)"),
        (one.exchanges, "it has no `token_endpoint`"),
        (one.signs, "it signs ID tokens with no algorithm that is accepted here (RS, PS, ES256, ES384, EdDSA)"),
        (one.identifies, "it accepts a client secret neither by `client_secret_basic` nor by `client_secret_post`"),
    ];
    for (_, why) in needs.into_iter().filter(|(met, _)| !met) {
        found.push(unusable(format!("Visitors cannot sign in with `{provider}`: {why}."), issuer));
    }
    let lacks_s256 = one.challenges.as_ref().is_some_and(|ways| !ways.iter().any(|way| way == "S256"));
    if one.pkce && lacks_s256 {
        found.push(Code::ProviderDiffers.warning(
            format!("`{provider}` lists PKCE methods, but not `S256`."),
            cure(provider, "pkce = false # if it refuses the parameter; then only the `nonce` binds the code"),
        ));
    }
    for scope in one.asked.iter().filter(|scope| one.scopes.as_ref().is_some_and(|known| !known.contains(scope))) {
        found.push(Code::ProviderDiffers.warning(
            format!("`{provider}` does not list the scope `{scope}`, and may refuse a sign-in that asks for it."),
            cure(provider, "scopes = [\"email\"] # those of `scopes_supported` that give e-mail address and name"),
        ));
    }
    if one.form_post && one.posts == Some(false) {
        found.push(Code::ProviderDiffers.warning(
            format!("`{provider}` does not list `form_post` among its response modes."),
            cure(provider, "response_mode = \"query\""),
        ));
    }
    if among_others && !one.names_itself {
        found.push(Code::ProviderUnnamed.note(
            format!("`{provider}` does not name itself in its responses (`iss`), and it is not the only provider."),
            Cure::any(
                "No change is needed: each provider has a callback of its own, which binds a response to it. Add no \
                 provider that you do not trust.",
            ),
        ));
    }
}

fn unusable(what: String, issuer: &str) -> Finding {
    Code::ProviderUnusable.error(what, describe(issuer))
}

fn away(what: String, issuer: &str) -> Finding {
    let cure = format!(
        "Try `curl {}` on this machine: the network, the DNS or a firewall may block it. If this machine reaches the \
         internet through a proxy, set `HTTPS_PROXY`.",
        discovery(issuer)
    );
    Code::ProviderUnusable.warning(what, Cure::any(cure))
}

fn discovery(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

fn describe(issuer: &str) -> Cure {
    let address = discovery(issuer);
    Cure::any(format!(
        "Write `issuer` in `sign_in.providers` byte by byte as the response of `curl {address}` has it, with or \
         without `/` at the end; docs/PROVIDERS.md says which services speak OpenID Connect, and with which settings."
    ))
}

fn cure(provider: &str, line: &str) -> Cure {
    Cure::any(format!("In `sign_in.providers`, for `{provider}`: {line}"))
}
