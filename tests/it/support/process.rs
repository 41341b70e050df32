//! The real binary in a folder of the test.

use hardtack_session::Keys;
use reqwest::Client;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The time that a test waits for an event. It is a bound and is never measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The store timeout in tests of other things, because the machine may be busy.
pub(crate) const PATIENT: (&str, &str) = ("STORE_TIMEOUT", "20s");

/// The time that a password waits in the queue in tests of other things.
pub(crate) const UNHURRIED: (&str, &str) = ("LIMITS_PASSWORD_WAIT", "20s");

/// A listener for metrics, on a port that the system picks.
pub(crate) const METRICS: (&str, &str) = ("METRICS_LISTEN", "127.0.0.1:0");

/// A folder for the data of a server, in which the binary runs with the settings of the test.
pub(crate) struct Place {
    folder: TempDir,
    binary: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, binary: env!("CARGO_BIN_EXE_hardtack").into() }
    }

    /// Returns a folder with a copy of the binary, so that the test can put files next to it.
    pub(crate) fn with_own_binary() -> Self {
        let place = Self::new();
        let folder = place.path().join("bin");
        fs::create_dir(&folder).expect("a folder");
        let binary = folder.join("hardtack");
        fs::hard_link(&place.binary, &binary)
            .or_else(|_| fs::copy(&place.binary, &binary).map(drop))
            .expect("a second binary");
        Self { binary, ..place }
    }

    /// Returns a folder whose servers and commands share the store at this URL and a key.
    pub(crate) fn on(url: &str) -> Self {
        let place = Self::new();
        place.keys();
        // Redis stores no accounts.
        let accounts = if url.starts_with("redis") { "[accounts]\ndatabase = 'sqlite:accounts.db'\n" } else { "" };
        let settings = format!("[store]\nurl = '{url}'\n[session]\nkeys = ['shared.key']\n{accounts}");
        fs::write(place.path().join("Leptos.toml"), settings).expect("a file of settings");
        place
    }

    /// Returns the key of [`on`](Self::on).
    pub(crate) fn keys(&self) -> Keys {
        Keys::in_file(&self.path().join("shared.key")).expect("a key")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("data/hardtack.db")
    }

    /// Returns the command in this folder with only these settings (named without `HARDTACK_`) and longer timeouts.
    pub(crate) fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.settled(command, settings)
    }

    /// Adds the folder, these settings and longer timeouts to a command.
    fn settled(&self, mut command: Command, settings: &[(&str, &str)]) -> Command {
        command.current_dir(self.path()).env_clear().stdin(Stdio::null());
        for (name, value) in [PATIENT, UNHURRIED].iter().chain(settings) {
            command.env(format!("HARDTACK_{name}"), value);
        }
        command
    }

    /// Runs the command until it ends.
    pub(crate) fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        Self::to_its_end(self.command(arguments, settings))
    }

    /// Runs a command until it ends, or kills it after [`PATIENCE`].
    pub(crate) fn to_its_end(mut command: Command) -> Output {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let (ended, end) = mpsc::channel::<()>();
        let id = child.id();
        // A server that wrongly starts would run for ever.
        let watch = std::thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                send_signal("KILL", id);
            }
        });
        let output = child.wait_with_output().expect("an end");
        drop(ended);
        watch.join().expect("no panic");
        output
    }

    /// Runs a command that must fail, and returns its one line of error.
    pub(crate) fn refusal(&self, code: i32, arguments: &[&str], settings: &[(&str, &str)]) -> String {
        let output = self.run(arguments, settings);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.lines().count(), 1, "one sentence expected: {said}");
        assert!(said.starts_with("hardtack: ") && !said.contains("panicked"), "{said}");
        said.trim_end().to_owned()
    }

    /// Starts the server on a free port and waits until it listens.
    pub(crate) async fn serve(&self, settings: &[(&str, &str)]) -> Running {
        self.wait_for(self.command(&["serve"], settings)).await
    }

    /// Starts the server under a limit of its files' size in KiB, as on a full disk.
    pub(crate) async fn serve_on_a_full_disk(&self, kib: u32) -> Running {
        self.wait_for(self.on_a_full_disk(kib)).await
    }

    /// Runs a server under such a limit that cannot start.
    pub(crate) fn start_on_a_full_disk(&self, kib: u32) -> Output {
        let mut command = self.on_a_full_disk(kib);
        command.env("HARDTACK_SITE_LISTEN", "127.0.0.1:0").output().expect("the binary starts")
    }

    fn on_a_full_disk(&self, kib: u32) -> Command {
        self.under(&format!("trap '' XFSZ; ulimit -f {kib}"), &[])
    }

    /// Returns the server's command with a soft and a hard limit of open files.
    pub(crate) fn with_files(&self, first: u32, most: u32, settings: &[(&str, &str)]) -> Command {
        self.under(&format!("ulimit -Sn {first} && ulimit -Hn {most}"), settings)
    }

    /// Returns the server's command, run by a shell after these words.
    fn under(&self, words: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", &format!("{words} && exec \"$0\" serve")]).arg(&self.binary);
        self.settled(command, settings)
    }

    pub(crate) async fn wait_for(&self, mut command: Command) -> Running {
        command.env("HARDTACK_SITE_LISTEN", "127.0.0.1:0");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        // Owned from here on, so that a failure below does not leave a server running.
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Running { address, said: Said::default(), readers: Vec::new(), child };
        let (output, log) = (server.child.stdout.take(), server.child.stderr.take());
        server.readers.push(server.said.follow(output.expect("its output")));
        server.readers.push(server.said.follow(log.expect("its log")));
        let line = server.begun().await;
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let port = line.split("127.0.0.1:").nth(1).map(digits);
        let port = port.and_then(|port| port.parse().ok());
        let port: u16 = port.unwrap_or_else(|| panic!("a port in {line}"));
        server.address.set_port(port);
        server
    }
}

/// The lines that the server has written so far.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no panic while writing").clone()
    }

    /// Waits for a line with these words and returns it.
    pub(crate) async fn wait_for(&self, words: &str) -> String {
        let find = || self.lines().into_iter().find(|line| line.contains(words));
        until(find).await.unwrap_or_else(|| panic!("{words:?} was not logged: {:#?}", self.lines()))
    }

    /// Reads the stream to its end on a thread.
    fn follow(&self, stream: impl std::io::Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.lock().expect("no panic while reading").push(line);
            }
        })
    }
}

/// A server that listens. It is killed when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) said: Said,
    readers: Vec<JoinHandle<()>>,
    child: Child,
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for the line that logs the start, or for the end of the process.
    async fn begun(&mut self) -> String {
        let told = || self.said.lines().into_iter().find(|line| line.contains("listening"));
        let mut ended = || self.child.try_wait().expect("a status").map(|status| format!("ended with {status}"));
        let begun = until(|| told().map(Ok).or_else(|| ended().map(Err))).await;
        match begun.unwrap_or_else(|| Err("never listened".to_owned())) {
            Ok(line) => line,
            Err(why) => panic!("the server {why}: {:#?}", self.said.lines()),
        }
    }

    /// Counts a visit of this browser.
    pub(crate) async fn visit(&self, browser: &Client) -> u64 {
        let answer = browser.post(self.url("/api/visits")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        body["visits"].as_u64().expect("a count")
    }

    /// Begins a visit with this cookie, or without one: the server has read the head and waits for the body `{}`.
    pub(crate) async fn begin_visit(&self, cookie: Option<&str>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let cookie = cookie.map(|pair| format!("Cookie: {pair}\r\n")).unwrap_or_default();
        // The server sends 100 when the handler begins to read the body.
        let head = format!(
            "POST /api/visits HTTP/1.1\r\nHost: localhost\r\n{cookie}Expect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut told = [0; 25];
        stream.read_exact(&mut told).await.expect("100 Continue");
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(name, self.child.id());
    }

    /// Returns the peak memory of the process in MiB, if the system reports it (Linux).
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
    }

    /// Waits until the address refuses connections.
    pub(crate) async fn deaf(&self) {
        until(|| std::net::TcpStream::connect(self.address).err()).await.expect("the listener closes");
    }

    /// Waits for the end of the process.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        until(|| self.child.try_wait().expect("a status")).await.expect("the process ends")
    }

    /// Stops the server and returns all lines that it wrote. Both streams have been read to the end.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        self.signal("TERM");
        assert!(self.end().await.success(), "{:#?}", self.said.lines());
        let read = || self.readers.iter().all(JoinHandle::is_finished).then_some(());
        until(read).await.expect("no other process holds its output");
        let lines = self.said.lines();
        assert!(lines.iter().any(|line| line.contains("stopped")), "{lines:#?}");
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when the process has ended already, which is fine.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn send_signal(name: &str, process: u32) {
    let kill = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(kill.expect("the command kill").success());
}

/// Reads from a connection until the server closes it.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await;
    read.expect("the server closes it").ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// Repeats an attempt until it succeeds. Panics with the last error after [`PATIENCE`].
pub(crate) async fn insist<T, E: std::fmt::Display>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

/// Repeats a call until it returns a value, or until [`PATIENCE`] is over.
pub(crate) async fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            None if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(10)).await,
            answer => return answer,
        }
    }
}
