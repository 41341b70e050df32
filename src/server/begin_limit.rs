//! The limit of sessions without an account that one network may begin.
//!
//! A client without a cookie gets a session, and a row in the store, from each call that stores something. Without a
//! limit, one address could fill the store at the rate of its requests.

use super::client::Client;
use super::router::Site;
use crate::backend::network::{WIDE, narrow, wide};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hardtack_session::clock::Clock;
use hardtack_session::{BeginLimit, RateLimit};
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The time in which a used-up share becomes whole again.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// The number of cells that count each network, one for each hash function.
const HASHES: usize = 2;
/// The number of cells, of eight bytes each.
const CELLS: usize = 1 << 15;

/// A counter by network in a fixed amount of memory, however many networks there are.
///
/// Each network maps to two cells. A cell holds the time at which its share is whole again (GCRA: the generic cell rate
/// algorithm). The earlier one of the two counts, so a network is refused by mistake only if both of its cells belong
/// to networks that have used up their shares: with 100 such networks, this happens to one other network in 27,000.
#[derive(Debug)]
pub(super) struct SessionLimit {
    limit: u64,
    clock: Clock,
    hashes: [RandomState; HASHES],
    /// The times, in microseconds since 1970-01-01 UTC.
    cells: Mutex<Box<[u64]>>,
}

impl SessionLimit {
    /// Creates a limit: each network may begin `limit` sessions at once, and as many again within [`WINDOW`].
    pub(super) fn new(limit: NonZeroU32, clock: Clock) -> Self {
        let cells = vec![0; CELLS].into_boxed_slice();
        let hashes = std::array::from_fn(|_| RandomState::new());
        Self { limit: limit.get().into(), clock, hashes, cells: Mutex::new(cells) }
    }

    /// Returns the networks of a client, each with its cells and with the part of the window that one session takes.
    fn shares(&self, client: IpAddr) -> impl Iterator<Item = ([usize; HASHES], u64)> {
        let networks = [Some((narrow(client), 1)), wide(client).map(|network| (network, u64::from(WIDE)))];
        let window = micros(WINDOW);
        networks
            .into_iter()
            .flatten()
            .map(move |network @ (_, shares)| (self.cells(network), (window / (self.limit * shares)).max(1)))
    }

    /// Returns the cells of a network. A /48 and its first /64 have the same address, so the number of shares is hashed
    /// too.
    fn cells(&self, network: (IpAddr, u64)) -> [usize; HASHES] {
        let cell = |hash: u64| usize::try_from(hash % CELLS as u64).unwrap_or_default();
        self.hashes.each_ref().map(|hash| cell(hash.hash_one(network)))
    }
}

impl RateLimit for SessionLimit {
    fn take(&self, client: IpAddr) -> Result<(), Duration> {
        let window = micros(WINDOW);
        let now = u64::try_from(self.clock.now().0).unwrap_or_default().saturating_mul(1000);
        let mut counted = [None; 2];
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        for (counted, (of_network, share)) in counted.iter_mut().zip(self.shares(client)) {
            let whole = of_network.iter().map(|cell| cells[*cell]).min().unwrap_or_default().max(now);
            let next = whole.saturating_add(share);
            if next > now + window {
                return Err(Duration::from_micros(next - now - window));
            }
            *counted = Some((of_network, next));
        }
        // Counted only now, so that a session that one of the two networks refuses is not counted for the other.
        for (of_network, next) in counted.into_iter().flatten() {
            for cell in of_network {
                cells[cell] = cells[cell].max(next);
            }
        }
        Ok(())
    }

    fn give_back(&self, client: IpAddr) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        for (of_network, share) in self.shares(client) {
            for cell in of_network {
                cells[cell] = cells[cell].saturating_sub(share);
            }
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Attaches the limit to the request. Beyond it, a page is served without a session, and an API call is refused.
pub(super) async fn limit(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>().map(|Client(address)| *address);
    if let (Some(limiter), Some(client)) = (&site.session_limit, client) {
        let limiter = Arc::clone(limiter);
        let lenient = !request.uri().path().starts_with("/api/");
        request.extensions_mut().insert(BeginLimit { limiter, client, lenient });
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardtack_session::clock::{ManualClock, Timestamp};

    fn limited(limit: u32) -> (SessionLimit, ManualClock) {
        let clock = ManualClock::at(Timestamp(4_000_000_000_000));
        let limit = NonZeroU32::new(limit).expect("a limit");
        (SessionLimit::new(limit, Clock::Manual(clock.clone())), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_begins_its_share_at_once_and_then_one_each_time_one_is_due() {
        let (limit, clock) = limited(600);
        let (one, other) = (address("203.0.113.9"), address("203.0.113.10"));
        assert!((0..600).all(|_| limit.take(one).is_ok()));
        assert_eq!(limit.take(one), Err(Duration::from_secs(1)));
        assert_eq!(limit.take(other), Ok(()), "another network has its own");
        clock.advance(Duration::from_millis(400));
        assert_eq!(limit.take(one), Err(Duration::from_millis(600)));
        clock.advance(Duration::from_millis(600));
        assert_eq!((limit.take(one), limit.take(one)), (Ok(()), Err(Duration::from_secs(1))));
        clock.advance(WINDOW);
        assert!((0..600).all(|_| limit.take(one).is_ok()) && limit.take(one).is_err());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (limit, _) = limited(10);
        let (one, link) = (address("203.0.113.9"), address("2001:db8:1:2::1"));
        for client in [one, link] {
            assert_eq!((0..20).filter(|_| limit.take(client).is_ok()).count(), 10);
            (0..3).for_each(|_| limit.give_back(client));
            assert_eq!((0..20).filter(|_| limit.take(client).is_ok()).count(), 3);
        }
    }

    #[test]
    fn an_ipv6_site_has_ten_shares_and_each_of_its_links_one() {
        let (limit, _) = limited(20);
        let link = |n: u32| address(&format!("2001:db8:1:{n:x}::1"));
        assert_eq!((0..100).filter(|_| limit.take(link(0)).is_ok()).count(), 20);
        assert_eq!((1..1000).filter(|n| limit.take(link(*n)).is_ok()).count(), 180);
        assert_eq!(limit.take(address("2001:db8:2::1")), Ok(()), "another site has its own");
    }

    #[test]
    fn many_networks_that_used_up_their_shares_leave_others_theirs() {
        let (limit, _) = limited(10);
        for n in 0..100_u32 {
            let one = address(&format!("198.51.100.{n}"));
            assert!((0..20).filter(|_| limit.take(one).is_ok()).count() <= 10);
        }
        let others = (0..1000_u32).filter(|n| limit.take(address(&format!("10.0.{}.{}", n / 250, n % 250))).is_ok());
        // Of these thousand networks, one is refused by mistake in one run of 27.
        assert!(others.count() >= 990);
    }
}
