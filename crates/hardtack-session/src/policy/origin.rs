//! Origins, and their comparison by site, as browsers compare them.

use axum::http::HeaderValue;
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// An origin: scheme, host and port, as browsers compare them.
///
/// It is parsed from any spelling of an origin (upper case, default ports, a `/` at the end, names in any script), and
/// kept as the `Origin` header spells it. Source: RFC 6454, 6.2; the HTML standard, 7.1.1.
///
/// # Examples
///
/// ```
/// use hardtack_session::policy::Origin;
///
/// let origin: Origin = "HTTPS://App.Example.com:443/".parse()?;
/// assert_eq!(origin.to_string(), "https://app.example.com");
/// assert!(origin.is_same_site_as(&"https://api.example.com:8443".parse()?));
/// assert!(!origin.is_same_site_as(&"http://app.example.com".parse()?));
/// # Ok::<(), hardtack_session::policy::OriginError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The origin as the `Origin` header spells it.
    text: String,
    secure: bool,
    host: Host<String>,
    /// `None` for the default port of the scheme.
    port: Option<u16>,
}

/// The reason why a text is not an origin. The text is not repeated, because it may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// `*`, alone or in a host.
    #[error(
        "contains a `*`, but each page that may use sessions must be named, because CORS allows no cookies with `*`"
    )]
    Wildcard,
    /// `null`, the origin of every sandboxed page and every local file.
    #[error("is `null`, the origin of any sandboxed page and any local file; serve the page over http or https")]
    Null,
    /// It cannot be parsed.
    #[error("cannot be read ({0})")]
    Syntax(#[from] url::ParseError),
    /// It has no scheme.
    #[error("lacks `http://` or `https://` before the host")]
    Bare,
    /// It is the origin of a page inside an app or a browser extension.
    #[error(
        "is a page inside an app or an extension, whose cookies browsers keep apart or drop; let the app's native side make \
         the calls (Capacitor: CapacitorHttp, Tauri: its http plugin, an extension: its service worker with the server in \
         `host_permissions`), or load its pages from an https origin and list that"
    )]
    App,
    /// It has a scheme other than http and https.
    #[error("has a scheme other than http and https")]
    Scheme,
    /// It has a host or a port that no page can have.
    #[error("has {0}, which no page can have")]
    Nowhere(&'static str),
    /// It has a user name, a password, a path, a query or a fragment.
    #[error("has {0}, but an origin is only scheme, host and port")]
    Extra(&'static str),
}

impl Origin {
    /// Returns whether the scheme is https.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.secure
    }

    /// Returns whether the host is this machine, which browsers trust also over plain http.
    ///
    /// Source: the Secure Contexts specification, 3.1.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// Returns whether browsers take both for one site: the same scheme, and the same host or the same registrable
    /// domain by the public suffix list. Ports do not count.
    ///
    /// Source: the HTML standard, "same site".
    #[must_use]
    pub fn is_same_site_as(&self, other: &Self) -> bool {
        let domains = self.registrable_domain().zip(other.registrable_domain());
        self.secure == other.secure && (self.host == other.host || domains.is_some_and(|(one, two)| one == two))
    }

    /// Returns the registrable domain of the host, and whether a dot ends the host; `None` for an address or a public
    /// suffix itself.
    fn registrable_domain(&self) -> Option<(&str, bool)> {
        match &self.host {
            Host::Domain(name) => {
                let bare = name.strip_suffix('.');
                Some((psl::domain_str(bare.unwrap_or(name))?, bare.is_some()))
            }
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// Returns the domains for which a cookie can be set that browsers send to this host: the host itself, and its
    /// parent domains up to the registrable one. Empty for an address and for a host of one label.
    ///
    /// Source: RFC 6265bis, 5.7, step 9.
    pub fn cookie_domains(&self) -> impl Iterator<Item = &str> {
        let registrable = self.registrable_domain().filter(|(_, dot)| !dot).map(|(domain, _)| domain);
        let host = registrable.and(if let Host::Domain(name) = &self.host { Some(name.as_str()) } else { None });
        std::iter::successors(host, move |name| {
            let above = registrable.is_some_and(|domain| name.len() > domain.len());
            above.then(|| name.split_once('.').map(|(_, rest)| rest)).flatten()
        })
    }

    /// Returns the host, as a URL spells it.
    #[must_use]
    pub const fn host(&self) -> &Host<String> {
        &self.host
    }

    /// Returns whether a header names exactly this origin, byte for byte: no case folding, no pattern.
    pub(super) fn is(&self, header: &HeaderValue) -> bool {
        header == self.text.as_str()
    }

    /// Returns the port; without one, the default port of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Returns this origin with the port of another one.
    pub(super) fn with_port_of(&self, other: &Self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let port = other.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{}{port}", self.host)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('*') {
            return Err(OriginError::Wildcard);
        }
        if text.eq_ignore_ascii_case("null") {
            return Err(OriginError::Null);
        }
        if !text.is_empty() && !text.contains("://") {
            return Err(OriginError::Bare);
        }
        Self::try_from(&Url::parse(text)?)
    }
}

impl TryFrom<&Url> for Origin {
    type Error = OriginError;

    fn try_from(url: &Url) -> Result<Self, OriginError> {
        let host = url.host().map(|host| host.to_owned());
        if url.port() == Some(0) {
            return Err(OriginError::Nowhere("the port 0"));
        }
        if url.domain().is_some_and(|name| name.starts_with('.') || name.contains("..")) {
            return Err(OriginError::Nowhere("a host with an empty part"));
        }
        match host {
            Some(host) if matches!(url.scheme(), "http" | "https") => {
                let extra = match () {
                    () if !url.username().is_empty() || url.password().is_some() => "a user name or password",
                    () if url.path() != "/" => "a path",
                    () if url.query().is_some() => "a query",
                    () if url.fragment().is_some() => "a fragment",
                    () => {
                        let text = url.origin().ascii_serialization();
                        return Ok(Self { text, secure: url.scheme() == "https", host, port: url.port() });
                    }
                };
                Err(OriginError::Extra(extra))
            }
            _ if is_of_app(url.scheme()) => Err(OriginError::App),
            _ => Err(OriginError::Scheme),
        }
    }
}

/// Returns whether apps or extensions serve their pages by this scheme.
fn is_of_app(scheme: &str) -> bool {
    matches!(scheme, "app" | "capacitor" | "ionic" | "tauri" | "wails") || scheme.ends_with("-extension")
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap_or_else(|error| panic!("{text} {error}"))
    }

    #[test]
    fn an_origin_is_kept_as_the_header_spells_it() {
        for (text, spelt) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.COM", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:80/", "http://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[0:0::0:1]", "http://[::1]"),
            ("http://0x7f.1", "http://127.0.0.1"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("https://example.com.", "https://example.com."),
        ] {
            assert_eq!(origin(text).to_string(), spelt, "{text}");
        }
    }

    #[test]
    fn s45_s47_what_is_no_origin_is_refused_with_its_reason() {
        for (text, reason) in [
            ("*", "contains a `*`"),
            ("https://*.example.com", "contains a `*`"),
            ("null", "is `null`"),
            ("NULL", "is `null`"),
            ("", "cannot be read"),
            ("example.com", "lacks `http://`"),
            ("//example.com", "lacks `http://`"),
            ("https://", "cannot be read"),
            ("https://exa mple.com", "cannot be read"),
            ("https://example.com:65536", "cannot be read"),
            ("localhost:3000", "lacks `http://`"),
            ("https://example.com:0", "the port 0"),
            ("https://.example.com", "an empty part"),
            ("https://a..example.com", "an empty part"),
            ("https://..", "an empty part"),
            ("file:///index.html", "scheme"),
            ("ftp://example.com", "scheme"),
            ("about:blank", "lacks `http://`"),
            ("chrome-extension://abc", "inside an app or an extension"),
            ("moz-extension://abc", "`host_permissions`"),
            ("capacitor://localhost", "CapacitorHttp"),
            ("tauri://localhost", "or load its pages from an https origin"),
            ("https://example.com/app", "a path"),
            ("https://example.com/?a", "a query"),
            ("https://example.com/#a", "a fragment"),
            ("https://me@example.com", "a user name"),
            ("https://:secret@example.com", "a user name"),
        ] {
            let error = text.parse::<Origin>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text:?} {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn g9_sites_are_those_of_browsers() {
        for (one, other, same) in [
            ("https://example.com", "https://example.com", true),
            ("https://example.com", "https://example.com:8443", true),
            ("https://app.example.com", "https://api.example.com", true),
            ("https://example.com", "https://a.b.example.com", true),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.org", false),
            ("https://example.com", "https://evilexample.com", false),
            ("https://example.com", "https://example.com.evil.org", false),
            ("https://app.example.co.uk", "https://api.example.co.uk", true),
            ("https://one.co.uk", "https://two.co.uk", false),
            // Private suffixes: the names below them have different owners.
            ("https://one.github.io", "https://two.github.io", false),
            ("https://github.io", "https://one.github.io", false),
            ("https://a.one.github.io", "https://b.one.github.io", true),
            ("http://localhost:3000", "http://localhost:2015", true),
            ("http://localhost:3000", "http://127.0.0.1:3000", false),
            ("http://a.localhost", "http://b.localhost", false),
            ("http://127.0.0.1:3000", "http://127.0.0.1:2015", true),
            ("http://127.0.0.1", "http://127.0.0.2", false),
            ("http://[::1]:1", "http://[::1]:2", true),
            ("http://[::1]", "http://127.0.0.1", false),
            ("http://nas:1", "http://nas:2", true),
            ("http://nas", "http://printer", false),
            ("https://a.b\u{fc}cher.example", "https://b.xn--bcher-kva.example", true),
            // A dot at the end makes it another name, and another site.
            ("https://a.example.com.", "https://b.example.com.", true),
            ("https://a.example.com.", "https://a.example.com", false),
            ("https://a.example.com.", "https://b.example.com", false),
        ] {
            let (one, other) = (origin(one), origin(other));
            assert_eq!(one.is_same_site_as(&other), same, "{one} and {other}");
            assert_eq!(other.is_same_site_as(&one), same, "{other} and {one}");
        }
    }

    #[test]
    fn loopback_is_this_machine_and_no_name_that_begins_like_it() {
        for (text, loopback) in [
            ("http://localhost", true),
            ("http://a.localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://localhost.example.com", false),
            ("http://notlocalhost", false),
            ("http://128.0.0.1", false),
            ("http://[::2]", false),
        ] {
            assert_eq!(origin(text).is_loopback(), loopback, "{text}");
        }
    }
}
