//! The address of a PostgreSQL database: its parameters, and the protection of the connection.

use super::libpq::{self, Meaning};
use crate::store::{OpenError, Transport};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::io;
use std::net::IpAddr;
use std::str::FromStr as _;
use url::Url;

/// The parameters after the question mark that go to the client as they are.
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

/// The parameters that name a file.
const FILES: [&str; 7] = ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// A valid address.
pub(super) struct Address {
    pub(super) options: PgConnectOptions,
    /// Whether statements are prepared for one transaction only, because the next one may be on another connection.
    pub(super) unnamed: bool,
    /// The ignored parameters, each with the reason: sentences for the operator.
    pub(super) passed: Vec<String>,
    /// Each parameter that names a file, with the file.
    files: Vec<(String, String)>,
}

impl Address {
    pub(super) fn read(text: &str) -> Result<Self, OpenError> {
        one_host(hosts(text))?;
        let mut url = Url::parse(text).map_err(|error| {
            nonsense(format!("{error}; in a password, percent-encode `/`, `?`, `#`, `@` and `%` (`%2F` for `/`)"))
        })?;
        let (mut unnamed, mut files, mut passed) = (false, Vec::new(), Vec::new());
        let (mut bound, mut fallback) = (false, None);
        let mut taken = Vec::new();
        for (name, value) in url.query_pairs() {
            let (name, value) = (name.into_owned(), value.into_owned());
            if FILES.contains(&&*name) {
                files.push((name.clone(), value.clone()));
            } else if PARAMETERS.contains(&&*name) || name.starts_with("options[") {
                unnamed |= name == "statement-cache-capacity" && value == "0";
            } else {
                // Checked here, because sqlx only logs a warning with the value, which may be a password.
                match libpq::meaning(&name, &value) {
                    Meaning::Unknown => return Err(unknown(&name)),
                    Meaning::Refused(reason) => return Err(nonsense(format!("`{name}` {reason}"))),
                    Meaning::Kept => {}
                    Meaning::Passed(reason) => passed.push(format!("`{name}` is ignored: {reason}")),
                    Meaning::Transactions => unnamed = true,
                    Meaning::Bound => bound = true,
                    Meaning::Called => fallback = Some(value),
                }
                continue;
            }
            taken.push((name, value));
        }
        if taken.is_empty() {
            url.set_query(None);
        } else {
            url.query_pairs_mut().clear().extend_pairs(taken);
        }
        let mut options = PgConnectOptions::from_str(url.as_str()).map_err(|error| nonsense(error.to_string()))?;
        one_host(options.get_host())?;
        // An IPv6 address has brackets in a URL and nowhere else.
        if let Some(bare) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            options = options.clone().host(bare);
        }
        if options.get_application_name().is_none() {
            options = options.application_name(fallback.as_deref().unwrap_or("hardtack"));
        }
        // Not sent, because no column is a float, and some proxies refuse a parameter that they do not know.
        let options = options.extra_float_digits(None).disable_statement_logging();
        let mut address = Self { options, unnamed, passed, files };
        if bound {
            address.bind()?;
        }
        Ok(address)
    }

    /// Checks `channel_binding=require`, which the client does not support. The parameter rules out a man in the
    /// middle, and only a verified certificate does so as well.
    fn bind(&mut self) -> Result<(), OpenError> {
        if self.transport() == Transport::Unverified {
            return Err(nonsense(
                "`channel_binding=require` is not supported; write `sslmode=verify-full`, which protects against a man \
                 in the middle as well, or leave `channel_binding` out"
                    .to_owned(),
            ));
        }
        let reason = "the client does not support it, and the connection is protected without it";
        self.passed.push(format!("`channel_binding` is ignored: {reason}"));
        Ok(())
    }

    /// Refuses files that cannot be read, because the client's error would not name the file.
    pub(super) fn has_its_files(&self) -> Result<(), OpenError> {
        for (name, path) in &self.files {
            if let Err(error) = std::fs::File::open(path) {
                return Err(nonsense(format!("the file {path} that `{name}` names cannot be read: {error}")));
            }
        }
        Ok(())
    }

    /// Returns the name of the database for logs and errors, without user and password.
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
            // `verify-ca` too, because it accepts a certificate for any name from any authority that the system trusts.
            _ => Transport::Unverified,
        }
    }
}

/// Returns the protection of the connection to the database at `url`.
///
/// Over a network, only `sslmode=verify-full` gives [`Transport::Verified`], because `verify-ca` accepts a certificate
/// for any name.
///
/// # Errors
///
/// When the address is malformed.
pub fn transport(url: &str) -> Result<Transport, OpenError> {
    Address::read(url).map(|address| address.transport())
}

/// Returns the error of a server that could not be reached, with advice for some causes.
pub(super) fn unreachable(place: &str, error: &sqlx::Error) -> OpenError {
    let mut reason = error.to_string();
    let untrusted = match error {
        sqlx::Error::Tls(_) => true,
        // rustls reports a rejected certificate with this kind.
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    };
    if reason.contains("CaUsedAsEndEntity") {
        reason.push_str(
            "; it is marked as an authority, as `openssl req -x509` makes it, and is not accepted from a server: sign \
             the server's certificate with an authority of your own and name it as `sslrootcert`, or for a trial write \
             `sslmode=require` and set `store.insecure = true`",
        );
    } else if reason.contains("does not support TLS") {
        reason.push_str("; switch it on in the server (`ssl = on`), because `sslmode` requires it");
    } else if untrusted {
        reason.push_str("; name the authority that signed the server's certificate as `sslrootcert`");
    }
    OpenError::Unreachable { place: place.to_owned(), reason }
}

/// Returns the hosts of an address, as they are written.
fn hosts(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts)
}

/// Refuses an address with several hosts. (libpq would try them in order.)
fn one_host(hosts: &str) -> Result<(), OpenError> {
    if hosts.contains(',') {
        return Err(nonsense(
            "it names several hosts, and only one is supported; name the one that always leads to the primary: a DNS \
             name or an address that moves with it, or a proxy in front of them"
                .to_owned(),
        ));
    }
    Ok(())
}

fn unknown(name: &str) -> OpenError {
    let known = [&PARAMETERS[..], &FILES, &libpq::KNOWN].concat().join(", ");
    nonsense(format!("`{name}` is not known; leave it out, or use one of these: {known}"))
}

fn nonsense(reason: String) -> OpenError {
    OpenError::Address { place: "the PostgreSQL store".to_owned(), reason }
}
