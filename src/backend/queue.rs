//! A bounded queue in which no client takes the place of all others.
//!
//! A single client may use the whole queue. Networks take turns, and so do the accounts within a network, so that a
//! network with one request does not wait for all requests of another. When the queue is full, the network with the
//! most waiting requests loses its newest one to a network with fewer; within a network, so does the account with the
//! most. No request waits longer than the patience of the queue, however long the served requests take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The network and the account that a request belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asker {
    /// The network of the client.
    pub(super) network: String,
    /// The account's username, whether the account exists or not.
    pub(super) account: String,
}

/// The error of a request that found no room, or waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A queue that serves some requests at once and lets more wait.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    at_once: usize,
    waiting: usize,
    /// The most requests of one account, served and waiting, from all networks together.
    each: usize,
    /// The longest time that a request may wait.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    served: Vec<Served>,
    /// In the order of arrival.
    waiting: Vec<Waiting>,
    number: u64,
    /// The number of turns so far.
    turns: u64,
}

#[derive(Debug)]
struct Served {
    asker: Asker,
    /// The number of its turn.
    turn: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    asker: Asker,
    /// The last turn of its network, and of its account in that network.
    last: (u64, u64),
    /// Dropped without a turn when the request has lost its place to another client's.
    turn: oneshot::Sender<Place>,
}

/// The right to be served, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    queue: Queue,
    asker: Asker,
}

impl Queue {
    /// Returns a queue that serves `at_once` requests while `waiting` more wait, each at most for `patience`. One
    /// account may have a quarter of them.
    pub(super) fn new(at_once: usize, waiting: usize, patience: Duration) -> Self {
        let each = ((at_once + waiting) / 4).max(1);
        Self(Arc::new(Shared { at_once, waiting, each, patience, state: Mutex::default() }))
    }

    /// Waits for a place. A future that is dropped while it waits leaves the queue.
    ///
    /// # Errors
    ///
    /// [`Full`]: at once when there is no room; as soon as the request loses its place to another client's; or after
    /// the patience of the queue.
    pub(super) async fn place(&self, asker: Asker) -> Result<Place, Full> {
        let (number, turn) = {
            let mut state = self.state();
            if state.of_account(&asker) >= self.0.each {
                return Err(Full);
            }
            if state.served.len() < self.0.at_once {
                state.serve(asker.clone());
                return Ok(Place { queue: self.clone(), asker });
            }
            if state.waiting.len() >= self.0.waiting {
                let gives_way = state.gives_way_to(&asker).ok_or(Full)?;
                state.waiting.remove(gives_way);
            }
            let (tell, turn) = oneshot::channel();
            state.number += 1;
            let (number, last) = (state.number, state.last(&asker));
            state.waiting.push(Waiting { number, asker, last, turn: tell });
            (number, turn)
        };
        let _seat = Seat { queue: self, number };
        // A turn at the last moment counts, because `timeout` polls the turn before the clock.
        timeout(self.0.patience, turn).await.map_err(|_| Full)?.map_err(|_| Full)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is usable, because no step under it can leave the queue half changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of_account(&self, asker: &Asker) -> usize {
        let waiting = self.waiting.iter().map(|waiting| &waiting.asker);
        let served = self.served.iter().map(|served| &served.asker);
        served.chain(waiting).filter(|other| other.account == asker.account).count()
    }

    /// Returns the last turn of the network, and of the account there. If no turn is recorded it is the present one, so
    /// that a client gains nothing when it leaves the queue and returns.
    fn last(&self, asker: &Asker) -> (u64, u64) {
        let served = self.served.iter().map(|served| (&served.asker, (served.turn, served.turn)));
        let all = || served.clone().chain(self.waiting.iter().map(|waiting| (&waiting.asker, waiting.last)));
        let of_network = all().filter(|(other, _)| other.network == asker.network).map(|(_, last)| last.0).max();
        let of_account = all().filter(|(other, _)| *other == asker).map(|(_, last)| last.1).max();
        (of_network.unwrap_or(self.turns), of_account.unwrap_or(self.turns))
    }

    /// Gives a request its turn, and records it for the waiting requests of the same network and account.
    fn serve(&mut self, asker: Asker) {
        self.turns += 1;
        for other in self.waiting.iter_mut().filter(|other| other.asker.network == asker.network) {
            other.last.0 = self.turns;
            if other.asker.account == asker.account {
                other.last.1 = self.turns;
            }
        }
        self.served.push(Served { asker, turn: self.turns });
    }

    /// Gives the next waiting request its turn. The network that had its last turn longest ago comes first. Within it
    /// the account that had its last turn longest ago comes first, and within that the oldest request.
    fn serve_next(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.iter().enumerate();
        let (next, _) = waiting.min_by_key(|(_, waiting)| (waiting.last, waiting.number))?;
        let next = self.waiting.remove(next);
        self.serve(next.asker.clone());
        Some(next)
    }

    /// Returns the position of the waiting request that gives way to a new one of `asker`, if one does.
    fn gives_way_to(&self, asker: &Asker) -> Option<usize> {
        let of_network = |waiting: &Waiting| waiting.asker.network == asker.network;
        let network = self.largest(&asker.network, |waiting| Some(&waiting.asker.network));
        if let Some(network) = network {
            return self.waiting.iter().rposition(|waiting| waiting.asker.network == network);
        }
        let account = self.largest(&asker.account, |waiting| of_network(waiting).then_some(&waiting.asker.account))?;
        self.waiting.iter().rposition(|waiting| of_network(waiting) && waiting.asker.account == account)
    }

    /// Returns the name with the most waiting requests, if they are more than those of `own` with one more.
    fn largest<'a>(&'a self, own: &str, name: impl Fn(&'a Waiting) -> Option<&'a String>) -> Option<&'a str> {
        let mut counts = HashMap::<&str, usize>::new();
        for name in self.waiting.iter().filter_map(name) {
            *counts.entry(name).or_default() += 1;
        }
        let of_own = counts.get(own).copied().unwrap_or_default();
        let (name, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (count > of_own + 1).then_some(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = {
            let mut state = self.queue.state();
            if let Some(own) = state.served.iter().position(|served| served.asker == self.asker) {
                // Removes the asker's earliest turn, so that the latest one is remembered.
                state.served.remove(own);
            }
            state.serve_next()
        };
        if let Some(Waiting { asker, turn, .. }) = next {
            // If the request is gone, the place comes back and is dropped here, and the next request has its turn.
            turn.send(Self { queue: self.queue.clone(), asker }).ok();
        }
    }
}

/// A request's entry in the waiting list. Removes the entry when it is dropped.
struct Seat<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.queue.state().waiting.retain(|waiting| waiting.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use futures::future::BoxFuture;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn asker(network: &str, account: &str) -> Asker {
        Asker { network: network.to_owned(), account: account.to_owned() }
    }

    /// Returns a request that has joined the queue, and waits unless it was served or rejected at once.
    fn join(queue: &Queue, network: &str, account: &str) -> BoxFuture<'static, Result<Place, Full>> {
        let (queue, asker) = (queue.clone(), asker(network, account));
        let mut joined = async move { queue.place(asker).await }.boxed();
        match (&mut joined).now_or_never() {
            Some(answer) => async move { answer }.boxed(),
            None => joined,
        }
    }

    fn is_served(joined: &mut BoxFuture<'static, Result<Place, Full>>) -> Option<bool> {
        joined.now_or_never().map(|answer| answer.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn s63_requests_are_served_in_their_order_and_one_that_goes_away_leaves_its_place() {
        let queue = Queue::new(1, 12, PATIENCE);
        let first = join(&queue, "a", "1").now_or_never().expect("at once").expect("a place");
        let mut second = join(&queue, "a", "2");
        let third = join(&queue, "a", "3");
        let mut fourth = join(&queue, "a", "4");
        assert_eq!((is_served(&mut second), is_served(&mut fourth)), (None, None));
        drop((third, first));
        let second = second.now_or_never().expect("its turn").expect("a place");
        assert_eq!(is_served(&mut fourth), None);
        drop(second);
        assert!(fourth.now_or_never().expect("its turn").is_ok());
        assert!(join(&queue, "a", "5").now_or_never().expect("at once").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn s63_one_account_has_a_quarter_of_the_queue() {
        let queue = Queue::new(4, 12, PATIENCE);
        let mut held: Vec<_> = (0..4).map(|n| join(&queue, &n.to_string(), "ada")).collect();
        assert_eq!(is_served(&mut join(&queue, "5", "ada")), Some(false));
        let mut other = join(&queue, "5", "bob");
        assert_eq!(is_served(&mut other), None, "it waits, as the places are taken");
        held.truncate(2);
        assert!(other.now_or_never().is_some_and(|answer| answer.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn s63_in_a_full_queue_the_largest_network_gives_way() {
        let queue = Queue::new(1, 8, PATIENCE);
        let mut many: Vec<_> = (0..9).map(|n| join(&queue, "many", &n.to_string())).collect();
        assert_eq!(is_served(&mut join(&queue, "many", "x")), Some(false), "full for the network itself");
        let mut others: Vec<_> = (0..4).map(|n| join(&queue, "other", &n.to_string())).collect();
        assert_eq!(is_served(&mut join(&queue, "other", "x")), Some(false), "both have four places now");
        let turned_away = many.drain(5..).map(|mut late| is_served(&mut late)).collect::<Vec<_>>();
        assert_eq!(turned_away, [Some(false); 4], "the newest ones went");
        drop(many);
        for other in &mut others {
            assert_eq!(is_served(other), Some(true));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s63_in_a_full_queue_the_largest_account_of_a_network_gives_way() {
        let queue = Queue::new(1, 8, PATIENCE);
        let _served = join(&queue, "office", "first");
        let mut ada: Vec<_> = (0..2).map(|_| join(&queue, "office", "ada")).collect();
        let _rest: Vec<_> = (0..6).map(|n| join(&queue, "office", &n.to_string())).collect();
        let mut bob = join(&queue, "office", "bob");
        assert_eq!(is_served(&mut bob), None, "bob waits");
        assert_eq!((is_served(&mut ada[0]), is_served(&mut ada[1])), (None, Some(false)), "the second of ada's went");
    }

    /// Serves waiting requests until `own` is served, and returns how many were served before it.
    fn served_before(
        held: &mut Vec<BoxFuture<'static, Result<Place, Full>>>,
        mut place: Place,
        own: &mut BoxFuture<'static, Result<Place, Full>>,
    ) -> usize {
        for before in 0.. {
            drop(place);
            if is_served(own) == Some(true) {
                return before;
            }
            let next = (0..held.len()).find_map(|n| Some((n, (&mut held[n]).now_or_never()?)));
            let (n, turn) = next.expect("another request has the turn");
            drop(held.remove(n));
            place = turn.expect("a place");
        }
        unreachable!()
    }

    #[tokio::test(start_paused = true)]
    async fn s63_networks_take_turns_and_so_do_the_accounts_of_one() {
        let queue = Queue::new(1, 32, PATIENCE);
        let place = join(&queue, "many", "first").await.expect("a place");
        let mut many: Vec<_> = (0..20).map(|n| join(&queue, "many", &n.to_string())).collect();
        let mut other = join(&queue, "other", "bob");
        assert!(
            served_before(&mut many, place, &mut other) <= 1,
            "a network with one request does not wait for twenty"
        );

        let queue = Queue::new(1, 32, PATIENCE);
        let place = join(&queue, "office", "mallory").await.expect("a place");
        let mut mallorys: Vec<_> = (0..7).map(|_| join(&queue, "office", "mallory")).collect();
        let mut bob = join(&queue, "office", "bob");
        assert!(served_before(&mut mallorys, place, &mut bob) <= 1, "an account with one does not wait for seven");
    }

    #[tokio::test(start_paused = true)]
    async fn s63_no_request_waits_longer_than_the_patience_of_the_queue() {
        let queue = Queue::new(1, 8, PATIENCE);
        let slow = join(&queue, "a", "1").await.expect("a place");
        let waiting = join(&queue, "b", "2");
        let begun = tokio::time::Instant::now();
        assert_eq!(waiting.await.map(drop), Err(Full), "the place is not free in time");
        assert_eq!(begun.elapsed().as_millis(), 500);
        let next = join(&queue, "c", "3");
        drop(slow);
        assert!(next.await.is_ok(), "the request that gave up has left the queue");
    }

    #[tokio::test(start_paused = true)]
    async fn s63_the_last_turn_of_a_network_is_remembered_whichever_of_its_places_is_given_back() {
        let queue = Queue::new(3, 32, PATIENCE);
        let other = join(&queue, "b", "1").await.expect("a place");
        let (early, late) = (join(&queue, "a", "1").await, join(&queue, "a", "1").await);
        drop((other, late));
        assert_eq!(queue.state().last(&asker("a", "1")), (3, 3));
        drop(early);
    }
}
