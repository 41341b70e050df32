//! A certificate authority, with its certificate in a file.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::NamedTempFile;

/// The issuer of the certificates of a test.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority() -> (Authority, NamedTempFile) {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(&file, authority.pem()).expect("written");
    (authority, file)
}
