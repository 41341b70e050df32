//! The setting `sign_in.providers`: a list of tables in the file, and the same text in a variable.

use super::values::{KeySource, Read};
use super::{SettingsError, Site};
use crate::backend::providers::{Quirks, SignOut};
use config::{File, FileFormat, Map, Source as _, Value, ValueKind};
use hardtack_session::policy::Origin;
use std::collections::HashSet;
use std::path::Path;

/// An OpenID provider, as the settings describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The short name in URLs: `google`.
    pub id: String,
    /// The name that visitors see: `Google`.
    pub name: String,
    /// The issuer identifier, exactly as the provider writes it.
    pub issuer: String,
    /// The client identifier of this site at the provider.
    pub client_id: String,
    /// The place of the client secret.
    pub client_secret: KeySource,
    /// The scopes that are requested, beside `openid`.
    pub scopes: Vec<String>,
    /// The provider's deviations from the standard.
    pub quirks: Quirks,
}

const LIKE: &str = "`[{ id = \"google\", name = \"Google\", issuer = \"https://accounts.google.com\", client_id = \"…\", \
                    client_secret = \"env:GOOGLE_SECRET\" }]`";

impl Read for Vec<Provider> {
    const WHAT: &str = "a list of providers";
    const LIKE: &str = LIKE;

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        // The text is not repeated, because it may hold a secret.
        let unreadable = || format!("is not {}; write it like {LIKE}", Self::WHAT);
        let read = File::from_str(&format!("list = {text}"), FileFormat::Toml).collect();
        let list = read.ok().and_then(|mut read| read.remove("list")).ok_or_else(unreadable)?;
        Self::from_toml(&list.kind)
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        let ValueKind::Array(list) = value else {
            return Err(format!("is not {}; write it like {LIKE}", Self::WHAT));
        };
        let providers = list.iter().map(provider).collect::<Result<Self, _>>()?;
        let mut known = HashSet::new();
        match providers.iter().find(|one| !known.insert(&one.id) || !known.insert(&one.issuer)) {
            Some(twice) => Err(format!("names `{}`, or its issuer, twice; keep one of the two", twice.id)),
            None => Ok(providers),
        }
    }
}

fn provider(value: &Value) -> Result<Provider, String> {
    const KEYS: [&str; 13] = [
        "id",
        "name",
        "issuer",
        "client_id",
        "client_secret",
        "scopes",
        "audiences",
        "trust_email",
        "auth_time",
        "nonce",
        "pkce",
        "response_mode",
        "sign_out",
    ];
    let ValueKind::Table(table) = &value.kind else {
        return Err(format!("holds an entry that is not a table; write it like {LIKE}"));
    };
    if let Some(unknown) = table.keys().filter(|key| !KEYS.contains(&key.as_str())).min() {
        let unknown = unknown.escape_debug();
        return Err(format!("holds the unknown key `{unknown}`; a provider has {}", KEYS.join(", ")));
    }
    let text = |key: &str| match table.get(key).map(|value| &value.kind) {
        Some(ValueKind::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err(format!("holds a provider whose `{key}` is missing or not text; write it like {LIKE}")),
    };
    let id = text("id")?;
    if id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        let id = id.escape_debug();
        return Err(format!(
            "has the `id` `{id}`, but an `id` is part of URLs: use up to 32 of a-z, 0-9 and `-`, like `google`"
        ));
    }
    let issuer = text("issuer")?;
    is_issuer(&issuer).map_err(|why| format!("has the `issuer` of `{id}`, which {why}"))?;
    let scopes = list(table, &id, "scopes", "[\"email\", \"profile\"]")?;
    let scopes = scopes.unwrap_or_else(|| vec!["email".to_owned(), "profile".to_owned()]);
    let quirks = quirks(table, &id)?;
    // A secret is not accepted as a file name, because the error about the missing file would repeat it.
    let is_place = |source: &KeySource| !matches!(source, KeySource::File(path) if !is_path(path));
    let client_secret = KeySource::from_text(&text("client_secret")?).ok().filter(is_place);
    let client_secret = client_secret.ok_or_else(|| {
        format!("has no file and no variable in `client_secret` of `{id}`; name one, like `./google.secret` or `env:GOOGLE_SECRET`")
    })?;
    Ok(Provider { id, name: text("name")?, issuer, client_id: text("client_id")?, client_secret, scopes, quirks })
}

/// Reads a key that holds a list of texts.
fn list(table: &Map<String, Value>, id: &str, key: &str, like: &str) -> Result<Option<Vec<String>>, String> {
    let wrong = || format!("has `{key}` of `{id}`, which is not a list of texts; write `{key} = {like}`");
    let text = |value: &Value| match &value.kind {
        ValueKind::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err(wrong()),
    };
    match table.get(key).map(|value| &value.kind) {
        None => Ok(None),
        Some(ValueKind::Array(values)) => values.iter().map(text).collect::<Result<_, _>>().map(Some),
        Some(_) => Err(wrong()),
    }
}

/// Reads the provider's deviations from the standard.
fn quirks(table: &Map<String, Value>, id: &str) -> Result<Quirks, String> {
    let usual = Quirks::default();
    let flag = |key: &str, usual: bool| match table.get(key).map(|value| &value.kind) {
        None => Ok(usual),
        Some(ValueKind::Boolean(flag)) => Ok(*flag),
        Some(_) => Err(format!("has `{key}` of `{id}`, which is not a boolean; write `{key} = {}`", !usual)),
    };
    let word = |key: &str| match table.get(key).map(|value| &value.kind) {
        None => Ok(None),
        Some(ValueKind::String(word)) => Ok(Some(word.as_str())),
        Some(_) => Err(format!("has `{key}` of `{id}`, which is not text")),
    };
    let quirks = Quirks {
        audiences: list(table, id, "audiences", "[\"another-client\"]")?.unwrap_or_default(),
        trust_email: flag("trust_email", usual.trust_email)?,
        auth_time: flag("auth_time", usual.auth_time)?,
        nonce: flag("nonce", usual.nonce)?,
        pkce: flag("pkce", usual.pkce)?,
        form_post: match word("response_mode")? {
            None | Some("query") => false,
            Some("form_post") => true,
            Some(_) => return Err(format!("has `response_mode` of `{id}`, which is neither `query` nor `form_post`")),
        },
        sign_out: match word("sign_out")? {
            None | Some("standard") => SignOut::Standard,
            Some("id_token_hint") => SignOut::Hint,
            Some("logout_uri") => SignOut::LogoutUri,
            Some("off") => SignOut::Off,
            Some(_) => {
                return Err(format!(
                    "has `sign_out` of `{id}`, which is none of `standard`, `id_token_hint`, `logout_uri` and `off`"
                ));
            }
        },
    };
    if !quirks.nonce && !quirks.pkce {
        return Err(format!(
            "has neither `nonce` nor `pkce` of `{id}`, so nothing would bind its response to the browser that began the sign-in, \
             and a stolen code would sign an attacker in; set one of the two to `true`, or leave this provider out"
        ));
    }
    Ok(quirks)
}

fn is_path(path: &Path) -> bool {
    path.extension().is_some() || path.components().count() > 1
}

/// Checks an issuer identifier. Source: OpenID Connect Discovery 1.0, 3; ASVS 5.0, 12.3.1.
fn is_issuer(issuer: &str) -> Result<(), &'static str> {
    let url = url::Url::parse(issuer)
        .map_err(|_| "is not a URL; write it as the provider does, like `https://accounts.google.com`")?;
    if url.query().is_some() || url.fragment().is_some() || issuer.contains(' ') {
        return Err("holds a `?`, a `#` or a space, which no issuer has; write it as the provider does");
    }
    let origin: Result<Origin, _> = url[..url::Position::BeforePath].parse();
    match origin {
        Ok(origin) if origin.is_https() || origin.is_loopback() => Ok(()),
        _ => {
            Err("is not https, so an attacker could sign in as any other user; use the one that begins with `https://`")
        }
    }
}

/// Returns the redirect URI of a provider.
#[must_use]
pub fn callback(site: &Site, id: &str) -> String {
    format!("{}/sign-in/{id}/callback", site.url)
}

/// Rejects providers beside a front end on another site. A sign-in by a provider happens at the top level of a tab, but
/// the cookie of a page on another site is partitioned, so the session of the one never reaches the other.
pub(super) fn is_reachable(site: &Site, providers: &[Provider]) -> Result<(), SettingsError> {
    let origins = site.origins();
    let Some(front_end) = origins.across_sites().filter(|_| !providers.is_empty()) else { return Ok(()) };
    Err(SettingsError(format!(
        "`sign_in.providers` is set, but `{front_end}` in `site.front_ends` is another site than `site.url`, and browsers \
         hide the session of such a sign-in from pages of another site; serve both from one site, like `app.example.com` \
         and `api.example.com`, or leave `sign_in.providers` empty."
    )))
}
