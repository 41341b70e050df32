//! The operations on one session. Each is one script on its hash, after the writes that must come before it, and before
//! those that may come later.

use super::change::{self, CHANGE, Facts, Outcome};
use super::link::Script;
use super::{RedisStore, SLACK, keys, rows};
use crate::clock::{Timestamp, millis};
use crate::id::{Handle, IdHash};
use crate::record::{Changes, Grace, Record, Rotation};
use crate::store::{Applied, Loaded, StoreError};
use redis::{Cmd, cmd};
use std::sync::LazyLock;
use std::time::Duration;

static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("load.lua")));
static CREATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("create.lua")));
static TOUCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("touch.lua")));
static OWN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("own.lua")));
pub(super) static END: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("end.lua")));

/// The number of times that a change is prepared, because another request may change the session meanwhile.
const TRIES: u32 = 8;
/// The time for which the pointer of a retired id outlives its grace period.
const LINGER: Duration = Duration::from_secs(60);

impl RedisStore {
    pub(super) async fn load_now(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        let mut trail = self.trail(id);
        while let Some(handle) = trail.next().await? {
            let fields = self.link.run(&LOAD, &keys::session(&handle), &[]).await?;
            match rows::loaded(handle, fields, id, now, self.clock.at(now))? {
                Loaded::Absent => {}
                found => return Ok(found),
            }
        }
        Ok(Loaded::Absent)
    }

    /// Writes the pointer first, because it shows whether the id is free, and the session last, because it alone makes
    /// the session exist.
    pub(super) async fn create_now(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        let (handle, now) = (&record.handle, record.seen);
        let end = record.created + record.lifetime.absolute;
        if !self.point(id, handle, end, now).await? {
            return Ok(false);
        }
        let mut due = cmd("ZADD");
        due.arg(keys::due(keys::shard(handle))).arg("NX").arg(record.deadline().0).arg(handle.to_string());
        let listed = async {
            match &record.owner.account {
                Some(account) => self.own(account, handle, end, now).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(self.link.ask::<i64>(&due), listed)?;
        let mut arguments = vec![keep_for(record.deadline(), now, SLACK)];
        arguments.extend(rows::fields(id, record).into_iter().flat_map(|(name, value)| [name, value]));
        if self.link.run::<i64>(&CREATE, &keys::session(handle), &arguments).await? == 1 {
            self.memory.put(*id, *handle);
            return Ok(true);
        }
        self.tidy(vec![del(id)]).await;
        Ok(false)
    }

    pub(super) async fn apply_now(
        &self,
        id: &IdHash,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let mut trail = self.trail(id);
        while let Some(handle) = trail.next().await? {
            match self.apply_to(&handle, id, changes, now).await? {
                Applied::Gone => {}
                other => return Ok(other),
            }
        }
        Ok(Applied::Gone)
    }

    async fn apply_to(
        &self,
        handle: &Handle,
        id: &IdHash,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        for _ in 0..TRIES {
            let facts = match changes.lifetime {
                None => None,
                Some(lifetime) => {
                    let Some(facts) = self.facts(handle).await? else { return Ok(Applied::Gone) };
                    let end = facts.created + lifetime.absolute;
                    self.prolong(&facts.id, end, now).await?;
                    if let Some(account) = &facts.account {
                        self.own(account, handle, end, now).await?;
                    }
                    Some(facts)
                }
            };
            match self.change(id, handle, changes, None, facts.as_ref(), now).await? {
                Outcome::Done(version, deadline) => {
                    self.tidy(changes.lifetime.map(|_| hasten(handle, deadline)).into_iter().collect()).await;
                    return Ok(Applied::Done(version));
                }
                Outcome::Refused(why) => return Ok(why),
                Outcome::Corrupt => return Err(rows::damaged("a session")),
                Outcome::Again => {}
            }
        }
        Err(contended())
    }

    pub(super) async fn rotate_now(
        &self,
        id: &IdHash,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let mut trail = self.trail(id);
        while let Some(handle) = trail.next().await? {
            match self.rotate_of(&handle, id, rotation, now).await? {
                Applied::Gone => {}
                other => return Ok(other),
            }
        }
        Ok(Applied::Gone)
    }

    async fn rotate_of(
        &self,
        handle: &Handle,
        id: &IdHash,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let mut pointed = false;
        for _ in 0..TRIES {
            let facts = match self.facts(handle).await? {
                Some(facts) if facts.id == *id => facts,
                _ => return self.refuse(Applied::Gone, pointed, rotation).await,
            };
            self.lead_to(handle, &facts, rotation, pointed, now).await?;
            pointed = true;
            match self.change(id, handle, &rotation.changes, Some(rotation), Some(&facts), now).await? {
                Outcome::Done(version, deadline) => {
                    self.memory.put(rotation.to, *handle);
                    let (Grace::Recognised(until) | Grace::Reaches(until)) = rotation.grace;
                    let mut after = vec![cmd("PEXPIRE")];
                    after[0].arg(keys::pointer(id)).arg(keep_for(until, now, LINGER));
                    if matches!(rotation.grace, Grace::Recognised(_)) {
                        after.push(tell(handle));
                    }
                    after.extend(rotation.changes.lifetime.map(|_| hasten(handle, deadline)));
                    self.tidy(after).await;
                    return Ok(Applied::Done(version));
                }
                Outcome::Refused(why) => return self.refuse(why, pointed, rotation).await,
                Outcome::Corrupt => return Err(rows::damaged("a session")),
                Outcome::Again => {}
            }
        }
        Err(contended())
    }

    /// Writes all keys that must lead to a session before it gets a new id.
    async fn lead_to(
        &self,
        handle: &Handle,
        facts: &Facts,
        rotation: &Rotation,
        pointed: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let absolute = match rotation.changes.lifetime {
            Some(lifetime) => lifetime.absolute,
            None => Duration::from_millis(facts.absolute.parse().map_err(|_| rows::damaged("a number"))?),
        };
        // A sign-in counts as a creation.
        let created = if rotation.signed_in.is_some() { now } else { facts.created };
        let end = created + absolute;
        let point = async {
            if pointed {
                return self.prolong(&rotation.to, end, now).await;
            }
            let free = self.point(&rotation.to, handle, end, now).await?;
            free.then_some(()).ok_or_else(|| StoreError::unavailable("the new id is in use already"))
        };
        let account = match &rotation.owner {
            Some(owner) => owner.account.as_ref(),
            None => {
                facts.account.as_ref().filter(|_| rotation.changes.lifetime.is_some() || rotation.signed_in.is_some())
            }
        };
        let own = async {
            match account {
                Some(account) => self.own(account, handle, end, now).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(point, own).map(drop)
    }

    /// Removes the new id's pointer after a rotation that was refused. Returns `why`.
    async fn refuse(&self, why: Applied, pointed: bool, rotation: &Rotation) -> Result<Applied, StoreError> {
        if pointed {
            self.tidy(vec![del(&rotation.to)]).await;
        }
        Ok(why)
    }

    async fn change(
        &self,
        id: &IdHash,
        handle: &Handle,
        changes: &Changes,
        rotation: Option<&Rotation>,
        facts: Option<&Facts>,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let arguments = change::arguments(id, changes, rotation, facts, (now, &self.clock));
        let answer: Vec<String> = self.link.run(&CHANGE, &keys::session(handle), &arguments).await?;
        change::outcome(&answer).ok_or_else(|| rows::damaged("a response"))
    }

    /// Reads the state that a change is prepared for; `None` when there is no such session.
    async fn facts(&self, handle: &Handle) -> Result<Option<Facts>, StoreError> {
        let mut ask = cmd("HMGET");
        ask.arg(keys::session(handle)).arg(&["id", "account", "created", "absolute"]);
        let found = self.link.ask::<(Option<Vec<u8>>, Option<String>, Option<i64>, Option<String>)>(&ask).await?;
        let (id, account, created, absolute) = found;
        if id.is_none() && account.is_none() && created.is_none() && absolute.is_none() {
            return Ok(None);
        }
        let id = id.and_then(|text| keys::id(&text));
        let whole = id.zip(created).zip(absolute);
        let ((id, created), absolute) = whole.ok_or_else(|| rows::damaged("a session"))?;
        Ok(Some(Facts { id, account, created: Timestamp(created), absolute }))
    }

    pub(super) async fn touch_now(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        let times = [now.0, millis(SLACK), self.clock.at(now).0].map(|number| number.to_string());
        let [now, slack, until] = times;
        let arguments = [keys::hex(id), now, slack, until].map(String::into_bytes);
        let mut trail = self.trail(id);
        while let Some(handle) = trail.next().await? {
            let said: String = self.link.run(&TOUCH, &keys::session(&handle), &arguments).await?;
            match said.as_str() {
                "done" => return Ok(true),
                "gone" => {}
                _ => return Err(rows::damaged("a session")),
            }
        }
        Ok(false)
    }

    pub(super) async fn end_now(&self, id: &IdHash) -> Result<bool, StoreError> {
        let mut trail = self.trail(id);
        while let Some(handle) = trail.next().await? {
            if self.end_if(&handle, Conditions { id: Some(id), ..Conditions::default() }).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends a session if the conditions hold, and then removes the keys that led to it.
    pub(super) async fn end_if(&self, handle: &Handle, conditions: Conditions<'_>) -> Result<bool, StoreError> {
        let answer: Vec<String> = self.link.run(&END, &keys::session(handle), &conditions.arguments()).await?;
        let Some(mut traces) = traces(handle, &answer) else { return Ok(false) };
        let mut due = cmd("ZREM");
        due.arg(keys::due(keys::shard(handle))).arg(handle.to_string());
        // The notification comes first, because a page may be watching the session.
        traces.insert(0, tell(handle));
        traces.push(due);
        self.tidy(traces).await;
        Ok(true)
    }

    /// Makes an id lead to a session. Returns `false` when it already leads to one.
    async fn point(&self, id: &IdHash, handle: &Handle, end: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut set = cmd("SET");
        set.arg(keys::pointer(id)).arg(handle.to_string()).arg("NX").arg("PX").arg(keep_for(end, now, SLACK));
        let set: Option<String> = self.link.ask(&set).await?;
        Ok(set.is_some())
    }

    /// Extends the life of a pointer, before that of its session is extended.
    async fn prolong(&self, id: &IdHash, end: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let mut expire = cmd("PEXPIRE");
        expire.arg(keys::pointer(id)).arg(keep_for(end, now, SLACK)).arg("GT");
        self.link.ask::<i64>(&expire).await.map(drop)
    }

    /// Records that an account may own a session, before it does.
    async fn own(&self, account: &str, handle: &Handle, end: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let long_ago = now.0.saturating_sub(millis(SLACK));
        let arguments = [
            handle.to_string().into_bytes(),
            end.0.to_string().into_bytes(),
            keep_for(end, now, SLACK),
            long_ago.to_string().into_bytes(),
        ];
        self.link.run::<i64>(&OWN, &keys::account(account), &arguments).await.map(drop)
    }

    /// Cleans up after a completed step. A command that fails or takes too long leaves only a key that leads nowhere
    /// and is removed in time, so the step still counts as done.
    pub(super) async fn tidy(&self, commands: Vec<Cmd>) {
        if commands.is_empty() {
            return;
        }
        let tidied = tokio::time::timeout(self.link.timeout() / 4, self.link.ask_all(commands)).await;
        if tidied.is_err() || tidied.is_ok_and(|answers| answers.iter().any(Result::is_err)) {
            tracing::debug!("keys that led to a session may remain for a while");
        }
    }
}

/// The conditions of `end.lua`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions<'a> {
    /// The current id.
    pub(super) id: Option<&'a IdHash>,
    /// The account.
    pub(super) account: Option<&'a str>,
    /// The moment at which the session must have expired.
    pub(super) over: Option<Timestamp>,
    /// The moment after which it must not have been used.
    pub(super) unused_since: Option<Timestamp>,
}

impl Conditions<'_> {
    /// Returns the arguments of the script.
    pub(super) fn arguments(&self) -> Vec<Vec<u8>> {
        let moment = |moment: Option<Timestamp>| moment.map(|moment| moment.0.to_string());
        let (id, over, unused) = (self.id.map(keys::hex), moment(self.over), moment(self.unused_since));
        let texts = [id.as_deref(), self.account, over.as_deref(), unused.as_deref()];
        texts.map(|text| change::optional(text).into_bytes()).into()
    }
}

/// Returns the commands that remove the keys that led to an ended session, except its entry in the index of deadlines;
/// `None` when the script did not end it.
pub(super) fn traces(handle: &Handle, answer: &[String]) -> Option<Vec<Cmd>> {
    let [done, account, ids @ ..] = answer else { return None };
    let mut commands: Vec<_> = ids.iter().filter_map(|id| keys::id(id.as_bytes())).map(|id| del(&id)).collect();
    if let Some(account) = account.strip_prefix('=') {
        let mut disown = cmd("ZREM");
        disown.arg(keys::account(account)).arg(handle.to_string());
        commands.push(disown);
    }
    (done == "done").then_some(commands)
}

/// Returns the command that notifies all nodes of a session.
pub(super) fn tell(handle: &Handle) -> Cmd {
    let mut tell = cmd("PUBLISH");
    tell.arg(keys::NEWS).arg(handle.to_string());
    tell
}

fn del(id: &IdHash) -> Cmd {
    let mut del = cmd("DEL");
    del.arg(keys::pointer(id));
    del
}

/// Returns the command that moves a session forward in the index of deadlines, if it expires earlier now.
fn hasten(handle: &Handle, deadline: Timestamp) -> Cmd {
    let mut hasten = cmd("ZADD");
    hasten.arg(keys::due(keys::shard(handle))).arg("XX").arg("LT").arg(deadline.0).arg(handle.to_string());
    hasten
}

/// Returns the time to live of a key. It is a duration and no moment, because the server's own clock may show any time.
pub(super) fn keep_for(end: Timestamp, now: Timestamp, slack: Duration) -> Vec<u8> {
    /// The longest time to live, about 3,000 years, because Redis adds it to its own time in 63 bits.
    const LONGEST: i64 = 100_000_000_000_000;
    millis((end - now).saturating_add(slack)).min(LONGEST).to_string().into_bytes()
}

fn contended() -> StoreError {
    StoreError::unavailable("other requests changed the session at each attempt")
}
