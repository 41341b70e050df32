//! The name of a host, as a setting holds it.

use super::values::{Entry, Read};
use std::fmt;
use url::Host;

/// The name or the address of a host, without scheme and port, spelt as browsers spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Host<String>);

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Read for HostName {
    const WHAT: &str = "the name of a host";
    const LIKE: &str = "`app.example.com`";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.contains('*') {
            return Err("holds a `*`, but each name must be listed by itself".to_owned());
        }
        let host = Host::parse(text);
        host.map(Self).map_err(|_| format!("is not the name of a host alone; write it like {}", Self::LIKE))
    }
}

impl Entry for HostName {
    const LIST: &str = "`[\"app.example.com\"]`";
}
