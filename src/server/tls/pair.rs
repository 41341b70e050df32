//! A certificate and its key, read from PEM and checked for use by a server.

use super::TlsError;
use hardtack_session::clock::{Clock, Timestamp};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{CertificateError, Error, OtherError};
use x509_parser::der_parser::oid;
use x509_parser::der_parser::oid::Oid;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The facts in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The subject, as the certificate spells it.
    pub subject: String,
    /// The issuer, as the certificate spells it.
    pub issuer: String,
    /// The hosts that the certificate is for.
    pub names: Vec<String>,
    /// The start of its validity.
    pub begins: Timestamp,
    /// The end of its validity.
    pub ends: Timestamp,
}

impl Facts {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    ///
    /// When the file does not exist or holds no certificate.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let chain = chain(path)?;
        Self::of(&chain[0]).ok_or_else(|| TlsError::NoCertificate(path.into()))
    }

    pub(in crate::server) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let seconds = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
        let names = certificate.subject_alternative_name().ok()?;
        let names = names.map(|names| names.value.general_names.iter().filter_map(host).collect());
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.unwrap_or_default(),
            begins: seconds(certificate.validity().not_before.timestamp()),
            ends: seconds(certificate.validity().not_after.timestamp()),
        })
    }
}

/// Returns whether a certificate names the URL of its issuer's certificate. Browsers fetch it, and other clients do
/// not.
///
/// Source: RFC 5280, 4.2.2.1 (caIssuers).
pub(in crate::server) fn names_its_issuer(certificate: &CertificateDer<'_>) -> bool {
    const CA_ISSUERS: Oid = oid!(1.3.6.1.5.5.7.48.2);
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let own = certificate.issuer() == certificate.subject();
    let named = certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => access.iter().any(|one| one.access_method == CA_ISSUERS),
        _ => false,
    });
    named && !own
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let short = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            short.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// A certificate with its intermediate certificates, and its key. They belong together and are valid now.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) facts: Facts,
}

impl Pair {
    /// Reads and checks both files.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = chain(certificate)?;
        let unfit = |why: &dyn std::fmt::Display| TlsError::Unfit { path: certificate.into(), why: why.to_string() };
        let facts = Facts::of(&chain[0]).ok_or_else(|| TlsError::NoCertificate(certificate.into()))?;
        let certified = CertifiedKey::from_der(chain, private_key(key)?, &ring::default_provider()).map_err(
            |error| match error {
                Error::InconsistentKeys(_) => TlsError::Mismatch { certificate: certificate.into(), key: key.into() },
                Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => unfit(&why),
                Error::InvalidCertificate(why) => unfit(&why),
                _ => TlsError::KindOfKey(key.into()),
            },
        )?;
        let now = Clock::System.now();
        if facts.ends <= now {
            return Err(TlsError::Ended { path: certificate.into(), ends: facts.ends });
        }
        if facts.begins > now {
            return Err(TlsError::NotYet { path: certificate.into(), begins: facts.begins });
        }
        Ok(Self { certified: Arc::new(certified), facts })
    }

    /// Returns the server's own certificate.
    pub(super) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.certified.cert.first()
    }
}

/// Reads a regular file. A pipe is refused, because without a writer the start would wait for ever.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() { fs::read(path) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Returns all certificates of a file; at least one.
fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path).map_err(|source| TlsError::File { setting: "tls.certificate", path: path.into(), source })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::NoCertificate(path.into()))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path).map_err(|source| TlsError::File { setting: "tls.key", path: path.into(), source })?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        // OpenSSL has written encrypted keys in both ways over the years.
        let locked = String::from_utf8_lossy(&text);
        let locked = locked.contains("BEGIN ENCRYPTED PRIVATE KEY") || locked.contains("Proc-Type: 4,ENCRYPTED");
        if locked { TlsError::Locked(path.into()) } else { TlsError::NoKey(path.into()) }
    })
}
