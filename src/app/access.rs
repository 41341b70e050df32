//! The audience of each page. The server checks it before it renders, and serves only the pages listed here.

/// The audience of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All visitors.
    Everybody,
    /// Signed-in visitors. Others are redirected to [`LOGIN`], and after the sign-in back to the page.
    SignedIn,
    /// Visitors who are not signed in. Others are redirected to [`PROFILE`], or to the page that they wanted.
    Nobody,
}

/// The path of the sign-in page.
pub const LOGIN: &str = "/login";

/// The path of the profile page. It follows a sign-in, unless the visitor wanted another page.
pub const PROFILE: &str = "/profile";

/// The path of the page that creates an account.
pub const REGISTER: &str = "/register";

/// The path of the page that lists an account's devices.
pub const DEVICES: &str = "/devices";

/// The path of the page with an account's password and other sign-in methods.
pub const SECURITY: &str = "/security";

/// The path of the page that examines the browser, if the server offers it.
pub const DOCTOR: &str = "/doctor";

/// All pages, each with its audience.
pub const PAGES: [(&str, Access); 7] = [
    ("/", Access::Everybody),
    (DOCTOR, Access::Everybody),
    (DEVICES, Access::SignedIn),
    (LOGIN, Access::Nobody),
    (PROFILE, Access::SignedIn),
    (REGISTER, Access::Nobody),
    (SECURITY, Access::SignedIn),
];

/// Returns the audience of the page at a path, as its route spells it; `None` if the path is not listed.
#[must_use]
pub fn of(path: &str) -> Option<Access> {
    PAGES.into_iter().find(|(page, _)| *page == path).map(|(_, access)| access)
}

impl Access {
    /// Returns the value of `data-for` on the `main` of an exported page. The browser checks the visitor by it, because
    /// the file itself cannot. `None` if all visitors may see the page.
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
