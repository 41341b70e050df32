//! Opening a store: what it may do to the schema, and why it could not be opened.

use std::io;

/// What opening a store may do to a schema that is older than this program, or not there at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// Brings it up to date, under a lock: several nodes may start at once.
    #[default]
    Migrate,
    /// Leaves it alone and refuses to open: for those who migrate as a step of its own (`hardtack migrate`).
    Check,
}

/// How safe the way to a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// It does not leave the machine: a loopback address, or a socket of the file system.
    Local,
    /// TLS, and the server proves its name by a certificate.
    Verified,
    /// Plain, or TLS with whoever answers.
    Unverified,
}

/// Why a store could not be opened. A sentence for the operator; no password is in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be made or written.
    #[error("{place} cannot be used: {source}; make its folder writable for the server or name another file")]
    File {
        /// The file.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The address makes no sense, or asks for what this kind of store has not.
    #[error("the address of {place} cannot be used: {reason}")]
    Address {
        /// Which store.
        place: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
    /// Nobody answers there, or not as this kind of store does; or its certificate is not trusted.
    #[error("{place} cannot be opened: {reason}")]
    Unreachable {
        /// Which store, without its password.
        place: String,
        /// What its client said.
        reason: String,
    },
    /// A newer version of this program wrote it.
    #[error(
        "{place} was written by a newer version of Hardtack (its schema {schema} is unknown here); \
         run that version, or name another store"
    )]
    Newer {
        /// Which store.
        place: String,
        /// The number of the first unknown schema.
        schema: i64,
    },
    /// There is no such file, and none is to be made now.
    #[error(
        "there is no database at {place}; run this where the server runs, or name its database; `hardtack migrate` makes a \
         new one"
    )]
    Missing {
        /// The file.
        place: String,
    },
    /// It wants migrations, and they are not to be run now.
    #[error("{place} has an older schema than this version of Hardtack; run `hardtack migrate` first")]
    Older {
        /// Which store.
        place: String,
    },
    /// The store is no store of ours, or damaged.
    #[error("{place} cannot be used as a session store: {reason}; name another one")]
    Unfit {
        /// Which store.
        place: String,
        /// What it said.
        reason: String,
    },
}
