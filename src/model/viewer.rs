//! Who looks at a page.

use super::account::Profile;

/// Who looks at a page, as far as its server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody has asked: the page is of no session, or is a file.
    #[default]
    Unknown,
    /// Nobody who is signed in.
    Nobody,
    /// Whoever this account belongs to.
    SignedIn(Profile),
}

/// The session that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its public handle.
    pub handle: String,
    /// The seconds that it lives from the moment at which the page was rendered, if no request uses it any more.
    pub left: u64,
}

/// Marks a page that is rendered for a prefetch or a prerender. Its islands ask for the rest when the page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen;

impl Viewer {
    /// The account, if the visitor is signed in.
    #[must_use]
    pub fn profile(self) -> Option<Profile> {
        match self {
            Self::SignedIn(profile) => Some(profile),
            Self::Unknown | Self::Nobody => None,
        }
    }
}
