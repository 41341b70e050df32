//! The unit of work of one request: the state of its session, the change to its cookie, the store calls.

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
    /// Lets one atomic update of the request run at a time, because two would each start from a value that the other is
    /// about to change.
    pub(super) updating: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// The facts about its session that a request carries, before the store is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// The secret in its cookie.
    pub(super) presented: Option<Secret>,
    /// Set if the secret is missing for another reason than that the browser has no cookie.
    pub(super) doubt: Option<Doubt>,
    /// The request is a `HEAD` or a prefetch. No person sees the response yet, so nothing is stored.
    pub(super) speculative: bool,
    /// The method only reads (RFC 9110, 9.2.1: safe).
    pub(super) safe: bool,
    /// The limit on the sessions that the client may begin.
    pub(super) limit: Option<BeginLimit>,
    pub(super) target: Target,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any of them may go with any other")]
pub(super) struct State {
    pub(super) place: Place,
    pub(super) cookie: Cookie,
    /// This request has marked the session as used in the store.
    pub(super) marked: bool,
    /// tower-sessions may use the record that this request has loaded. Otherwise a load by tower-sessions asks the
    /// store again.
    pub(super) lent: bool,
    /// The changes that come with the next begin or rotation.
    pub(super) next: Next,
    /// The head of the response has been sent.
    pub(super) sent: bool,
    /// The sessions in doubt have ended, or a session has begun in their place.
    pub(super) settled: bool,
    /// The names of signed cookies that came with two different values.
    pub(super) twice: Vec<String>,
    /// The handler failed, so a rotation that it left uncommitted is not made.
    pub(super) failed: bool,
    /// The time for which the client may begin no session.
    pub(super) refused: Option<Duration>,
    /// The store could not be reached in time.
    pub(super) unreached: bool,
    /// The failure after which this request makes no store calls any more.
    pub(super) stop: Option<Fault>,
    /// The last failure, kept here because tower-sessions' error does not carry it.
    pub(super) last: Option<Fault>,
    /// The time that this request has waited for the store.
    spent: Duration,
}

/// The changes that come with the session's next id.
#[derive(Clone, Debug, Default)]
pub(super) struct Next {
    pub(super) owner: Option<Owner>,
    /// The place of the sign-in in the order of the owner's sign-ins.
    pub(super) signed_in: Option<Timestamp>,
    /// The timeouts that a handler set, and their source.
    pub(super) lifetime: Option<(Lifetime, Terms)>,
}

/// The state of the session, as far as the request knows it.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// There is no session, or it has ended.
    Nowhere,
    /// The cookie carries this id. The store has not been asked yet.
    Presented(IdHash),
    /// The session is live under this id. The record is the loaded one with this request's own writes applied.
    Live(IdHash, Arc<Record>),
    /// The session is to end, or tower-sessions has deleted it. It is live until the store has removed it.
    Leaving(Leaving),
}

/// A session that is to end, unless a rotation of its id follows.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    pub(super) id: IdHash,
    /// The record, if it was loaded.
    pub(super) record: Option<Arc<Record>>,
    /// The end is certain, because no rotation can follow any more.
    pub(super) surely: bool,
}

/// The change to the session cookie in the response.
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

    /// Returns whether the browser keeps the cookie when it closes: because all session cookies are persistent, or
    /// because of "keep me signed in" for this session.
    pub(super) fn is_kept(&self, record: &Record) -> bool {
        self.engine.cookie.persistent || record.terms == Terms::Kept
    }

    /// Calls `look` with the loaded session, if it is live, and copies nothing. `look` must not block, because it runs
    /// under the lock of the state.
    pub(super) fn live<T>(&self, look: impl FnOnce(IdHash, &Arc<Record>) -> T) -> Option<T> {
        match &self.state().place {
            Place::Live(id, record) => Some(look(*id, record)),
            _ => None,
        }
    }

    /// Returns the id under which the session is live.
    pub(super) fn live_id(&self) -> Option<IdHash> {
        self.live(|id, _| id)
    }

    /// Awaits a store call, for at most the time that this request has left for the store.
    ///
    /// After a failure the request makes no more calls, so that an outage costs each request one timeout at most (G8).
    pub(super) async fn ask<T>(&self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
        self.wait(false, step).await
    }

    /// Awaits one of many store calls. Each has the whole timeout of a request, because there may be any number of
    /// them.
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
            // After the head is sent a 503 is not possible any more, and a stream may run for long: each call has the
            // whole timeout.
            let whole = apart || state.sent;
            if whole { self.engine.timeout } else { self.engine.timeout.saturating_sub(state.spent) }
        };
        let mut step = pin!(step);
        // A store that answers from memory is ready at the first poll, so it needs neither a clock nor a timer.
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

    /// Loads from the store the session of the id that this request knows.
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
                tracing::debug!(?id, "the session id is unknown or no longer valid");
                Ok(None)
            }
        }
    }

    /// Loads the session unless it is loaded, and returns whether there is one.
    ///
    /// Its values stay JSON text, so that only those are decoded that a handler reads.
    pub(super) async fn look(&self) -> Result<bool, Fault> {
        let presented = match &self.state().place {
            Place::Live(..) => return Ok(true),
            Place::Presented(id) => Some(*id),
            Place::Nowhere | Place::Leaving(_) => None,
        };
        let Some(presented) = presented else { return Ok(false) };
        let found = self.find().await?;
        let mut state = self.state();
        // Another task of this request may have been faster, and may have changed the state since.
        if matches!(state.place, Place::Presented(id) if id == presented) {
            state.place = found.map_or(Place::Nowhere, |(id, record)| Place::Live(id, record));
        }
        Ok(matches!(state.place, Place::Live(..)))
    }

    /// Lets tower-sessions use the loaded record until the returned guard is dropped.
    pub(super) fn lend(&self) -> Lent<'_> {
        self.state().lent = true;
        Lent(self)
    }

    /// Applies changes to the data of the live session, in the store and in this request's record.
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

    /// Returns whether the session must be marked as used in the store. A session with a short idle timeout may need it
    /// sooner.
    pub(super) fn is_touch_due(&self, record: &Record, now: Timestamp) -> bool {
        now - record.seen >= self.engine.clocks.touch_every.min(record.lifetime.idle / 2)
    }

    /// Marks the session as used in the store, if the last mark is too old.
    pub(super) async fn touch(&self) -> Result<(), Fault> {
        let now = self.now();
        let due = match &self.state().place {
            Place::Live(id, record) if self.is_touch_due(record, now) => Some(*id),
            _ => None,
        };
        let Some(id) = due.filter(|_| !self.asked.speculative) else { return Ok(()) };
        // A session that is gone meanwhile is no error, because this request has read it while it was live.
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

    /// Logs an error if the head is already sent, as in streamed rendering. The change is still kept where possible.
    pub(super) fn complain_when_late(&self) {
        if self.state().sent {
            tracing::error!("a session was changed after the response head was sent; write before rendering");
        }
    }

    /// Returns a value as JSON text for the store. Rejects a value that could not be read back.
    pub(super) fn text(&self, name: &str, value: &Value) -> Result<String, Fault> {
        if name.contains('\0') || depth(value) > DEPTH {
            tracing::error!(name, "a session value has a NUL in its name or is nested too deeply");
            return Err(self.fail(Fault::Unfit));
        }
        Ok(value.to_string())
    }

    pub(super) fn too_large(&self) -> Fault {
        let limit = self.engine.max_data;
        tracing::error!(limit, "a session would exceed its size limit");
        self.fail(Fault::TooLarge { limit })
    }
}

/// A guard: while it exists, tower-sessions uses the record that this request has loaded.
pub(super) struct Lent<'a>(&'a Unit);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.state().lent = false;
    }
}

/// Applies a request's own changes to its record.
///
/// The version moves only if no other request has written in between. A version stands for everything in the record, so
/// an update that trusted it would overwrite values that it has not seen.
pub(super) fn step(record: &mut Record, changes: &Changes, version: u64) {
    changes.apply_to(&mut record.data);
    record.lifetime = changes.lifetime.unwrap_or(record.lifetime);
    record.terms = changes.terms.unwrap_or(record.terms);
    if version == record.version + 1 {
        record.version = version;
    }
}

/// The deepest nesting of a value, below the 128 levels that a JSON reader accepts.
const DEPTH: usize = 100;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Treats a record that cannot be read as absent, so that the browser gets a new session, and logs the reason.
pub(super) fn tolerate(loaded: Result<Loaded, StoreError>) -> Result<Loaded, StoreError> {
    match loaded {
        Err(StoreError::Corrupt(error)) => {
            tracing::warn!(%error, "a session record could not be read and is treated as absent");
            Ok(Loaded::Absent)
        }
        other => other,
    }
}
