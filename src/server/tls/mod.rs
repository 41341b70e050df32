//! TLS: the certificate that is served, and its renewal while connections stay open.
//!
//! `local` and `files` are the two sources of certificates, `pair` is the type that both return, and `accept` handles
//! the connection.

mod accept;
mod files;
mod local;
mod pair;

use super::settings::{Settings, TlsMode};
use super::topology::term;
use files::Files;
use hardtack_doctor::Term;
use hardtack_session::clock::Timestamp;
use local::Local;
use pair::Pair;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, ServerConfig, SignatureAlgorithm};
use url::Host;

pub(super) use accept::Encrypted;
pub use local::{AUTHORITY_FILE, SERVER_FILE};
pub use pair::Facts;
pub(super) use pair::names_its_issuer;

/// The interval of the warning that a certificate is about to end.
const DAY: Duration = Duration::from_hours(24);

/// The reason why TLS cannot be spoken, in one sentence: the setting, the reason, the cure.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file or folder cannot be used.
    #[error("{setting}: {} cannot be used ({source}); name one that the server has access to", .path.display())]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// There is no certificate in the file.
    #[error(
        "tls.certificate: {} holds no certificate that can be read; it needs the server's own in PEM, followed by the \
         intermediate certificates", .0.display()
    )]
    NoCertificate(PathBuf),
    /// The certificate cannot be used.
    #[error("tls.certificate: {} cannot be used ({why}); have another one made", .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The fault of the certificate.
        why: String,
    },
    /// There is no private key in the file.
    #[error(
        "tls.key: {} holds no private key that can be read; it needs one in PEM, as `openssl genpkey` writes it", .0.display()
    )]
    NoKey(PathBuf),
    /// The key needs a password.
    #[error(
        "tls.key: {path} is locked with a password, which the server does not have; write it without one: \
         `openssl pkey -in {path} -out NEW`", path = .0.display()
    )]
    Locked(PathBuf),
    /// The key is of an unsupported kind.
    #[error(
        "tls.key: {} is of a kind that cannot be used; make an RSA key of 2048 bits or more, or one on the curve P-256 or \
         P-384", .0.display()
    )]
    KindOfKey(PathBuf),
    /// Certificate and key do not belong together.
    #[error(
        "tls.key: {} is not the key of the certificate in {}; name two files that were made together",
        .key.display(), .certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate has expired.
    #[error("tls.certificate: {} ended at {}, so every browser refuses it; renew it", .path.display(), .ends)]
    Ended {
        /// The file.
        path: PathBuf,
        /// The end of its validity.
        ends: Timestamp,
    },
    /// The certificate is not valid yet.
    #[error(
        "tls.certificate: {} is not valid before {}; set this machine's clock, or use another", .path.display(),
        .begins
    )]
    NotYet {
        /// The file.
        path: PathBuf,
        /// The start of its validity.
        begins: Timestamp,
    },
    /// The files of the local authority cannot be read, or do not belong together.
    #[error(
        "tls.directory: authority.pem and authority.key in {} cannot be read or do not belong together; remove both, start \
         again, and trust the new ones (`hardtack cert trust`)", .0.display()
    )]
    Authority(PathBuf),
    /// The key of the local authority cannot be read, or other users can read it too.
    #[error("tls.directory: {0}")]
    AuthorityKey(String),
    /// A certificate could not be made.
    #[error("tls.directory: no certificate could be made ({0}); check the host of site.url")]
    Made(String),
    /// The TLS library refuses its configuration.
    #[error("tls.mode: TLS cannot be set up: {0}")]
    Library(#[from] Error),
}

impl From<rcgen::Error> for TlsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Made(error.to_string())
    }
}

/// The TLS acceptor, and the renewal of its certificate.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) renewal: Renewal,
}

/// The certificate that is served, and the source of its successors.
pub(super) struct Renewal {
    served: Arc<Served>,
    source: Source,
    host: Host<String>,
    /// The start and the end of the served certificate's validity.
    span: (Timestamp, Timestamp),
}

enum Source {
    Local(Local),
    Files(Box<Files>),
}

/// The certificate for new connections. Open connections keep theirs.
#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Opens the certificate that the settings name; `None` when the server does not speak TLS itself.
    pub(super) fn open(settings: &Settings) -> Result<Option<Self>, TlsError> {
        let (tls, host) = (&settings.tls, settings.site.url.host());
        let (source, pair) = match tls.mode {
            TlsMode::Off => return Ok(None),
            TlsMode::Local => {
                let (local, pair) = Local::open(&tls.directory, host)?;
                (Source::Local(local), pair)
            }
            TlsMode::Files => {
                let (files, pair) = Files::open(&tls.certificate, &tls.key)?;
                (Source::Files(Box::new(files)), pair)
            }
        };
        warn(&pair, host);
        let span = (pair.facts.begins, pair.facts.ends);
        let served = Arc::new(Served(RwLock::new(pair.certified)));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::clone(&served) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Some(Self { acceptor, renewal: Renewal { served, source, host: host.clone(), span } }))
    }
}

impl Renewal {
    /// Returns the time that the served certificate has left, and its whole validity.
    pub(super) fn term(&self) -> Term {
        term(self.span.0, self.span.1)
    }

    /// Renews the certificate, for as long as the server runs.
    pub(super) async fn run(self) {
        let Self { served, mut source, host, mut span } = self;
        let mut warned = Instant::now();
        loop {
            tokio::time::sleep(source.every()).await;
            let look = move || {
                let renewed = source.renewed();
                (source, renewed)
            };
            let renewed = match tokio::task::spawn_blocking(look).await {
                Ok((back, renewed)) => {
                    source = back;
                    renewed
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate is no longer renewed; restart the server before it ends");
                    return;
                }
            };
            match renewed {
                Ok(None) => {}
                Ok(Some(pair)) => {
                    tracing::info!(ends = %pair.facts.ends, "a new certificate is served from now on");
                    (span, warned) = ((pair.facts.begins, pair.facts.ends), Instant::now());
                    warn_of_end(span);
                    warn(&pair, &host);
                    *served.0.write().unwrap_or_else(PoisonError::into_inner) = pair.certified;
                }
                Err(error) => tracing::error!("the new certificate is not used, and the old one stays: {error}"),
            }
            if warned.elapsed() >= DAY {
                warned = Instant::now();
                warn_of_end(span);
            }
        }
    }
}

impl Source {
    const fn every(&self) -> Duration {
        match self {
            Self::Local(_) => Local::every(),
            Self::Files(_) => Files::every(),
        }
    }

    fn renewed(&mut self) -> Result<Option<Pair>, TlsError> {
        match self {
            Self::Local(local) => local.renewed(),
            Self::Files(files) => files.renewed(),
        }
    }
}

/// Warns that a certificate should have been renewed.
fn warn_of_end((begins, ends): (Timestamp, Timestamp)) {
    if term(begins, ends).ends_soon() {
        tracing::warn!(ends = %ends, "the certificate is about to end; renew it");
    }
}

/// Warns of a certificate that browsers refuse. The doctor warns of its end at the start.
fn warn(pair: &Pair, host: &Host<String>) {
    if pair.certified.key.algorithm() == SignatureAlgorithm::ED25519 {
        tracing::warn!(
            "the certificate's key is an Ed25519 key, which browsers do not accept; make one on the curve P-256: \
             `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
        );
    }
    // An IPv6 address has brackets only in URLs.
    let host = host.to_string();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).trim_end_matches('.'));
    let leaf = pair.leaf().and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    if let (Ok(name), Some(leaf)) = (name, leaf)
        && verify_server_name(&leaf, &name).is_err()
    {
        tracing::warn!(
            host, names = ?pair.facts.names,
            "the certificate is not for the host of site.url, so browsers will refuse it; they check only its subject \
             alternative names"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::io::Write;
    use std::sync::Mutex;
    use std::time::UNIX_EPOCH;
    use tokio::time::{advance, sleep};

    /// The text of the log.
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl Said {
        fn ends(&self) -> usize {
            String::from_utf8_lossy(&self.0.lock().expect("no panic")).matches("is about to end").count()
        }
    }

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_of_files_that_nobody_renews_is_warned_about_once_a_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("server.cert"), folder.path().join("server.key"));
        let pair = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let now = UNIX_EPOCH.elapsed().expect("after 1970");
        params.not_after = date_time_ymd(1970, 1, 1) + now + 7 * DAY;
        std::fs::write(&key, pair.serialize_pem()).expect("written");
        std::fs::write(&certificate, params.self_signed(&pair).expect("a certificate").pem()).expect("written");
        let (files, pair) = Files::open(&certificate, &key).expect("fit");
        let said = Said::default();
        let writer = said.clone();
        let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let _heard = tracing::subscriber::set_default(log);
        let renewal = Renewal {
            served: Arc::new(Served(RwLock::new(pair.certified))),
            source: Source::Files(Box::new(files)),
            host: Host::Domain("localhost".to_owned()),
            span: (pair.facts.begins, pair.facts.ends),
        };
        let running = tokio::spawn(renewal.run());
        for days in 0..3 {
            sleep(Duration::from_secs(60)).await;
            assert_eq!(said.ends(), days);
            advance(DAY).await;
        }
        running.abort();
    }

    fn key(served: &Served) -> Arc<CertifiedKey> {
        Arc::clone(&served.0.read().expect("no panic"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_local_certificate_near_its_end_is_replaced_while_the_server_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let host = Host::Domain("localhost".to_owned());
        let (mut local, pair) = Local::open(folder.path(), &host).expect("a certificate");
        let span = (pair.facts.begins, pair.facts.ends);
        let served = Arc::new(Served(RwLock::new(pair.certified)));
        let first = key(&served);
        std::fs::remove_file(folder.path().join(SERVER_FILE)).expect("removed");
        local.near_its_end();
        let renewal = Renewal { served: Arc::clone(&served), source: Source::Local(local), host, span };
        let running = tokio::spawn(renewal.run());
        sleep(Duration::from_secs(59 * 60)).await;
        assert!(Arc::ptr_eq(&key(&served), &first), "looked at once an hour");
        advance(Duration::from_secs(2 * 60)).await;
        while Arc::ptr_eq(&key(&served), &first) {
            sleep(Duration::from_secs(1)).await;
        }
        assert_ne!(key(&served).cert, first.cert);
        let second = key(&served);
        sleep(Duration::from_secs(3 * 60 * 60)).await;
        assert!(Arc::ptr_eq(&key(&served), &second), "and stays");
        running.abort();
    }
}
