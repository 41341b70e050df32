//! What a page's own probe has seen, from the visitor's browser.
//!
//! A script sees the same `TypeError: Failed to fetch` for every cause in the network and in CORS. So it asks one
//! address in several ways, each of which needs one thing more, and the first that fails says what that was:
//!
//! ```text
//! opaque        mode: 'no-cors', credentials: 'omit'     the network, TLS, what browsers block before sending
//! plain         mode: 'cors', credentials: 'omit'        the origin is allowed
//! credentialed  credentials: 'include'                   with cookies, by its name
//! json          the same, POST of JSON                   the preflight
//! failing       an address that answers 500              errors carry the headers too
//! ```

use super::address::Address;
use super::sites::Sites;
use serde::{Deserialize, Serialize};

/// What the tries gave. It travels: no secret is in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tries {
    /// The page, of which its origin is enough: a path may hold a secret.
    pub page: Address,
    /// The server that it calls.
    pub server: Address,
    /// The registrable domains of both. No browser tells a page: who judges looks them up.
    #[serde(skip)]
    pub sites: Sites,
    /// What every page can do without leave.
    pub opaque: Try<()>,
    /// Across origins, without cookies.
    pub plain: Try<()>,
    /// With cookies; after the test cookies were set.
    pub credentialed: Try<Echo>,
    /// Whether the session was known when the same was asked more often: servers that differ show themselves. None: a call
    /// of those that are else answered was not.
    pub repeats: Vec<Option<Known>>,
    /// With JSON.
    pub json: Try<()>,
    /// An answer that is an error.
    pub failing: Try<()>,
    /// The same echo, asked for by the application's own client: whether the test cookie went along.
    pub application: Try<bool>,
    /// What the browser says of itself.
    pub browser: Setting,
    /// Whether the page, as the server rendered it, knew a session.
    pub rendered: Option<bool>,
    /// What the echo of the credentialed try should have repeated.
    pub nonce: String,
    /// Whether one address, asked twice, gave one and the same answer.
    #[serde(default)]
    pub cached: bool,
    /// Whether the page is the server's own, by whatever address it was opened.
    #[serde(default)]
    pub own: bool,
    /// Whether the server that judges has given the answer of `credentialed` itself. The rest is what an address says, which
    /// anybody can write.
    #[serde(skip)]
    pub proven: bool,
    /// The other origins that the server lists. No browser tells them: who judges knows them, or does not.
    #[serde(skip)]
    pub listed: Option<Vec<String>>,
    /// The browser's clock, in seconds since 1970.
    pub now: i64,
}

/// How a try went.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Try<T> {
    /// It was not made.
    #[default]
    Skipped,
    /// `TypeError: Failed to fetch`, which is all that a script learns; or no answer in time.
    Failed,
    /// An answer could be read.
    Answered(T),
}

/// What the browser says of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Setting {
    /// `navigator.userAgent`.
    pub agent: String,
    /// `navigator.cookieEnabled`.
    pub cookies: bool,
    /// Whether an event `securitypolicyviolation` came with the tries.
    pub policy_violated: bool,
    /// Whether `navigator.permissions` denies `local-network-access`.
    pub local_network_denied: bool,
}

/// What the server says of the request that reached it. It travels: names of cookies, never values.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Echo {
    /// What the request asked to be repeated.
    pub nonce: String,
    /// Of this answer alone.
    #[serde(default)]
    pub answer: String,
    /// The names of the cookies that came, twice if they came twice.
    pub cookies: Vec<String>,
    /// Whether the test cookie came that was set with the attributes of the session's.
    pub test_cookie: bool,
    /// Whether another came, with `SameSite=None; Secure; Partitioned`.
    pub partitioned_cookie: bool,
    /// The session's cookie as `Set-Cookie` has it, without its value: `hardtack_sess=; HttpOnly; …`.
    pub session_cookie: String,
    /// Whether the session's cookie led to a session.
    pub session: Known,
    /// The scheme by which the server takes itself to be reached.
    pub scheme: Scheme,
    /// `Origin`, if it came.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`, if it came: what the browser itself takes page and server for.
    pub fetch_site: Option<String>,
    /// `Sec-Fetch-Storage-Access`, if it came.
    pub storage_access: Option<String>,
    /// The server's clock, in seconds since 1970.
    pub now: i64,
    /// The server's own seal of all that, by which it knows what it has said.
    #[serde(default)]
    pub proof: String,
}

/// What a server knows of a session.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// No cookie came.
    NoCookie,
    /// A cookie that is none of this server's: another application's.
    Foreign,
    /// A cookie as this server makes them, of other keys than it has.
    OtherKey,
    /// A cookie of its own, and no such session.
    Forgotten,
    /// A session.
    Live,
}

/// http or https.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Plain.
    Http,
    /// With TLS.
    Https,
}

impl<T> Try<T> {
    /// What was answered.
    pub(super) const fn answer(&self) -> Option<&T> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Skipped | Self::Failed => None,
        }
    }

    pub(super) const fn failed(&self) -> bool {
        matches!(self, Self::Failed)
    }
}

impl Tries {
    /// Whether the server lets the page in, by its own list or by an answer of its own: then a cure may name the page.
    pub(super) fn is_of_a_page_that_is_let_in(&self) -> bool {
        let page = self.page.origin();
        let answered = self.credentialed.answer().filter(|_| self.proven).and_then(|echo| echo.origin.as_deref());
        let is_listed = self.listed.as_ref().is_some_and(|listed| listed.contains(&page));
        is_listed || self.page.is_origin_of(&self.server) || answered == Some(page.as_str())
    }

    /// Nothing tried yet.
    #[must_use]
    pub const fn new(page: Address, server: Address, sites: Sites) -> Self {
        Self {
            page,
            server,
            sites,
            opaque: Try::Skipped,
            plain: Try::Skipped,
            credentialed: Try::Skipped,
            repeats: Vec::new(),
            json: Try::Skipped,
            failing: Try::Skipped,
            application: Try::Skipped,
            browser: Setting {
                agent: String::new(),
                cookies: true,
                policy_violated: false,
                local_network_denied: false,
            },
            rendered: None,
            nonce: String::new(),
            cached: false,
            own: false,
            proven: false,
            listed: None,
            now: 0,
        }
    }
}
