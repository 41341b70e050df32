//! Sessions in Redis 7 or later: one server, or a Cluster.
//!
//! A session is one hash. That hash holds everything that decides about the session, and each atomic step is one script
//! on that one key, so a Cluster needs nothing that a single server does not. The keys that lead to the hash are in
//! other slots: the pointers of ids, and the indexes of accounts and deadlines. They are written before the session and
//! removed after it. A crash in between leaves a pointer or an entry that leads nowhere, never a session that the list
//! of its account does not show.
//!
//! Replication can lose writes: Redis acknowledges a write before its replicas have it, so a failover can lose
//! acknowledged writes. Then a session that was ended lives again until its deadline, and a counter steps back. The
//! command `WAIT` makes that rarer but not impossible, because it is no consensus, and it is not used here. A single
//! server that crashes restarts with the contents of its append-only file: with `appendfsync everysec` the last second
//! or two of acknowledged writes can be missing, with `appendfsync always` none, and without such a file all writes
//! since the last snapshot.

mod address;
mod change;
mod keys;
mod link;
mod lists;
mod news;
mod opening;
mod rows;
mod server;
mod steps;
mod sweeping;
mod trail;
mod wire;

use super::store_clock::StoreClock;
use super::{OpenError, Schema, Transport};
use address::Address;
use link::Link;
use news::Ears;
use std::sync::Arc;
use std::time::Duration;
use trail::Memory;

/// The time for which a key outlives its session or list entry, because clocks that differ by minutes must not cost a
/// session. An expired session is refused by the caller's clock, and not by the expiry of its key.
const SLACK: Duration = Duration::from_secs(60 * 60);

/// The check of a server's certificate in TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The certificate must be trusted.
    #[default]
    Verified,
    /// Any certificate is accepted, unless the address names an authority: for trials, `store.insecure`.
    Anybody,
}

/// A store in Redis. Clones share its connection.
#[derive(Clone, Debug)]
pub struct RedisStore {
    link: Arc<Link>,
    memory: Arc<Memory>,
    ears: Arc<Ears>,
    /// The store's clock, which decides how long retired ids are known.
    clock: StoreClock,
}

impl RedisStore {
    /// Opens the Redis at `url`. `timeout` limits each connection attempt and each command.
    ///
    /// ```text
    /// redis://[user:password@]host[:port][/database]
    /// redis-cluster://[user:password@]host[:port][,host[:port]…]
    /// ```
    ///
    /// `rediss` and `rediss-cluster` use TLS. The server's certificate must be signed by an authority that the system
    /// trusts, or by one in the file that `?ca=/path/ca.pem` names; or the certificate itself must be in that file.
    ///
    /// For a Cluster, name several servers, because any of them may be down at the start. A Redis user of its own (`ACL
    /// SETUSER`) needs `~hardtack:* &hardtack:* +@read +@write +eval +evalsha +hello +client +info +publish +subscribe
    /// +ping +time`, and on a Cluster `+cluster +asking`. Without the channel everything works, but clients that watch
    /// a session learn later that it has ended. Without `+time` the clocks of all nodes must differ by less than the
    /// grace period of a rotation.
    ///
    /// Logs a warning when this Redis may lose sessions by itself: when it evicts keys, or keeps them in memory alone.
    ///
    /// # Errors
    ///
    /// When the address is malformed; when the server does not answer, is not Redis 7 or later, or has a certificate
    /// that is not trusted; when a newer version of this program has written to it, or with [`Schema::Check`] no
    /// version yet.
    pub async fn open(url: &str, timeout: Duration, schema: Schema) -> Result<Self, OpenError> {
        Self::open_with(url, timeout, schema, Trust::Verified).await
    }

    /// Opens the Redis at `url` as [`open`](Self::open) does; `trust` selects the check of the server's certificate.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub async fn open_with(url: &str, timeout: Duration, schema: Schema, trust: Trust) -> Result<Self, OpenError> {
        let address = Address::parse(url, trust)?;
        let client = opening::client(&address, timeout)?;
        let link = Arc::new(Link::new(&address, client, timeout));
        opening::greet(&link, &address).await?;
        opening::agree(&link, &address, schema).await?;
        let ears = Arc::new(Ears::new(&address, timeout)?);
        let store = Self { link, memory: Arc::default(), ears, clock: StoreClock::default() };
        if matches!(store.time().await, Ok(None)) {
            tracing::warn!(
                store = address.place,
                "the Redis user may not run `TIME`, so the clocks of all nodes must differ by less than \
                 `session.rotation_grace`; give the user `+time`"
            );
        }
        Ok(store)
    }
}

/// Returns the protection of the connection to the Redis at `url`.
///
/// # Errors
///
/// When the address is malformed.
pub fn transport(url: &str, trust: Trust) -> Result<Transport, OpenError> {
    Ok(Address::parse(url, trust)?.transport)
}
