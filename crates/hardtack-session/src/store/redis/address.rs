//! The address of a Redis, parsed: its servers, its user, and the protection of the connection.

use super::Trust;
use crate::store::{OpenError, Transport};
use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The parsed address of a Redis.
pub(super) struct Address {
    /// The address for logs and errors, without user and password.
    pub(super) place: String,
    /// Whether the servers are a Cluster.
    pub(super) cluster: bool,
    /// The servers to connect to first.
    pub(super) servers: Vec<ConnectionInfo>,
    /// The file of the certificates that are trusted instead of the system's.
    pub(super) authority: Option<PathBuf>,
    /// The check of certificates when there is no such file.
    pub(super) trust: Trust,
    /// The protection of the connection.
    pub(super) transport: Transport,
}

impl Address {
    /// Parses `redis://[user:password@]host[:port][/database][?ca=/path/ca.pem]` and the other schemes.
    pub(super) fn parse(url: &str, trust: Trust) -> Result<Self, OpenError> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (tls, cluster) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis-cluster" => (false, true),
            "rediss-cluster" => (true, true),
            _ => return Err(wrong("begin it with `redis://`, `rediss://`, `redis-cluster://` or `rediss-cluster://`")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        if hosts.contains(',') && !cluster {
            return Err(wrong("it names several servers; begin the address of a Cluster with `redis-cluster://`"));
        }
        let database = database_number(database, cluster)?;
        let file = certificate_authority(query, tls)?;
        let anybody = tls && file.is_none() && trust == Trust::Anybody;
        let mut servers = Vec::new();
        let mut local = true;
        for host in hosts.split(',') {
            let scheme = if tls { "rediss" } else { "redis" };
            let one = Url::parse(&format!("{scheme}://{user}{host}/{database}"));
            let one = one.map_err(|_| wrong("one of its hosts, or the user and password, cannot be read"))?;
            if one.fragment().is_some() {
                return Err(wrong("it contains a `#`; write `%23` in a user or password"));
            }
            local &= is_loopback(&one);
            servers.push(connection(one, anybody)?);
        }
        let database = if database == 0 { String::new() } else { format!("/{database}") };
        Ok(Self {
            place: format!("{scheme}://{hosts}{database}"),
            cluster,
            servers,
            authority: file,
            trust,
            transport: match (tls && !anybody, local) {
                (true, _) => Transport::Verified,
                (false, true) => Transport::Local,
                (false, false) => Transport::Unverified,
            },
        })
    }
}

fn database_number(text: &str, cluster: bool) -> Result<u32, OpenError> {
    let number = if text.is_empty() { Ok(0) } else { text.parse() };
    match number {
        Ok(number) if cluster && number != 0 => Err(wrong("a Cluster has only database 0; leave the number out")),
        Ok(number) => Ok(number),
        // The path may be a part of a password with a `/` in it, so it is not repeated.
        Err(_) => Err(wrong("its path is not a database number; write `%2F` for a `/` in a password")),
    }
}

fn certificate_authority(query: &str, tls: bool) -> Result<Option<PathBuf>, OpenError> {
    let mut authority = None;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "ca" || value.is_empty() {
            return Err(wrong("only `ca=FILE` may follow a `?`; write `%3F` for a `?` in a password"));
        }
        authority = Some(PathBuf::from(value.as_ref()));
    }
    if authority.is_some() && !tls {
        return Err(wrong("it names a certificate authority but does not use TLS; begin it with `rediss`"));
    }
    Ok(authority)
}

fn connection(mut url: Url, anybody: bool) -> Result<ConnectionInfo, OpenError> {
    // The client's own option for TLS without verification.
    url.set_fragment(anybody.then_some("insecure"));
    let info = url.into_connection_info().map_err(|_| wrong("one of its hosts cannot be connected to"))?;
    // RESP3, because with it the client reports a lost connection at once.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(Duration::from_secs(10));
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn wrong(reason: &str) -> OpenError {
    OpenError::Address { place: "the Redis store".to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ConnectionAddr;

    fn said(url: &str) -> String {
        match Address::parse(url, Trust::Verified) {
            Ok(address) => panic!("{} is accepted", address.place),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_address_is_taken_apart() {
        let address =
            Address::parse("rediss-cluster://me:p%2Fw@a:7000,[::1]:7001?ca=/etc/my%20ca.pem", Trust::Verified)
                .expect("an address");
        assert_eq!(address.place, "rediss-cluster://a:7000,[::1]:7001");
        assert!(address.cluster && address.transport == Transport::Verified);
        assert_eq!(address.authority, Some("/etc/my ca.pem".into()));
        let shown: Vec<_> = address.servers.iter().map(|server| server.addr().to_string()).collect();
        assert_eq!(shown, ["a:7000", "::1:7001"]);
        for server in &address.servers {
            let settings = server.redis_settings();
            assert_eq!((settings.username(), settings.password()), (Some("me"), Some("p/w")));
        }
    }

    #[test]
    fn s87_the_way_is_known_by_the_address() {
        for (url, transport) in [
            ("redis://localhost", Transport::Local),
            ("redis://127.0.0.7:1/3", Transport::Local),
            ("redis://[::1]", Transport::Local),
            ("redis-cluster://localhost:1,127.0.0.1:2", Transport::Local),
            ("redis-cluster://localhost:1,10.0.0.1:2", Transport::Unverified),
            ("redis://:pw@redis.example.com", Transport::Unverified),
            ("redis://localhost.example.com", Transport::Unverified),
            ("rediss://redis.example.com", Transport::Verified),
        ] {
            assert_eq!(
                Address::parse(url, Trust::Verified).map(|address| address.transport).ok(),
                Some(transport),
                "{url}"
            );
        }
    }

    #[test]
    fn s87_anybody_is_trusted_only_where_no_authority_is_named() {
        for (url, transport) in [
            ("rediss://redis.example.com", Transport::Unverified),
            ("rediss-cluster://redis.example.com", Transport::Unverified),
            ("rediss://localhost", Transport::Local),
            ("rediss://redis.example.com?ca=/etc/ca.pem", Transport::Verified),
        ] {
            let address = Address::parse(url, Trust::Anybody).expect(url);
            assert_eq!(address.transport, transport, "{url}");
            let ConnectionAddr::TcpTls { insecure, .. } = address.servers[0].addr() else { panic!("{url} is TLS") };
            assert_eq!(*insecure, transport != Transport::Verified, "{url}");
        }
    }

    #[test]
    fn s120_what_is_refused_is_not_repeated() {
        for (url, reason) in [
            ("rediss://:hunter2@a/b", "database number"),
            ("redis://:hunter/2@a", "database number"),
            ("redis://:hunter2@a,b", "redis-cluster"),
            ("redis://:hunter?2@a", "only `ca=FILE`"),
            ("redis://a?password=hunter2", "only `ca=FILE`"),
            ("redis://:hunter2@a?ca=/x", "rediss"),
            ("rediss://:hunter2@a#insecure", "`%23`"),
            ("rediss://:hunter#2@a", "cannot be read"),
            ("redis-cluster://:hunter2@a:1,/2", "only database 0"),
            ("redis-cluster://:hunter2@a:1,", "cannot be read"),
            ("redis://:hunter2@0.0.0.0", "connected to"),
            ("redis://", "one of its hosts"),
            ("hunter2", "begin it with `redis://`"),
        ] {
            let said = said(url);
            assert!(said.contains(reason) && !said.contains("hunter"), "{url}: {said}");
        }
    }
}
