//! Whom this machine trusts, for connections that this program makes.

use tokio_rustls::rustls::RootCertStore;

/// The authorities of the system, or those that `SSL_CERT_FILE` names. Reads files, so not on a thread that serves.
pub(super) fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // What cannot be read is left out, as browsers do; what is signed by it is refused then.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
