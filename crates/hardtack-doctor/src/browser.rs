//! The browsers, and their differences in the treatment of cookies.
//!
//! Source: MDN's browser compatibility data of August 2026; measurements in Chromium 156 and Firefox ESR 153, and in
//! WebKitGTK 2.50, which is Safari's engine with another network library.

use super::address::Address;
use super::set_cookie::SameSite;
use std::fmt;

/// A current browser with a setting for third-party cookies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Browser {
    /// The kind of browser.
    pub maker: Maker,
    /// Whether third-party cookies are blocked unless they are partitioned.
    pub blocks_third_parties: bool,
}

/// The kind of a browser, by its engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Maker {
    /// Chrome, and other browsers that are built on Chromium.
    Chrome,
    /// Firefox.
    Firefox,
    /// Safari, and every browser on iOS.
    Safari,
}

impl Browser {
    /// The browsers with their default settings.
    ///
    /// Source: Google's announcement of 22 April 2025. Safari has blocked third-party cookies since 2020. Firefox keeps
    /// a separate jar of them for each site (Total Cookie Protection).
    pub const USUAL: [Self; 3] =
        [Self::new(Maker::Chrome, false), Self::new(Maker::Firefox, false), Self::new(Maker::Safari, true)];

    /// Each browser with third-party cookies allowed and blocked, because private windows and settings can do both.
    pub const ALL: [Self; 6] = [
        Self::new(Maker::Chrome, false),
        Self::new(Maker::Chrome, true),
        Self::new(Maker::Firefox, false),
        Self::new(Maker::Firefox, true),
        Self::new(Maker::Safari, false),
        Self::new(Maker::Safari, true),
    ];

    /// Creates a browser that blocks third-party cookies or allows them.
    #[must_use]
    pub const fn new(maker: Maker, blocks_third_parties: bool) -> Self {
        Self { maker, blocks_third_parties }
    }

    /// Returns the `SameSite` of a cookie without this attribute.
    pub(super) const fn default_same_site(self) -> SameSite {
        match self.maker {
            Maker::Chrome => SameSite::Lax,
            Maker::Firefox | Maker::Safari => SameSite::None,
        }
    }

    /// Returns whether `SameSite=None` is accepted only with `Secure`.
    pub(super) fn none_needs_secure(self) -> bool {
        self.maker != Maker::Safari
    }

    /// Returns whether http and https of one host are two sites.
    pub(super) fn is_schemeful(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Returns whether the browser knows the prefixes `__Http-` and `__Host-Http-`.
    pub(super) fn knows_http_prefix(self) -> bool {
        self.maker != Maker::Safari
    }

    /// Returns whether a third-party cookie without `Partitioned` is stored in a jar of the top-level site.
    pub(super) fn partitions_third_parties(self) -> bool {
        self.maker == Maker::Firefox
    }

    /// Returns whether the setting that blocks third-party cookies blocks `Partitioned` cookies too.
    ///
    /// Source: Firefox 153 with `network.cookie.cookieBehavior` 1 ("All cross-site cookies") stores none.
    pub(super) fn blocks_partitioned(self) -> bool {
        self.blocks_third_parties && self.maker == Maker::Firefox
    }

    /// Returns whether a partition has a limit of bytes and cookies. Source: CHIPS; Chromium 156.
    pub(super) fn limits_partitions(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Returns whether a visitor must allow a page on the internet to call into the local network.
    ///
    /// Source: Chrome, from 142 on. Firefox introduces the same gradually (`network.lna.enabled`).
    pub(super) fn asks_for_local_network(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Returns whether a cookie with a tab in its name, value or path is dropped. The standard allows tabs.
    pub(super) fn refuses_tabs(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Returns whether `Domain=.` counts as an absent attribute, as in the standard. If not, the cookie is dropped.
    ///
    /// Source: Chromium 156, Firefox 153.
    pub(super) fn takes_dot_for_none(self) -> bool {
        self.maker == Maker::Safari
    }

    /// Returns whether a `__Host-` cookie may have a `Domain` that names its own host, if that host can have no
    /// subdomains. In the standard it may not.
    ///
    /// Source: Chromium 156, which allows this for an IP address; Firefox 153, which also allows it for `localhost`.
    pub(super) fn takes_own_host_for_none(self, is_address: bool) -> bool {
        match self.maker {
            Maker::Chrome => is_address,
            Maker::Firefox => true,
            Maker::Safari => false,
        }
    }

    /// Returns whether a `__Host-` cookie that is set in the root folder may omit `Path`. In the standard it may not.
    ///
    /// Source: Firefox 153.
    pub(super) fn takes_root_for_path(self) -> bool {
        self.maker == Maker::Firefox
    }

    /// Returns whether a cookie that gets a new value also gets a new creation time. In the standard it keeps the old
    /// one.
    pub(super) fn renews_with_value(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Returns whether a `Secure` cookie may be set by an address and sent to it.
    pub(super) fn trusts(self, address: &Address) -> bool {
        address.is_https() || (address.is_trusted() && self.maker != Maker::Safari)
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chrome => "Chrome",
            Self::Firefox => "Firefox",
            Self::Safari => "Safari",
        })
    }
}

impl fmt::Display for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocking = if self.blocks_third_parties { "blocked" } else { "allowed" };
        write!(f, "{}, third-party cookies {blocking}", self.maker)
    }
}
