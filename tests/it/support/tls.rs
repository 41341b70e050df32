//! A TLS client that shows the connection below a request, and certificates made by OpenSSL.

use super::process::{PATIENCE, Place, Running, insist};
use super::servers::note_skipped;
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub const SITE: (&str, &str) = ("SITE_URL", "https://localhost:3443");
pub const LOCAL: [(&str, &str); 2] = [SITE, ("TLS_MODE", "local")];
pub const FILES: [(&str, &str); 2] = [SITE, ("TLS_MODE", "files")];

/// A connection on which the server has shown a certificate.
pub type Secure = TlsStream<TcpStream>;

/// A program that a test may need and that a machine may lack.
#[derive(Clone, Copy, Debug)]
pub enum Tool {
    Caddy,
    Certutil,
    Node,
    Openssl,
    Sslyze,
}

impl Tool {
    /// Returns the path of the program. If it is not installed, the calling test is noted as skipped.
    pub fn path(self) -> Option<PathBuf> {
        let name = format!("{self:?}").to_lowercase();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|program| program.is_file());
        if found.is_none() {
            note_skipped(self);
        }
        found
    }

    pub fn is_here(self) -> bool {
        self.path().is_some()
    }
}

/// A client with its trusted authorities and the protocols that it offers.
pub struct Browser {
    roots: RootCertStore,
    protocols: Vec<Vec<u8>>,
}

impl Browser {
    /// Trusts the certificates of a PEM file.
    pub fn trusting(file: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).expect("a file") {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        Self { roots, protocols: vec![b"http/1.1".to_vec()] }
    }

    /// Trusts the local authority of a server.
    pub fn of(place: &Place) -> Self {
        Self::trusting(&place.path().join("data/tls/authority.pem"))
    }

    /// Offers these protocols, in order of preference.
    pub fn offering(self, protocols: &[&str]) -> Self {
        Self { protocols: protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(), ..self }
    }

    /// Opens a connection to this host name.
    pub async fn connect(&self, address: SocketAddr, name: &str) -> io::Result<Secure> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions");
        let mut config = config.with_root_certificates(self.roots.clone()).with_no_client_auth();
        config.alpn_protocols.clone_from(&self.protocols);
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Returns the response to a `GET` over HTTP/1.1, head and body.
    pub async fn get(&self, server: &Running, path: &str) -> String {
        let mut stream = self.connect(server.address, "localhost").await.expect("a connection");
        ask(&mut stream, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        rest(&mut stream).await
    }

    /// Opens a connection, and repeats it when a busy machine exceeds the server's timeout.
    pub async fn shaken(&self, address: SocketAddr) -> Secure {
        insist(async || self.connect(address, "localhost").await).await
    }

    /// Waits until a request is answered, with repetitions.
    pub async fn is_answered(&self, server: &Running) {
        insist(async || {
            let mut stream = self.shaken(server.address).await;
            let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let asked = stream.write_all(request).await.and(stream.flush().await);
            let answer = rest(&mut stream).await;
            if answer.contains("alive") { Ok(()) } else { Err(format!("{asked:?}: {answer}")) }
        })
        .await;
    }

    /// Opens an HTTP/2 connection.
    pub async fn http2(&self, server: &Running) -> SendRequest<Body> {
        let stream = self.connect(server.address, "localhost").await.expect("a connection");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let (requests, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        tokio::spawn(connection);
        requests
    }
}

pub async fn ask(stream: &mut Secure, request: &str) {
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.flush().await.expect("sent");
}

/// Reads until the server closes the connection.
pub async fn rest(stream: &mut Secure) -> String {
    let mut text = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server closes it").ok();
    String::from_utf8_lossy(&text).into_owned()
}

/// Requests `/healthz` and leaves the connection open.
pub async fn ask_and_stay(stream: &mut Secure) {
    ask(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut text = String::new();
    while !text.contains("\"alive\"}") {
        let mut part = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut part)).await.expect("an answer").expect("an answer");
        assert_ne!(read, 0, "closed before its response: {text}");
        text.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}

/// Returns the certificate that the server has shown.
pub fn shown(stream: &Secure) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone().into_owned()
}

/// Sends a request over HTTP/2 and returns the status and the body of the response.
pub async fn send(requests: &mut SendRequest<Body>, request: axum::http::Request<Body>) -> (u16, String) {
    let answer = timeout(PATIENCE, requests.send_request(request)).await.expect("in time").expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// Runs OpenSSL in the folder of a server.
pub fn openssl(place: &Place, arguments: &str) {
    let mut command = Command::new(Tool::Openssl.path().expect("OpenSSL"));
    let output = command.args(arguments.split(' ')).current_dir(place.path()).output().expect("it runs");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a self-signed certificate for `localhost`. (A certificate of `openssl req -x509` claims to be an authority.
/// rustls as a client rejects that for a server; browsers accept it.)
pub fn certificate(place: &Place, key: &str, file: &str) {
    std::fs::write(place.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").expect("written");
    openssl(place, &format!("req -new -key {key} -subj /CN=localhost -out request"));
    openssl(place, &format!("x509 -req -in request -signkey {key} -days 30 -extfile names -out {file}"));
}
