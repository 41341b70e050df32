//! One call of the probe: a connection of its own, a request, the head of the response. It follows no redirect and
//! keeps no cookie.

use super::certificate::{self, Unverified};
use super::head::{Record, Recorded};
use super::{LONGEST, Visit, now};
use crate::backend::providers::Outward;
use crate::server::trust::authorities;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, Request, Uri, header};
use hardtack_doctor::{Address, Ask, Exchange, Failure, Step, TlsSeen, header_bytes};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, ClientConfig, Error, PeerIncompatible, RootCertStore};

/// The longest time for a body. Some servers finish their work only with the body, and others send one that never ends.
const BODY_TIME: Duration = Duration::from_secs(1);
/// The most bytes of a body that are read.
const BODY: usize = 64 << 10;
/// The most bytes of a head. A longer one is not a valid response.
const HEAD: usize = 256 << 10;
/// The most lines of a head. More are not a valid response.
const LINES: usize = 8192;
/// The time after which the next address of a host is tried.
const NEXT: Duration = Duration::from_millis(1500);

/// The reason why a call has no response.
pub(super) enum Missed {
    Failed(Failure),
    /// No browser would have sent the request, because it rejects the certificate.
    Distrusted(TlsSeen),
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The client that makes the calls.
pub(super) struct Caller {
    insecure: bool,
    /// The longest time until the head of a response has arrived.
    longest: Duration,
    /// The extra headers of calls to `server`.
    headers: Vec<(HeaderName, HeaderValue)>,
    server: Address,
    roots: RootCertStore,
    connector: Option<TlsConnector>,
    outward: Outward,
}

impl Caller {
    /// Creates a caller with the authorities that this machine trusts.
    pub(super) async fn new(visit: &Visit, outward: Outward) -> Self {
        let roots = tokio::task::spawn_blocking(authorities).await.unwrap_or_else(|_| RootCertStore::empty());
        let Visit { insecure, timeout, headers, url, .. } = visit;
        Self {
            insecure: *insecure,
            longest: *timeout,
            headers: headers.clone(),
            server: url.clone(),
            roots,
            connector: connector().ok(),
            outward,
        }
    }

    /// Returns the exchange, and the certificate that the handshake showed.
    pub(super) async fn call(
        &self,
        step: Step,
        ask: Ask,
        query: Option<&str>,
    ) -> Result<(Exchange, Option<TlsSeen>), Missed> {
        timeout(self.longest + BODY_TIME, self.exchange(step, ask, query)).await.unwrap_or(Err(Failure::Slow.into()))
    }

    /// Returns whether a server speaks TLS there.
    pub(super) async fn speaks_tls(&self, address: &Address) -> bool {
        let shaken = async { self.shake(address, self.connect(address).await?).await };
        timeout(self.longest, shaken).await.is_ok_and(|shaken| shaken.is_ok())
    }

    async fn exchange(&self, step: Step, ask: Ask, query: Option<&str>) -> Result<(Exchange, Option<TlsSeen>), Missed> {
        let began = Instant::now();
        let url = ask.url.clone();
        let (asked, mut request) = request(ask, query).ok_or(Failure::Broken)?;
        // To no other origin, because the target of a redirect must not learn these headers. A preflight has none of
        // them.
        if step != Step::Preflight && url.is_origin_of(&self.server) {
            for (name, value) in &self.headers {
                request.headers_mut().append(name.clone(), value.clone());
            }
        }
        let method = request.method().to_string();
        let head = async {
            let stream = self.connect(&url).await?;
            if !url.is_https() {
                return Ok((send(stream, request).await?, None));
            }
            if self.roots.is_empty() && !self.insecure {
                return Err(Failure::NoAuthorities.into());
            }
            let stream = self.shake(&url, stream).await?;
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let seen = certificate::look(chain, &url, &self.roots);
            if !seen.is_accepted() && !self.insecure {
                return Err(Missed::Distrusted(seen));
            }
            Ok((send(stream, request).await?, Some(seen)))
        };
        let ((answer, record), tls) = timeout(self.longest, head).await.unwrap_or(Err(Failure::Slow.into()))?;
        let took = began.elapsed();
        let (head, body) = answer.into_parts();
        // A body that never ends still counts as a response.
        timeout(BODY_TIME, Limited::new(body, BODY).collect()).await.ok();
        let headers = record.lines().ok_or(Failure::Broken)?;
        let status = head.status.as_u16();
        Ok((Exchange { step, method, url, asked, status, headers, at: now(), took }, tls))
    }

    /// Connects directly, or through the proxy that the environment names.
    async fn connect(&self, address: &Address) -> Result<TcpStream, Failure> {
        match proxied(&self.outward, address) {
            Some(server) => self.outward.connect(server).await.map(TokioIo::into_inner).map_err(|_| Failure::Proxy),
            None => connect(address).await,
        }
    }

    async fn shake(&self, address: &Address, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(host_and_port(address).0.to_owned()).map_err(|_| Failure::Tls)?;
        let connector = self.connector.as_ref().ok_or(Failure::Tls)?;
        connector.connect(name, stream).await.map_err(|error| {
            let library = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
            match library {
                Some(Error::InvalidMessage(_)) => Failure::Plain,
                Some(
                    Error::AlertReceived(AlertDescription::ProtocolVersion)
                    | Error::PeerIncompatible(
                        PeerIncompatible::ServerDoesNotSupportTls12Or13
                        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
                    ),
                ) => Failure::OldTls,
                Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => Failure::NoHost,
                _ => Failure::Tls,
            }
        })
    }
}

fn connector() -> Result<TlsConnector, Error> {
    let provider = Arc::new(ring::default_provider());
    let unverified = Unverified::new(&provider);
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.dangerous().with_custom_certificate_verifier(Arc::new(unverified)).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Returns host and port, an IPv6 address without its brackets.
fn host_and_port(address: &Address) -> (&str, u16) {
    (address.host().trim_matches(['[', ']']), address.port())
}

/// Returns the URL of the server if the call goes through a proxy.
pub(super) fn proxied(outward: &Outward, address: &Address) -> Option<Uri> {
    let scheme = if address.is_https() { "https" } else { "http" };
    // With its port, because a proxy would otherwise be asked for the port of https.
    let server = format!("{scheme}://{}:{}/", address.host(), address.port()).parse().ok()?;
    // A proxy of an unsupported kind counts too, so that the failure to connect reports it.
    outward.proxy_of(&server).map_or(true, |proxy| proxy.is_some()).then_some(server)
}

/// Returns the addresses that the name of the host resolves to.
pub(super) async fn look_up(address: &Address) -> Result<Vec<IpAddr>, Failure> {
    let found = timeout(LONGEST, lookup_host(host_and_port(address))).await.map_err(|_| Failure::Name)?;
    let mut found: Vec<_> = match found {
        Ok(found) => found.map(|address| address.ip()).collect(),
        // Browsers do not resolve these names by DNS. Source: RFC 6761, 6.3.
        Err(_) if address.is_loopback() => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Err(_) => return Err(Failure::Name),
    };
    found.dedup();
    if found.is_empty() { Err(Failure::Name) } else { Ok(found) }
}

/// Connects to the first address of the host that accepts.
async fn connect(address: &Address) -> Result<TcpStream, Failure> {
    let mut failure = Failure::Silent;
    for ip in look_up(address).await? {
        match timeout(NEXT, TcpStream::connect(SocketAddr::new(ip, address.port()))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => failure = Failure::Refused,
            Ok(Err(_)) | Err(_) => {}
        }
    }
    Err(failure)
}

/// Headers as the record of an exchange holds them.
type Headers = Vec<(String, String)>;

/// Returns the request, and its headers for the record.
fn request(ask: Ask, query: Option<&str>) -> Option<(Headers, Request<Full<Bytes>>)> {
    let Ask { method, url, headers, body } = ask;
    let origin = url.origin();
    let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
    let agent = concat!("hardtack-doctor/", env!("CARGO_PKG_VERSION")).to_owned();
    let first = [(header::HOST.as_str(), host.to_owned()), (header::USER_AGENT.as_str(), agent)];
    let headers: Vec<_> = first.into_iter().chain(headers).collect();
    let target = query.map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = Request::builder().method(method.as_str()).uri(target).body(Full::from(body)).ok()?;
    for (name, value) in &headers {
        // A cookie may have a value that no header can carry.
        if let Ok(value) = HeaderValue::from_bytes(&header_bytes(value)) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    Some((headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), request))
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(axum::http::Response<hyper::body::Incoming>, Record), Failure> {
    let broken = |_: hyper::Error| Failure::Broken;
    let (stream, record) = Recorded::new(stream);
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD).max_headers(LINES);
    // Accepted, because browsers ignore or repair these faults.
    builder.ignore_invalid_headers_in_responses(true).allow_spaces_after_header_name_in_responses(true);
    builder.allow_obsolete_multiline_headers_in_responses(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The task ends with the body of the response, or when the sender is dropped.
    tokio::spawn(connection);
    Ok((sender.send_request(request).await.map_err(broken)?, record))
}
