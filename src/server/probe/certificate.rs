//! The inspection of a server's certificate, valid or not.

use crate::server::tls::{Facts, names_its_issuer};
use crate::server::topology::term;
use hardtack_doctor::{Address, Term, TlsSeen};
use hardtack_session::clock::Clock;
use std::time::Duration;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// A verifier that accepts every certificate, so that it can be inspected. No request is sent before that.
#[derive(Debug)]
pub(super) struct Unverified(WebPkiSupportedAlgorithms);

impl Unverified {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Inspects the chain, the names and the validity of the certificate that the server sent.
pub(super) fn look(chain: &[CertificateDer<'_>], url: &Address, roots: &RootCertStore) -> TlsSeen {
    let unreadable = || TlsSeen {
        trusted: false,
        incomplete: false,
        names_host: false,
        begun: true,
        term: Term { left: 0, life: 0 },
        issuer: "an authority that cannot be read".to_owned(),
    };
    let Some((leaf, rest)) = chain.split_first() else { return unreadable() };
    let (Some(facts), Ok(parsed)) = (Facts::of(leaf), ParsedCertificate::try_from(leaf)) else { return unreadable() };
    let name = ServerName::try_from(url.host().trim_matches(['[', ']']).trim_end_matches('.'));
    let now = Clock::System.now();
    // A moment within the certificate's validity, because an expired certificate is reported separately.
    let moment = now.0.clamp(facts.begins.0, facts.ends.0.max(facts.begins.0));
    let moment = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(moment).unwrap_or_default()));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let trusted = verify_server_cert_signed_by_trust_anchor(&parsed, roots, rest, moment, algorithms).is_ok();
    TlsSeen {
        trusted,
        incomplete: !trusted && rest.is_empty() && names_its_issuer(leaf),
        names_host: name.is_ok_and(|name| verify_server_name(&parsed, &name).is_ok()),
        begun: facts.begins <= now,
        term: term(facts.begins, facts.ends),
        issuer: facts.issuer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, CustomExtension, KeyPair};

    /// Inspects a certificate of an unknown authority, without its chain.
    fn seen(extension: Option<CustomExtension>) -> TlsSeen {
        let names = |name: &str| CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let mut authority = names("authority.example");
        authority.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        let authority =
            rcgen::CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("one");
        let mut params = names("api.example.com");
        params.custom_extensions.extend(extension);
        let leaf = params.signed_by(&KeyPair::generate().expect("a key"), &authority).expect("a certificate");
        let url: Address = "https://api.example.com".parse().expect("an address");
        look(&[leaf.into()], &url, &RootCertStore::empty())
    }

    #[test]
    fn a_chain_that_browsers_complete_is_told_from_an_unknown_authority() {
        // Authority information access: caIssuers at `http://a.example/ca`.
        let mut access = vec![0x30, 33, 0x30, 31, 6, 8, 0x2B, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 19];
        access.extend_from_slice(b"http://a.example/ca");
        let access = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access);
        let (incomplete, unknown) = (seen(Some(access)), seen(None));
        assert!(incomplete.incomplete && !incomplete.is_accepted());
        assert!(!unknown.incomplete && !unknown.is_accepted());
    }
}
