//! The local certificate authority: its files, their lifetimes, its name constraints, and how it becomes trusted.

use super::support::process::{Place, Running};
use super::support::tls::{Browser, LOCAL, SITE, Tool, shown};
use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

fn read(place: &Place, file: &str) -> String {
    fs::read_to_string(place.path().join("data/tls").join(file)).expect("a file")
}

async fn local(place: &Place) -> Running {
    place.serve(&LOCAL).await
}

/// Signs a certificate with the authority's key, as a thief of the key could.
fn sign(place: &Place, name: &str, last_for: Duration) -> (String, String) {
    let authority = KeyPair::from_pem(&read(place, "authority.key")).expect("a key");
    let issuer = Issuer::from_ca_cert_pem(&read(place, "authority.pem"), authority).expect("an authority");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(1970, 1, 1) + now + last_for;
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, &issuer).expect("signed").pem(), key.serialize_pem())
}

/// Runs the certificate command and returns its output.
fn cert(place: &Place, arguments: &[&str]) -> Output {
    place.run(&[&["cert"], arguments].concat(), &LOCAL)
}

fn text(output: Output) -> String {
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && output.stderr.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_local_authority_are_for_their_owner_alone_and_certificates_for_all() {
    let place = Place::new();
    drop(local(&place).await);
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let folder = place.path().join("data/tls");
    assert_eq!(mode(&folder), 0o700);
    for (file, expected) in
        [("authority.key", 0o600), ("server.key", 0o600), ("authority.pem", 0o644), ("server.pem", 0o644)]
    {
        assert_eq!(mode(&folder.join(file)), expected, "{file}");
    }
    fs::set_permissions(folder.join("authority.key"), Permissions::from_mode(0o644)).expect("a mode");
    let said = place.refusal(1, &[], &[LOCAL.as_slice(), &[("SITE_LISTEN", "127.0.0.1:0")]].concat());
    assert!(said.contains("tls.directory") && said.contains("chmod 600"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_keeps_the_authority_and_what_it_has_signed() {
    let place = Place::new();
    let files = ["authority.pem", "authority.key", "server.pem", "server.key"];
    drop(local(&place).await);
    let before = files.map(|file| read(&place, file));
    drop(local(&place).await);
    assert!(before == files.map(|file| read(&place, file)), "a file was replaced");
    // A crash may leave a certificate without its key, or with another key.
    fs::remove_file(place.path().join("data/tls/server.key")).expect("removed");
    let server = local(&place).await;
    assert!(before[..2] == files.map(|file| read(&place, file))[..2], "the authority stays");
    assert!(Browser::of(&place).get(&server, "/healthz").await.contains("alive"));
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_share_one_authority_and_one_pair() {
    let place = Place::new();
    // Each server has a separate store, because only their certificates matter here.
    let more = [LOCAL.as_slice(), &[("STORE_URL", "memory:")]].concat();
    let (one, two, three) = tokio::join!(place.serve(&more), place.serve(&more), place.serve(&more));
    let mut seen = Vec::new();
    for server in [&one, &two, &three] {
        let stream = Browser::of(&place).connect(server.address, "localhost").await.expect("trusted");
        seen.push(shown(&stream));
    }
    let file = CertificateDer::from_pem_slice(read(&place, "server.pem").as_bytes()).expect("a certificate");
    assert!(seen.iter().all(|shown| *shown == file));
    let made = [&one, &two, &three].map(|server| server.said.lines().join("\n").contains("made a local authority"));
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_near_its_end_is_made_anew_by_the_same_authority() {
    let place = Place::new();
    drop(local(&place).await);
    let authority = read(&place, "authority.pem");
    let (certificate, key) = sign(&place, "localhost", Duration::from_secs(10 * 86_400));
    for (file, text) in [("server.pem", &certificate), ("server.key", &key)] {
        fs::write(place.path().join("data/tls").join(file), text).expect("written");
    }
    let server = local(&place).await;
    Browser::of(&place).connect(server.address, "localhost").await.expect("a connection");
    assert!(read(&place, "server.pem") != certificate && read(&place, "authority.pem") == authority);
    let shown: Value = serde_json::from_str(&text(cert(&place, &["show", "--json"]))).expect("JSON");
    let [authority, server] = [0, 1].map(|n| &shown["certificates"][n]);
    let days = |certificate: &Value| {
        let moment = |key: &str| humantime(certificate[key].as_str().expect("a moment"));
        (moment("ends") - moment("begins")) / 86_400
    };
    assert_eq!((days(authority), days(server)), (3650, 90));
    assert_eq!(server["names"], serde_json::json!(["localhost", "127.0.0.1", "::1"]));
}

/// Returns the seconds of a time as the commands print it.
fn humantime(text: &str) -> u64 {
    let moment = humantime::parse_rfc3339(text).expect("a moment");
    moment.duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_gets_an_authority_that_may_speak_for_it() {
    let place = Place::new();
    drop(local(&place).await);
    let first = read(&place, "authority.pem");
    let nas = [("SITE_URL", "https://nas.example:3443"), ("TLS_MODE", "local")];
    let server = place.serve(&nas).await;
    for name in ["nas.example", "localhost", "127.0.0.1"] {
        Browser::of(&place).connect(server.address, name).await.expect(name);
    }
    assert_ne!(read(&place, "authority.pem"), first);
    assert!(server.stop().await.join("\n").contains("trust it too"));
    // The new authority may sign for localhost too.
    let second = read(&place, "authority.pem");
    drop(local(&place).await);
    assert_eq!(read(&place, "authority.pem"), second);
    drop(place.serve(&[("SITE_URL", "https://[fe80::1]:3443"), ("TLS_MODE", "local")]).await);
    assert!(text(cert(&place, &["show"])).contains("fe80::1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_authority_can_pose_as_nobody_else() {
    let place = Place::new();
    drop(local(&place).await);
    for (name, accepted) in [("localhost", true), ("bank.example", false), ("10.0.0.1", false)] {
        let (certificate, key) = sign(&place, name, Duration::from_secs(86_400));
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let acceptor = TlsAcceptor::from(std::sync::Arc::new(config.with_single_cert(chain, key).expect("a pair")));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            acceptor.accept(stream).await.ok();
        });
        let met = Browser::of(&place).connect(address, name).await.map(drop).map_err(|error| error.to_string());
        assert_eq!(met.is_ok(), accepted, "{name}: {met:?}");
        assert!(accepted || met.is_err_and(|error| error.contains("NameConstraint")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_authority_stops_the_start_with_one_sentence() {
    let (place, other) = (Place::new(), Place::new());
    for place in [&place, &other] {
        drop(local(place).await);
    }
    let settings = [LOCAL.as_slice(), &[("SITE_LISTEN", "127.0.0.1:0")]].concat();
    let key = place.path().join("data/tls/authority.key");
    for wrong in [read(&other, "authority.key"), "nothing".to_owned()] {
        fs::write(&key, wrong).expect("written");
        let said = place.refusal(1, &[], &settings);
        assert!(said.contains("tls.directory") && said.contains("do not belong together"), "{said}");
    }
    fs::write(place.path().join("file"), "").expect("written");
    let said = place.refusal(1, &[], &[settings.as_slice(), &[("TLS_DIRECTORY", "file/tls")]].concat());
    assert!(said.contains("tls.directory: file/tls cannot be used"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_tell_where_the_authority_is_and_who_is_to_be_told() {
    let place = Place::new();
    for command in ["show", "trust"] {
        let said = place.refusal(1, &["cert", command], &LOCAL);
        assert!(said.contains("no local authority in data/tls") && said.contains("make run TLS=1"), "{said}");
    }
    drop(local(&place).await);
    // The command needs no settings of the server.
    let steps = text(place.run(&["cert", "trust"], &[]));
    let file = fs::canonicalize(place.path()).expect("a folder").join("data/tls/authority.pem");
    for words in [
        "certutil -d sql:",
        "Firefox",
        "update-ca-certificates",
        "security add-trusted-cert",
        "certutil -addstore",
        "curl --cacert",
        &file.display().to_string(),
    ] {
        assert!(steps.contains(words), "no {words} in {steps}");
    }
    let table = text(place.run(&["cert", "show"], &[]));
    assert!(table.contains("data/tls/authority.pem") && table.contains("localhost, 127.0.0.1, ::1"), "{table}");
    assert!(!table.contains("PRIVATE KEY") && !steps.contains("PRIVATE KEY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn install_makes_chromium_trust_it_and_says_what_it_could_not_do() {
    let Some(certutil) = Tool::Certutil.path() else { return };
    let place = Place::new();
    drop(local(&place).await);
    let run = |path: &Path| {
        let mut command = place.command(&["cert", "trust", "--install"], &LOCAL);
        // This path has no `update-ca-certificates`, so that the system that runs the tests is not changed.
        command.env("PATH", path).env("HOME", place.path()).output().expect("it runs")
    };
    let (none, one) = (place.path().join("none"), place.path().join("one"));
    for folder in [&none, &one] {
        fs::create_dir(folder).expect("a folder");
    }
    let refused = run(&none);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no certutil here") && said.lines().count() == 1, "{said}");

    symlink(&certutil, one.join("certutil")).expect("a link");
    for _ in 0..2 {
        let said = text(run(&one));
        assert!(said.contains("Chrome and Chromium: trusted now"), "{said}");
        assert!(said.contains("this system: not done, there is no update-ca-certificates here"), "{said}");
    }
    let database = format!("sql:{}", place.path().join(".pki/nssdb").display());
    let listed = Command::new(certutil).args(["-L", "-d", &database]).output().expect("it runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let ours: Vec<_> = listed.lines().filter(|line| line.starts_with("hardtack-")).collect();
    assert!(ours.len() == 1 && ours[0].contains("C,,"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s83_sslyze_finds_what_mozilla_calls_intermediate() {
    let Some(sslyze) = Tool::Sslyze.path() else { return };
    let place = Place::new();
    // sslyze opens many connections at once, and the machine may be busy.
    let server = place.serve(&[SITE, ("TLS_MODE", "local"), ("LIMITS_HEADER_TIMEOUT", "60s")]).await;
    let mut command = Command::new(sslyze);
    command.args(["--mozilla_config=intermediate", "--certinfo_ca_file", "data/tls/authority.pem"]);
    command.arg(format!("localhost:{}", server.address.port())).current_dir(place.path());
    let scan = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let output = scan.await.expect("no panic");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("OK - Compliant"), "{said}");
    assert!(!server.stop().await.join("\n").contains("panicked"));
}
