//! The certificate authorities that this machine trusts, for connections that this program makes.

use tokio_rustls::rustls::RootCertStore;

/// Loads the authorities of the system, or those in `SSL_CERT_FILE`. It blocks, because it reads files.
pub(super) fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Unreadable certificates are left out, as in browsers. Certificates that they have signed are then refused.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
