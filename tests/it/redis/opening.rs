//! Opening the Redis store: schemas, versions, certificates, and the errors.

use super::{NOW, ask, begin, keys, open, past};
use crate::support;
use crate::support::app::browser;
use crate::support::authority::authority;
use crate::support::process::Place;
use crate::support::servers::{self, Program, Server, free_port};
use futures::future::join_all;
use hardtack_session::clock::Clock;
use hardtack_session::store::redis::{RedisStore, Trust};
use hardtack_session::store::{Loaded, OpenError, Schema, Store};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use redis::cmd;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn refused(url: &str, schema: Schema) -> OpenError {
    RedisStore::open(url, support::PATIENCE, schema).await.expect_err("refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_start_at_once_on_an_empty_server() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let stores = join_all((0..8).map(|_| open(&url))).await;
    let (id, record) = begin(&stores[0], None).await;
    for store in &stores {
        assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Live(id, record.clone().into()));
    }
    assert_eq!(ask::<i64>(&mut past(&url).await, cmd("GET").arg("hardtack:schema")).await, 1);
}

#[tokio::test]
async fn a_check_refuses_an_empty_server_and_writes_nothing() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let error = refused(&url, Schema::Check).await;
    assert!(matches!(error, OpenError::Older { .. }), "{error}");
    assert_eq!(keys(&mut past(&url).await).await, Vec::<String>::new(), "no key was written");
    open(&url).await;
    RedisStore::open(&url, support::PATIENCE, Schema::Check).await.expect("a migrated schema passes");
}

#[tokio::test]
async fn a_server_of_a_newer_version_is_refused() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    for (found, newer) in [("999", true), ("many", false), ("0", false)] {
        ask::<()>(&mut past(&url).await, cmd("SET").arg("hardtack:schema").arg(found)).await;
        for schema in [Schema::Check, Schema::Migrate] {
            let error = refused(&url, schema).await;
            assert_eq!(matches!(error, OpenError::Newer { schema: 999, .. }), newer, "{found}: {error}");
            assert!(newer || matches!(error, OpenError::Unfit { .. }), "{found}: {error}");
        }
    }
}

/// Starts a server that sends the same text in response to every command.
async fn server_that_says(answers: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = vec![0; 4096];
                while let Ok(read @ 1..) = client.read(&mut asked).await {
                    for _ in asked[..read].iter().filter(|byte| **byte == b'*') {
                        client.write_all(answers).await.ok();
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn what_is_no_redis_7_is_refused() {
    let six =
        b"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n";
    let five = b"-ERR unknown command `HELLO`\r\n";
    let web = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for (says, said) in [(&six[..], "\"6.2.14\""), (&five[..], "RESP3"), (&web[..], "cannot be opened")] {
        let error = refused(&format!("redis://127.0.0.1:{}", server_that_says(says).await), Schema::Migrate).await;
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn s120_what_is_wrong_with_an_address_is_told_without_its_password() {
    let server = Program::Redis.is_here().then_some(servers::redis());
    let port = match server {
        Some(url) => url.await.rsplit(':').next().and_then(|at| at.split('/').next()?.parse().ok()).expect("a port"),
        None => free_port(),
    };
    for url in [
        format!("redis://me:hunter2@127.0.0.1:{}", free_port()),
        format!("redis-cluster://me:hunter2@127.0.0.1:{}", free_port()),
        format!("rediss://me:hunter2@127.0.0.1:{port}"),
        format!("redis://me:hunter2@127.0.0.1:{port}"),
        format!("redis-cluster://:hunter2@127.0.0.1:{port}"),
        format!("rediss://:hunter2@127.0.0.1:{port}?ca=/no/such"),
        "redis://me:hunter2@host/name".to_owned(),
    ] {
        let error = refused(&url, Schema::Migrate).await;
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn the_wrong_kind_of_address_is_told() {
    if !Program::Redis.is_here() {
        return;
    }
    let alone = servers::redis().await;
    let (alone, _) = alone.rsplit_once('/').expect("a database");
    let error = refused(&alone.replace("redis:", "redis-cluster:"), Schema::Migrate).await.to_string();
    assert!(error.contains("begin the address with `redis://`"), "{error}");
    let cluster = crate::support::cluster::Cluster::borrow().await;
    let error = refused(&cluster.url().replace("redis-cluster:", "redis:"), Schema::Migrate).await.to_string();
    assert!(error.contains("begin the address with `redis-cluster://`"), "{error}");
}

#[tokio::test]
async fn a_user_needs_no_rights_but_those_to_its_own_keys() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&[]).await;
    let mut past = past(&server.url("0")).await;
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("app").arg("on").arg(">p/w@1").arg("~hardtack:*").arg("-@all");
    user.arg("+@read").arg("+@write").arg("+eval").arg("+evalsha").arg("+hello").arg("+client").arg("+info");
    ask::<()>(&mut past, &user).await;
    let url = server.url("0").replace("redis://", "redis://app:p%2Fw%401@");
    let store = open(&url).await;
    let (id, _) = begin(&store, Some("me")).await;
    store.ping().await.expect("an answer");
    assert_eq!(store.end_by_account("me", None).await.expect("an answer"), 1);
    assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Absent);
    assert_eq!(store.compare(&Clock::System).await.expect("an answer"), None, "without the right to `TIME`");
    ask::<()>(&mut past, cmd("ACL").arg("SETUSER").arg("app").arg("+time")).await;
    assert!(store.compare(&Clock::System).await.expect("an answer").is_some(), "with the right to `TIME`");
    let error = refused(&url.replace("w%401", "w"), Schema::Migrate).await.to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}

#[tokio::test]
async fn s87_a_certificate_of_another_authority_or_name_is_refused() {
    if !Program::Redis.is_here() {
        return;
    }
    let ((right, right_file), (_, wrong_file)) = (authority(), authority());
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &right).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let (cert_file, key_file) = (folder.path().join("server.crt"), folder.path().join("server.key"));
    std::fs::write(&cert_file, certificate.pem()).expect("written");
    std::fs::write(&key_file, key.serialize_pem()).expect("written");
    let (port, cert_file) = (free_port().to_string(), cert_file.display().to_string());
    let (key_file, ca_file) = (key_file.display().to_string(), right_file.path().display().to_string());
    let tls = ["--tls-port", &port, "--tls-cert-file", &cert_file, "--tls-key-file", &key_file];
    let client = ["--tls-ca-cert-file", &ca_file, "--tls-auth-clients", "no"];
    let _server = Server::redis(&[&tls[..], &client[..]].concat()).await;
    let url =
        |host: &str, file: &tempfile::NamedTempFile| format!("rediss://{host}:{port}?ca={}", file.path().display());
    let store = open(&url("localhost", &right_file)).await;
    begin(&store, None).await;
    let no_ca = format!("rediss://localhost:{port}");
    for url in [url("localhost", &wrong_file), url("127.0.0.1", &right_file), no_ca] {
        let error = refused(&url, Schema::Migrate).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("its certificate is not trusted"), "{error}");
    }
    let plain = refused(&format!("redis://localhost:{port}"), Schema::Migrate).await;
    assert!(matches!(plain, OpenError::Unreachable { .. }), "{plain}");
    let empty = tempfile::NamedTempFile::new().expect("a file");
    let error = refused(&url("localhost", &empty), Schema::Migrate).await.to_string();
    assert!(error.contains("no certificate"), "{error}");
}

/// Returns a self-signed certificate that claims to be an authority, as `openssl req -x509` makes it, and its key.
fn signed_by_itself(folder: &Path, name: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["somewhere.example".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    let [cert_file, key_file] = ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")));
    std::fs::write(&cert_file, certificate.pem()).expect("written");
    std::fs::write(&key_file, key.serialize_pem()).expect("written");
    (cert_file.display().to_string(), key_file.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn s87_a_certificate_that_signs_itself_is_pinned_or_taken_for_a_trial() {
    if !Program::Redis.is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (own, key) = signed_by_itself(folder.path(), "own");
    let (other, _) = signed_by_itself(folder.path(), "other");
    let port = free_port().to_string();
    let tls = ["--tls-port", &port, "--tls-cert-file", &own, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let _server = Server::redis(&[&tls[..], &["--tls-ca-cert-file", &own]].concat()).await;
    let plain = format!("rediss://localhost:{port}");
    let pinned = format!("{plain}?ca={own}");
    let (id, _) = begin(&open(&pinned).await, None).await;
    let error = refused(&plain, Schema::Migrate).await.to_string();
    assert!(error.contains("or the certificate itself, with `?ca=FILE`"), "the error says what to do: {error}");
    let with = async |url: &str, trust| RedisStore::open_with(url, support::PATIENCE, Schema::Check, trust).await;
    let trial = with(&plain, Trust::Anybody).await.expect("any certificate is accepted without verification");
    assert!(matches!(trial.load(&id, NOW).await, Ok(Loaded::Live(..))));
    for trust in [Trust::Verified, Trust::Anybody] {
        let error = with(&format!("{plain}?ca={other}"), trust).await.expect_err("another certificate is named");
        assert!(error.to_string().contains("its certificate is not trusted"), "{error}");
    }
    // The same with a whole server.
    for (url, insecure) in [(&pinned, "false"), (&plain, "true")] {
        let place = Place::on(url);
        let server = place.serve(&[("STORE_INSECURE", insecure)]).await;
        assert_eq!(server.visit(&browser()).await, 1);
        server.stop().await;
    }
}
