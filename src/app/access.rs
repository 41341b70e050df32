//! Who may see which page. The server asks before it renders, and serves no page that is not listed here.

/// Who may see a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever comes.
    Everybody,
    /// Who is signed in. Others are led to [`LOGIN`], and from there back.
    SignedIn,
    /// Who is not signed in. Others are led on to [`PROFILE`].
    Nobody,
}

/// Where one signs in.
pub const LOGIN: &str = "/login";

/// Where one is when signed in, unless one wanted to go somewhere else.
pub const PROFILE: &str = "/profile";

/// Where one gets an account.
pub const REGISTER: &str = "/register";

/// Where the devices of an account are listed.
pub const DEVICES: &str = "/devices";

/// What an account is guarded by.
pub const SECURITY: &str = "/security";

/// Where a browser is examined, if the server does that.
pub const DOCTOR: &str = "/doctor";

/// Each page, and the decision.
pub const PAGES: [(&str, Access); 7] = [
    ("/", Access::Everybody),
    (DOCTOR, Access::Everybody),
    (DEVICES, Access::SignedIn),
    (LOGIN, Access::Nobody),
    (PROFILE, Access::SignedIn),
    (REGISTER, Access::Nobody),
    (SECURITY, Access::SignedIn),
];

/// Who may see the page at a path, as its route spells it; `None` when nobody has decided.
#[must_use]
pub fn of(path: &str) -> Option<Access> {
    PAGES.into_iter().find(|(page, _)| *page == path).map(|(_, access)| access)
}

impl Access {
    /// The name that a page which is a file bears in its `main`: what its visitor is has to be found out.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Everybody => None,
            Self::SignedIn => Some(Self::SIGNED_IN),
            Self::Nobody => Some(Self::NOBODY),
        }
    }

    /// The name of [`SignedIn`](Self::SignedIn).
    pub const SIGNED_IN: &str = "signed-in";

    /// The name of [`Nobody`](Self::Nobody).
    pub const NOBODY: &str = "nobody";
}
