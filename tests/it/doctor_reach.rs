//! The doctor's command when the connection to the server fails: names, ports, TLS.

use crate::doctor_probe::assert_found;
use crate::support::authority::authority;
use crate::support::played::{Change, routes};
use crate::support::process::Place;
use crate::support::secured::serve;
use hardtack_doctor::{Code, Finding};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// The codes that are produced here, in addition to those of `doctor_probe`.
pub const PRODUCED: [Code; 5] =
    [Code::ThirdParty, Code::SchemeUnknown, Code::Certificate, Code::Unreachable, Code::CertificateEnds];

const SECURE: &str = "sid=a-secret-value; Path=/; HttpOnly; Secure; SameSite=Lax";
const PAGE: &str = "https://localhost:5173";

/// Returns a healthy server with this cookie.
fn cookie(line: &'static str) -> Change {
    Arc::new(move |_, answer| answer.change("set-cookie", line))
}

/// The output of the command.
struct Said {
    code: i32,
    document: Value,
    found: Vec<Finding>,
}

/// Runs the command on a machine that trusts these certificate authorities.
async fn doctor(arguments: &[&str], trusted: &Path) -> Said {
    let place = Place::new();
    let mut command = place.command(&[&["doctor"], arguments, &["--json"]].concat(), &[]);
    command.env("SSL_CERT_FILE", trusted);
    let output = tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic");
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{log}"));
    let found = serde_json::from_value(document["findings"].clone()).expect("findings");
    Said { code: output.status.code().expect("an end"), document, found }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_certificate_is_told_and_nothing_is_sent_unless_insecure() {
    let (known, trusted) = authority();
    let (unknown, _other) = authority();
    for (case, authority, name, begins, ends) in [
        ("an unknown authority", &unknown, "localhost", -1, 30),
        ("another name", &known, "api.example.com", -1, 30),
        ("past", &known, "localhost", -30, -1),
        ("to come", &known, "localhost", 1, 30),
    ] {
        let port = serve(routes(cookie(SECURE)), authority, &[name], begins, ends).await;
        let url = format!("https://localhost:{port}/session");
        let said = doctor(&[&url, "--origin", PAGE], trusted.path()).await;
        assert_found(Code::Certificate, case, &said.found);
        assert_eq!((said.code, said.document["exchanges"].as_array().map(Vec::len)), (2, Some(0)), "{case}");
        let said = doctor(&[&url, "--origin", PAGE, "--insecure"], trusted.path()).await;
        assert_eq!(said.found.len(), 1, "{case}: no finding but the certificate: {:#?}", said.found);
        assert_eq!((said.code, said.document["exchanges"].as_array().map(Vec::len)), (2, Some(7)), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_too_each_cause_has_its_code_and_a_healthy_server_none() {
    let (authority, trusted) = authority();
    let across = "https://127.0.0.1:5173";
    let partitioned = "sid=a-secret-value; Path=/; HttpOnly; Secure; SameSite=None; Partitioned";
    let back: Change = Arc::new(|request, answer| {
        if request.method == "GET" && request.uri.path() == "/session" {
            answer.status = 302;
            answer.set("location", &["http://localhost/session"]);
        }
    });
    for (code, case, page, change, days) in [
        (None, "healthy", PAGE, cookie(SECURE), 30),
        (None, "partitioned", across, cookie(partitioned), 30),
        (None, "a certificate of six days", PAGE, cookie(SECURE), 5),
        (Some((Code::CertificateEnds, 1)), "a certificate that is due for renewal", PAGE, cookie(SECURE), 0),
        (Some((Code::ThirdParty, 1)), "None", across, cookie("sid=1; Path=/; HttpOnly; Secure; SameSite=None"), 30),
        (Some((Code::SchemeUnknown, 1)), "not Secure", PAGE, cookie("sid=1; Path=/; HttpOnly; SameSite=Lax"), 30),
        (Some((Code::SchemeUnknown, 2)), "back to http", PAGE, back, 30),
    ] {
        let port = serve(routes(change), &authority, &["localhost"], -1, days).await;
        let said = doctor(&[&format!("https://localhost:{port}/session"), "--origin", page], trusted.path()).await;
        match code {
            None => assert_eq!((said.code, said.found), (0, vec![]), "{case}"),
            Some((code, exit)) => {
                assert_found(code, case, &said.found);
                assert_eq!(said.code, exit, "{case}: {:#?}", said.found);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_reached_is_one_plain_sentence() {
    let (authority, trusted) = authority();
    let tls = serve(routes(cookie(SECURE)), &authority, &["localhost"], -1, 30).await;
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    let plain = crate::support::played::serve(here, cookie(SECURE)).await;
    let nobody = crate::support::servers::free_port();
    // Accepts connections and sends no response.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("an address").port();
    let took = "accepted the call, but sent no response while the doctor waited";
    for (url, sentence) in [
        ("http://hardtack.invalid/".to_owned(), "`http://hardtack.invalid` cannot be reached: its name is unknown."),
        (format!("http://127.0.0.1:{nobody}"), "cannot be reached: no program listens there."),
        (format!("http://127.0.0.1:{silent_port}"), took),
        (format!("https://127.0.0.1:{plain}"), "cannot be reached: it speaks no TLS there, so its address begins with"),
        (
            format!("http://127.0.0.1:{tls}"),
            "cannot be reached: it speaks TLS there, so its address begins with `https://`.",
        ),
    ] {
        let said = doctor(&[&url, "--origin", &url, "--timeout", "2s"], trusted.path()).await;
        let [finding] = &said.found[..] else { panic!("{url}: {:#?}", said.found) };
        // A browser waits longer than the doctor, so that the session is not lost for certain.
        let code = if sentence == took { 1 } else { 2 };
        assert_eq!((finding.code, said.code), (Code::Unreachable, code), "{url}");
        assert!(finding.what.contains(sentence), "{url}: {}", finding.what);
    }
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_this_machine_lacks_is_said_of_it() {
    let (authority, _trusted) = authority();
    let port = serve(routes(cookie(SECURE)), &authority, &["localhost"], -1, 30).await;
    let none = tempfile::NamedTempFile::new().expect("a file");
    let said = doctor(&[&format!("https://localhost:{port}/session")], none.path()).await;
    let [finding] = &said.found[..] else { panic!("{:#?}", said.found) };
    assert_eq!((finding.code, said.code), (Code::Unreachable, 1));
    assert!(finding.what.contains("this machine knows no certificate authorities"), "{finding}");
    // Browsers do not resolve these names by DNS.
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    let plain = crate::support::played::serve(here, Arc::new(|_, _| {})).await;
    let said = doctor(&[&format!("http://app.localhost:{plain}/session")], none.path()).await;
    assert_eq!((said.code, said.found), (0, vec![]));
}

#[test]
fn what_is_no_address_is_refused_in_one_sentence_that_repeats_no_password() {
    let place = Place::new();
    for (arguments, words) in [
        (&["localhost:3000"][..], "URL does not begin with `http://`"),
        (&["ftp://localhost"], "URL does not begin with `http://`"),
        (&["http://me:hush@localhost"], "URL has a user name or a password"),
        (&["http://localhost", "--origin", "null"], "--origin does not begin with `http://`"),
        (&["http://localhost", "--path", "session"], "--path is not a path"),
        (&["http://localhost", "--path", "//example.com"], "--path is not a path"),
    ] {
        let said = place.refusal(2, &[&["doctor"], arguments].concat(), &[]);
        assert!(said.contains(words) && !said.contains("hush"), "{said}");
    }
}
