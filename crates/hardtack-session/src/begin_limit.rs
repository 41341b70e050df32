//! A limit on the sessions without an owner that a client begins.

use super::error::Fault;
use super::unit::Unit;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A rate limiter for clients, by their addresses.
///
/// All requests of a process share one limiter, on several threads. It must answer from memory, without waiting.
pub trait RateLimit: Debug + Send + Sync {
    /// Takes one session from the share of `client`.
    ///
    /// # Errors
    ///
    /// The time until `client` may begin another session, when its share is used up.
    fn take(&self, client: IpAddr) -> Result<(), Duration>;

    /// Gives a session back that was taken but did not begin, because the store failed.
    fn give_back(&self, client: IpAddr);
}

/// A limit on the sessions that a request may begin. Put it into the extensions of the request before the layer
/// [`Sessions`](super::Sessions) runs.
///
/// A session that begins with a sign-in is not limited, because an application limits its sign-ins itself. An existing
/// session is not limited either. Without this extension a request may always begin a session.
#[derive(Clone, Debug)]
pub struct BeginLimit {
    /// Counts the sessions.
    pub limiter: Arc<dyn RateLimit>,
    /// The address of the client.
    pub client: IpAddr,
    /// Whether a refused request is still served, like a prefetch: nothing is stored. Otherwise it fails with
    /// [`Error::TooMany`](super::Error::TooMany).
    pub lenient: bool,
}

impl Unit {
    /// Returns whether this request may begin a session without an owner. On `false` nothing is stored, and the request
    /// goes on.
    ///
    /// The first refusal holds for the whole request, so that the request is not refused for one value and then begins
    /// a session with the next. The caller calls [`did_not_begin`](Unit::did_not_begin) if no session begins after all.
    pub(super) fn may_begin(&self) -> Result<bool, Fault> {
        let Some(BeginLimit { limiter, client, lenient }) = &self.asked.limit else { return Ok(true) };
        let refused = self.state().refused;
        let refused = if refused.is_some() { refused } else { limiter.take(*client).err() };
        let Some(wait) = refused else { return Ok(true) };
        if self.state().refused.replace(wait).is_none() {
            metrics::counter!("hardtack_sessions_refused_total").increment(1);
        }
        if *lenient {
            return Ok(false);
        }
        let retry_after = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        Err(self.fail(Fault::TooMany { retry_after }))
    }

    /// Gives back the session that [`may_begin`](Unit::may_begin) took, because an outage must not use up the share of
    /// a network.
    pub(super) fn did_not_begin(&self) {
        if let Some(BeginLimit { limiter, client, .. }) = &self.asked.limit {
            limiter.give_back(*client);
        }
    }
}
