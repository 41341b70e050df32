//! Providers of sign-ins (OpenID Connect): other services that say who somebody is.

pub mod claims;
mod client;
mod metadata;
mod outward;
mod token;
mod transaction;

use crate::doctor::{Finding, Severity, providers};
use futures::future::join_all;
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Cursor;
use std::sync::Arc;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

pub(super) use client::Person;
pub use outward::{Outward, UnsupportedProxy};
pub(super) use transaction::{LIFE, REMEMBERED, Transaction};
pub use transaction::{Purpose, Wish};

/// What providers are asked with. It follows no redirect.
pub type Http = Client<HttpsConnector<Outward>, Full<Cursor<Vec<u8>>>>;

/// How this site is known to a provider, and the provider to this site.
pub struct Registration {
    /// A short name, which stands in addresses: `google`.
    pub id: String,
    /// What visitors are shown: `Google`.
    pub name: String,
    /// The address that it vouches by, and below which it describes itself.
    pub issuer: String,
    /// What it knows this site by.
    pub client_id: String,
    /// What proves to it that it is this site who asks.
    pub client_secret: Zeroizing<String>,
    /// What it is asked to tell, beside who it is.
    pub scopes: Vec<String>,
    /// What it does otherwise than others.
    pub quirks: Quirks,
    /// Where it leads back to.
    pub callback: String,
    /// Where it leads to when somebody has signed out there.
    pub home: String,
}

/// What a provider does otherwise than others, as far as the standard allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Quirks {
    /// The audiences beside this site that its ID tokens may name. Default: none.
    pub audiences: Vec<String>,
    /// Whether each of its e-mail addresses counts as verified, whatever it says of that. Default: false.
    pub trust_email: bool,
    /// Whether it says when a person signed in there (`auth_time`). Default: true. One that never does is believed when it
    /// was asked to ask anew.
    pub auth_time: bool,
    /// Whether it repeats the nonce. Default: true. Without, PKCE alone binds a code to its browser.
    pub nonce: bool,
    /// Whether it takes part in PKCE. Default: true. Without, the nonce alone binds a code to its browser.
    pub pkce: bool,
    /// Whether it leads back by a form that it posts (`response_mode=form_post`). Default: false.
    pub form_post: bool,
    /// What it wants to be told at the sign-out. Default: [`SignOut::Standard`].
    pub sign_out: SignOut,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            audiences: Vec::new(),
            trust_email: false,
            auth_time: true,
            nonce: true,
            pkce: true,
            form_post: false,
            sign_out: SignOut::default(),
        }
    }
}

/// How people sign out at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignOut {
    /// By `client_id` and `post_logout_redirect_uri`. Source: OpenID Connect RP-Initiated Logout 1.0, 2.
    #[default]
    Standard,
    /// The same with `id_token_hint`, for which the session keeps its ID token.
    Hint,
    /// By `client_id` and `logout_uri` (Amazon Cognito).
    LogoutUri,
    /// Not at all: signing out ends the session here alone.
    Off,
}

/// An ID token that a session keeps, to be shown to its provider at the sign-out.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hint(String);

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hint")
    }
}

/// The providers of this site. Clones share them, and what they have learned.
#[derive(Clone, Debug, Default)]
pub struct Providers(Arc<[Provider]>);

/// A provider, and what it has said of itself.
pub(super) struct Provider {
    pub(super) registration: Registration,
    http: Http,
    known: Mutex<client::Known>,
}

/// Why a provider was of no use.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ProviderError {
    /// It was not reached when it was asked what it is.
    #[error("{0}")]
    Away(String),
    /// It does not answer, or not what it should. Nothing of its answer is in the text: tokens may be.
    #[error("{0}")]
    Unusable(String),
    /// What it says of somebody is not what it must be.
    #[error("its ID token is refused: {0}")]
    Token(String),
}

impl Providers {
    /// The providers that somebody has registered this site with. They are asked with `http`.
    #[must_use]
    pub fn new(registrations: impl IntoIterator<Item = Registration>, http: &Http) -> Self {
        let provider = |registration| Provider { registration, http: http.clone(), known: Mutex::default() };
        Self(registrations.into_iter().map(provider).collect())
    }

    /// Whether this site has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Short name and shown name of each, in the order of the settings.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|Provider { registration, .. }| (registration.id.as_str(), registration.name.as_str()))
    }

    /// Whether a provider leads back by a form that it posts.
    #[must_use]
    pub fn is_posting(&self, id: &str) -> bool {
        self.of_id(id).is_some_and(|provider| provider.registration.quirks.form_post)
    }

    /// What visitors would run into who sign in by one of the providers: each is asked what it says of itself, all at once.
    pub async fn examine(&self) -> Vec<Finding> {
        let announced = join_all(self.0.iter().map(Provider::announced)).await;
        providers(&announced)
    }

    /// Asks all providers, and logs what visitors would run into.
    pub async fn warn(self) {
        for finding in self.examine().await.iter().filter(|finding| finding.severity != Severity::Note) {
            tracing::warn!(code = %finding.code, cure = finding.cure.line(), "{}", finding.what);
        }
    }

    pub(super) fn of_id(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.registration.id == id)
    }

    /// The short names of those that vouch by these addresses.
    pub(super) fn ids(&self, issuers: &[&str]) -> Vec<String> {
        let vouches = |provider: &&Provider| issuers.contains(&provider.registration.issuer.as_str());
        self.0.iter().filter(vouches).map(|provider| provider.registration.id.clone()).collect()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("id", &self.registration.id).finish_non_exhaustive()
    }
}
