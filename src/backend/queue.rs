//! A bounded queue in which no client takes the place of all others.
//!
//! A client alone may have the whole of it. When it is full, the network with the most waiting requests gives up its newest
//! one for a network with fewer; within a network, so does the account with the most.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asker {
    /// The network of the client.
    pub(super) network: String,
    /// The account, whether it exists or not.
    pub(super) account: String,
}

/// There is no room for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// So many requests are served at once, and so many wait.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    at_once: usize,
    waiting: usize,
    /// How many requests one account may have, served and waiting, from all networks together.
    each: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    served: Vec<Asker>,
    waiting: VecDeque<Waiting>,
    number: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    asker: Asker,
    /// Dropped unused: the request has lost its place to another client's.
    turn: oneshot::Sender<Place>,
}

/// The right to be served, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    queue: Queue,
    asker: Asker,
}

impl Queue {
    /// A queue in which `at_once` requests are served and `waiting` wait. One account has a quarter of them at most.
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        let each = ((at_once + waiting) / 4).max(1);
        Self(Arc::new(Shared { at_once, waiting, each, state: Mutex::default() }))
    }

    /// Waits for a place. Dropped while it waits, the future leaves the queue.
    ///
    /// # Errors
    ///
    /// When there is no room, at once; or as soon as the request has to give way to another client's.
    pub(super) async fn place(&self, asker: Asker) -> Result<Place, Full> {
        let (number, turn) = {
            let mut state = self.state();
            if state.of_account(&asker) >= self.0.each {
                return Err(Full);
            }
            if state.served.len() < self.0.at_once {
                state.served.push(asker.clone());
                return Ok(Place { queue: self.clone(), asker });
            }
            if state.waiting.len() >= self.0.waiting {
                let gives_way = state.gives_way_to(&asker).ok_or(Full)?;
                state.waiting.remove(gives_way);
            }
            let (tell, turn) = oneshot::channel();
            state.number += 1;
            let number = state.number;
            state.waiting.push_back(Waiting { number, asker, turn: tell });
            (number, turn)
        };
        let _seat = Seat { queue: self, number };
        turn.await.map_err(|_| Full)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step under this lock can leave the queue half changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of_account(&self, asker: &Asker) -> usize {
        let waiting = self.waiting.iter().map(|waiting| &waiting.asker);
        self.served.iter().chain(waiting).filter(|other| other.account == asker.account).count()
    }

    /// Which of the waiting requests gives way to one of `asker`, if one does.
    fn gives_way_to(&self, asker: &Asker) -> Option<usize> {
        let of_network = |waiting: &Waiting| waiting.asker.network == asker.network;
        let network = self.largest(&asker.network, |waiting| Some(&waiting.asker.network));
        if let Some(network) = network {
            return self.waiting.iter().rposition(|waiting| waiting.asker.network == network);
        }
        let account = self.largest(&asker.account, |waiting| of_network(waiting).then_some(&waiting.asker.account))?;
        self.waiting.iter().rposition(|waiting| of_network(waiting) && waiting.asker.account == account)
    }

    /// The name under which the most requests wait, if they are more than those of `own` with one more.
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
            if let Some(own) = state.served.iter().position(|asker| *asker == self.asker) {
                state.served.swap_remove(own);
            }
            let next = state.waiting.pop_front();
            state.served.extend(next.as_ref().map(|next| next.asker.clone()));
            next
        };
        if let Some(Waiting { asker, turn, .. }) = next {
            // Where nobody waits for it any more, it comes back and is dropped here, and the next one has its turn.
            turn.send(Self { queue: self.queue.clone(), asker }).ok();
        }
    }
}

/// A request that waits, or has waited.
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

    fn asker(network: &str, account: &str) -> Asker {
        Asker { network: network.to_owned(), account: account.to_owned() }
    }

    /// A request that has joined the queue, and waits unless it could be served or refused at once.
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

    #[test]
    fn s63_requests_are_served_in_their_order_and_one_that_goes_away_leaves_its_place() {
        let queue = Queue::new(1, 12);
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

    #[test]
    fn s63_one_account_has_a_quarter_of_the_queue() {
        let queue = Queue::new(4, 12);
        let mut held: Vec<_> = (0..4).map(|n| join(&queue, &n.to_string(), "ada")).collect();
        assert_eq!(is_served(&mut join(&queue, "5", "ada")), Some(false));
        let mut other = join(&queue, "5", "bob");
        assert_eq!(is_served(&mut other), None, "it waits, as the places are taken");
        held.truncate(2);
        assert!(other.now_or_never().is_some_and(|answer| answer.is_ok()));
    }

    #[test]
    fn s63_in_a_full_queue_the_largest_network_gives_way() {
        let queue = Queue::new(1, 8);
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

    #[test]
    fn s63_in_a_full_queue_the_largest_account_of_a_network_gives_way() {
        let queue = Queue::new(1, 8);
        let _served = join(&queue, "office", "first");
        let mut ada: Vec<_> = (0..2).map(|_| join(&queue, "office", "ada")).collect();
        let _rest: Vec<_> = (0..6).map(|n| join(&queue, "office", &n.to_string())).collect();
        let mut bob = join(&queue, "office", "bob");
        assert_eq!(is_served(&mut bob), None, "bob waits");
        assert_eq!((is_served(&mut ada[0]), is_served(&mut ada[1])), (None, Some(false)), "the second of ada's went");
    }
}
