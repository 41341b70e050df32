//! The origins of this server and its front ends, and the settings that follow from them.

use super::guard::Guard;
use super::origin::Origin;
use crate::cookie::{CookieSettings, SameSite};

/// The origin of this server, and the other origins whose pages may use its sessions.
///
/// The cookie's attributes, the CORS headers and the refusal of requests follow from these.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hardtack_session::policy::Origins;
/// use hardtack_session::{Keys, Session, Sessions, store::memory::MemoryStore};
///
/// let origins = Origins::new("https://api.example.com".parse()?, ["https://app.example.com".parse()?]);
/// let sessions = Sessions::new(MemoryStore::default(), Keys::generate()?).cookie(origins.cookie()?)?;
/// let app: Router = Router::new()
///     .route("/", get(async |session: Session| session.store_kind()))
///     .layer(sessions)
///     .layer(origins.guard()); // outside of the sessions, so that a refused request reads none
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    pub(super) own: Origin,
    pub(super) front_ends: Vec<Origin>,
}

/// The reason why browsers would not let a front end use the session, or would let others use it too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Browsers send cookies across sites only over https. Source: RFC 6265bis, 5.7; CHIPS.
    #[error(
        "the front end `{front_end}` is another site than `{own}`, and browsers send cookies across sites only over \
         https; {}",
        cure(.front_end, .own)
    )]
    AnotherSite {
        /// The origin of the front end.
        front_end: Origin,
        /// The origin of the server.
        own: Origin,
    },
    /// A page on https may not call a server on plain http. Source: the Mixed Content specification.
    #[error(
        "the front end `{front_end}` is on https, and browsers do not let it call a server on plain http; serve \
         `{own}` over https too"
    )]
    MixedContent {
        /// The origin of the front end.
        front_end: Origin,
        /// The origin of the server.
        own: Origin,
    },
    /// An attacker on the network could change the page and so use the sessions of its users. Source: GO-2025-3884.
    #[error(
        "the front end `{front_end}` is plain http on a host that is not this machine, so an attacker on the network \
         could use the sessions; serve it over https"
    )]
    Plain {
        /// The origin of the front end.
        front_end: Origin,
    },
}

fn cure(front_end: &Origin, own: &Origin) -> String {
    if front_end.is_loopback() && own.is_loopback() && front_end.is_https() == own.is_https() {
        format!("write the same host in both, like `{}`", own.with_port_of(front_end))
    } else {
        "serve both over https, or both on one host".to_owned()
    }
}

impl Origins {
    /// Creates the origins from the server's own and its front ends. Without front ends only the server's own pages use
    /// the sessions.
    #[must_use]
    pub fn new(own: Origin, front_ends: impl IntoIterator<Item = Origin>) -> Self {
        let mut others = Vec::new();
        for front_end in front_ends {
            if front_end != own && !others.contains(&front_end) {
                others.push(front_end);
            }
        }
        Self { own, front_ends: others }
    }

    /// Returns the server's own origin.
    #[must_use]
    pub const fn own(&self) -> &Origin {
        &self.own
    }

    /// Returns the origins of the front ends.
    #[must_use]
    pub fn front_ends(&self) -> &[Origin] {
        &self.front_ends
    }

    /// Returns a front end of another site than the server, if there is one.
    #[must_use]
    pub fn across_sites(&self) -> Option<&Origin> {
        self.front_ends.iter().find(|front_end| !front_end.is_same_site_as(&self.own))
    }

    /// Returns the settings of a cookie that all of these pages can use: `Secure` on https; `Lax` while all are one
    /// site, else `None` with `Partitioned`.
    ///
    /// # Errors
    ///
    /// When browsers would not let a front end use the cookie.
    pub fn cookie(&self) -> Result<CookieSettings, Unreachable> {
        self.reachable()?;
        Ok(self.derived())
    }

    /// Checks that browsers let every front end use the session.
    ///
    /// # Errors
    ///
    /// When they would not let one of the front ends.
    pub fn reachable(&self) -> Result<(), Unreachable> {
        self.front_ends.iter().try_for_each(|front_end| self.reaches(front_end))
    }

    /// Returns the settings as [`cookie`](Self::cookie) does, without the check, for a caller with other checks to make
    /// first.
    #[must_use]
    pub fn derived(&self) -> CookieSettings {
        let cookie = CookieSettings::new(self.own.is_https());
        match self.across_sites() {
            Some(_) => CookieSettings { same_site: SameSite::None, partitioned: true, ..cookie },
            None => cookie,
        }
    }

    fn reaches(&self, front_end: &Origin) -> Result<(), Unreachable> {
        let (front_end, own) = (front_end.clone(), self.own.clone());
        match (own.is_https(), front_end.is_https()) {
            (false, true) if !own.is_loopback() => Err(Unreachable::MixedContent { front_end, own }),
            (true, false) if !front_end.is_loopback() => Err(Unreachable::Plain { front_end }),
            (true, _) => Ok(()),
            (false, _) if front_end.is_same_site_as(&own) => Ok(()),
            (false, _) => Err(Unreachable::AnotherSite { front_end, own }),
        }
    }

    /// Returns the layer that lets these origins in and no others. It belongs outside of
    /// [`Sessions`](crate::Sessions).
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(own: &str, front_ends: &[&str]) -> Origins {
        let parse = |text: &&str| text.parse().unwrap_or_else(|error| panic!("{text} {error}"));
        Origins::new(parse(&own), front_ends.iter().map(parse))
    }

    #[test]
    fn the_cookie_follows_from_the_origins() {
        let lax = |secure| CookieSettings::new(secure);
        let across = || CookieSettings { same_site: SameSite::None, partitioned: true, ..CookieSettings::new(true) };
        for (own, front_ends, expected) in [
            ("http://localhost:3000", &[][..], lax(false)),
            ("https://example.com", &[], lax(true)),
            ("http://localhost:3000", &["http://localhost:2015"], lax(false)),
            ("http://127.0.0.1:3000", &["http://127.0.0.1:2015"], lax(false)),
            ("http://[::1]:3000", &["http://[::1]:2015"], lax(false)),
            ("https://localhost:3443", &["https://localhost:2015"], lax(true)),
            ("https://api.example.com", &["https://app.example.com", "https://example.com:8443"], lax(true)),
            ("https://api.example.com", &["https://APP.example.com:443/"], lax(true)),
            ("https://api.example.com", &["https://app.example.org"], across()),
            ("https://api.example.com", &["https://app.example.com", "https://app.example.org"], across()),
            ("https://one.github.io", &["https://two.github.io"], across()),
            ("https://localhost:3443", &["https://127.0.0.1:2015"], across()),
            // A page under development uses a server on another machine.
            ("https://api.example.com", &["http://localhost:5173"], across()),
        ] {
            let cookie = origins(own, front_ends).cookie().unwrap_or_else(|error| panic!("{own} {error}"));
            assert_eq!(cookie, expected, "{own} {front_ends:?}");
            assert!(super::super::Contradiction::of_cookie(&cookie).is_none(), "{own} {front_ends:?}");
        }
    }

    #[test]
    fn what_no_browser_would_let_work_is_refused_with_the_cure() {
        for (own, front_end, reason, cure) in [
            ("http://localhost:3000", "http://127.0.0.1:2015", "another site", "`http://localhost:2015`"),
            ("http://127.0.0.1:3000", "http://localhost:2015", "another site", "`http://127.0.0.1:2015`"),
            ("http://[::1]:3000", "http://localhost", "another site", "`http://[::1]`"),
            ("http://localhost:3000", "http://app.example.com", "another site", "serve both over https"),
            ("http://localhost:3000", "https://localhost:2015", "another site", "serve both over https"),
            ("http://api.example.com", "https://app.example.com", "plain http", "over https too"),
            ("https://api.example.com", "http://app.example.com", "attacker on the network", "over https"),
        ] {
            let error = origins(own, &[front_end]).cookie().expect_err(own).to_string();
            assert!(error.contains(front_end) && error.contains(reason) && error.contains(cure), "{error}");
        }
    }

    #[test]
    fn the_own_origin_and_repetitions_are_no_further_front_ends() {
        let origins =
            origins("https://example.com", &["https://example.com/", "https://a.example.com", "https://A.example.com"]);
        assert_eq!(origins.front_ends().len(), 1, "{origins:?}");
    }
}
