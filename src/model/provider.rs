//! The OpenID providers, as pages show them.

/// A provider, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its short name.
    pub id: String,
    /// The display name.
    pub name: String,
}

/// The providers of this site, in the order of its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers(pub Vec<Provider>);
