//! One Redis server, and the making of connections to it.
//!
//! A certificate of `openssl req -x509` is signed by itself and marked as an authority, and the usual verification
//! accepts no such certificate from a server. So when `?ca=` names a file, this module makes the TLS connection itself.
//! It accepts a certificate that is in the file, and one that a certificate in the file has signed.

use super::address::Address;
use crate::store::OpenError;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, RedisError, RedisResult};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// A server, and the way to connect to it.
#[derive(Debug)]
pub(super) enum Server {
    /// By the redis client alone.
    Usual(Box<redis::Client>),
    /// By TLS of this module, with the certificates in the file of `?ca=`.
    Known(Box<Known>),
}

impl Server {
    pub(super) fn of(address: &Address, server: &ConnectionInfo) -> Result<Self, OpenError> {
        match &address.authority {
            Some(file) => Ok(Self::Known(Box::new(Known::new(server, file)?))),
            None => redis::Client::open(server.clone())
                .map(|client| Self::Usual(Box::new(client)))
                .map_err(|error| address.refused(&error)),
        }
    }

    /// Makes a connection for commands.
    pub(super) async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let server = match self {
            Self::Usual(client) => return client.get_multiplexed_async_connection_with_config(config).await,
            Self::Known(server) => server,
        };
        let (stream, settings) = (server.stream().await?, server.info.redis_settings());
        let (connection, driver) = MultiplexedConnection::new_with_config(settings, stream, config.clone()).await?;
        // The driver ends with the last clone of the connection.
        tokio::spawn(driver);
        Ok(connection)
    }

    /// Makes a connection for a subscription to a channel.
    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        match self {
            Self::Usual(client) => client.get_async_pubsub().await,
            Self::Known(server) => PubSub::new(server.info.redis_settings(), server.stream().await?).await,
        }
    }
}

/// A server that is verified by the certificates in a file.
pub(super) struct Known {
    info: ConnectionInfo,
    connector: TlsConnector,
}

impl Known {
    fn new(server: &ConnectionInfo, file: &Path) -> Result<Self, OpenError> {
        let unfit = |reason: String| OpenError::Unfit { place: file.display().to_string(), reason };
        let certificates = certificates(file)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let provider = Arc::new(ring::default_provider());
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let usual = usual.build().map_err(|error| unfit(error.to_string()))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unfit(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { certificates, usual }))
            .with_no_client_auth();
        Ok(Self { info: server.clone(), connector: TlsConnector::from(Arc::new(config)) })
    }

    async fn stream(&self) -> RedisResult<TlsStream<TcpStream>> {
        let ConnectionAddr::TcpTls { host, port, .. } = self.info.addr() else {
            return Err(RedisError::from(io::Error::from(io::ErrorKind::Unsupported)));
        };
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(name, stream).await?)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Known").field(self.info.addr()).finish()
    }
}

/// Returns the certificates in a file, of authorities or of servers.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let place = || file.display().to_string();
    let pem = std::fs::read(file).map_err(|source| OpenError::File { place: place(), source })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if found.is_empty() {
        let reason = "it holds no certificate; name that of an authority or of the server with `?ca=FILE`, in PEM";
        return Err(OpenError::Unfit { place: place(), reason: reason.to_owned() });
    }
    Ok(found)
}

/// A verifier that accepts a certificate that is in the file, or that one in the file has signed for the server's name.
#[derive(Debug)]
struct Verifier {
    certificates: Vec<CertificateDer<'static>>,
    usual: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The server has the key of this certificate, so it is the one that the operator named, whatever name the
        // certificate has.
        if self.certificates.iter().any(|certificate| certificate == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
