//! Sites: the comparison of hosts by their registrable domain, as browsers do it.

use super::address::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A source of registrable domains, by the public suffix list.
///
/// The server has the list (`psl`). The browser's build does not, because the list is larger than all of its other
/// code. So the server looks up the hosts that are needed, and passes them on as [`Sites`].
pub trait SiteOf {
    /// Returns the registrable domain of a host: `example.co.uk` for `a.b.example.co.uk`. `None` for a public suffix.
    /// It is never called with an IP address.
    fn registrable(&self, host: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> SiteOf for F {
    fn registrable(&self, host: &str) -> Option<String> {
        self(host)
    }
}

/// The registrable domains of some hosts, looked up in advance.
///
/// For a host that was not looked up, the last two labels count, which is right for most hosts.
///
/// # Examples
///
/// ```
/// use hardtack_doctor::{Sites, SiteOf};
///
/// // The server: `|host| psl::domain_str(host).map(str::to_owned)`.
/// let sites = Sites::look_up(["one.github.io"], |host| Some(host.to_owned()));
/// assert_eq!(sites.registrable("one.github.io").as_deref(), Some("one.github.io"));
/// assert_eq!(sites.registrable("api.example.com").as_deref(), Some("example.com"));
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sites(BTreeMap<String, Option<String>>);

impl Sites {
    /// Looks up each of these hosts once.
    pub fn look_up<H: AsRef<str>>(
        hosts: impl IntoIterator<Item = H>,
        registrable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let bare = |host: H| host.as_ref().trim_matches('.').to_ascii_lowercase();
        Self(hosts.into_iter().map(bare).map(|host| (host.clone(), registrable(&host))).collect())
    }
}

impl SiteOf for Sites {
    fn registrable(&self, host: &str) -> Option<String> {
        if let Some(known) = self.0.get(host) {
            return known.clone();
        }
        let (rest, last) = host.rsplit_once('.')?;
        let before = rest.rsplit('.').next().unwrap_or(rest);
        Some(format!("{before}.{last}"))
    }
}

/// Returns the site of an address without its scheme: the registrable domain, or the host itself if there is none.
pub(super) fn site(address: &Address, sites: &dyn SiteOf) -> String {
    let host = address.host();
    if address.ip().is_some() {
        return host.to_owned();
    }
    // A trailing dot makes it a different host, and a different site.
    let (bare, dot) = host.strip_suffix('.').map_or((host, ""), |bare| (bare, "."));
    sites.registrable(bare).map_or_else(|| host.to_owned(), |domain| format!("{domain}{dot}"))
}

/// Returns whether two addresses are the same site. With `schemeful`, http and https are different sites. Ports do not
/// matter.
///
/// Source: the HTML standard, "same site" and "schemelessly same site".
pub(super) fn is_same_site(one: &Address, other: &Address, schemeful: bool, sites: &dyn SiteOf) -> bool {
    (!schemeful || one.is_https() == other.is_https()) && site(one, sites) == site(other, sites)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the registrable domains of the hosts below, as the list has them.
    fn registrable(host: &str) -> Option<String> {
        let public = ["co.uk", "github.io", "localhost", "nas"];
        match public.iter().find_map(|suffix| Some((suffix, host.strip_suffix(suffix)?.strip_suffix('.')?))) {
            Some((suffix, below)) => Some(format!("{}.{suffix}", below.rsplit('.').next()?)),
            None if public.contains(&host) => None,
            None => Sites::default().registrable(host),
        }
    }

    #[test]
    fn sites_are_those_of_browsers() {
        for (one, other, same) in [
            ("https://example.com", "https://example.com:8443", true),
            ("https://app.example.com", "https://api.example.com", true),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.org", false),
            ("https://one.co.uk", "https://two.co.uk", false),
            ("https://one.github.io", "https://two.github.io", false),
            ("https://github.io", "https://one.github.io", false),
            ("http://localhost:3000", "http://localhost:2015", true),
            ("http://localhost:3000", "http://127.0.0.1:3000", false),
            ("http://127.0.0.1", "http://127.0.0.2", false),
            ("http://nas:1", "http://nas:2", true),
            ("https://a.example.com.", "https://b.example.com.", true),
            ("https://a.example.com.", "https://a.example.com", false),
        ] {
            let address = |text: &str| text.parse::<Address>().expect(text);
            let (one, other) = (address(one), address(other));
            let sites = Sites::look_up([one.host(), other.host()], registrable);
            assert_eq!(is_same_site(&one, &other, true, &registrable), same, "{one} and {other}");
            assert_eq!(is_same_site(&other, &one, true, &sites), same, "{other} and {one}");
        }
        let (http, https) =
            ("http://example.com".parse().expect("http"), "https://example.com".parse().expect("https"));
        assert!(is_same_site(&http, &https, false, &registrable));
    }
}
