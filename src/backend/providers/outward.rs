//! The connection to other servers: direct, or through the proxy that the environment names.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY` name the proxy, `NO_PROXY` the hosts that are reached without it. The
//! names are in upper or lower case, and are read as curl reads them.

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;
use url::Host;

/// Connects to other servers, through a proxy if the environment names one. TLS, if any, runs inside the connection, so
/// that a proxy only sees the name of the host.
///
/// This machine itself is always reached directly.
#[derive(Clone)]
pub struct Outward {
    straight: HttpConnector,
    proxies: Arc<Matcher>,
}

/// A connection through a proxy that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("through the proxy {proxy}")]
struct Proxied {
    proxy: String,
    source: Box<dyn Error + Send + Sync>,
}

/// A proxy of a kind that is not supported, such as SOCKS.
#[derive(Debug, thiserror::Error)]
#[error(
    "the environment (HTTPS_PROXY, ALL_PROXY) names the proxy {proxy}, but only `http://HOST:PORT` is supported; name such a \
     proxy, or list {host} in NO_PROXY"
)]
pub struct UnsupportedProxy {
    proxy: String,
    host: String,
}

impl Outward {
    /// Returns a connector with the proxies that the environment of this process names.
    #[must_use]
    pub fn from_env() -> Self {
        let mut straight = HttpConnector::new();
        straight.enforce_http(false);
        straight.set_nodelay(true);
        Self { straight, proxies: Arc::new(Matcher::from_env()) }
    }

    /// Returns the address of the proxy for a server, if there is one, without its password.
    ///
    /// # Errors
    ///
    /// When it is a proxy of another kind than http.
    pub fn proxy_of(&self, server: &Uri) -> Result<Option<String>, UnsupportedProxy> {
        let Some(proxy) = self.intercept(server) else { return Ok(None) };
        if proxy.uri().scheme_str() == Some("http") {
            return Ok(Some(shown(&proxy)));
        }
        Err(UnsupportedProxy { proxy: shown(&proxy), host: server.host().unwrap_or_default().to_owned() })
    }

    /// Connects to the host and port of a server.
    ///
    /// # Errors
    ///
    /// When the connection fails, or the proxy does not make it.
    pub async fn connect(&self, server: Uri) -> Result<TokioIo<TcpStream>, Box<dyn Error + Send + Sync>> {
        let mut straight = self.straight.clone();
        let Some(proxy) = self.intercept(&server) else { return Ok(straight.call(server).await?) };
        self.proxy_of(&server)?;
        let tunnel = Tunnel::new(proxy.uri().clone(), straight);
        let mut tunnel = match proxy.basic_auth() {
            Some(secret) => tunnel.with_auth(secret.clone()),
            None => tunnel,
        };
        let made = tunnel.call(server).await;
        made.map_err(|error| Proxied { proxy: shown(&proxy), source: error.into() }.into())
    }

    fn intercept(&self, server: &Uri) -> Option<Intercept> {
        let host = Host::parse(server.host()?).ok()?;
        let here = match &host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if here { None } else { self.proxies.intercept(server) }
    }
}

/// Returns a proxy's address as people write it.
fn shown(proxy: &Intercept) -> String {
    proxy.uri().to_string().trim_end_matches('/').to_owned()
}

impl fmt::Debug for Outward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outward").finish_non_exhaustive()
    }
}

impl Service<Uri> for Outward {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let outward = self.clone();
        Box::pin(async move { outward.connect(server).await })
    }
}
