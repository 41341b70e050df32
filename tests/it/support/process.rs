//! The real binary, in a folder of its own.

use hardtack::session::Keys;
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

/// How long a test waits for what must come. Never measured, only a bound.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server waits for its store where a test is not about that: the machine may be busy with other tests.
pub(crate) const PATIENT: (&str, &str) = ("STORE_TIMEOUT", "20s");

/// The time that a password waits for its turn where a test is not about that.
pub(crate) const UNHURRIED: (&str, &str) = ("LIMITS_PASSWORD_WAIT", "20s");

/// Where a server tells its figures.
pub(crate) const METRICS: (&str, &str) = ("METRICS_LISTEN", "127.0.0.1:0");

/// A folder for a server's data, in which the binary is started with settings of the test's own.
pub(crate) struct Place {
    folder: TempDir,
    binary: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, binary: env!("CARGO_BIN_EXE_hardtack").into() }
    }

    /// With a binary of its own, so that the test can put files beside it.
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

    /// Whose servers and commands use the store at this address, and share a key.
    pub(crate) fn on(url: &str) -> Self {
        let place = Self::new();
        place.keys();
        // Redis keeps no accounts.
        let accounts = if url.starts_with("redis") { "[accounts]\ndatabase = 'sqlite:accounts.db'\n" } else { "" };
        let settings = format!("[store]\nurl = '{url}'\n[session]\nkeys = ['shared.key']\n{accounts}");
        fs::write(place.path().join("Leptos.toml"), settings).expect("a file of settings");
        place
    }

    /// The key of [`on`](Self::on).
    pub(crate) fn keys(&self) -> Keys {
        Keys::in_file(&self.path().join("shared.key")).expect("a key")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("data/hardtack.db")
    }

    /// The command, in this folder, with no settings but these (named without `HARDTACK_`) and more patience.
    pub(crate) fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.settled(command, settings)
    }

    /// A command in this folder, with these settings and more patience.
    fn settled(&self, mut command: Command, settings: &[(&str, &str)]) -> Command {
        command.current_dir(self.path()).env_clear().stdin(Stdio::null());
        for (name, value) in [PATIENT, UNHURRIED].iter().chain(settings) {
            command.env(format!("HARDTACK_{name}"), value);
        }
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        Self::to_its_end(self.command(arguments, settings))
    }

    /// Runs it to its end: its own, or the one that patience has.
    pub(crate) fn to_its_end(mut command: Command) -> Output {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let (ended, end) = mpsc::channel::<()>();
        let id = child.id();
        // A server that should have refused to start would otherwise run for ever.
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

    /// Runs a command that must refuse, and returns the one line that it writes.
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

    /// The same, where no file may grow beyond so many KiB: as if the disk were full.
    pub(crate) async fn serve_on_a_full_disk(&self, kib: u32) -> Running {
        self.wait_for(self.on_a_full_disk(kib)).await
    }

    /// The same, of a server that cannot start.
    pub(crate) fn start_on_a_full_disk(&self, kib: u32) -> Output {
        let mut command = self.on_a_full_disk(kib);
        command.env("HARDTACK_SITE_LISTEN", "127.0.0.1:0").output().expect("the binary starts")
    }

    fn on_a_full_disk(&self, kib: u32) -> Command {
        self.under(&format!("trap '' XFSZ; ulimit -f {kib}"), &[])
    }

    /// The server, with so many open files at first, and so many at most.
    pub(crate) fn with_files(&self, first: u32, most: u32, settings: &[(&str, &str)]) -> Command {
        self.under(&format!("ulimit -Sn {first} && ulimit -Hn {most}"), settings)
    }

    /// The server, begun by a shell after these words.
    fn under(&self, words: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", &format!("{words} && exec \"$0\" serve")]).arg(&self.binary);
        self.settled(command, settings)
    }

    pub(crate) async fn wait_for(&self, mut command: Command) -> Running {
        command.env("HARDTACK_SITE_LISTEN", "127.0.0.1:0");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        // Held from here on: what goes wrong below must not leave a server running.
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

/// All lines that the server has written so far.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no panic while writing").clone()
    }

    /// The first line with these words, waited for.
    pub(crate) async fn wait_for(&self, words: &str) -> String {
        let find = || self.lines().into_iter().find(|line| line.contains(words));
        until(find).await.unwrap_or_else(|| panic!("{words:?} never came: {:#?}", self.lines()))
    }

    /// Reads to the end of the stream, on a thread that ends with it.
    fn follow(&self, stream: impl std::io::Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.lock().expect("no panic while reading").push(line);
            }
        })
    }
}

/// A server that listens. Killed when dropped.
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

    /// The line that tells of the start; no longer waited for when the process has ended.
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

    /// Begins a visit, with this cookie or with none: the server has read its head, and waits for the body `{}`.
    pub(crate) async fn begin_visit(&self, cookie: Option<&str>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let cookie = cookie.map(|pair| format!("Cookie: {pair}\r\n")).unwrap_or_default();
        // The 100 is sent when somebody begins to read the body.
        let head = format!(
            "POST /api/visits HTTP/1.1\r\nHost: localhost\r\n{cookie}Expect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut told = [0; 25];
        stream.read_exact(&mut told).await.expect("an invitation");
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(name, self.child.id());
    }

    /// The most memory that the process has had at once, in MiB, where the system tells (Linux).
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
    }

    /// Waits until nobody listens on the address any more.
    pub(crate) async fn deaf(&self) {
        until(|| std::net::TcpStream::connect(self.address).err()).await.expect("the listener closes");
    }

    /// Waits for the end of the process.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        until(|| self.child.try_wait().expect("a status")).await.expect("the process ends")
    }

    /// Stops it, and returns all that it wrote: to the last line, for both streams have been read to their ends.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        self.signal("TERM");
        assert!(self.end().await.success(), "{:#?}", self.said.lines());
        let read = || self.readers.iter().all(JoinHandle::is_finished).then_some(());
        until(read).await.expect("nobody else holds its output");
        let lines = self.said.lines();
        assert!(lines.iter().any(|line| line.contains("stopped")), "{lines:#?}");
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as well.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn send_signal(name: &str, process: u32) {
    let kill = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(kill.expect("the command kill").success());
}

/// What comes on a connection until the server closes it.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await;
    read.expect("the server closes it").ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// Tries again and again until it is done. When patience ends, the last error is told.
pub(crate) async fn insist<T, E: std::fmt::Display>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

/// Asks again and again until there is an answer, or until patience ends.
pub(crate) async fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            None if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(10)).await,
            answer => return answer,
        }
    }
}
