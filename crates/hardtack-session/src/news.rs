//! Notifications of session changes: a watcher is notified when its session may have ended, on whichever node that was.
//!
//! A notification is a hint to load the session again, never the truth. A message that is lost, late, doubled or forged
//! does no harm.

use super::id::Handle;
use super::store::Store;
use super::sweep::jittered;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The most watchers of one session. A further one replaces the oldest. A browser needs one, and a page that vanished
/// without closing its stream keeps its own for a while.
const EACH: usize = 8;
/// The most watchers of all sessions of one account, by the same rule, because an account with many sessions could
/// otherwise take all event streams that a server allows.
const OF_ACCOUNT: usize = 32;
/// The time for which the channel of the store stays open without a watcher.
const LINGER: Duration = Duration::from_secs(30);
/// The pause before a lost channel is opened again. It doubles each time.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest of these pauses.
const LONGEST: Duration = Duration::from_secs(30);
/// The time over which the loads after one message are spread: for each watcher that loads, and at most.
const SPREAD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(5));
/// The time from one message that makes all watchers load their sessions to the next: for each watcher, and at most. It
/// makes about a hundred loads a second in all.
const PACE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));

/// The receiver of a store's notifications of sessions that may have ended or moved to a new id.
#[derive(Clone, Debug)]
pub struct News(Arc<Watchers>);

impl News {
    pub(super) fn to(watchers: &Arc<Watchers>) -> Self {
        Self(Arc::clone(watchers))
    }

    /// Notifies the watchers of this session that it may have ended or moved to a new id.
    pub fn of(&self, handle: &Handle) {
        let state = self.0.state();
        for (_, word) in state.seats.get(handle).into_iter().flatten() {
            word.send_modify(|word| word.told += 1);
        }
    }

    /// Notifies all watchers, because the channel has just been opened or has missed a message.
    ///
    /// A store may call this as often as it likes. All watchers load their sessions at once or, if they have just done
    /// so, a while later; that round covers all calls before it.
    pub fn of_any(&self) {
        let mut state = self.0.state();
        let now = Instant::now();
        let Some(begin) = state.next_round(now) else { return };
        let spread = state.each(SPREAD);
        for (_, word) in state.seats.values().flatten() {
            word.send_modify(|word| word.soon = Some(begin + jittered(spread)));
        }
    }
}

/// The watchers of all sessions in this process.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    state: Mutex<State>,
    numbers: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    seats: HashMap<Handle, VecDeque<(usize, watch::Sender<Word>)>>,
    /// The subscriptions to each account's sessions, the oldest first.
    accounts: HashMap<String, VecDeque<(usize, Handle)>>,
    /// A task listens to the store, or has found that the store has no channel.
    listening: bool,
    /// The server stops.
    closed: bool,
    /// The start of the last round in which all watchers load their sessions. It may be in the future.
    round: Option<Instant>,
}

impl State {
    /// Returns the time at which all watchers must load because of a message of now; `None` if a coming round covers
    /// the message.
    fn next_round(&mut self, now: Instant) -> Option<Instant> {
        let begin = match self.round {
            Some(round) if round > now => return None,
            Some(round) => now.max(round + self.each(PACE)),
            None => now,
        };
        self.round = Some(begin);
        Some(begin)
    }

    /// Returns a span multiplied by the number of watchers, but no longer than the most.
    fn each(&self, (each, most): (Duration, Duration)) -> Duration {
        let watching = self.seats.values().map(VecDeque::len).sum::<usize>();
        each.saturating_mul(u32::try_from(watching).unwrap_or(u32::MAX)).min(most)
    }
}

/// The notifications to one watcher.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// The number of hints so far.
    pub(super) told: u64,
    /// The time to load the session because of a hint to all watchers.
    pub(super) soon: Option<Instant>,
    /// Another watcher replaces this one, or the server stops.
    pub(super) closed: bool,
}

/// The subscription of a watcher.
#[derive(Debug)]
pub(super) struct Seat {
    watchers: Arc<Watchers>,
    handle: Handle,
    account: Option<String>,
    number: usize,
    pub(super) word: watch::Receiver<Word>,
}

impl Watchers {
    /// Subscribes a watcher, and starts listening to the store if no task does. `None` when the server stops.
    pub(super) fn sit(self: &Arc<Self>, handle: Handle, account: Option<&str>, store: &Arc<dyn Store>) -> Option<Seat> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (tell, word) = watch::channel(Word::default());
        let mut state = self.state();
        if state.closed {
            return None;
        }
        let seats = state.seats.entry(handle).or_default();
        seats.push_back((number, tell));
        if seats.len() > EACH
            && let Some((_, oldest)) = seats.pop_front()
        {
            oldest.send_modify(|word| word.closed = true);
        }
        if let Some(account) = account {
            state.seat_of_account(account, number, handle);
        }
        if !std::mem::replace(&mut state.listening, true) {
            tokio::spawn(listen(Arc::clone(self), Arc::clone(store)));
        }
        drop(state);
        Some(Seat { watchers: Arc::clone(self), handle, account: account.map(str::to_owned), number, word })
    }

    /// Ends all subscriptions and refuses new ones.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for (_, word) in state.seats.values().flatten() {
            word.send_modify(|word| word.closed = true);
        }
    }

    /// Waits until there has been no watcher for a while.
    async fn deserted(&self) {
        loop {
            tokio::time::sleep(LINGER).await;
            let mut state = self.state();
            if state.seats.is_empty() {
                state.listening = false;
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is still good, because no operation under it can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a subscription to an account. The oldest one beyond the limit is closed.
    fn seat_of_account(&mut self, account: &str, number: usize, handle: Handle) {
        let own = self.accounts.entry(account.to_owned()).or_default();
        own.push_back((number, handle));
        let oldest = if own.len() > OF_ACCOUNT { own.pop_front() } else { None };
        let Some((number, handle)) = oldest else { return };
        // It may be closed already, because of the limit of its session.
        let Some(seats) = self.seats.get_mut(&handle) else { return };
        for (_, word) in seats.iter().filter(|(other, _)| *other == number) {
            word.send_modify(|word| word.closed = true);
        }
        seats.retain(|(other, _)| *other != number);
        if seats.is_empty() {
            self.seats.remove(&handle);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.watchers.state();
        if let Some(account) = &self.account
            && let Some(own) = state.accounts.get_mut(account)
        {
            own.retain(|(number, _)| *number != self.number);
            if own.is_empty() {
                state.accounts.remove(account);
            }
        }
        if let Some(seats) = state.seats.get_mut(&self.handle) {
            seats.retain(|(number, _)| *number != self.number);
            if seats.is_empty() {
                state.seats.remove(&self.handle);
            }
        }
    }
}

/// Listens to the store for as long as there are watchers.
async fn listen(watchers: Arc<Watchers>, store: Arc<dyn Store>) {
    let news = News::to(&watchers);
    let heard = async {
        let mut pause = PAUSE;
        loop {
            let begun = Instant::now();
            // A store without a channel returns at once, and is not asked again.
            let Err(error) = store.news(&news).await else { return std::future::pending::<()>().await };
            if begun.elapsed() > LONGEST {
                pause = PAUSE;
            }
            tracing::warn!(store = store.kind(), %error, "sessions that end on other nodes are noticed late for now");
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST);
        }
    };
    tokio::select! {
        () = heard => {}
        () = watchers.deserted() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::memory::MemoryStore;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_watch_look_a_hundred_times_a_second_at_most_however_often_they_are_told() {
        const SEATS: u32 = 500;
        const SECONDS: u32 = 60;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let watchers = Arc::new(Watchers::default());
        let seats: Vec<_> = (0..SEATS).filter_map(|_| watchers.sit(Handle::generate(), None, &store)).collect();
        let news = News::to(&watchers);
        let begun = Instant::now();
        let (mut looks, mut soon) = (0, None);
        while begun.elapsed() < Duration::from_secs(SECONDS.into()) {
            // Another process may write as often as this.
            news.of_any();
            let now = seats[0].word.borrow().soon;
            looks += if now == soon { 0 } else { SEATS };
            soon = now;
            tokio::time::advance(Duration::from_millis(300)).await;
        }
        assert!(looks > 0 && looks <= (SECONDS + 10) * 100, "{looks} loads in {SECONDS} s");
        news.of_any();
        let told = Instant::now();
        tokio::time::advance(PACE.1).await;
        assert!(seats.iter().all(|seat| seat.word.borrow().soon > Some(told)), "the last message leads to a load too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_who_watch_look_at_once() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let watchers = Arc::new(Watchers::default());
        let seat = watchers.sit(Handle::generate(), None, &store).expect("a subscription");
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(300)).await;
            News::to(&watchers).of_any();
            let soon = seat.word.borrow().soon.expect("a hint");
            assert!(soon <= Instant::now() + PACE.0 + 2 * SPREAD.0, "a single watcher is notified within milliseconds");
        }
    }
}
