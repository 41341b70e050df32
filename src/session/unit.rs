//! One request's dealings with its session: where it stands, what the browser must be told, the steps of the store.

use super::begin_limit::BeginLimit;
use super::clock::Timestamp;
use super::cookie::Target;
use super::doubt::Doubt;
use super::engine::Engine;
use super::error::Fault;
use super::id::{IdHash, Secret};
use super::lifetime::{Lifetime, Terms};
use super::record::{Changes, Owner, Record};
use super::store::{Applied, Loaded, StoreError};
use serde_json::Value;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The unit of work of one request.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) engine: Arc<Engine>,
    pub(super) asked: Asked,
    /// One atomic update at a time: two of one request would each start from what the other is about to change.
    pub(super) updating: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What a request says of its session, before the store is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// The id that its cookie carried.
    pub(super) presented: Option<Secret>,
    /// Why a request without an id is not one without a cookie.
    pub(super) doubt: Option<Doubt>,
    /// `HEAD` and prefetches: nobody looks, so nothing is stored.
    pub(super) speculative: bool,
    /// By a method that only reads.
    pub(super) safe: bool,
    /// How many sessions the client may begin.
    pub(super) limit: Option<BeginLimit>,
    pub(super) target: Target,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any of them may go with any other")]
pub(super) struct State {
    pub(super) place: Place,
    pub(super) cookie: Cookie,
    /// The store has been told that the session is in use.
    pub(super) marked: bool,
    /// tower-sessions may have the record as this request has loaded it. Otherwise its asking means: ask the store anew.
    pub(super) lent: bool,
    /// What the next beginning or rotation brings with it.
    pub(super) next: Next,
    /// The head of the answer has left.
    pub(super) sent: bool,
    /// What was in doubt has ended, or a session has begun in its place.
    pub(super) settled: bool,
    /// The names of cookies beside the session's of which two came.
    pub(super) twice: Vec<String>,
    /// The handler failed: a rotation that it left behind is not made.
    pub(super) failed: bool,
    /// The client may begin no session, for so long.
    pub(super) refused: Option<Duration>,
    /// The store could not be reached, or not in time.
    pub(super) unreached: bool,
    /// What nothing later in this request can mend.
    pub(super) stop: Option<Fault>,
    /// The failure met last, for whoever is handed tower-sessions' error for it.
    pub(super) last: Option<Fault>,
    /// How long this request has waited for the store.
    spent: Duration,
}

/// What is to come with the session's next id.
#[derive(Clone, Debug, Default)]
pub(super) struct Next {
    pub(super) owner: Option<Owner>,
    /// Orders the sign-in that brings the owner.
    pub(super) signed_in: Option<Timestamp>,
    /// The clocks that a handler gave it, and as which they count.
    pub(super) lifetime: Option<(Lifetime, Terms)>,
}

/// Where the session of a request stands, as far as the request knows.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// There is none, or none any more.
    Nowhere,
    /// An id was presented. The store has not been asked.
    Presented(IdHash),
    /// It lives under this id. The record is as loaded, in step with what this request has written since.
    Live(IdHash, Arc<Record>),
    /// It is to end, or tower-sessions has deleted it. It lives until the store says otherwise.
    Leaving(Leaving),
}

/// A session that is to end, unless it turns out that its id is to be rotated.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    pub(super) id: IdHash,
    /// As it was loaded, if it was.
    pub(super) record: Option<Arc<Record>>,
    /// No rotation can follow any more.
    pub(super) surely: bool,
}

/// What the answer says about the cookie.
#[derive(Debug)]
pub(super) enum Cookie {
    Keep,
    Give(Secret),
    Take,
}

impl Unit {
    pub(super) fn new(engine: Arc<Engine>, asked: Asked) -> Self {
        let place = asked.presented.as_ref().map_or(Place::Nowhere, |secret| Place::Presented(secret.hash()));
        let state = State {
            place,
            cookie: Cookie::Keep,
            marked: false,
            lent: false,
            next: Next::default(),
            sent: false,
            settled: false,
            twice: Vec::new(),
            failed: false,
            refused: None,
            unreached: false,
            stop: None,
            last: None,
            spent: Duration::ZERO,
        };
        Self { engine, asked, updating: tokio::sync::Mutex::default(), state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    /// Whether the browser keeps the cookie when it closes: all of them, or because this session was given a longer life than
    /// others have ("keep me signed in").
    pub(super) fn is_kept(&self, record: &Record) -> bool {
        self.engine.cookie.persistent || record.terms == Terms::Kept
    }

    /// Looks at the session as loaded, if it lives. Nothing is copied: `look` must not wait.
    pub(super) fn live<T>(&self, look: impl FnOnce(IdHash, &Arc<Record>) -> T) -> Option<T> {
        match &self.state().place {
            Place::Live(id, record) => Some(look(*id, record)),
            _ => None,
        }
    }

    /// The id under which the session lives.
    pub(super) fn live_id(&self) -> Option<IdHash> {
        self.live(|id, _| id)
    }

    /// Waits for a step of the store, within what is left of this request's patience.
    ///
    /// After a failure the request asks no more: an outage costs each request one timeout at most (G8).
    pub(super) async fn ask<T>(&self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
        self.wait(false, step).await
    }

    /// Waits for one step of many, each of which has the patience of a request: there may be any number of them.
    pub(super) async fn ask_each<T>(&self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
        self.wait(true, step).await
    }

    async fn wait<T>(&self, apart: bool, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
        let left = {
            let mut state = self.state();
            if let Some(fault) = state.stop {
                state.last = Some(fault);
                return Err(fault);
            }
            // Whoever has had the head of its answer is not told 503 any more: a stream may go on for as long as it likes.
            let whole = apart || state.sent;
            if whole { self.engine.timeout } else { self.engine.timeout.saturating_sub(state.spent) }
        };
        let mut step = pin!(step);
        // What is answered from memory is answered at the first look, and needs neither a clock nor a timer.
        let answer = if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(step.as_mut().poll(cx))).await {
            Ok(answer)
        } else {
            let begun = Instant::now();
            let answer = tokio::time::timeout(left, step).await;
            if !apart {
                self.state().spent += begun.elapsed();
            }
            answer
        };
        let store = self.engine.store.kind();
        match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                self.state().unreached |= matches!(error, StoreError::Unavailable(_));
                metrics::counter!("hardtack_store_failures_total", "kind" => "error").increment(1);
                tracing::error!(store, %error, "the session store failed");
            }
            Err(_) => {
                self.state().unreached = true;
                metrics::counter!("hardtack_store_failures_total", "kind" => "timeout").increment(1);
                tracing::error!(store, timeout = ?self.engine.timeout, "the session store did not answer in time");
            }
        }
        Err(self.fail(Fault::Unavailable))
    }

    pub(super) fn fail(&self, fault: Fault) -> Fault {
        let mut state = self.state();
        state.last = Some(fault);
        if matches!(fault, Fault::Unavailable | Fault::Ended | Fault::Rotated | Fault::Doubtful) {
            state.stop.get_or_insert(fault);
        }
        fault
    }

    /// Asks the store for the session of the id that this request knows.
    pub(super) async fn find(&self) -> Result<Option<(IdHash, Arc<Record>)>, Fault> {
        let id = match &self.state().place {
            Place::Nowhere => return Ok(None),
            Place::Presented(id) | Place::Live(id, _) | Place::Leaving(Leaving { id, .. }) => *id,
        };
        let now = self.now();
        let loaded = self.ask(async { tolerate(self.engine.store.load(&id, now).await) }).await?;
        match self.engine.bounded(loaded, now) {
            Loaded::Live(id, record) => Ok(Some((id, record))),
            Loaded::Retired => Err(self.fail(Fault::Rotated)),
            Loaded::Absent => {
                tracing::debug!(?id, "a session id that is not, or no longer, known");
                Ok(None)
            }
        }
    }

    /// Loads the session unless that has been done, and says whether there is one.
    ///
    /// Its values stay text: whoever wants one decodes that one.
    pub(super) async fn look(&self) -> Result<bool, Fault> {
        let presented = match &self.state().place {
            Place::Live(..) => return Ok(true),
            Place::Presented(id) => Some(*id),
            Place::Nowhere | Place::Leaving(_) => None,
        };
        let Some(presented) = presented else { return Ok(false) };
        let found = self.find().await?;
        let mut state = self.state();
        // Unless somebody else in this request was faster, and may have done more since.
        if matches!(state.place, Place::Presented(id) if id == presented) {
            state.place = found.map_or(Place::Nowhere, |(id, record)| Place::Live(id, record));
        }
        Ok(matches!(state.place, Place::Live(..)))
    }

    /// Lets tower-sessions have the record as loaded, for as long as the answer lives.
    pub(super) fn lend(&self) -> Lent<'_> {
        self.state().lent = true;
        Lent(self)
    }

    /// Sends changes of the live session's data.
    pub(super) async fn apply(&self, changes: &Changes) -> Result<Applied, Fault> {
        if self.asked.speculative {
            return Ok(Applied::Done(0));
        }
        self.complain_when_late();
        let Some(id) = self.live_id() else { return Err(self.fail(Fault::Ended)) };
        let applied = self.ask(self.engine.store.apply(&id, changes, self.now())).await?;
        match applied {
            Applied::Done(version) => self.written(changes, version),
            Applied::Conflict => {}
            Applied::Gone => return Err(self.gone().await),
            Applied::TooLarge => return Err(self.too_large()),
        }
        Ok(applied)
    }

    /// Whether the store is told that the session is in use. One with an idle timeout of its own may need it sooner.
    pub(super) fn is_touch_due(&self, record: &Record, now: Timestamp) -> bool {
        now - record.seen >= self.engine.clocks.touch_every.min(record.lifetime.idle / 2)
    }

    /// Tells the store that the session is in use, if it has not been told for a while.
    pub(super) async fn touch(&self) -> Result<(), Fault> {
        let now = self.now();
        let due = match &self.state().place {
            Place::Live(id, record) if self.is_touch_due(record, now) => Some(*id),
            _ => None,
        };
        let Some(id) = due.filter(|_| !self.asked.speculative) else { return Ok(()) };
        // Gone meanwhile: what this request has read, it read while the session lived.
        if self.ask(self.engine.store.touch(&id, now)).await? {
            self.mark(now);
        }
        Ok(())
    }

    fn mark(&self, now: Timestamp) {
        let mut state = self.state();
        state.marked = true;
        if let Place::Live(_, record) = &mut state.place {
            let record = Arc::make_mut(record);
            record.seen = record.seen.max(now);
        }
    }

    fn written(&self, changes: &Changes, version: u64) {
        self.mark(self.now());
        if let Place::Live(_, record) = &mut self.state().place {
            step(Arc::make_mut(record), changes, version);
        }
    }

    /// Streamed rendering writes behind its own answer: kept where it can be, and never silently.
    pub(super) fn complain_when_late(&self) {
        if self.state().sent {
            tracing::error!("a session was changed after the head of the answer had left; write before rendering");
        }
    }

    /// A value as it is kept, if it can be read back.
    pub(super) fn text(&self, name: &str, value: &Value) -> Result<String, Fault> {
        if name.contains('\0') || depth(value) > DEPTH {
            tracing::error!(name, "a session value has a NUL in its name or is nested too deeply");
            return Err(self.fail(Fault::Unfit));
        }
        Ok(value.to_string())
    }

    pub(super) fn too_large(&self) -> Fault {
        let limit = self.engine.max_data;
        tracing::error!(limit, "a session would hold more bytes than it may");
        self.fail(Fault::TooLarge { limit })
    }
}

/// While this lives, tower-sessions is handed the record that this request has loaded.
pub(super) struct Lent<'a>(&'a Unit);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.state().lent = false;
    }
}

/// Keeps a record in step with a change of its own making.
///
/// Its version moves only when nobody else has written in between: a version stands for everything in the record, and
/// an update that trusted it would overwrite what it has not seen.
pub(super) fn step(record: &mut Record, changes: &Changes, version: u64) {
    changes.apply_to(&mut record.data);
    record.lifetime = changes.lifetime.unwrap_or(record.lifetime);
    record.terms = changes.terms.unwrap_or(record.terms);
    if version == record.version + 1 {
        record.version = version;
    }
}

/// How deeply values may be nested: less than what a JSON reader takes, which is 128.
const DEPTH: usize = 100;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A record that cannot be read is no session: the visitor begins anew, the log says why.
pub(super) fn tolerate(loaded: Result<Loaded, StoreError>) -> Result<Loaded, StoreError> {
    match loaded {
        Err(StoreError::Corrupt(error)) => {
            tracing::warn!(%error, "a session record could not be read and counts as none");
            Ok(Loaded::Absent)
        }
        other => other,
    }
}
