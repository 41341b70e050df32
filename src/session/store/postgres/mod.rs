//! Sessions in PostgreSQL, 15 or later: for several nodes that share them.
//!
//! All of it lies in a schema of its own, `hardtack`, and every statement names it. So the store can share a database
//! with an application, and works through a proxy that gives each transaction another connection: with one that knows
//! prepared statements as it is, with any other when the address says `statement-cache-capacity=0`.
//!
//! # What a failed primary can take with it
//!
//! An answer is given when the primary has committed, and with `synchronous_commit = on` (the default) and no synchronous
//! standby that means flushed to the primary's disk alone: when an asynchronous replica is promoted in its place,
//! everything that the replica had not received yet is undone, so that sessions begun or written in the last moments are
//! lost, and a session that was ended, revoked or moved to a new id in them lives again under its old id until it expires
//! or is ended again. A primary whose `synchronous_standby_names` lists the replica that will be promoted, with
//! `synchronous_commit = on` or `remote_apply`, loses nothing that was answered; with `synchronous_commit = off` even a
//! crash of the primary alone takes back the commits of the last moments (up to three times `wal_writer_delay`, 0.6 s by
//! default), ended sessions included.

mod address;
mod pool;
mod rows;
mod schema;
mod steps;

use super::{OpenError, Schema};
use address::Address;
use pool::Pool;
use sqlx::Connection as _;
use std::time::Duration;

pub use address::transport;

/// A store in a PostgreSQL database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: Pool,
}

impl PostgresStore {
    /// Opens the database at `url` and makes its tables when they are missing and `schema` allows it.
    ///
    /// `url` is read as by libpq: `postgres://user:password@host:port/database`, with `sslmode`, `sslrootcert` and others
    /// behind a question mark; what it leaves out comes from `PGHOST`, `PGPASSWORD`, `PGSSLMODE` and so on. With
    /// `sslmode=verify-full` the server must have a certificate for its name, signed by an authority in the file
    /// `sslrootcert` or known to the system.
    ///
    /// At most `connections` are open at a time, at least one. A call that gets none within `timeout`, or none that
    /// answers, fails; nothing need be done for it to go well again.
    ///
    /// # Errors
    ///
    /// When the address makes no sense, nobody answers there, the certificate is not trusted, the server is older than 15
    /// or only a replica, the database is not in UTF-8, or of a newer version; or of an older one that is not to be
    /// migrated now.
    pub async fn open(url: &str, connections: u32, timeout: Duration, schema: Schema) -> Result<Self, OpenError> {
        let address = Address::read(url)?;
        let place = address.place();
        // No request waits for a start, and the first connection may be slow.
        let patience = timeout.max(Duration::from_secs(5));
        let mut connection = match tokio::time::timeout(patience, pool::connect(&address.options)).await {
            Ok(opened) => opened.map_err(|error| address::unreachable(&place, &error))?,
            Err(_) => {
                let reason = format!("there was no answer for {} s", patience.as_secs());
                return Err(OpenError::Unreachable { place, reason });
            }
        };
        schema::bring_up_to_date(&mut connection, &place, schema).await?;
        // What there was to do is done; the pool opens its own when they are needed.
        connection.close().await.ok();
        Ok(Self { pool: Pool::new(address, connections, timeout) })
    }
}
