//! TLS with certificate files, made by the real OpenSSL: renewed in place, broken and expired ones.

use super::support::process::{Place, Running};
use super::support::tls::{Browser, FILES, Tool, ask_and_stay, certificate, openssl, shown};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// Makes a key and a certificate at the paths in the settings.
fn make(place: &Place) {
    openssl(place, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out server.key");
    certificate(place, "server.key", "server.cert");
}

fn on_disk(place: &Place) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(place.path().join("server.cert")).expect("a certificate")
}

/// Waits until a new connection gets the certificate on disk.
async fn renewed(place: &Place, server: &Running) {
    let deadline = std::time::Instant::now() + super::support::process::PATIENCE;
    let browser = Browser::trusting(&place.path().join("server.cert"));
    loop {
        if let Ok(stream) = browser.connect(server.address, "localhost").await {
            assert_eq!(shown(&stream), on_disk(place));
            return;
        }
        assert!(std::time::Instant::now() < deadline, "the new certificate is not served: {:#?}", server.said.lines());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_openssl_are_taken_in_each_of_its_formats() {
    if !Tool::Openssl.is_here() {
        return;
    }
    for (how, begins) in [
        ("genrsa -out server.key 2048", "-----BEGIN PRIVATE KEY"),
        ("genrsa -traditional -out server.key 2048", "-----BEGIN RSA PRIVATE KEY"),
        ("ecparam -name prime256v1 -genkey -noout -out server.key", "-----BEGIN EC PRIVATE KEY"),
        ("ecparam -name secp384r1 -genkey -out server.key", "-----BEGIN EC PARAMETERS"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out server.key", "-----BEGIN PRIVATE KEY"),
        ("genpkey -algorithm ED25519 -out server.key", "-----BEGIN PRIVATE KEY"),
    ] {
        let place = Place::new();
        openssl(&place, how);
        let key = fs::read_to_string(place.path().join("server.key")).expect("a key");
        assert!(key.starts_with(begins), "{how}");
        certificate(&place, "server.key", "server.cert");
        let server = place.serve(&FILES).await;
        let answer = Browser::trusting(&place.path().join("server.cert")).get(&server, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{how}: {answer}");
        let log = server.stop().await.join("\n");
        assert_eq!(log.contains("which browsers do not accept"), how.contains("ED25519"), "{how}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s86_a_new_certificate_is_served_to_new_connections_while_open_ones_stay_and_no_request_fails() {
    if !Tool::Openssl.is_here() {
        return;
    }
    let place = Place::new();
    let file = |name: &str| place.path().join(name);
    let mut all = String::new();
    for name in ["server", "second", "third"] {
        openssl(&place, &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"));
        certificate(&place, &format!("{name}.key"), &format!("{name}.cert"));
        all.push_str(&fs::read_to_string(file(&format!("{name}.cert"))).expect("a certificate"));
    }
    fs::write(file("all.cert"), all).expect("written");
    let server = place.serve(&[FILES.as_slice(), &[("LIMITS_HEADER_TIMEOUT", "60s")]].concat()).await;
    let (browser, address) = (Browser::trusting(&file("all.cert")), server.address);
    let mut open = browser.connect(address, "localhost").await.expect("a connection");
    let old = shown(&open);
    ask_and_stay(&mut open).await;
    let (swapped, mut enough) = tokio::sync::oneshot::channel::<()>();
    let load = tokio::spawn(async move {
        let mut answered = 0;
        while enough.try_recv().is_err() {
            let mut stream = browser.connect(address, "localhost").await.expect("a connection");
            ask_and_stay(&mut stream).await;
            answered += 1;
        }
        answered
    });
    // Overwritten in place, one after the other, as a script would do.
    for ending in ["cert", "key"] {
        fs::copy(file(&format!("second.{ending}")), file(&format!("server.{ending}"))).expect("copied");
    }
    renewed(&place, &server).await;
    ask_and_stay(&mut open).await;
    // Renamed over the old files.
    for ending in ["key", "cert"] {
        fs::rename(file(&format!("third.{ending}")), file(&format!("server.{ending}"))).expect("renamed");
    }
    renewed(&place, &server).await;
    ask_and_stay(&mut open).await;
    assert_eq!(shown(&open), old);
    swapped.send(()).expect("no request has failed");
    assert!(load.await.expect("no request has failed") > 10);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s86_a_broken_pair_keeps_the_old_one_and_is_told_once() {
    if !Tool::Openssl.is_here() {
        return;
    }
    let place = Place::new();
    make(&place);
    let server = place.serve(&FILES).await;
    let old = place.path().join("old.cert");
    fs::copy(place.path().join("server.cert"), &old).expect("copied");
    let told = |words: &str| server.said.lines().iter().filter(|line| line.contains(words)).count();
    let kept = "the old one stays";

    openssl(&place, "genrsa -out server.key 2048");
    server.said.wait_for("is not the key of the certificate").await;
    let half = fs::read(place.path().join("server.cert")).expect("a certificate");
    fs::write(place.path().join("server.cert"), &half[..half.len() / 2]).expect("half of it");
    server.said.wait_for("holds no certificate").await;
    fs::remove_file(place.path().join("server.cert")).expect("removed");
    server.said.wait_for("cannot be used (No such file").await;
    assert!(Browser::trusting(&old).get(&server, "/healthz").await.contains("alive"));
    // The valid pair is logged too, so by then each of the three faults has been logged, and only once.
    certificate(&place, "server.key", "server.cert");
    renewed(&place, &server).await;
    assert_eq!(told(kept), 3, "{:#?}", server.said.lines());
}

#[test]
fn what_cannot_be_served_stops_the_start_with_one_sentence() {
    if !Tool::Openssl.is_here() {
        return;
    }
    let place = Place::new();
    make(&place);
    openssl(&place, "genrsa -out other.key 2048");
    openssl(&place, "genrsa -aes256 -passout pass:secret -out locked.key 2048");
    openssl(&place, "genrsa -aes256 -passout pass:secret -traditional -out old-locked.key 2048");
    openssl(&place, "ecparam -name secp521r1 -genkey -noout -out p521.key");
    certificate(&place, "p521.key", "p521.cert");
    for (name, begins, ends) in [("ended.cert", 2001, 2002), ("later.cert", 3001, 3002)] {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(begins, 1, 1), date_time_ymd(ends, 1, 1));
        let key = fs::read_to_string(place.path().join("server.key")).expect("a key");
        let made = params.self_signed(&KeyPair::from_pem(&key).expect("a key")).expect("a certificate");
        fs::write(place.path().join(name), made.pem()).expect("written");
    }
    fs::write(place.path().join("empty"), "").expect("written");
    fs::write(place.path().join("letter"), "-----BEGIN CERTIFICATE-----\nZGVhcg==\n-----END CERTIFICATE-----\n")
        .expect("written");
    for (certificate, key, words) in [
        ("missing", "server.key", ["tls.certificate: missing", "No such file"]),
        ("server.cert", "missing", ["tls.key: missing", "No such file"]),
        ("/dev/null", "server.key", ["tls.certificate: /dev/null", "not a regular file"]),
        ("empty", "server.key", ["tls.certificate: empty", "holds no certificate"]),
        ("letter", "server.key", ["tls.certificate: letter", "holds no certificate"]),
        ("server.key", "server.key", ["tls.certificate: server.key", "holds no certificate"]),
        ("server.cert", "empty", ["tls.key: empty", "holds no private key"]),
        ("server.cert", "server.cert", ["tls.key: server.cert", "holds no private key"]),
        ("server.cert", "other.key", ["tls.key: other.key", "not the key of the certificate in server.cert"]),
        ("server.cert", "locked.key", ["tls.key: locked.key", "`openssl pkey -in locked.key -out NEW`"]),
        ("server.cert", "old-locked.key", ["tls.key: old-locked.key", "locked with a password"]),
        ("p521.cert", "p521.key", ["tls.key: p521.key", "RSA key of 2048 bits"]),
        ("ended.cert", "server.key", ["tls.certificate: ended.cert", "ended at 2002-01-01T00:00:00Z"]),
        ("later.cert", "server.key", ["tls.certificate: later.cert", "is not valid before 3001-01-01T00:00:00Z"]),
    ] {
        let pair = [("TLS_CERTIFICATE", certificate), ("TLS_KEY", key), ("SITE_LISTEN", "127.0.0.1:0")];
        let said = place.refusal(1, &[], &[FILES.as_slice(), &pair].concat());
        assert!(words.iter().all(|word| said.contains(word)), "{certificate} {key}: {said}");
        assert!(!place.database().exists(), "a refused start creates no file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s86_a_certificate_for_another_host_is_served_and_warned_about() {
    if !Tool::Openssl.is_here() {
        return;
    }
    let place = Place::new();
    // As many guides make it: without an alternative name, so that browsers reject it.
    openssl(
        &place,
        "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.cert -days 5 -subj /CN=localhost",
    );
    let server = place.serve(&FILES).await;
    openssl(&place, &format!("s_client -connect {} -CAfile server.cert -verify_return_error", server.address));
    let log = server.stop().await.join("\n");
    assert!(log.contains("not for the host of site.url"), "{log}");
    // The certificate is new, so it is not about to expire, although its validity is short.
    assert!(!log.contains("HT041") && !log.contains("about to end"), "{log}");
}
