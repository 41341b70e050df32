//! Addresses of pages and servers, as browsers compare them: scheme, host, port and path.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The scheme, host, port and path of a page or a server.
///
/// It is parsed from the spelling that browsers use (`location.href`, the `Origin` header), including upper case and
/// default ports. An international name must be in its ASCII form. The query and the fragment are left out. `Display`
/// leaves out path parameters as well, because `;jsessionid=…` is a secret.
///
/// # Examples
///
/// ```
/// use hardtack_doctor::Address;
///
/// let api: Address = "https://API.example.com:443/v1".parse()?;
/// assert_eq!(api.origin(), "https://api.example.com");
/// assert_eq!(api.to_string(), "https://api.example.com/v1");
/// # Ok::<(), hardtack_doctor::AddressError>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

/// The reason why a text is not an address. The text is not repeated, because it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It is a page inside an app or of a browser extension.
    App,
    /// It has a user name or a password.
    User,
    /// It has no host, or one that browsers would spell differently.
    Host,
    /// Its port is invalid.
    Port,
    /// Its path has a character that is not allowed in a path.
    Path,
}

/// The IP address space of a host. Source: the Local Network Access specification, 2.1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Space {
    /// This machine.
    Loopback,
    /// The local network.
    Local,
    /// The internet.
    Public,
}

impl Address {
    /// Returns whether the scheme is https.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Returns the host in lower case, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, by default that of the scheme.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path, at least `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the origin as the `Origin` header spells it.
    #[must_use]
    pub fn origin(&self) -> String {
        let (scheme, usual) = if self.https { ("https", 443) } else { ("http", 80) };
        match self.port {
            port if port == usual => format!("{scheme}://{}", self.host),
            port => format!("{scheme}://{}:{port}", self.host),
        }
    }

    /// Returns whether both have the same origin: scheme, host and port.
    #[must_use]
    pub fn is_origin_of(&self, other: &Self) -> bool {
        (self.https, &self.host, self.port) == (other.https, &other.host, other.port)
    }

    /// Returns the IP address, if the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        let bare = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(&self.host).parse().ok()
    }

    /// Returns whether the host is this machine, which browsers trust even over plain http.
    ///
    /// Source: the Secure Contexts specification, 3.1.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.space() == Space::Loopback
    }

    /// Returns whether browsers consider the origin potentially trustworthy: https, or this machine. Safari trusts only
    /// https.
    ///
    /// Source: the Secure Contexts specification, 3.1.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// Returns the address space of the host, as far as its name shows it. A name without a dot and one below `.local`
    /// are in the local network.
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

    /// Returns another path on the same origin.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        let path = if is_path(path) { path } else { "/" };
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// Returns the origin with the host of another address, for the text of a cure.
    pub(super) fn on_host_of(&self, other: &Self) -> String {
        Self { host: other.host.clone(), ..self.clone() }.origin()
    }

    /// Returns the origin with another port, for the text of a cure.
    pub(super) fn at_port(&self, port: u16) -> String {
        Self { port, ..self.clone() }.origin()
    }

    /// Returns the origin over https, for the text of a cure.
    pub(super) fn over_https(&self) -> String {
        let port = if self.port == 80 { 443 } else { self.port };
        Self { https: true, port, ..self.clone() }.origin()
    }
}

impl Space {
    /// Returns the address space of an IP address.
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

/// Returns a path or an address without the values of its path parameters: `/app;…`.
///
/// Servers such as Tomcat write the session ID there for browsers without cookies.
pub(super) fn bare_address(text: &str) -> String {
    let bare = |segment: &str| segment.split_once(';').map_or(segment.to_owned(), |(name, _)| format!("{name};…"));
    text.split('/').map(bare).collect::<Vec<_>>().join("/")
}

/// Returns whether an address belongs to the shared space of carrier-grade NAT. Source: RFC 6598.
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
    // Browsers parse a host that ends in a number as an IPv4 address.
    let number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let dotted = !text.ends_with('.') && number && text.parse::<Ipv4Addr>().is_err();
    if empty || dotted || !text.bytes().all(letter) {
        return Err(AddressError::Host);
    }
    Ok(text.to_ascii_lowercase())
}

/// Returns whether apps or browser extensions serve their pages with this scheme.
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
                "is a page inside an app or an extension, whose cookies browsers keep apart or drop; let the app's \
                 native code make the calls (Capacitor: CapacitorHttp, Tauri: its http plugin), or load its pages from \
                 an https origin and use that origin"
            }
            Self::User => "has a user name or a password",
            Self::Host => "has no valid host; write an international name in its ASCII form, like `xn--…`",
            Self::Port => "has an invalid port",
            Self::Path => "has a path with a character that is not allowed in a path; write it percent-encoded",
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
