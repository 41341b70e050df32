//! The browsers, and where they differ about cookies.
//!
//! Source: MDN's browser compatibility data of August 2026; measurements in Chromium 156 and Firefox ESR 153, and in
//! WebKitGTK 2.50, which is Safari's engine with other networking.

use super::address::Address;
use super::set_cookie::SameSite;
use std::fmt;

/// A browser of today, and whether it withholds the cookies of third parties.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Browser {
    /// Whose.
    pub maker: Maker,
    /// Whether third parties have no cookies but partitioned ones.
    pub blocks_third_parties: bool,
}

/// Who makes a browser.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Maker {
    /// Chrome, and what is built like it.
    Chrome,
    /// Firefox.
    Firefox,
    /// Safari, and every browser on iOS.
    Safari,
}

impl Browser {
    /// As they are delivered.
    ///
    /// Source: Google's announcement of 22 April 2025; Safari blocks since 2020; Firefox gives a third party a jar per
    /// site (Total Cookie Protection).
    pub const USUAL: [Self; 3] =
        [Self::new(Maker::Chrome, false), Self::new(Maker::Firefox, false), Self::new(Maker::Safari, true)];

    /// Each of them, with third parties blocked and not: private windows and settings of visitors do either.
    pub const ALL: [Self; 6] = [
        Self::new(Maker::Chrome, false),
        Self::new(Maker::Chrome, true),
        Self::new(Maker::Firefox, false),
        Self::new(Maker::Firefox, true),
        Self::new(Maker::Safari, false),
        Self::new(Maker::Safari, true),
    ];

    /// A browser that blocks third parties or does not.
    #[must_use]
    pub const fn new(maker: Maker, blocks_third_parties: bool) -> Self {
        Self { maker, blocks_third_parties }
    }

    /// What a cookie is that says nothing of `SameSite`.
    pub(super) const fn default_same_site(self) -> SameSite {
        match self.maker {
            Maker::Chrome => SameSite::Lax,
            Maker::Firefox | Maker::Safari => SameSite::None,
        }
    }

    /// Whether `SameSite=None` is accepted with `Secure` alone.
    pub(super) fn none_needs_secure(self) -> bool {
        self.maker != Maker::Safari
    }

    /// Whether http and https of one host are two sites.
    pub(super) fn is_schemeful(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Whether the rules of `__Http-` and `__Host-Http-` are known.
    pub(super) fn knows_http_prefix(self) -> bool {
        self.maker != Maker::Safari
    }

    /// Whether an unpartitioned cookie of a third party is put into a jar of the top-level site.
    pub(super) fn partitions_third_parties(self) -> bool {
        self.maker == Maker::Firefox
    }

    /// Whether the setting that blocks third parties blocks `Partitioned` cookies too.
    ///
    /// Source: Firefox 153 with `network.cookie.cookieBehavior` 1 ("All cross-site cookies") keeps none.
    pub(super) fn blocks_partitioned(self) -> bool {
        self.blocks_third_parties && self.maker == Maker::Firefox
    }

    /// Whether a partition holds a limited number of bytes and cookies. Source: CHIPS; Chromium 156.
    pub(super) fn limits_partitions(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Whether a visitor must allow a page of the internet to call into the local network.
    ///
    /// Source: Chrome, from 142 on. Firefox introduces the same step by step (`network.lna.enabled`).
    pub(super) fn asks_for_local_network(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Whether a tab within a line is a sign that no cookie can carry. The standard lets it pass.
    pub(super) fn refuses_tabs(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Whether `Domain=.` says nothing, as in the standard, or names no domain. Source: Chromium 156, Firefox 153.
    pub(super) fn takes_dot_for_none(self) -> bool {
        self.maker == Maker::Safari
    }

    /// Whether a `__Host-` cookie may have its host's own name for a `Domain`, where nothing is below that host. In the
    /// standard it may not.
    ///
    /// Source: Chromium 156, which lets it be an address; Firefox 153, which lets it be `localhost` too.
    pub(super) fn takes_own_host_for_none(self, is_address: bool) -> bool {
        match self.maker {
            Maker::Chrome => is_address,
            Maker::Firefox => true,
            Maker::Safari => false,
        }
    }

    /// Whether a `__Host-` cookie may leave `Path` out at an address in the root. In the standard it may not.
    ///
    /// Source: Firefox 153.
    pub(super) fn takes_root_for_path(self) -> bool {
        self.maker == Maker::Firefox
    }

    /// Whether a cookie that gets another value begins anew. In the standard it stays as old as the one before.
    pub(super) fn renews_with_value(self) -> bool {
        self.maker == Maker::Chrome
    }

    /// Whether a `Secure` cookie may come from and go to an address.
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
