//! The results of the probe that a page's script makes in the visitor's browser.
//!
//! A script sees the same `TypeError: Failed to fetch` for every cause in the network and in CORS. So it calls one URL
//! in several ways, each of which needs one more condition. The first call that fails shows which condition is not met:
//!
//! ```text
//! opaque        mode: 'no-cors', credentials: 'omit'     the network, TLS, and blocks before anything is sent
//! plain         mode: 'cors', credentials: 'omit'        the origin is allowed
//! credentialed  credentials: 'include'                   the origin is named, and credentials are allowed
//! json          the same, POST of JSON                   the preflight succeeds
//! failing       a URL that answers 500                   errors have the CORS headers too
//! ```

use super::address::Address;
use super::sites::Sites;
use serde::{Deserialize, Serialize};

/// The results of the calls of one page. They are sent from the browser to the server, and hold no secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tries {
    /// The page. Its origin is enough, because a path may hold a secret.
    pub page: Address,
    /// The server that it calls.
    pub server: Address,
    /// The registrable domains of both. The server looks them up, because a page cannot learn them from the browser.
    #[serde(skip)]
    pub sites: Sites,
    /// A call with `no-cors`, which every page may make.
    pub opaque: Try<()>,
    /// A CORS call without cookies.
    pub plain: Try<()>,
    /// A CORS call with cookies, after the test cookies were set.
    pub credentialed: Try<Echo>,
    /// Whether the session was known in each repeated call, because several servers may differ. `None`: the call
    /// failed, although others of its kind succeed.
    pub repeats: Vec<Option<Known>>,
    /// A POST of JSON.
    pub json: Try<()>,
    /// A call that the server answers with an error.
    pub failing: Try<()>,
    /// A call to the same echo by the application's own client, and whether it carried the test cookie.
    pub application: Try<bool>,
    /// The settings that the browser reports.
    pub browser: Setting,
    /// Whether the page, as the server rendered it, knew a session.
    pub rendered: Option<bool>,
    /// The nonce that the echo of `credentialed` should have repeated.
    pub nonce: String,
    /// Whether two calls to one URL had the same response.
    #[serde(default)]
    pub cached: bool,
    /// Whether the page is the server's own, even if it was opened at another address.
    #[serde(default)]
    pub own: bool,
    /// Whether the server that judges has sent the response of `credentialed` itself. All other fields come from a URL,
    /// which can be forged.
    #[serde(skip)]
    pub proven: bool,
    /// The other origins that the server lists, if the judge knows them. A page cannot learn them from the browser.
    #[serde(skip)]
    pub listed: Option<Vec<String>>,
    /// The browser's clock, in seconds since 1970.
    pub now: i64,
}

/// The result of one call.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Try<T> {
    /// The call was not made.
    #[default]
    Skipped,
    /// The call failed with `TypeError: Failed to fetch`, which is all that a script learns, or it timed out.
    Failed,
    /// The response could be read.
    Answered(T),
}

/// The settings that a browser reports.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Setting {
    /// `navigator.userAgent`.
    pub agent: String,
    /// `navigator.cookieEnabled`.
    pub cookies: bool,
    /// Whether an event `securitypolicyviolation` was fired during the calls.
    pub policy_violated: bool,
    /// Whether `navigator.permissions` denies `local-network-access`.
    pub local_network_denied: bool,
}

/// The server's description of a request that reached it. It is sent back with the names of cookies, never the values.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Echo {
    /// The nonce of the request.
    pub nonce: String,
    /// A random text that only this response has.
    #[serde(default)]
    pub answer: String,
    /// The names of the received cookies, with repetitions.
    pub cookies: Vec<String>,
    /// Whether the test cookie with the attributes of the session cookie was received.
    pub test_cookie: bool,
    /// Whether the test cookie with `SameSite=None; Secure; Partitioned` was received.
    pub partitioned_cookie: bool,
    /// The session cookie as `Set-Cookie` has it, without its value: `hardtack_sess=; HttpOnly; …`.
    pub session_cookie: String,
    /// Whether the server knows the session of the received cookie.
    pub session: Known,
    /// The scheme by which the server believes that it is reached.
    pub scheme: Scheme,
    /// The header `Origin`, if it was received.
    pub origin: Option<String>,
    /// The header `Sec-Fetch-Site`, if it was received: the relation of page and server in the browser's view.
    pub fetch_site: Option<String>,
    /// The header `Sec-Fetch-Storage-Access`, if it was received.
    pub storage_access: Option<String>,
    /// The server's clock, in seconds since 1970.
    pub now: i64,
    /// The server's signature of all other fields, by which it recognises its own response.
    #[serde(default)]
    pub proof: String,
}

/// The session that a server finds for a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// No session cookie was received.
    NoCookie,
    /// The cookie was made by another application.
    Foreign,
    /// The cookie has this server's format, but none of its keys has signed it.
    OtherKey,
    /// The cookie is this server's, but its session does not exist.
    Forgotten,
    /// The session exists.
    Live,
}

/// The scheme, http or https.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Plain http.
    Http,
    /// http over TLS.
    Https,
}

impl<T> Try<T> {
    /// Returns the response, if it could be read.
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
    /// Returns whether the server allows the page, as its list or its own response shows. Only then may a cure name the
    /// page.
    pub(super) fn is_of_a_page_that_is_let_in(&self) -> bool {
        let page = self.page.origin();
        let answered = self.credentialed.answer().filter(|_| self.proven).and_then(|echo| echo.origin.as_deref());
        let is_listed = self.listed.as_ref().is_some_and(|listed| listed.contains(&page));
        is_listed || self.page.is_origin_of(&self.server) || answered == Some(page.as_str())
    }

    /// Creates results without any call.
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
