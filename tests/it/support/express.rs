//! Express servers with the setup of a test, and reverse proxies.

use super::servers::note_skipped;
use super::tls::Tool;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program that listens on this machine. It is stopped when dropped.
pub struct Served {
    pub port: u16,
    program: Child,
    _folder: Option<TempDir>,
}

impl Served {
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("end2end")
}

/// Returns whether Express is installed. If not, the calling test is noted as skipped.
pub fn is_here() -> bool {
    let installed = folder().join("node_modules/express").exists();
    if !installed {
        note_skipped("Express");
    }
    Tool::Node.is_here() && installed
}

/// Starts an Express server with `GET` and `POST /session`.
pub fn express(setup: &Value) -> Served {
    let mut command = Command::new(Tool::Node.path().expect("Node"));
    command.arg(folder().join("fixtures/express/doctor.mjs")).env("SETUP", setup.to_string());
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Node runs");
    let mut line = String::new();
    BufReader::new(program.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let port = line.trim().parse().unwrap_or_else(|error| panic!("a port: {line:?} {error}"));
    Served { port, program, _folder: None }
}

/// Starts Caddy with this block as its only site. Over https it has an untrusted certificate.
pub fn caddy(scheme: &str, block: &str) -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let port = super::servers::free_port();
    let options = "admin off\nauto_https off\ndefault_sni localhost\ngrace_period 100ms\nservers {\nprotocols h1 h2\n}";
    let file = folder.path().join("Caddyfile");
    let tls = if scheme == "https" { certificate(folder.path()) } else { String::new() };
    let site = format!("{scheme}://localhost:{port} {{\nbind 127.0.0.1\n{tls}\n{block}\n}}\n");
    std::fs::write(&file, format!("{{\n{options}\n}}\n{site}")).expect("written");
    let mut command = Command::new(Tool::Caddy.path().expect("Caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", folder.path());
    let program = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut served = Served { port, program: program.expect("Caddy runs"), _folder: Some(folder) };
    let deadline = Instant::now() + super::process::PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "Caddy does not listen");
        assert!(served.program.try_wait().expect("a status").is_none(), "Caddy has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    served
}

/// Makes a certificate for this machine and returns the line of Caddy's configuration that names it.
fn certificate(folder: &Path) -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&key);
    let (cert_file, key_file) = (folder.join("server.cert"), folder.join("server.key"));
    std::fs::write(&cert_file, certificate.expect("signed").pem()).expect("written");
    std::fs::write(&key_file, key.serialize_pem()).expect("written");
    format!("tls {} {}", cert_file.display(), key_file.display())
}
