//! Servers of the engine on one store. They run in separate processes if the store can be shared, so that they have
//! only the store in common.
//!
//! Such a process is this test binary, which runs the one test below.

use super::routes::routes;
use super::{Kind, OwnStore, PATIENCE, connect};
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use hardtack_session::store::Store;
use hardtack_session::{Clocks, CookieSettings, Keys, Sessions};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The variable that makes a test binary a server.
const PLAN: &str = "TEST_NODE";

/// The initial time of all test clocks: far in the future, because Redis also expires keys by its own clock.
pub const BEGIN: Timestamp = Timestamp(4_000_000_000_000);

/// The configuration of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The URL of the store.
    pub url: String,
    /// The signing keys, of which the first signs.
    pub keys: Vec<String>,
    /// The timeout of a request to the store.
    pub timeout: Duration,
    /// The number of PostgreSQL connections.
    pub connections: u32,
    pub renew_every: Option<Duration>,
    pub touch_every: Duration,
    /// The time by which the clock of the server is ahead.
    pub ahead: Duration,
}

impl Plan {
    /// Returns the configuration for servers on this store, with a new key.
    pub fn on(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            keys: vec![new_key()],
            timeout: PATIENCE,
            connections: 4,
            renew_every: None,
            touch_every: Duration::from_secs(60),
            ahead: Duration::ZERO,
        }
    }

    fn sessions(&self, store: Arc<dyn Store>, clock: &ManualClock) -> Sessions {
        let keys = Keys::parse(self.keys.iter().map(|key| ("a key", key.as_str()))).expect("keys");
        Sessions::shared(store, keys)
            .cookie(CookieSettings::new(false))
            .expect("a cookie that browsers keep")
            .timeout(self.timeout)
            .clocks(Clocks { renew_every: self.renew_every, touch_every: self.touch_every, ..Clocks::default() })
            .expect("valid timeouts")
            .clock(Clock::Manual(clock.clone()))
    }
}

/// Returns a new signing key as text.
pub fn new_key() -> String {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).expect("random numbers");
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("a digit");
    key.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A server. Its process is killed when this value is dropped.
pub struct Node {
    pub address: SocketAddr,
    child: Option<Child>,
    client: Client,
}

/// Two servers on one store.
pub struct Pair {
    pub nodes: [Node; 2],
    pub own: OwnStore,
    pub plan: Plan,
}

impl Pair {
    /// Starts two processes. A store in memory cannot be shared by processes, so it gets two servers in this one.
    pub async fn start(kind: Kind) -> Self {
        Self::start_as(kind, |_| ()).await
    }

    /// Starts both servers with a changed configuration.
    pub async fn start_as(kind: Kind, set: impl Fn(&mut Plan)) -> Self {
        let own = super::open(kind).await;
        let mut plan = Plan::on(&own.url);
        set(&mut plan);
        let nodes = if kind == Kind::Memory {
            let clock = ManualClock::at(BEGIN);
            let within = || Node::within(&plan, Arc::clone(&own.store), clock.clone());
            [within().await, within().await]
        } else {
            futures::future::join(Node::start(&plan), Node::start(&plan)).await.into()
        };
        Self { nodes, own, plan }
    }

    /// Advances the clocks of both servers.
    pub async fn advance(&self, span: Duration) {
        let path = format!("/clock/{}", span.as_millis());
        for node in &self.nodes {
            node.get("", &path).await;
            // Two servers in one process share the clock.
            if node.child.is_none() {
                break;
            }
        }
    }

    /// Returns the number of live sessions in the store.
    pub async fn live(&self) -> usize {
        self.nodes[0].get("", "/live").await.text.parse().expect("a number")
    }

    /// Returns the handles of all live sessions.
    pub async fn handles(&self) -> Vec<String> {
        let listed = self.nodes[0].get("", "/handles").await.text;
        listed.lines().map(str::to_owned).collect()
    }
}

impl Node {
    /// Starts a server in a separate process.
    pub async fn start(plan: &Plan) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", "support::node::a_process_of_its_own", "--nocapture"]);
        command.env(PLAN, serde_json::to_string(plan).expect("JSON"));
        let errors = tempfile::tempfile().expect("a file");
        command.stderr(errors.try_clone().expect("a file")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a second process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (told, address) = oneshot::channel();
        // Read to the end, because the test harness of that process writes a line after a minute and dies when it
        // cannot.
        std::thread::spawn(move || {
            let mut told = Some(told);
            for line in output.lines().map_while(Result::ok) {
                let address = line.trim().strip_prefix("serves on ");
                if let Some(address) = address
                    && let Some(told) = told.take()
                {
                    told.send(address.parse::<SocketAddr>().expect("an address")).ok();
                }
            }
        });
        let Ok(address) = address.await else {
            use std::io::Seek as _;
            let (mut errors, mut said) = (errors, String::new());
            errors.rewind().and_then(|()| errors.read_to_string(&mut said)).expect("text");
            panic!("a server does not start: {said}");
        };
        Self { address, child: Some(child), client: client() }
    }

    /// Starts a server in this process.
    pub async fn within(plan: &Plan, store: Arc<dyn Store>, clock: ManualClock) -> Self {
        let address = serve(plan.sessions(store, &clock), clock).await;
        Self { address, child: None, client: client() }
    }

    /// Sends a request with this cookie (`name=value`), or without one.
    pub async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.try_get(cookie, path).await.expect("an answer")
    }

    /// Sends a request to a server that may be dead.
    pub async fn try_get(&self, cookie: &str, path: &str) -> reqwest::Result<Answer> {
        self.ask(cookie, path).await
    }

    /// Returns the same request as a future without borrows, for many requests at once.
    pub fn ask(&self, cookie: &str, path: &str) -> impl Future<Output = reqwest::Result<Answer>> + Send + use<> {
        let mut request = self.client.get(format!("http://{}{path}", self.address));
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        async move { Answer::of(request.send().await?).await }
    }

    /// Begins a session at this path and returns its cookie. Repeats the request while the response is 503.
    pub async fn begin(&self, path: &str) -> String {
        let deadline = Instant::now() + super::process::PATIENCE;
        loop {
            let answer = self.get("", path).await;
            if answer.status != 503 || Instant::now() > deadline {
                return answer.cookie.clone().unwrap_or_else(|| panic!("a cookie expected: {answer:?}"));
            }
        }
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        let child = self.child.as_mut().expect("a process of its own");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Fails when the process has ended already, which is fine.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// The response of a server.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The cookie that the response sets: `name=value`.
    pub cookie: Option<String>,
    /// All `Set-Cookie` headers.
    pub set: Vec<String>,
    pub retry_after: bool,
    pub text: String,
}

impl Answer {
    async fn of(answer: reqwest::Response) -> reqwest::Result<Self> {
        let set = super::app::cookies_set(&answer);
        let given = set.iter().find(|cookie| !cookie.contains("Max-Age=0"));
        Ok(Self {
            status: answer.status().as_u16(),
            cookie: given.and_then(|cookie| cookie.split(';').next()).map(str::to_owned),
            retry_after: answer.headers().contains_key("retry-after"),
            set,
            text: answer.text().await?,
        })
    }
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(super::process::PATIENCE).build().expect("a client")
}

async fn serve(sessions: Sessions, clock: ManualClock) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes(sessions, clock)).await });
    address
}

/// Runs a server if the variable is set. Otherwise tests that such a process serves, and ends when its parent closes
/// its input.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_its_own() {
    if let Ok(plan) = std::env::var(PLAN) {
        let plan: Plan = serde_json::from_str(&plan).expect("a plan");
        let clock = ManualClock::at(BEGIN);
        clock.advance(plan.ahead);
        let store = connect(&plan.url, plan.timeout).await;
        println!("\nserves on {}", serve(plan.sessions(store, &clock), clock).await);
        // Runs until the parent process closes the input or ends.
        std::thread::spawn(|| {
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            std::process::exit(0);
        });
        return std::future::pending().await;
    }
    let pair = Pair::start(Kind::Sqlite).await;
    let cookie = pair.nodes[0].begin("/count").await;
    assert_eq!(pair.nodes[1].get(&cookie, "/count").await.text, "2");
    let address = pair.nodes[0].address;
    drop(pair);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the process has ended");
}
