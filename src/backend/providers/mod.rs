//! Providers of sign-ins (OpenID Connect): other services that say who somebody is.

mod client;
mod outward;
mod transaction;

use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
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
    /// Where it leads back to.
    pub callback: String,
    /// Where it leads to when somebody has signed out there.
    pub home: String,
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
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
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
