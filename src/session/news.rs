//! News of sessions: who watches one is told when it may have ended, wherever that happened.
//!
//! What is told is a hint to look, and never the truth: a message that is lost, late, told twice or forged does no harm.

use super::id::Handle;
use super::store::Store;
use super::sweep::jittered;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

/// How many may watch one session at once. One more takes the place of whoever has watched for longest: a browser wants one
/// place, and a page that has gone without a word keeps its own for a while.
const EACH: usize = 8;
/// How many may watch the sessions of one account at once, by the same rule: without it, an account with many sessions could
/// have all the places that a server offers.
const OF_ACCOUNT: usize = 32;
/// How long a store goes on telling when nobody watches any more.
const LINGER: Duration = Duration::from_secs(30);
/// The pause before a channel that was lost is opened again. It doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest of these pauses.
const LONGEST: Duration = Duration::from_secs(30);
/// Over how long looks are spread, for each of those who look because of one message, and at most.
const SPREAD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(5));
/// How long it is, for each of those who look, from one message that makes all look to the next, and at most: together they
/// look a hundred times a second.
const PACE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));

/// Where a store tells of sessions that may have ended, or moved to a new id.
#[derive(Clone, Debug)]
pub struct News(Arc<Watchers>);

impl News {
    pub(super) fn to(watchers: &Arc<Watchers>) -> Self {
        Self(Arc::clone(watchers))
    }

    /// This session may have ended, or moved to a new id.
    pub fn of(&self, handle: &Handle) {
        let state = self.0.state();
        for (_, word) in state.seats.get(handle).into_iter().flatten() {
            word.send_modify(|word| word.told += 1);
        }
    }

    /// Any session may have: the channel has just been opened, or something was missed.
    ///
    /// A store may say so as often as it likes. All look at once or, if they have just looked, a while later; what is said
    /// before that is seen by the same look.
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

/// A channel within one process, for a store whose steps are all made there.
#[derive(Debug)]
pub(super) struct Voice(broadcast::Sender<Handle>);

impl Default for Voice {
    fn default() -> Self {
        Self(broadcast::Sender::new(256))
    }
}

impl Voice {
    /// Tells of a session. Costs next to nothing while nobody listens.
    pub(super) fn tell(&self, handle: Handle) {
        // Nobody need be there.
        self.0.send(handle).ok();
    }

    /// Hands on what is told from now on.
    pub(super) async fn pass_on(&self, news: &News) {
        let mut told = self.0.subscribe();
        news.of_any();
        loop {
            match told.recv().await {
                Ok(handle) => news.of(&handle),
                Err(broadcast::error::RecvError::Lagged(_)) => news.of_any(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

/// All who watch a session in this process.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    state: Mutex<State>,
    numbers: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    seats: HashMap<Handle, VecDeque<(usize, watch::Sender<Word>)>>,
    /// The places of each account's sessions, the oldest first.
    accounts: HashMap<String, VecDeque<(usize, Handle)>>,
    /// Somebody listens to the store, or has found that there is nothing to listen to.
    listening: bool,
    /// The server stops.
    closed: bool,
    /// When the last round begins in which all look. It may be still to come.
    round: Option<Instant>,
}

impl State {
    /// When all are to look because of a message of now; `None` when a round to come sees what it tells of.
    fn next_round(&mut self, now: Instant) -> Option<Instant> {
        let begin = match self.round {
            Some(round) if round > now => return None,
            Some(round) => now.max(round + self.each(PACE)),
            None => now,
        };
        self.round = Some(begin);
        Some(begin)
    }

    /// A span for each of those who watch, together no longer than the most.
    fn each(&self, (each, most): (Duration, Duration)) -> Duration {
        let watching = self.seats.values().map(VecDeque::len).sum::<usize>();
        each.saturating_mul(u32::try_from(watching).unwrap_or(u32::MAX)).min(most)
    }
}

/// What somebody who watches has been told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// Counts the hints.
    pub(super) told: u64,
    /// When to look because of a hint that everybody got.
    pub(super) soon: Option<Instant>,
    /// The place is needed by somebody else, or the server stops.
    pub(super) closed: bool,
}

/// A place of somebody who watches.
#[derive(Debug)]
pub(super) struct Seat {
    watchers: Arc<Watchers>,
    handle: Handle,
    account: Option<String>,
    number: usize,
    pub(super) word: watch::Receiver<Word>,
}

impl Watchers {
    /// Takes a place, and listens to the store if nobody does; `None` when the server stops.
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

    /// Sends everybody away, and lets nobody in any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for (_, word) in state.seats.values().flatten() {
            word.send_modify(|word| word.closed = true);
        }
    }

    /// Waits until nobody has been there for a while.
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
        // No step under this lock can leave the places half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a place of an account. The oldest one beyond the limit is closed.
    fn seat_of_account(&mut self, account: &str, number: usize, handle: Handle) {
        let own = self.accounts.entry(account.to_owned()).or_default();
        own.push_back((number, handle));
        let oldest = if own.len() > OF_ACCOUNT { own.pop_front() } else { None };
        let Some((number, handle)) = oldest else { return };
        // It may have made room for another one of its session before.
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

/// Listens to the store for as long as somebody watches.
async fn listen(watchers: Arc<Watchers>, store: Arc<dyn Store>) {
    let news = News::to(&watchers);
    let heard = async {
        let mut pause = PAUSE;
        loop {
            let begun = Instant::now();
            // A store without a channel says so at once, and is not asked again.
            let Err(error) = store.news(&news).await else { return std::future::pending::<()>().await };
            if begun.elapsed() > LONGEST {
                pause = PAUSE;
            }
            tracing::warn!(store = store.kind(), %error, "sessions that end elsewhere are noticed late for now");
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
            // As often as another process writes.
            news.of_any();
            let now = seats[0].word.borrow().soon;
            looks += if now == soon { 0 } else { SEATS };
            soon = now;
            tokio::time::advance(Duration::from_millis(300)).await;
        }
        assert!(looks > 0 && looks <= (SECONDS + 10) * 100, "{looks} looks in {SECONDS} s");
        news.of_any();
        let told = Instant::now();
        tokio::time::advance(PACE.1).await;
        assert!(seats.iter().all(|seat| seat.word.borrow().soon > Some(told)), "what is told last is looked at too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_who_watch_look_at_once() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let watchers = Arc::new(Watchers::default());
        let seat = watchers.sit(Handle::generate(), None, &store).expect("a place");
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(300)).await;
            News::to(&watchers).of_any();
            let soon = seat.word.borrow().soon.expect("a hint");
            assert!(soon <= Instant::now() + PACE.0 + 2 * SPREAD.0, "one alone is told within some milliseconds");
        }
    }
}
