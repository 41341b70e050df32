//! The address of the session store, read from one line of text.

use super::values::Read;
use hardtack_session::store::redis::{self, Trust};
use hardtack_session::store::{OpenError, Transport, postgres};
use std::fmt;
use std::path::PathBuf;

/// The address of a session store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`: a file.
    Sqlite(PathBuf),
    /// `memory:`: this process, until it ends.
    Memory,
    /// `postgres://…`: a PostgreSQL database.
    Postgres(Address),
    /// `redis://…`, `rediss://…`, `redis-cluster://…`, `rediss-cluster://…`: Redis, alone or as a Cluster.
    Redis(Address),
}

impl StoreUrl {
    /// Returns whether several nodes can share the store.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_) | Self::Redis(_))
    }

    /// Returns how the connection to the store is protected, given `store.insecure`.
    ///
    /// # Errors
    ///
    /// When the store's client cannot read the address.
    pub fn transport(&self, insecure: bool) -> Result<Transport, OpenError> {
        match self {
            Self::Memory | Self::Sqlite(_) => Ok(Transport::Local),
            Self::Postgres(url) => postgres::transport(url.reveal()),
            Self::Redis(url) => redis::transport(url.reveal(), trust(insecure)),
        }
    }
}

/// Returns which servers a TLS connection to Redis trusts.
pub(in crate::server) const fn trust(insecure: bool) -> Trust {
    if insecure { Trust::Anybody } else { Trust::Verified }
}

/// The address of a store on a server. It may hold a password, so `Debug` and errors show only its scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Returns the whole text, for the store's client alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.0.split(':').next().unwrap_or_default())
    }
}

impl Read for StoreUrl {
    const WHAT: &str = "the address of a store";
    const LIKE: &str = "`sqlite:data/hardtack.db`, `memory:`, `postgres://user@host/database` or `rediss://host`";

    // The text is not repeated, because addresses of stores hold passwords.
    fn from_text(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match (scheme, rest) {
            ("memory", "") => Ok(Self::Memory),
            ("sqlite", "") => Err("names no file; write it like `sqlite:data/hardtack.db`".to_owned()),
            ("sqlite", ":memory:") => Err("keeps nothing in a file; write `memory:` for that".to_owned()),
            ("sqlite", path) if path.starts_with("//") || path.contains(['?', '#']) => {
                Err("is more than `sqlite:` and a path, but nothing more is accepted; write it like \
                 `sqlite:data/hardtack.db` or `sqlite:/var/lib/hardtack.db`"
                    .to_owned())
            }
            ("sqlite", path) => Ok(Self::Sqlite(path.into())),
            ("postgres" | "postgresql", rest) if names_a_place(rest) => Ok(Self::Postgres(Address(text.to_owned()))),
            ("redis" | "rediss" | "redis-cluster" | "rediss-cluster", rest) if names_a_place(rest) => {
                Ok(Self::Redis(Address(text.to_owned())))
            }
            (scheme, _) if scheme.contains("sentinel") => Err(
                "names Sentinels, which are not supported; write `redis://NAME` or `rediss://NAME` with one name that \
                 always leads to the primary: a service, or a proxy that asks the Sentinels (HAProxy, Envoy). After a \
                 failover the server looks that name up again by itself"
                    .to_owned(),
            ),
            _ => Err(format!("is not {}; write it like {}", Self::WHAT, Self::LIKE)),
        }
    }
}

fn names_a_place(rest: &str) -> bool {
    rest.strip_prefix("//").is_some_and(|place| !place.is_empty() && !place.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s120_the_debug_output_of_an_address_is_its_scheme() {
        for url in [
            "postgres://me:hunter2@db.example.com/hardtack?password=hunter2",
            "postgresql://hunter2@host/a@b?hunter2",
            "rediss://:hunter2@host:6380/0",
            "redis-cluster://me:hunter2@a:7000,b:7000",
        ] {
            let shown = format!("{:?}", StoreUrl::from_text(url).expect("an address"));
            assert!(!shown.contains("hunter2") && shown.contains("://…"), "{shown}");
        }
    }

    #[test]
    fn sentinels_are_refused_with_what_to_do() {
        for text in
            ["redis+sentinel://:hunter2@h1:26379,h2:26379/mymaster", "rediss+sentinel://h1", "redis-sentinel://h1"]
        {
            let said = StoreUrl::from_text(text).expect_err(text);
            assert!(said.contains("always leads to the primary") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn s120_what_is_refused_is_not_repeated() {
        for text in ["postgres:hunter2", "redis://", "rediss:// hunter2", "mysql://me:hunter2@host", "hunter2"] {
            let said = StoreUrl::from_text(text).expect_err(text);
            assert!(!said.contains("hunter2") && said.contains("; write it like"), "{said}");
        }
    }
}
