//! What pages tell of other services that people sign in by.

/// A provider, as a page names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its short name.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// The providers of this site, in the order of its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers(pub Vec<Provider>);
