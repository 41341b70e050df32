//! OpenID providers: other services with which users sign in.

pub mod claims;
mod client;
mod metadata;
mod outward;
mod token;
mod transaction;

use futures::future::join_all;
use hardtack_doctor::{Finding, Severity, providers};
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

/// The HTTP client for requests to providers. It follows no redirect.
pub type Http = Client<HttpsConnector<Outward>, Full<Cursor<Vec<u8>>>>;

/// The registration of this site at a provider.
pub struct Registration {
    /// A short name, which is part of URLs: `google`.
    pub id: String,
    /// The display name: `Google`.
    pub name: String,
    /// The issuer, below which the provider publishes its metadata.
    pub issuer: String,
    /// The client id of this site.
    pub client_id: String,
    /// The client secret of this site.
    pub client_secret: Zeroizing<String>,
    /// The scopes that are requested beside `openid`.
    pub scopes: Vec<String>,
    /// The provider's differences from others.
    pub quirks: Quirks,
    /// The redirect URI of this site.
    pub callback: String,
    /// The URL to which the provider redirects after a sign-out.
    pub home: String,
}

/// A provider's differences from others, within the standard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Quirks {
    /// The audiences beside this site that its ID tokens may name. Default: none.
    pub audiences: Vec<String>,
    /// Whether each of its e-mail addresses counts as verified, also when the provider says otherwise. Default: false.
    pub trust_email: bool,
    /// Whether it says when a user signed in there (`auth_time`). Default: true. If not, it is trusted to have asked
    /// the user again when the request said so.
    pub auth_time: bool,
    /// Whether it returns the nonce. Default: true. If not, PKCE alone binds a code to its browser.
    pub nonce: bool,
    /// Whether it supports PKCE. Default: true. If not, the nonce alone binds a code to its browser.
    pub pkce: bool,
    /// Whether it redirects back by a form that its page posts (`response_mode=form_post`). Default: false.
    pub form_post: bool,
    /// The parameters of its sign-out page. Default: [`SignOut::Standard`].
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

/// The way to sign out at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignOut {
    /// With `client_id` and `post_logout_redirect_uri`. Source: OpenID Connect RP-Initiated Logout 1.0, 2.
    #[default]
    Standard,
    /// The same with `id_token_hint`, for which the session keeps its ID token.
    Hint,
    /// With `client_id` and `logout_uri` (Amazon Cognito).
    LogoutUri,
    /// None: signing out only ends the session here.
    Off,
}

/// An ID token that a session keeps for its provider's sign-out page.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hint(String);

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hint")
    }
}

/// The providers of this site. Clones share them and their cached metadata.
#[derive(Clone, Debug, Default)]
pub struct Providers(Arc<[Provider]>);

/// A provider and its cached metadata.
pub(super) struct Provider {
    pub(super) registration: Registration,
    http: Http,
    known: Mutex<client::Known>,
}

/// The reason why a provider could not be used.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ProviderError {
    /// The provider was not reached when its metadata was requested.
    #[error("{0}")]
    Away(String),
    /// The provider does not respond, or its response is unusable. The text repeats nothing of the response, because it
    /// may hold tokens.
    #[error("{0}")]
    Unusable(String),
    /// The ID token is not valid.
    #[error("its ID token is refused: {0}")]
    Token(String),
}

impl Providers {
    /// Returns the providers of these registrations. Requests to them are sent with `http`.
    #[must_use]
    pub fn new(registrations: impl IntoIterator<Item = Registration>, http: &Http) -> Self {
        let provider = |registration| Provider { registration, http: http.clone(), known: Mutex::default() };
        Self(registrations.into_iter().map(provider).collect())
    }

    /// Returns whether this site has no providers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the short name and the display name of each, in the order of the settings.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|Provider { registration, .. }| (registration.id.as_str(), registration.name.as_str()))
    }

    /// Returns whether a provider redirects back by a form that its page posts.
    #[must_use]
    pub fn is_posting(&self, id: &str) -> bool {
        self.of_id(id).is_some_and(|provider| provider.registration.quirks.form_post)
    }

    /// Requests the metadata of all providers at once, and returns findings about problems that sign-ins would have.
    pub async fn examine(&self) -> Vec<Finding> {
        let announced = join_all(self.0.iter().map(Provider::announced)).await;
        providers(&announced)
    }

    /// Examines all providers, and logs the errors and warnings.
    pub async fn warn(self) {
        for finding in self.examine().await.iter().filter(|finding| finding.severity != Severity::Note) {
            tracing::warn!(code = %finding.code, cure = finding.cure.line(), "{}", finding.what);
        }
    }

    pub(super) fn of_id(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.registration.id == id)
    }

    /// Returns the short names of the providers with these issuers.
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
