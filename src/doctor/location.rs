//! Where a reference leads: the `Location` of a redirect, and names beside a path.

use super::address::Address;
use super::octets::header_bytes;

impl Address {
    /// Another name in the folder of the path.
    pub(super) fn beside(&self, name: &str) -> Self {
        let folder = self.path().rfind('/').map_or("/", |end| &self.path()[..=end]);
        self.at(&format!("{folder}{name}"))
    }

    /// Returns where a reference of this address leads, as a `Location` header has one; what stands behind `?` or `#` is
    /// left out. `None` when it leads to no address of a web server.
    ///
    /// Source: RFC 3986, 5.2; the URL standard takes `\\` for `/`.
    pub(super) fn join(&self, reference: &str) -> Option<Self> {
        let reference = encoded(&reference.trim().replace('\\', "/"));
        let path = reference.split(['?', '#']).next().unwrap_or_default();
        let scheme = path.find(':').filter(|at| !path[..*at].contains('/')).map(|at| (&path[..at], &path[at + 1..]));
        if let Some((scheme, rest)) = scheme {
            return format!("{scheme}://{}", rest.trim_start_matches('/')).parse().ok().map(|address| normal(&address));
        }
        if path.starts_with("//") {
            let scheme = if self.is_https() { "https" } else { "http" };
            return format!("{scheme}://{}", path.trim_start_matches('/')).parse().ok().map(|address| normal(&address));
        }
        Some(match path {
            "" => self.clone(),
            path if path.starts_with('/') => normal(&self.at(path)),
            path => normal(&self.beside(path)),
        })
    }
}

/// The same with what no path can carry written as browsers write it: `%C3%BC`. Source: the URL standard, path state.
fn encoded(reference: &str) -> String {
    let sign = |byte: u8| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    header_bytes(reference).into_iter().map(sign).collect()
}

/// The same without the segments `.` and `..`. Source: RFC 3986, 5.2.4.
fn normal(address: &Address) -> Address {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<_> = address.path().split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        match *segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
        if matches!(*segment, "." | "..") && at + 1 == segments.len() {
            kept.push("");
        }
    }
    address.at(&format!("/{}", kept.join("/")))
}
