//! Sessions in Redis 7 or later: one server, or a Cluster.
//!
//! A session is one hash. Everything that decides about it is in that hash, and one script on that one key is each
//! atomic step; so a Cluster needs nothing that a single server does not. What leads to the hash, an id's pointer and
//! the indexes of accounts and deadlines, lies in other slots. Those are written before the session and removed after
//! it: a crash in between leaves a pointer or an entry that leads nowhere, never a session that its account's list does
//! not show.
//!
//! What replication can lose: Redis acknowledges a write before its replicas have it, so a failover can lose
//! acknowledged writes, and then a session that was ended lives again until its deadline, and a counter steps back; the
//! command `WAIT` makes that rarer and not impossible, because it is no consensus, and it is not used here. A single
//! server that crashes comes back with what its append-only file holds: with `appendfsync everysec` the last second or
//! two of acknowledged writes can be missing from it, with `appendfsync always` none, and without such a file all since
//! the last snapshot.

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

use super::skew::StoreClock;
use super::{OpenError, Schema, Transport};
use address::Address;
use link::Link;
use news::Ears;
use std::sync::Arc;
use std::time::Duration;
use trail::Memory;

/// How much longer a key stays than what it is for. Clocks that differ by minutes must not cost a session; that what
/// is over opens nothing is seen to by the caller's clock, not by this.
const SLACK: Duration = Duration::from_secs(60 * 60);

/// Whom TLS is spoken with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// With a server whose certificate is trusted.
    #[default]
    Verified,
    /// With anybody, unless the address names an authority: for trials, `store.insecure`.
    Anybody,
}

/// A store in Redis.
#[derive(Clone, Debug)]
pub struct RedisStore {
    link: Arc<Link>,
    memory: Arc<Memory>,
    ears: Arc<Ears>,
    /// Judges how long ids that were rotated away are good for something.
    clock: StoreClock,
}

impl RedisStore {
    /// Opens the Redis at `url`; a connection and a command may take `timeout` each.
    ///
    /// ```text
    /// redis://[user:password@]host[:port][/database]
    /// redis-cluster://[user:password@]host[:port][,host[:port]…]
    /// ```
    ///
    /// `rediss` and `rediss-cluster` speak TLS: the server's certificate must be signed by an authority that the system
    /// trusts, or by the one in the file that `?ca=/path/ca.pem` names; or it is itself in that file.
    ///
    /// Of a Cluster name several servers: any of them may be away when this starts. A user of its own (`ACL SETUSER`)
    /// needs `~hardtack:* &hardtack:* +@read +@write +eval +evalsha +hello +client +info +publish +subscribe +ping +time`, and
    /// on a Cluster `+cluster +asking`. Without the channel all works, and who watches a session learns later that it has
    /// ended. Without `+time` the clocks of all nodes must agree within the grace of a rotation.
    ///
    /// Logs a warning when this Redis may drop sessions by itself: when it evicts keys, or keeps them in memory alone.
    ///
    /// # Errors
    ///
    /// When the address makes no sense; when nobody answers, or not as Redis 7, or with a certificate that is not
    /// trusted; when a newer version of this program has written there, or with [`Schema::Check`] none yet.
    pub async fn open(url: &str, timeout: Duration, schema: Schema) -> Result<Self, OpenError> {
        Self::open_with(url, timeout, schema, Trust::Verified).await
    }

    /// As [`open`](Self::open), and says whom TLS is spoken with.
    ///
    /// # Errors
    ///
    /// As there.
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
                "this user may not ask this Redis for its time, so the clocks of all nodes must differ by less than \
                 `session.rotation_grace`: give the user `+time`"
            );
        }
        Ok(store)
    }
}

/// How safe the way to the Redis at `url` is.
///
/// # Errors
///
/// When the address makes no sense.
pub fn transport(url: &str, trust: Trust) -> Result<Transport, OpenError> {
    Ok(Address::parse(url, trust)?.transport)
}
