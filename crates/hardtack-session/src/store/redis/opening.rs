//! The opening of a Redis: the client, and checks of the server's version, mode, settings and schema.

use super::Trust;
use super::address::Address;
use super::keys;
use super::link::Link;
use super::server::{Server, certificates};
use super::wire::Client;
use crate::store::{OpenError, Schema, StoreError};
use redis::cluster::ClusterClientBuilder;
use redis::{ErrorKind, RedisError, TlsCertificates, TlsMode};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The schema that this version writes.
const SCHEMA: i64 = 1;
/// The oldest major version of Redis that has every command used here.
const OLDEST: u32 = 7;

/// Creates the client that makes connections to an address.
pub(super) fn client(address: &Address, timeout: Duration) -> Result<Client, OpenError> {
    let nowhere = || OpenError::Address { place: address.place.clone(), reason: "it names no server".to_owned() };
    let first = address.servers.first().ok_or_else(nowhere)?;
    if !address.cluster {
        return Ok(Client::Alone(Server::of(address, first)?));
    }
    let mut builder = ClusterClientBuilder::new(address.servers.clone())
        .connection_timeout(timeout)
        .response_timeout(timeout)
        .overall_response_timeout(None)
        .tcp_settings(first.tcp_settings().clone())
        // The client must not repeat a command whose response was lost: the server may have run it, and a counter would
        // count twice.
        .retries(0);
    if let Some(file) = &address.authority {
        certificates(file)?;
        let root_cert = Some(std::fs::read(file).map_err(|source| file_error(file, source))?);
        builder = builder.certs(TlsCertificates { client_tls: None, root_cert });
    } else if address.trust == Trust::Anybody {
        builder = builder.tls(TlsMode::Insecure);
    }
    Ok(Client::Cluster(Box::new(builder.build().map_err(|error| address.refused(&error))?)))
}

/// Returns each server of the address, for connections to one server alone.
pub(super) fn each(address: &Address) -> Result<Vec<Server>, OpenError> {
    address.servers.iter().map(|server| Server::of(address, server)).collect()
}

fn file_error(file: &Path, source: std::io::Error) -> OpenError {
    OpenError::File { place: file.display().to_string(), source }
}

/// Connects, and refuses a server that is not Redis 7 or later. Warns of settings that may lose sessions.
pub(super) async fn greet(link: &Arc<Link>, address: &Address) -> Result<(), OpenError> {
    let unfit = |reason: String| OpenError::Unfit { place: address.place.clone(), reason };
    let hello: HashMap<String, redis::Value> =
        link.ask_any(&redis::cmd("HELLO")).await.map_err(|error| address.refused(&error))?;
    let said = |name: &str| {
        hello.get(name).and_then(|value| redis::from_redis_value_ref::<String>(value).ok()).unwrap_or_default()
    };
    let version = said("version");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
        return Err(unfit(format!("its version is {version:?}, and Redis {OLDEST} or later is needed")));
    }
    if !address.cluster && said("mode") == "cluster" {
        return Err(unfit("it is a server of a Cluster; begin the address with `redis-cluster://`".to_owned()));
    }
    // A Redis user without the right to run `INFO` gets no warnings.
    if let Ok(info) = link.ask_any::<String>(&redis::cmd("INFO")).await {
        for worry in worries(&info) {
            tracing::warn!(store = address.place, "{worry}");
        }
    }
    Ok(())
}

/// Returns warnings for the operator of a Redis whose settings may lose sessions. `info` is its response to `INFO`.
fn worries(info: &str) -> Vec<&'static str> {
    let lines: HashMap<_, _> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let is = |name: &str, value: &str| lines.get(name).is_some_and(|found| *found == value);
    let mut worries = Vec::new();
    if lines.get("maxmemory_policy").is_some_and(|policy| *policy != "noeviction") {
        worries.push(
            "this Redis evicts keys when its memory is full, which signs people out; \
             set its `maxmemory-policy` to `noeviction`",
        );
    }
    if is("aof_enabled", "0") && is("role", "master") && is("connected_slaves", "0") {
        worries.push(
            "this Redis has neither an append-only file nor a replica, so a restart loses everything since \
             its last snapshot; set its `appendonly` to `yes`",
        );
    }
    worries
}

/// Checks the schema of the keys; in an empty Redis, writes its number if `schema` allows it.
pub(super) async fn agree(link: &Arc<Link>, address: &Address, schema: Schema) -> Result<(), OpenError> {
    let place = address.place.clone();
    let failed = |error: StoreError| OpenError::Unreachable { place: address.place.clone(), reason: error.to_string() };
    let mut look = redis::cmd("GET");
    look.arg(keys::SCHEMA);
    let mut found: Option<String> = link.ask(&look).await.map_err(failed)?;
    if found.is_none() && schema == Schema::Migrate {
        // `NX`, so that of several nodes the first one writes it. All of them then read the stored number.
        let mut set = redis::cmd("SET");
        set.arg(keys::SCHEMA).arg(SCHEMA).arg("NX");
        link.ask::<redis::Value>(&set).await.map_err(failed)?;
        found = link.ask(&look).await.map_err(failed)?;
    }
    match found.map(|text| text.parse::<i64>()) {
        Some(Ok(SCHEMA)) => Ok(()),
        Some(Ok(schema)) if schema > SCHEMA => Err(OpenError::Newer { place, schema }),
        None => Err(OpenError::Older { place }),
        Some(_) => Err(OpenError::Unfit { place, reason: format!("its key `{}` is not a number", keys::SCHEMA) }),
    }
}

impl Address {
    /// Returns why a Redis could not be used. The client's own messages hold no address and no password.
    pub(super) fn refused(&self, error: &RedisError) -> OpenError {
        let said = error.to_string();
        let reason = if error.kind() == ErrorKind::RESP3NotSupported {
            format!("it does not support RESP3; use Redis {OLDEST} or later")
        } else if self.cluster && said.contains("cluster support disabled") {
            "it is not a Cluster; begin the address with `redis://`".to_owned()
        } else if self.cluster && said.contains("CaUsedAsEndEntity") {
            format!(
                "its certificate is marked as an authority, as `openssl req -x509` makes it, and is not accepted for \
                 a Cluster ({said}); sign the servers' certificates with an authority of your own, and name it with \
                 `?ca=FILE`"
            )
        } else if said.contains("certificate") {
            format!(
                "its certificate is not trusted ({said}); name the authority that signed it, or the certificate itself, \
                 with `?ca=FILE`"
            )
        } else {
            said
        };
        OpenError::Unreachable { place: self.place.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s117_an_operator_is_warned_of_what_loses_sessions() {
        let info = |policy: &str, aof: &str, replicas: &str| {
            format!("maxmemory_policy:{policy}\r\naof_enabled:{aof}\r\nrole:master\r\nconnected_slaves:{replicas}\r\n")
        };
        assert_eq!(worries(&info("noeviction", "1", "0")).len(), 0);
        assert_eq!(worries(&info("noeviction", "0", "1")).len(), 0);
        for policy in ["allkeys-lru", "volatile-lru", "volatile-ttl"] {
            assert!(worries(&info(policy, "1", "0"))[0].contains("noeviction"), "{policy}");
        }
        assert!(worries(&info("noeviction", "0", "0"))[0].contains("appendonly"));
        assert_eq!(worries("").len(), 0, "an empty response causes no warning");
    }
}
