//! The address of a PostgreSQL database: what it may say, what may be told of it, how safe the way there is.

use super::libpq::{self, Meaning};
use crate::session::store::{OpenError, Transport};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::io;
use std::net::IpAddr;
use std::str::FromStr as _;
use url::Url;

/// What may stand behind the question mark and goes to the client as it is.
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
    /// What was passed over, each with the reason: sentences for the operator.
    pub(super) passed: Vec<String>,
    /// Each parameter that names a file, and the file.
    files: Vec<(String, String)>,
}

impl Address {
    pub(super) fn read(text: &str) -> Result<Self, OpenError> {
        one_host(hosts(text))?;
        let mut url = Url::parse(text).map_err(|error| {
            nonsense(format!("{error}; in a password write `/`, `?`, `#`, `@` and `%` percent-encoded (`%2F` for `/`)"))
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
                // Here, because sqlx only warns, and with the value: a password, maybe.
                match libpq::meaning(&name, &value) {
                    Meaning::Unknown => return Err(unknown(&name)),
                    Meaning::Refused(reason) => return Err(nonsense(format!("`{name}` {reason}"))),
                    Meaning::Kept => {}
                    Meaning::Passed(reason) => passed.push(format!("`{name}` is passed over: {reason}")),
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
        // As URLs write IPv6 addresses, and nothing else does.
        if let Some(bare) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            options = options.clone().host(bare);
        }
        if options.get_application_name().is_none() {
            options = options.application_name(fallback.as_deref().unwrap_or("hardtack"));
        }
        // No number here is a fraction, and some proxies refuse a parameter that they do not know.
        let options = options.extra_float_digits(None).disable_statement_logging();
        let mut address = Self { options, unnamed, passed, files };
        if bound {
            address.bind()?;
        }
        Ok(address)
    }

    /// Answers `channel_binding=require`, which the client does not know: it is to prove that nobody stands between, and
    /// only a verified certificate proves that as well.
    fn bind(&mut self) -> Result<(), OpenError> {
        if self.transport() == Transport::Unverified {
            return Err(nonsense(
                "`channel_binding=require` cannot be kept here, and without it anybody could stand between; write \
                 `sslmode=verify-full`, which proves the server as well, or leave `channel_binding` out"
                    .to_owned(),
            ));
        }
        let reason = "the client does not know it; the way proves the server as well";
        self.passed.push(format!("`channel_binding` is passed over: {reason}"));
        Ok(())
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
    if reason.contains("CaUsedAsEndEntity") {
        reason.push_str(
            "; it calls itself an authority, as `openssl req -x509` makes it, and none such is taken from a server: sign \
             the server's certificate by an authority of your own and name that as `sslrootcert`, or write \
             `sslmode=require` and set `store.insecure = true` for a trial",
        );
    } else if reason.contains("does not support TLS") {
        reason.push_str("; switch it on there (`ssl = on`), because `sslmode` wants it");
    } else if untrusted {
        reason.push_str("; name the authority that signed the server's certificate as `sslrootcert`");
    }
    OpenError::Unreachable { place: place.to_owned(), reason }
}

/// The hosts of an address, as they stand there.
fn hosts(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts)
}

/// Refuses several hosts, of which libpq takes the first that is as it is asked for.
fn one_host(hosts: &str) -> Result<(), OpenError> {
    if hosts.contains(',') {
        return Err(nonsense(
            "it names several hosts, and one is asked here; name the one that always leads to the primary: a name in DNS \
             or an address that moves with it, or a proxy before them"
                .to_owned(),
        ));
    }
    Ok(())
}

fn unknown(name: &str) -> OpenError {
    let known = [&PARAMETERS[..], &FILES, &libpq::KNOWN].concat().join(", ");
    nonsense(format!("`{name}` is not known; leave it out; known are {known}"))
}

fn nonsense(reason: String) -> OpenError {
    OpenError::Address { place: "the PostgreSQL store".to_owned(), reason }
}
