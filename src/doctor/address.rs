//! Where a page or a server is, as browsers compare it: scheme, host, port and path.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Scheme, host, port and path of a page or a server.
///
/// Read from the spelling that browsers use (`location.href`, the `Origin` header), upper case and default ports
/// included; a name in another script must be in its ASCII form. What stands behind `?` or `#` is left out. Shown, it has no
/// path parameters either: `;jsessionid=…` is a secret.
///
/// # Examples
///
/// ```
/// use hardtack::doctor::Address;
///
/// let api: Address = "https://API.example.com:443/v1".parse()?;
/// assert_eq!(api.origin(), "https://api.example.com");
/// assert_eq!(api.to_string(), "https://api.example.com/v1");
/// # Ok::<(), hardtack::doctor::AddressError>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why a text is no address. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It is a page inside an app or of a browser's extension.
    App,
    /// It has a user name or a password.
    User,
    /// It has no host, or one that browsers would spell otherwise.
    Host,
    /// Its port is none.
    Port,
    /// Its path has a sign that no path can carry.
    Path,
}

/// How far away an address is. Source: the Local Network Access specification, 2.1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Space {
    /// This machine.
    Loopback,
    /// The network around it.
    Local,
    /// Everywhere else.
    Public,
}

impl Address {
    /// Whether the scheme is https.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The host, in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own if none was named.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path, at least `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As the `Origin` header spells it.
    #[must_use]
    pub fn origin(&self) -> String {
        let (scheme, usual) = if self.https { ("https", 443) } else { ("http", 80) };
        match self.port {
            port if port == usual => format!("{scheme}://{}", self.host),
            port => format!("{scheme}://{}:{port}", self.host),
        }
    }

    /// Whether both are one origin: scheme, host and port.
    #[must_use]
    pub fn is_origin_of(&self, other: &Self) -> bool {
        (self.https, &self.host, self.port) == (other.https, &other.host, other.port)
    }

    /// The IP address, if the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        let bare = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(&self.host).parse().ok()
    }

    /// Whether the host is this machine: browsers trust it also over plain http.
    ///
    /// Source: the Secure Contexts specification, 3.1.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.space() == Space::Loopback
    }

    /// Whether browsers take the way to it for safe: https, or this machine. Safari trusts https alone.
    ///
    /// Source: the Secure Contexts specification, 3.1.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// How far away the host is, as far as its name says. A name without a dot and one under `.local` are near.
    #[must_use]
    pub fn space(&self) -> Space {
        match (self.ip(), self.host.as_str()) {
            (Some(ip), _) => Space::of(ip),
            (None, "localhost") => Space::Loopback,
            (None, name) if name.ends_with(".localhost") => Space::Loopback,
            (None, name) if name.rsplit('.').next() == Some("local") || !name.contains('.') => Space::Local,
            (None, _) => Space::Public,
        }
    }

    /// Another path on the same origin.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        let path = if is_path(path) { path } else { "/" };
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// The same scheme and port on another host: for the text of a cure.
    pub(super) fn on_host_of(&self, other: &Self) -> String {
        Self { host: other.host.clone(), ..self.clone() }.origin()
    }

    /// The same scheme and host at another port: for the text of a cure.
    pub(super) fn at_port(&self, port: u16) -> String {
        Self { port, ..self.clone() }.origin()
    }

    /// The same host over https: for the text of a cure.
    pub(super) fn over_https(&self) -> String {
        let port = if self.port == 80 { 443 } else { self.port };
        Self { https: true, port, ..self.clone() }.origin()
    }
}

impl Space {
    /// Where an IP address is.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            ip if ip.is_loopback() => Self::Loopback,
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || is_carriers(ip) => Self::Local,
            IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Self::Local,
            _ => Self::Public,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(AddressError::Scheme)?;
        let https = match () {
            () if scheme.eq_ignore_ascii_case("https") => true,
            () if scheme.eq_ignore_ascii_case("http") => false,
            () if is_of_app(scheme) => return Err(AddressError::App),
            () => return Err(AddressError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err(AddressError::User);
        }
        let path = match rest.split(['?', '#']).next() {
            None | Some("") => "/",
            Some(path) if is_path(path) => path,
            Some(_) => return Err(AddressError::Path),
        };
        let (host, port) = match authority.rfind(':').filter(|at| !authority[*at..].contains(']')) {
            Some(at) => (&authority[..at], &authority[at + 1..]),
            None => (authority, ""),
        };
        let port = match port {
            "" if https => 443,
            "" => 80,
            text => text.parse().ok().filter(|port| *port != 0).ok_or(AddressError::Port)?,
        };
        Ok(Self { https, host: host_of(host)?, port, path: path.to_owned() })
    }
}

/// The text of a path or an address without the values of its parameters: `/app;jsessionid=…`.
///
/// Servers such as Tomcat write a session's id there for browsers without cookies.
pub(super) fn bare_address(text: &str) -> String {
    let bare = |segment: &str| segment.split_once(';').map_or(segment.to_owned(), |(name, _)| format!("{name};…"));
    text.split('/').map(bare).collect::<Vec<_>>().join("/")
}

/// What a provider puts between its customers and the internet. Source: RFC 6598.
const fn is_carriers(ip: Ipv4Addr) -> bool {
    matches!(ip.octets(), [100, 64..128, ..])
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn host_of(text: &str) -> Result<String, AddressError> {
    if let Some(inner) = text.strip_prefix('[') {
        let ip = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return ip.map(|ip| format!("[{ip}]")).ok_or(AddressError::Host);
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let empty = text.is_empty() || text.starts_with('.') || text.contains("..");
    // Browsers take a host that ends in a number for an IPv4 address.
    let number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let dotted = !text.ends_with('.') && number && text.parse::<Ipv4Addr>().is_err();
    if empty || dotted || !text.bytes().all(letter) {
        return Err(AddressError::Host);
    }
    Ok(text.to_ascii_lowercase())
}

/// Whether an app or an extension serves its pages by this scheme.
fn is_of_app(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    matches!(scheme.as_str(), "app" | "capacitor" | "ionic" | "tauri" | "wails") || scheme.ends_with("-extension")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), bare_address(&self.path))
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "does not begin with `http://` or `https://`",
            Self::App => {
                "is a page inside an app or an extension, whose cookies browsers keep apart or drop; let the app's native \
                 side make the calls (Capacitor: CapacitorHttp, Tauri: its http plugin), or load its pages from an https \
                 origin and ask for that"
            }
            Self::User => "has a user name or a password",
            Self::Host => "has no host that browsers would spell so; write a name like `xn--…` in its ASCII form",
            Self::Port => "has a port that is none",
            Self::Path => "has a path with a sign that no path can carry; write it percent-encoded",
        })
    }
}

impl std::error::Error for AddressError {}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_browsers_spell_it() {
        for (text, spelt) in [
            ("https://example.com", "https://example.com/"),
            (" HTTPS://Example.COM:443 ", "https://example.com/"),
            ("http://example.com:80/a?b=c#d", "http://example.com/a"),
            ("http://example.com:443?b", "http://example.com:443/"),
            ("http://[0:0::0:1]:3000/x", "http://[::1]:3000/x"),
            ("http://127.0.0.1", "http://127.0.0.1/"),
            ("https://example.com./", "https://example.com./"),
            ("https://a_b.example", "https://a_b.example/"),
        ] {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{text} {error}"));
            assert_eq!(address.to_string(), spelt, "{text}");
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, error) in [
            ("", AddressError::Scheme),
            ("example.com", AddressError::Scheme),
            ("ftp://example.com", AddressError::Scheme),
            ("capacitor://localhost", AddressError::App),
            ("Tauri://localhost", AddressError::App),
            ("chrome-extension://abc", AddressError::App),
            ("https://", AddressError::Host),
            ("https://:443", AddressError::Host),
            ("https://a..b", AddressError::Host),
            ("https://.a", AddressError::Host),
            ("https://exa mple.com", AddressError::Host),
            ("https://b\u{fc}cher.example", AddressError::Host),
            ("https://*.example.com", AddressError::Host),
            ("http://1.2.3", AddressError::Host),
            ("http://[::1", AddressError::Host),
            ("https://me:secret@example.com", AddressError::User),
            ("https://example.com:0", AddressError::Port),
            ("https://example.com:65536", AddressError::Port),
            ("https://example.com/a b", AddressError::Path),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_host_says_how_far_away_it_is() {
        for (text, space) in [
            ("http://localhost", Space::Loopback),
            ("http://a.localhost:1", Space::Loopback),
            ("http://127.9.9.9", Space::Loopback),
            ("http://[::1]", Space::Loopback),
            ("http://[::ffff:127.0.0.1]", Space::Loopback),
            ("http://192.168.1.2", Space::Local),
            ("http://169.254.1.2", Space::Local),
            ("http://100.64.0.1", Space::Local),
            ("http://[fd00::1]", Space::Local),
            ("http://nas", Space::Local),
            ("http://printer.local", Space::Local),
            ("http://localhost.example.com", Space::Public),
            ("http://128.0.0.1", Space::Public),
            ("http://100.128.0.1", Space::Public),
            ("http://[2001:db8::1]", Space::Public),
        ] {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{text} {error}"));
            assert_eq!(address.space(), space, "{text}");
        }
    }
}
