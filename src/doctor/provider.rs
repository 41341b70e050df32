//! Providers of sign-ins: what visitors would run into who sign in by one: HT050, HT051, HT052.

use super::code::Code;
use super::finding::{Cure, Finding, sorted};

/// What a provider of sign-ins announces of itself, as far as a sign-in by it needs that, and what it would be asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Announced {
    /// Its `id` in the settings.
    pub provider: String,
    /// Its `issuer` in the settings.
    pub issuer: String,
    /// Why it tells nothing of itself, if it does not.
    pub failure: Option<String>,
    /// Whether that is because it was not reached, which may pass.
    pub away: bool,
    /// Whether it leads back with a code (`response_types_supported`).
    pub code: bool,
    /// Whether it gives tokens for one (`token_endpoint`).
    pub exchanges: bool,
    /// Whether it signs ID tokens with an algorithm that is accepted.
    pub signs: bool,
    /// Whether it takes a client secret by `client_secret_basic` or `client_secret_post`.
    pub identifies: bool,
    /// Its ways of PKCE, if it lists any.
    pub challenges: Option<Vec<String>>,
    /// Its scopes, if it lists them.
    pub scopes: Option<Vec<String>>,
    /// Whether it leads back by a form that it posts, if it lists how it leads back.
    pub posts: Option<bool>,
    /// Whether each of its answers names it (RFC 9207).
    pub names_itself: bool,
    /// The scopes that it is asked for.
    pub asked: Vec<String>,
    /// Whether it is asked to take part in PKCE.
    pub pkce: bool,
    /// Whether it is asked to lead back by a form that it posts.
    pub form_post: bool,
}

/// What visitors would run into, the gravest first.
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
        let what = format!("`{provider}` tells nothing of itself: {}.", failure.trim_end_matches('.'));
        found.push(if one.away { away(what, issuer) } else { unusable(what, issuer) });
        return;
    }
    let needs = [
        (one.code, "it does not announce the code flow (`response_types_supported`)"),
        (one.exchanges, "it has no `token_endpoint`"),
        (one.signs, "it signs ID tokens with no algorithm that is accepted here (RS, PS, ES256, ES384, EdDSA)"),
        (one.identifies, "it takes a client secret neither by `client_secret_basic` nor by `client_secret_post`"),
    ];
    for (_, why) in needs.into_iter().filter(|(met, _)| !met) {
        found.push(unusable(format!("Nobody can sign in by `{provider}`: {why}."), issuer));
    }
    let lacks_s256 = one.challenges.as_ref().is_some_and(|ways| !ways.iter().any(|way| way == "S256"));
    if one.pkce && lacks_s256 {
        found.push(Code::ProviderDiffers.warning(
            format!("`{provider}` lists ways of PKCE, and `S256` is not among them."),
            cure(provider, "pkce = false # if it refuses the parameter; its `nonce` then binds the code alone"),
        ));
    }
    for scope in one.asked.iter().filter(|scope| one.scopes.as_ref().is_some_and(|known| !known.contains(scope))) {
        found.push(Code::ProviderDiffers.warning(
            format!("`{provider}` does not list the scope `{scope}`, and may refuse a sign-in that asks for it."),
            cure(provider, "scopes = [\"email\"] # those of `scopes_supported` that tell address and name"),
        ));
    }
    if one.form_post && one.posts == Some(false) {
        found.push(Code::ProviderDiffers.warning(
            format!("`{provider}` does not list `form_post` among the ways in which it leads back."),
            cure(provider, "response_mode = \"query\""),
        ));
    }
    if among_others && !one.names_itself {
        found.push(Code::ProviderUnnamed.note(
            format!("`{provider}` does not name itself when it leads back (`iss`), and it is not the only provider."),
            Cure::any(
                "Nothing needs to be changed: each provider has a callback of its own, which binds an answer to it. Name no \
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
        "Look from this machine with `curl {}`: the network, the name in DNS and a firewall are what keeps it away. Where the \
         way out leads through a proxy, name it as `HTTPS_PROXY`.",
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
        "Write `issuer` of `sign_in.providers` byte by byte as it stands in the answer of `curl {address}`, with or without `/` \
         at its end; docs/PROVIDERS.md says which services speak OpenID Connect, and by which settings."
    ))
}

fn cure(provider: &str, line: &str) -> Cure {
    Cure::any(format!("In `sign_in.providers`, of `{provider}`: {line}"))
}
