//! Real PostgreSQL and Redis servers on free ports and in temporary folders, which end with the test process.
//!
//! Most tests share one server of each kind and have a separate database ([`database`], [`redis`]). A test that stops
//! or freezes a server starts a separate one ([`Server`]).

use ::redis::AsyncConnectionConfig;
use ::redis::aio::MultiplexedConnection;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

const MINUTE: Duration = Duration::from_secs(60);

/// A program that a test may need and that a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// PostgreSQL 15 or later.
    Postgres,
    /// Redis 7 or later.
    Redis,
}

impl Program {
    /// Returns whether the program is installed. If not, the calling test is noted as skipped, for `tools/test` to
    /// count.
    ///
    /// The test itself must call this, not a task that it spawned, because the thread has the name of the test.
    pub fn is_here(self) -> bool {
        let here = self.path().is_some();
        if !here {
            note_skipped(self);
        }
        here
    }

    /// Returns the path of the server's program.
    fn path(self) -> Option<&'static Path> {
        static POSTGRES: LazyLock<Option<PathBuf>> = LazyLock::new(|| find("postgres", 15));
        static REDIS: LazyLock<Option<PathBuf>> = LazyLock::new(|| find("redis-server", 7));
        match self {
            Self::Postgres => POSTGRES.as_deref(),
            Self::Redis => REDIS.as_deref(),
        }
    }
}

/// Returns a program on `PATH`, or in Debian's folder of PostgreSQL, if it has this version or a later one.
pub fn find(name: &str, oldest: u32) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let candidates = std::env::split_paths(&path).chain(debian).map(|folder| folder.join(name));
    candidates.filter(|program| program.is_file()).find(|program| {
        let said = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
        // "postgres (PostgreSQL) 15.8 (Debian 15.8-0)", "Redis server v=7.0.15 sha=00000000:0"
        let said = String::from_utf8_lossy(&said).into_owned();
        let number = said.split([' ', '=', '.']).find_map(|word| word.parse::<u32>().ok());
        number.is_some_and(|major| major >= oldest)
    })
}

/// Notes the test on this thread as skipped, because something is not installed.
pub fn note_skipped(program: impl std::fmt::Debug) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped: {test}: {program:?} is not installed");
    if let Some(list) = std::env::var_os("TESTS_SKIPPED") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
        writeln!(file.expect("the list of skipped tests"), "{test} {program:?}").expect("noted");
    }
}

/// A PostgreSQL database of a single test, which is dropped with this value.
pub struct Database {
    pub url: String,
    name: String,
}

/// Creates an empty database on the shared PostgreSQL.
pub async fn database() -> Database {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let server = shared_postgres().await;
    server.execute(format!("CREATE DATABASE {name}")).await;
    Database { url: server.url(&name), name }
}

impl Drop for Database {
    /// Runs in the background. The database would end with the server, but the disk space is limited.
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { shared_postgres().await.execute(drop).await });
        });
    }
}

async fn shared_postgres() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED.get_or_init(|| Server::postgres(&[])).await
}

/// Returns the URL of an empty database on the shared Redis.
pub async fn redis() -> String {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = SHARED.get_or_init(|| Server::redis(&[])).await;
    server.url(&NUMBER.fetch_add(1, Ordering::Relaxed).to_string())
}

/// A server of a single test, which ends with this value.
pub struct Server {
    program: Program,
    pub port: u16,
    folder: PathBuf,
    supervisor: Arc<Mutex<Supervisor>>,
}

impl Server {
    /// Starts a PostgreSQL with a superuser `hardtack` without password, and with more settings such as `["fsync=on"]`.
    pub async fn postgres(settings: &[&str]) -> Self {
        let program = Program::Postgres.path().expect("PostgreSQL 15 or later");
        let initdb = program.with_file_name("initdb");
        Self::start_on_a_free_port(Program::Postgres, async |folder, port| {
            let data = folder.join("data");
            // PostgreSQL refuses to run as root. `setpriv` is used because `runuser` would stay as a parent process
            // that intercepts signals.
            let (owner, run_as) = match folder.metadata().expect("a folder").uid() {
                0 => (
                    format!("chown postgres '{}' &&", folder.display()),
                    "setpriv --reuid postgres --regid postgres --init-groups",
                ),
                _ => (String::new(), ""),
            };
            let preparation = format!(
                "{owner} {run_as} '{}' -D '{}' -U hardtack --auth=trust --no-sync --no-locale -E UTF8",
                initdb.display(),
                data.display(),
            );
            let mut command: Vec<_> = run_as.split_whitespace().map(str::to_owned).collect();
            command.extend([program.display().to_string(), "-D".to_owned(), data.display().to_string()]);
            let port = format!("port={port}");
            let usual = [
                "listen_addresses=127.0.0.1",
                "unix_socket_directories=",
                // Shared memory outside of the folder would outlive a killed server.
                "dynamic_shared_memory_type=mmap",
                "shared_buffers=32MB",
                "max_connections=400",
                // Tests cause no power failure, and a killed process loses no data without these.
                "fsync=off",
                "full_page_writes=off",
                "autovacuum=off",
                "jit=off",
                port.as_str(),
            ];
            for setting in usual.iter().chain(settings) {
                command.extend(["-c".to_owned(), (*setting).to_owned()]);
            }
            (preparation, command)
        })
        .await
    }

    /// Starts a Redis without persistence, unless more settings request it: `["--appendonly", "yes"]`.
    pub async fn redis(settings: &[&str]) -> Self {
        let program = Program::Redis.path().expect("Redis 7 or later");
        Self::start_on_a_free_port(Program::Redis, async |folder, port| {
            let (port, folder) = (port.to_string(), folder.display().to_string());
            let usual =
                ["--port", &port, "--dir", &folder, "--bind", "127.0.0.1", "--save", "", "--databases", "10000"];
            let arguments = usual.iter().chain(settings).map(|&argument| argument.to_owned());
            (String::new(), std::iter::once(program.display().to_string()).chain(arguments).collect())
        })
        .await
    }

    async fn start_on_a_free_port(
        program: Program,
        command: impl AsyncFn(&Path, u16) -> (String, Vec<String>),
    ) -> Self {
        let mut said = String::new();
        for _ in 0..5 {
            let folder = tempfile::Builder::new().prefix("hardtack-").tempdir().expect("a folder").keep();
            let port = free_port();
            let (preparation, command) = command(&folder, port).await;
            let ending = if program == Program::Postgres { "QUIT" } else { "TERM" };
            let supervisor = Supervisor::start(&folder, ending, &preparation, &command);
            let server = Self { program, port, folder, supervisor: Arc::new(Mutex::new(supervisor)) };
            // Another process may have taken the port meanwhile.
            if server.answers().await {
                return server;
            }
            write!(said, "\n{}", server.log()).expect("a text");
        }
        panic!("{program:?} does not start:{said}");
    }

    /// Returns the URL of a database: a name for PostgreSQL, a number for Redis.
    pub fn url(&self, database: &str) -> String {
        match self.program {
            Program::Postgres => format!("postgres://hardtack@127.0.0.1:{}/{database}", self.port),
            Program::Redis => format!("redis://127.0.0.1:{}/{database}", self.port),
        }
    }

    /// Returns the URL through a proxy on another port.
    pub fn url_through(&self, port: u16, database: &str) -> String {
        self.url(database).replace(&format!(":{}/", self.port), &format!(":{port}/"))
    }

    /// Ends the process; [`start`](Self::start) starts it again with its data.
    pub async fn stop(&self) {
        self.order("stop").await;
    }

    /// Kills the process.
    pub async fn kill(&self) {
        self.order("kill").await;
    }

    /// Starts the process again, and waits until it responds.
    pub async fn start(&self) {
        self.order("start").await;
        assert!(self.answers().await, "{:?} does not come back: {}", self.program, self.log());
    }

    /// Suspends the process: connections stay open without a response.
    pub async fn freeze(&self) {
        self.order("freeze").await;
    }

    /// Resumes a frozen process.
    pub async fn thaw(&self) {
        self.order("thaw").await;
    }

    /// Returns the log of the server.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs a statement on PostgreSQL.
    pub async fn execute(&self, sql: String) {
        use sqlx::Connection as _;
        let url = self.url("postgres");
        let mut connection = sqlx::PgConnection::connect(&url).await.expect("a connection");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("done");
        connection.close().await.expect("closed");
    }

    /// Waits until the server can be used. Returns `false` if it has ended.
    async fn answers(&self) -> bool {
        let deadline = Instant::now() + MINUTE;
        while Instant::now() < deadline {
            if self.order("alive").await != "done" {
                return false;
            }
            if self.responds().await {
                // The response must come from this server, and not from another one on the port.
                return self.order("alive").await == "done";
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    async fn responds(&self) -> bool {
        use sqlx::Connection as _;
        match self.program {
            Program::Postgres => match sqlx::PgConnection::connect(&self.url("postgres")).await {
                Ok(connection) => connection.close().await.is_ok(),
                Err(_) => false,
            },
            Program::Redis => {
                let client = ::redis::Client::open(self.url("0")).expect("an address");
                let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
                ::redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
            }
        }
    }

    async fn order(&self, order: &'static str) -> String {
        let supervisor = Arc::clone(&self.supervisor);
        let carry_out = move || supervisor.lock().expect("no panic").order(order);
        tokio::task::spawn_blocking(carry_out).await.expect("no panic")
    }
}

/// The shell that runs a server, and ends it when this process ends for any reason.
struct Supervisor {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervisor {
    fn start(folder: &Path, ending: &str, preparation: &str, command: &[String]) -> Self {
        // The folder will belong to the user that runs PostgreSQL.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("a folder of its own");
        let mut shell = Command::new("sh");
        shell.args(["-c", include_str!("supervise.sh"), "supervise"]);
        shell.arg(folder).args([ending, preparation]).args(command);
        // In a folder that every user may enter, and in a process group that Ctrl-C does not reach.
        shell.current_dir("/").process_group(0);
        // The shell must not hold the output of the tests open.
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = shell.spawn().expect("a shell");
        let orders = shell.stdin.take();
        let mut answers = BufReader::new(shell.stdout.take().expect("its answers"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("an answer");
        if line.trim() != "done" {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("a server could not be prepared: {log}");
        }
        Self { shell, orders, answers }
    }

    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("open until the end");
        writeln!(orders, "{order}").expect("the shell listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim().to_owned()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // The end of the input makes the shell end.
        self.orders = None;
        self.shell.wait().ok();
    }
}

/// Opens a connection to a Redis past the store, with a long timeout.
pub async fn past(url: &str) -> MultiplexedConnection {
    let patient = AsyncConnectionConfig::new().set_connection_timeout(Some(MINUTE)).set_response_timeout(Some(MINUTE));
    let client = ::redis::Client::open(url).expect("an address");
    client.get_multiplexed_async_connection_with_config(&patient).await.expect("a server")
}

/// Returns an unused port. It is below the system's range for outgoing connections, because one of those could take the
/// port while a server is stopped. The port 10000 above it is unused too, because Redis nodes use it among themselves.
pub fn free_port() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for _ in 0..1000 {
        let random = u16::try_from(getrandom::u32().expect("random numbers") % 10_000).expect("small");
        let port = 12_000 + random;
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
    panic!("no unused port was found");
}
