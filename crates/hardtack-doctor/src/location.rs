//! The resolution of URL references: the `Location` of a redirect, and names in the folder of a path.

use super::address::Address;
use super::octets::header_bytes;

impl Address {
    /// Returns the address of another name in the same folder.
    pub(super) fn beside(&self, name: &str) -> Self {
        let folder = self.path().rfind('/').map_or("/", |end| &self.path()[..=end]);
        self.at(&format!("{folder}{name}"))
    }

    /// Resolves a reference, as in a `Location` header, against this address. Query and fragment are left out. `None`
    /// if the result is not an http or https address.
    ///
    /// Source: RFC 3986, 5.2; the URL standard treats `\\` as `/`.
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

/// Percent-encodes the bytes that a path cannot hold, as browsers do: `%C3%BC`. Source: the URL standard, path state.
fn encoded(reference: &str) -> String {
    let sign = |byte: u8| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    header_bytes(reference).into_iter().map(sign).collect()
}

/// Removes the segments `.` and `..` from the path. Source: RFC 3986, 5.2.4.
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
