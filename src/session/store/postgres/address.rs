//! The address of a PostgreSQL database: what it may say, what may be told of it, how safe the way there is.

use crate::session::store::{OpenError, Transport};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::io;
use std::net::IpAddr;
use std::str::FromStr as _;
use url::Url;

/// What may stand behind the question mark.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "ssl-mode",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// What names a file there.
const FILES: [&str; 7] = ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// An address that makes sense.
pub(super) struct Address {
    pub(super) options: PgConnectOptions,
    /// Statements are prepared for one transaction only, because the next one may be on another connection.
    pub(super) unnamed: bool,
    /// Each parameter that names a file, and the file.
    files: Vec<(String, String)>,
}

impl Address {
    pub(super) fn read(text: &str) -> Result<Self, OpenError> {
        let url = Url::parse(text).map_err(|error| nonsense(error.to_string()))?;
        let (mut unnamed, mut files) = (false, Vec::new());
        for (name, value) in url.query_pairs() {
            // Here, because sqlx only warns, and with the value: a password, maybe.
            if !PARAMETERS.contains(&&*name) && !FILES.contains(&&*name) && !name.starts_with("options[") {
                let known = [&PARAMETERS[..], &FILES].concat().join(", ");
                return Err(nonsense(format!("`{name}` is not known; known are {known}")));
            }
            unnamed |= name == "statement-cache-capacity" && value == "0";
            if FILES.contains(&&*name) {
                files.push((name.into_owned(), value.into_owned()));
            }
        }
        let mut options = PgConnectOptions::from_str(text).map_err(|error| nonsense(error.to_string()))?;
        // As URLs write IPv6 addresses, and nothing else does.
        if let Some(bare) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            options = options.clone().host(bare);
        }
        if options.get_application_name().is_none() {
            options = options.application_name("hardtack");
        }
        // No number here is a fraction, and some proxies refuse a parameter that they do not know.
        let options = options.extra_float_digits(None).disable_statement_logging();
        Ok(Self { options, unnamed, files })
    }

    /// Refuses files that cannot be read. The client would not say which one.
    pub(super) fn has_its_files(&self) -> Result<(), OpenError> {
        for (name, path) in &self.files {
            if let Err(error) = std::fs::File::open(path) {
                return Err(nonsense(format!("the file {path} that `{name}` names cannot be read: {error}")));
            }
        }
        Ok(())
    }

    /// Where it is, without user and password.
    pub(super) fn place(&self) -> String {
        let options = &self.options;
        let database = options.get_database().unwrap_or(options.get_username());
        match options.get_socket() {
            Some(socket) => format!("the PostgreSQL database {database} at {}", socket.display()),
            None => format!("the PostgreSQL database {database} at {} port {}", options.get_host(), options.get_port()),
        }
    }

    fn transport(&self) -> Transport {
        let host = self.options.get_host();
        let local = self.options.get_socket().is_some()
            || host.starts_with('/')
            || host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match self.options.get_ssl_mode() {
            _ if local => Transport::Local,
            PgSslMode::VerifyFull => Transport::Verified,
            // verify-ca too: any certificate of any authority that the system knows would do, whatever name is in it.
            _ => Transport::Unverified,
        }
    }
}

/// How safe the way to the database at `url` is.
///
/// [`Transport::Verified`] with `sslmode=verify-full` alone: `verify-ca` takes a certificate for any name.
///
/// # Errors
///
/// When the address makes no sense.
pub fn transport(url: &str) -> Result<Transport, OpenError> {
    Address::read(url).map(|address| address.transport())
}

/// Why a server could not be reached, as a sentence.
pub(super) fn unreachable(place: &str, error: &sqlx::Error) -> OpenError {
    let mut reason = error.to_string();
    let untrusted = match error {
        sqlx::Error::Tls(_) => true,
        // rustls tells so what it thinks of a certificate.
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    };
    if untrusted {
        reason.push_str("; name the authority that signed the server's certificate as `sslrootcert`");
    }
    OpenError::Unreachable { place: place.to_owned(), reason }
}

fn nonsense(reason: String) -> OpenError {
    OpenError::Address { place: "the PostgreSQL store".to_owned(), reason }
}
