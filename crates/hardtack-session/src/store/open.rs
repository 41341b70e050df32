//! Options and errors of opening a store.

use std::io;

/// The treatment of a schema that is missing or older than this program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// Brings it up to date. Several nodes may do so at once.
    #[default]
    Migrate,
    /// Refuses to open the store, when migrations are a separate step (`hardtack migrate`).
    Check,
}

/// The protection of the connection to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The connection stays on this machine: a loopback address, or a Unix domain socket.
    Local,
    /// TLS, and the server proves its identity by a certificate.
    Verified,
    /// No TLS, or TLS without a check of the server's identity.
    Unverified,
}

/// The reason why a store could not be opened: a sentence for the operator, without passwords.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be created or written.
    #[error("{place} cannot be used: {source}; make its folder writable for the server or name another file")]
    File {
        /// The file.
        place: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The address is malformed, or asks for a feature that this kind of store does not have.
    #[error("the address of {place} cannot be used: {reason}")]
    Address {
        /// The name of the store.
        place: String,
        /// The fault, and the correction.
        reason: String,
    },
    /// The server does not answer, is not of this kind, or has a certificate that is not trusted.
    #[error("{place} cannot be opened: {reason}")]
    Unreachable {
        /// The name of the store, without its password.
        place: String,
        /// The error of the store's client.
        reason: String,
    },
    /// A newer version of this program wrote the store.
    #[error(
        "{place} was written by a newer version of Hardtack (its schema {schema} is unknown here); \
         run that version, or name another store"
    )]
    Newer {
        /// The name of the store.
        place: String,
        /// The number of the first schema that is unknown here.
        schema: i64,
    },
    /// The file does not exist and may not be created now.
    #[error(
        "there is no database at {place}; run this where the server runs, or name its database; `hardtack migrate` \
         creates a new one"
    )]
    Missing {
        /// The file.
        place: String,
    },
    /// The schema needs migrations that may not run now.
    #[error("{place} has an older schema than this version of Hardtack; run `hardtack migrate` first")]
    Older {
        /// The name of the store.
        place: String,
    },
    /// The store is not one of Hardtack, or it is damaged.
    #[error("{place} cannot be used: {reason}; name another one")]
    Unfit {
        /// The name of the store.
        place: String,
        /// The fault that was found.
        reason: String,
    },
}
