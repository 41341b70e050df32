//! The user and the session of a page.

use super::account::Profile;

/// The user of a page, as far as its server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Viewer {
    /// Not known, because the page belongs to no session or is a file.
    #[default]
    Unknown,
    /// No account is signed in.
    Nobody,
    /// This account is signed in.
    SignedIn(Profile),
}

/// The session that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The public handle.
    pub handle: String,
    /// The seconds until it ends, counted from the rendering of the page, if no request uses it.
    pub left: u64,
}

/// A mark for a page that is rendered for a prefetch or a prerender. Its islands ask for the rest when the page is
/// shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen;

impl Viewer {
    /// Returns the account, if one is signed in.
    #[must_use]
    pub fn profile(self) -> Option<Profile> {
        match self {
            Self::SignedIn(profile) => Some(profile),
            Self::Unknown | Self::Nobody => None,
        }
    }
}
