//! A certificate authority for this machine alone, and the certificate that it signs for this server.
//!
//! There are four files in `tls.directory`: `authority.pem` (for browsers to trust) and `authority.key`, `server.pem`
//! and `server.key`. A process that changes them holds the lock on `lock`, so that of two servers that start at once
//! the second finds the files of the first.

use super::TlsError;
use super::pair::{Facts, Pair};
use crate::server::whole;
use hardtack_session::clock::{Clock, Timestamp, millis};
use hardtack_session::keys::read_private;
use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa};
use rcgen::{Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SanType, date_time_ymd};
use std::fs::{DirBuilder, OpenOptions};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{Error, RootCertStore};
use url::Host;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificate of the authority in `tls.directory`, which browsers have to trust.
pub const AUTHORITY_FILE: &str = "authority.pem";
/// The certificate of the server, in the same folder.
pub const SERVER_FILE: &str = "server.pem";

const AUTHORITY: Duration = Duration::from_hours(10 * 365 * 24);
/// Well below 825 days, the most that browsers accept from an authority that a user installed.
const SERVER: Duration = Duration::from_hours(90 * 24);
/// The time before its end at which a certificate is replaced.
const RENEW: Duration = Duration::from_hours(30 * 24);
/// The interval at which the server's certificate is checked. Timers do not count the time that a machine sleeps.
const EVERY: Duration = Duration::from_hours(1);
/// The time before now at which a certificate begins, because clocks differ and it must hold on all of them at once.
const BEFORE: Duration = Duration::from_hours(1);

/// The folder of the authority, and the hosts of the certificate.
pub(super) struct Local {
    directory: PathBuf,
    names: Vec<Name>,
    ends: Timestamp,
}

/// A host, as certificates distinguish them.
enum Name {
    Domain(String),
    Address(IpAddr),
}

struct Authority {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Local {
    /// Opens the files in the folder, or makes those that are missing, old or for other hosts.
    pub(super) fn open(directory: &Path, host: &Host<String>) -> Result<(Self, Pair), TlsError> {
        let mut local = Self { directory: directory.into(), names: names(host), ends: Timestamp(0) };
        let pair = local.pair()?;
        local.ends = pair.facts.ends;
        Ok((local, pair))
    }

    pub(super) const fn every() -> Duration {
        EVERY
    }

    /// Returns a new certificate when the present one nears its end.
    pub(super) fn renewed(&mut self) -> Result<Option<Pair>, TlsError> {
        if self.ends.left(Clock::System.now()) > RENEW {
            return Ok(None);
        }
        let pair = self.pair()?;
        self.ends = pair.facts.ends;
        Ok(Some(pair))
    }

    /// Makes the certificate look as if it nears its end.
    #[cfg(test)]
    pub(super) const fn near_its_end(&mut self) {
        self.ends = Timestamp(0);
    }

    fn pair(&self) -> Result<Pair, TlsError> {
        let folder = |source| TlsError::File { setting: "tls.directory", path: self.directory.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(folder)?;
        let lock = self.path("lock");
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock).map_err(folder)?;
        lock.lock().map_err(folder)?;
        let pair = self.pair_alone();
        drop(lock);
        pair
    }

    fn pair_alone(&self) -> Result<Pair, TlsError> {
        let found = self.authority()?;
        let existed = found.is_some();
        let authority = found.map_or_else(|| self.make_authority(), Ok)?;
        if let Some(pair) = self.usable(&authority) {
            return Ok(pair);
        }
        self.make_server(&authority)?;
        if let Some(pair) = self.usable(&authority) {
            return Ok(pair);
        }
        if existed {
            tracing::warn!(
                "the local authority was made for other hosts than that of site.url, so there is a new one; trust it too: \
                 `hardtack cert trust`"
            );
            self.make_server(&self.make_authority()?)?;
        }
        let (certificate, key) = (self.path(SERVER_FILE), self.path("server.key"));
        Pair::read(&certificate, &key)
    }

    /// Returns the server's certificate in the folder, if it is usable: it has enough time left, belongs to its key,
    /// and was signed by this authority, which may sign for these hosts.
    fn usable(&self, authority: &Authority) -> Option<Pair> {
        let pair = Pair::read(&self.path(SERVER_FILE), &self.path("server.key")).ok()?;
        let fresh = pair.facts.ends.left(Clock::System.now()) > RENEW;
        (fresh && self.verified(&pair, authority).is_ok()).then_some(pair)
    }

    fn verified(&self, pair: &Pair, authority: &Authority) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone())?;
        let leaf = pair.leaf().ok_or(Error::NoCertificatesPresented)?;
        let leaf = ParsedCertificate::try_from(leaf)?;
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, &[], UnixTime::now(), algorithms)?;
        self.names.iter().try_for_each(|name| {
            let name = match name {
                Name::Domain(name) => ServerName::try_from(name.as_str()).map_err(|e| Error::General(e.to_string()))?,
                Name::Address(address) => ServerName::from(*address),
            };
            verify_server_name(&leaf, &name)
        })
    }

    /// Returns the authority in the folder, if there is one that holds for longer than a server's certificate.
    fn authority(&self) -> Result<Option<Authority>, TlsError> {
        let (certificate, key) = (self.path(AUTHORITY_FILE), self.path("authority.key"));
        // The certificate is written last, so without it there is no complete authority.
        if !certificate.exists() {
            return Ok(None);
        }
        let broken = || TlsError::Authority(self.directory.clone());
        let key = read_private(&key).map_err(|error| TlsError::AuthorityKey(error.to_string()))?;
        let key = KeyPair::from_pem(&key).map_err(|_| broken())?;
        let certificate = CertificateDer::from_pem_file(&certificate).map_err(|_| broken())?;
        let facts = Facts::of(&certificate).ok_or_else(broken)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| broken())?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(broken());
        }
        if facts.ends.left(Clock::System.now()) > SERVER {
            return Ok(Some(Authority { certificate, key }));
        }
        tracing::warn!("the local authority nears its end, so there is a new one; trust it too: `hardtack cert trust`");
        Ok(None)
    }

    /// Makes an authority for these hosts and names below them only, so that a stolen key affects no other server.
    /// Source: RFC 5280, 4.2.1.10.
    fn make_authority(&self) -> Result<Authority, TlsError> {
        let permitted = self.names.iter().map(|name| match name {
            Name::Domain(name) => GeneralSubtree::DnsName(name.clone()),
            Name::Address(IpAddr::V4(v4)) => GeneralSubtree::IpAddress(CidrSubnet::V4(v4.octets(), [255; 4])),
            Name::Address(IpAddr::V6(v6)) => GeneralSubtree::IpAddress(CidrSubnet::V6(v6.octets(), [255; 16])),
        });
        // A number, because browsers and systems list authorities by name, and a user may have several.
        let number = getrandom::u32().map_err(|error| TlsError::Made(error.to_string()))?;
        let mut params = lasting(AUTHORITY);
        params.distinguished_name.push(DnType::CommonName, format!("Hardtack local authority {number:08x}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted.collect(), excluded_subtrees: Vec::new() });
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        self.write("authority.key", 0o600, &key.serialize_pem())?;
        self.write(AUTHORITY_FILE, 0o644, &certificate.pem())?;
        tracing::info!(
            directory = %self.directory.display(),
            "made a local authority; to make browsers trust it: `hardtack cert trust`"
        );
        Ok(Authority { certificate: certificate.der().clone(), key })
    }

    fn make_server(&self, authority: &Authority) -> Result<(), TlsError> {
        let mut params = lasting(SERVER);
        params.distinguished_name.push(DnType::CommonName, "Hardtack");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.is_ca = IsCa::ExplicitNoCa;
        params.subject_alt_names = self.names.iter().map(alternative).collect::<Result<_, _>>()?;
        let key = KeyPair::generate()?;
        let issuer = Issuer::from_ca_cert_der(&authority.certificate, &authority.key)?;
        let certificate = params.signed_by(&key, &issuer)?;
        self.write("server.key", 0o600, &key.serialize_pem())?;
        self.write(SERVER_FILE, 0o644, &certificate.pem())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, mode: u32, text: &str) -> Result<(), TlsError> {
        let path = self.path(name);
        whole::write(&path, mode, text.as_bytes()).map_err(|source| TlsError::File {
            setting: "tls.directory",
            path,
            source,
        })
    }
}

/// Returns the names of this machine, and the host by which browsers call it.
fn names(host: &Host<String>) -> Vec<Name> {
    let mut names = vec![
        Name::Domain("localhost".to_owned()),
        Name::Address(Ipv4Addr::LOCALHOST.into()),
        Name::Address(Ipv6Addr::LOCALHOST.into()),
    ];
    match host {
        // Only resolvers use a dot at the end, so certificates have none.
        Host::Domain(name) if name != "localhost" => names.push(Name::Domain(name.trim_end_matches('.').to_owned())),
        Host::Ipv4(address) if *address != Ipv4Addr::LOCALHOST => names.push(Name::Address((*address).into())),
        Host::Ipv6(address) if *address != Ipv6Addr::LOCALHOST => names.push(Name::Address((*address).into())),
        _ => {}
    }
    names
}

fn alternative(name: &Name) -> Result<SanType, rcgen::Error> {
    Ok(match name {
        Name::Domain(name) => SanType::DnsName(Ia5String::try_from(name.as_str())?),
        Name::Address(address) => SanType::IpAddress(*address),
    })
}

/// Returns the parameters of a certificate that holds for this time, from now on.
fn lasting(span: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    let now = Clock::System.now().0;
    let at = |millis: i64| date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    params.not_before = at(now - millis(BEFORE));
    params.not_after = at(now + millis(span));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}
