//! The way to Redis, which mends itself.
//!
//! All commands share one connection; answers come in the order of the questions. A connection that has gone silent
//! looks like a slow one, and nobody closes it for us. So whoever waits in vain, or is dropped after having waited for a
//! good part of the timeout, marks it as suspect, and the next command goes over a fresh one.

use super::address::Address;
use super::wire::{Client, Wire};
use crate::session::store::StoreError;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long after a connection could not be made the next one is not tried: calls fail at once meanwhile.
const PAUSE: Duration = Duration::from_millis(100);
/// How many commands of a list are on their way at once. A request that comes meanwhile waits behind them all.
const AT_ONCE: usize = 4;
/// How often a command is sent after a Cluster that is being rearranged.
const REDIRECTS: u32 = 5;

/// A Lua script, known to Redis by its hash.
pub(super) struct Script {
    hash: String,
    text: &'static str,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { hash: redis::Script::new(text).get_hash().to_owned(), text }
    }

    /// The command that runs the script on its one key.
    fn command(&self, by_hash: bool, key: &str, arguments: &[Vec<u8>]) -> Cmd {
        let (name, script) = if by_hash { ("EVALSHA", self.hash.as_str()) } else { ("EVAL", self.text) };
        let mut command = redis::cmd(name);
        command.arg(script).arg(1).arg(key).arg(arguments);
        command
    }
}

/// The way to a server or a Cluster.
pub(super) struct Link {
    place: String,
    client: Client,
    timeout: Duration,
    state: Mutex<State>,
}

type Outcome = Result<Arc<Wire>, RedisError>;

#[derive(Default)]
struct State {
    wire: Option<Arc<Wire>>,
    /// A connection that is being made, for all who wait for it.
    attempt: Option<watch::Receiver<Option<Outcome>>>,
    failed: Option<(Instant, RedisError)>,
}

impl Link {
    pub(super) fn new(address: &Address, client: Client, timeout: Duration) -> Self {
        Self { place: address.place.clone(), client, timeout, state: Mutex::default() }
    }

    /// How long a command may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks one command of whichever server its key is on.
    pub(super) async fn ask<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> Result<T, StoreError> {
        understand(self.send(command).await.map_err(failure)?)
    }

    /// Asks commands that have nothing to do with each other, many at once; the answers are in their order.
    pub(super) async fn ask_all(self: &Arc<Self>, commands: Vec<Cmd>) -> Vec<Result<Value, StoreError>> {
        self.each(commands, |link, command| async move { link.ask(&command).await }).await
    }

    /// Runs a script on many keys at once; the answers are in their order.
    pub(super) async fn run_all(
        self: &Arc<Self>,
        script: &'static Script,
        runs: Vec<(String, Vec<Vec<u8>>)>,
    ) -> Vec<Result<Value, StoreError>> {
        self.each(runs, move |link, (key, arguments)| async move { link.run(script, &key, &arguments).await }).await
    }

    async fn each<A, F>(
        self: &Arc<Self>,
        asked: Vec<A>,
        ask: impl Fn(Arc<Self>, A) -> F,
    ) -> Vec<Result<Value, StoreError>>
    where
        F: Future<Output = Result<Value, StoreError>> + Send + 'static,
    {
        let mut answers: Vec<_> = asked.iter().map(|_| None).collect();
        let mut asked = asked.into_iter().enumerate();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE
                && let Some((n, asked)) = asked.next()
            {
                let answer = ask(Arc::clone(self), asked);
                tasks.spawn(async move { (n, answer.await) });
            }
            match tasks.join_next().await {
                Some(Ok((n, answer))) => answers[n] = Some(answer),
                Some(Err(_)) => {}
                None => break,
            }
        }
        let lost = || Err(StoreError::unavailable("the question was dropped"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
    }

    /// Runs a script on one key.
    pub(super) async fn run<T: FromRedisValue>(
        self: &Arc<Self>,
        script: &Script,
        key: &str,
        arguments: &[Vec<u8>],
    ) -> Result<T, StoreError> {
        let answer = match self.send(&script.command(true, key, arguments)).await {
            // This server has not met the script yet, and learns it by the way.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&script.command(false, key, arguments)).await
            }
            other => other,
        };
        understand(answer.map_err(failure)?)
    }

    /// Asks one command of any server.
    pub(super) async fn ask_any<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> RedisResult<T> {
        let wire = self.wire().await?;
        let watch = wire.watch(self.timeout);
        let answer = wire.send_anywhere(command).await;
        watch.end(&answer);
        Ok(redis::from_redis_value(answer?)?)
    }

    /// Sends a command, once: what may have been carried out is not sent again, because not every step may be made
    /// twice. Only a server that says "not here" has certainly not carried it out.
    async fn send(self: &Arc<Self>, command: &Cmd) -> RedisResult<Value> {
        let mut asked = None;
        for _ in 0..REDIRECTS {
            let wire = self.wire().await?;
            let watch = wire.watch(self.timeout);
            let answer = match asked.take() {
                None => wire.send(command).await,
                Some(server) => wire.send_after_ask(command, server).await,
            };
            watch.end(&answer);
            match answer {
                Err(error) if wire.is_cluster() && is_elsewhere(&error) => asked = moving_to(&error),
                other => return other,
            }
        }
        Err((ErrorKind::Client, "the Cluster sends the command round in circles").into())
    }

    /// A connection to ask by, made anew when the last one is suspect.
    pub(super) async fn wire(self: &Arc<Self>) -> RedisResult<Arc<Wire>> {
        let mut attempt = match self.look() {
            Look::Found(wire) => return Ok(wire),
            Look::Failed(error) => return Err(error),
            Look::Wait(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
            Ok(Some(outcome)) => outcome,
            // The runtime that was making it has ended; the next call begins anew.
            Ok(None) | Err(_) => Err((ErrorKind::Io, "the connection was not made").into()),
        }
    }

    fn look(self: &Arc<Self>) -> Look {
        let mut state = self.state();
        let usable = match &state.wire {
            Some(wire) if !wire.is_suspect() => return Look::Found(Arc::clone(wire)),
            // Of a Cluster perhaps one server only is silent: what the others have goes on while a new connection is made.
            Some(wire) if wire.is_cluster() => Some(Arc::clone(wire)),
            _ => None,
        };
        let attempt = match state.attempt.clone().filter(|attempt| attempt.has_changed().is_ok()) {
            Some(attempt) => attempt,
            None => match &state.failed {
                Some((at, error)) if at.elapsed() < PAUSE => {
                    return usable.map_or_else(|| Look::Failed(error.clone()), Look::Found);
                }
                _ => self.begin(&mut state),
            },
        };
        usable.map_or(Look::Wait(attempt), Look::Found)
    }

    /// Makes a connection, in a task of its own: whoever asked for it may give up before it is there.
    fn begin(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Outcome>> {
        let (tell, attempt) = watch::channel(None);
        state.attempt = Some(attempt.clone());
        let link = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = link.client.connect(link.timeout).await.map(Arc::new);
            {
                let mut state = link.state();
                state.attempt = None;
                match &outcome {
                    Ok(wire) => {
                        state.failed = None;
                        state.wire = Some(Arc::clone(wire));
                    }
                    Err(error) => state.failed = Some((Instant::now(), error.clone())),
                }
            }
            tell.send_replace(Some(outcome));
        });
        attempt
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.place).finish()
    }
}

enum Look {
    Found(Arc<Wire>),
    Failed(RedisError),
    Wait(watch::Receiver<Option<Outcome>>),
}

/// Whether a server of a Cluster has refused a command because another one must be asked.
fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, Moved};
    matches!(error.kind(), ErrorKind::Server(Ask | Moved) | ErrorKind::ClusterConnectionNotFound)
}

/// The server that a key is being moved to at this moment.
fn moving_to(error: &RedisError) -> Option<(String, u16)> {
    let (server, _) = error.redirect_node().filter(|_| error.kind() == ErrorKind::Server(ServerErrorKind::Ask))?;
    let (host, port) = server.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// What an error of the client is to the engine.
fn failure(error: RedisError) -> StoreError {
    if error.code() == Some("WRONGTYPE") { super::rows::damaged("a key") } else { StoreError::unavailable(error) }
}

/// An answer as what was asked for. What it holds is not repeated in the error: it may be anybody's data.
pub(super) fn understand<T: FromRedisValue>(answer: Value) -> Result<T, StoreError> {
    redis::from_redis_value(answer).map_err(|_| super::rows::damaged("an answer"))
}
