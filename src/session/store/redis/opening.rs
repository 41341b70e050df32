//! Opening a Redis: is it one, is it new enough, will it keep what it is given?

use super::address::Address;
use super::keys;
use super::link::Link;
use super::wire::Client;
use crate::session::store::{OpenError, Schema, StoreError};
use redis::cluster::ClusterClientBuilder;
use redis::{ConnectionInfo, ErrorKind, RedisError, TlsCertificates};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The schema that this version writes.
const SCHEMA: i64 = 1;
/// The oldest version of Redis that has all that is used here.
const OLDEST: u32 = 7;

/// What makes connections to an address.
pub(super) fn client(address: &Address, timeout: Duration) -> Result<Client, OpenError> {
    let certificates = address.authority.as_deref().map(certificates).transpose()?;
    let unfit = |error: RedisError| refused(address, &error);
    let client = if address.cluster {
        let builder = ClusterClientBuilder::new(address.servers.clone())
            .connection_timeout(timeout)
            .response_timeout(timeout)
            .overall_response_timeout(None)
            // A command whose answer was lost may have been carried out. The client would send it once more, and a
            // counter would count twice.
            .retries(0);
        let builder = match address.servers.first() {
            Some(first) => builder.tcp_settings(first.tcp_settings().clone()),
            None => builder,
        };
        let builder = match certificates {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        Client::Cluster(Box::new(builder.build().map_err(unfit)?))
    } else {
        let nowhere = || OpenError::Address { place: address.place.clone(), reason: "it names no server".to_owned() };
        let server = address.servers.first().cloned().ok_or_else(nowhere)?;
        Client::Alone(match certificates {
            Some(certificates) => redis::Client::build_with_tls(server, certificates).map_err(unfit)?,
            None => redis::Client::open(server).map_err(unfit)?,
        })
    };
    Ok(client)
}

/// What makes connections to each of its servers alone.
pub(super) fn each(address: &Address) -> Result<Vec<redis::Client>, OpenError> {
    let certificates = address.authority.as_deref().map(certificates).transpose()?;
    let open = |server: &ConnectionInfo| match certificates.clone() {
        Some(certificates) => redis::Client::build_with_tls(server.clone(), certificates),
        None => redis::Client::open(server.clone()),
    };
    address.servers.iter().map(|server| open(server).map_err(|error| refused(address, &error))).collect()
}

/// The authority in a file, which alone is trusted then.
fn certificates(file: &Path) -> Result<TlsCertificates, OpenError> {
    let place = || file.display().to_string();
    let pem = std::fs::read(file).map_err(|source| OpenError::File { place: place(), source })?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if !pem.windows(begin.len()).any(|window| window == begin) {
        let reason = "there is no certificate in it, and `?ca=FILE` names an authority's in PEM".to_owned();
        return Err(OpenError::Unfit { place: place(), reason });
    }
    Ok(TlsCertificates { client_tls: None, root_cert: Some(pem) })
}

/// Connects, and refuses what is no Redis 7; warns of what may lose sessions by itself.
pub(super) async fn greet(link: &Arc<Link>, address: &Address) -> Result<(), OpenError> {
    let unfit = |reason: String| OpenError::Unfit { place: address.place.clone(), reason };
    let hello: HashMap<String, redis::Value> =
        link.ask_any(&redis::cmd("HELLO")).await.map_err(|error| refused(address, &error))?;
    let said = |name: &str| {
        hello.get(name).and_then(|value| redis::from_redis_value_ref::<String>(value).ok()).unwrap_or_default()
    };
    let version = said("version");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
        return Err(unfit(format!("its version is {version:?}, and what is used here begins with Redis {OLDEST}")));
    }
    if !address.cluster && said("mode") == "cluster" {
        return Err(unfit("it is a server of a Cluster; begin the address with `redis-cluster://`".to_owned()));
    }
    // Whoever may not ask this is told nothing.
    if let Ok(info) = link.ask_any::<String>(&redis::cmd("INFO")).await {
        for worry in worries(&info) {
            tracing::warn!(store = address.place, "{worry}");
        }
    }
    Ok(())
}

/// What an operator should know about a Redis that is to hold sessions. `info` is what it says of itself.
fn worries(info: &str) -> Vec<&'static str> {
    let lines: HashMap<_, _> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let is = |name: &str, value: &str| lines.get(name).is_some_and(|found| *found == value);
    let mut worries = Vec::new();
    if lines.get("maxmemory_policy").is_some_and(|policy| *policy != "noeviction") {
        worries.push(
            "this Redis evicts keys when its memory is full, and would sign people out by that: \
             set its `maxmemory-policy` to `noeviction`",
        );
    }
    if is("aof_enabled", "0") && is("role", "master") && is("connected_slaves", "0") {
        worries.push(
            "this Redis has neither an append-only file nor a replica, so when it ends it forgets what came since \
             its last snapshot: set its `appendonly` to `yes`",
        );
    }
    worries
}

/// Agrees with what is there about what the keys mean.
pub(super) async fn agree(link: &Arc<Link>, address: &Address, schema: Schema) -> Result<(), OpenError> {
    let place = address.place.clone();
    let failed = |error: StoreError| OpenError::Unreachable { place: address.place.clone(), reason: error.to_string() };
    let mut look = redis::cmd("GET");
    look.arg(keys::SCHEMA);
    let mut found: Option<String> = link.ask(&look).await.map_err(failed)?;
    if found.is_none() && schema == Schema::Migrate {
        // Whoever is first writes it; all who are there at once read what it has become.
        let mut set = redis::cmd("SET");
        set.arg(keys::SCHEMA).arg(SCHEMA).arg("NX");
        link.ask::<redis::Value>(&set).await.map_err(failed)?;
        found = link.ask(&look).await.map_err(failed)?;
    }
    match found.map(|text| text.parse::<i64>()) {
        Some(Ok(SCHEMA)) => Ok(()),
        Some(Ok(schema)) if schema > SCHEMA => Err(OpenError::Newer { place, schema }),
        None => Err(OpenError::Older { place }),
        Some(_) => Err(OpenError::Unfit { place, reason: format!("its key `{}` holds no number", keys::SCHEMA) }),
    }
}

/// Why a Redis could not be spoken to. The client's own words hold no address and no password.
fn refused(address: &Address, error: &RedisError) -> OpenError {
    let said = error.to_string();
    let reason = if error.kind() == ErrorKind::RESP3NotSupported {
        format!("it does not speak RESP3, which Redis {OLDEST} does")
    } else if address.cluster && said.contains("cluster support disabled") {
        "it is no Cluster; begin the address with `redis://`".to_owned()
    } else if said.contains("certificate") {
        format!("its certificate is not trusted ({said}); name the authority that signed it with `?ca=FILE`")
    } else {
        said
    };
    OpenError::Unreachable { place: address.place.clone(), reason }
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
        assert!(worries(&info("allkeys-lru", "1", "0"))[0].contains("noeviction"));
        assert!(worries(&info("noeviction", "0", "0"))[0].contains("appendonly"));
        assert_eq!(worries("").len(), 0, "who says nothing is not accused");
    }
}
