//! The doctor against Express, with and without a reverse proxy.

use crate::doctor_probe::assert_found;
use crate::support::express::{Served, caddy, express, is_here};
use crate::support::process::Place;
use crate::support::tls::Tool;
use hardtack::server::{Visit, probe};
use hardtack_doctor::{Code, Finding, Severity, diagnose};
use serde_json::{Value, json};

const PAGE: &str = "http://localhost:5173";

/// Returns the correct setup with one change.
fn setup(change: impl FnOnce(&mut Value)) -> Value {
    let mut setup =
        json!({ "cors": { "origin": PAGE, "credentials": true }, "session": { "cookie": { "sameSite": "lax" } } });
    change(&mut setup);
    setup
}

async fn found(url: &str, page: &str) -> Vec<Finding> {
    let mut visit = Visit::new(url, Some("/session"), Some(page)).expect("a visit");
    visit.insecure = true;
    diagnose(&probe(&visit).await)
}

async fn found_at(server: &Served, page: &str) -> Vec<Finding> {
    found(&server.url("/"), page).await
}

/// Returns the text of a finding, which must be one sentence.
fn sentence(code: Code, found: &[Finding]) -> &str {
    let finding = found.iter().find(|finding| finding.code == code).unwrap_or_else(|| panic!("no {code}: {found:#?}"));
    assert_eq!(finding.what.matches(". ").count(), 0, "one sentence: {}", finding.what);
    &finding.what
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_express_has_no_finding() {
    if !is_here() {
        return;
    }
    let server = express(&setup(|_| {}));
    for page in [PAGE, &server.url("/")] {
        assert_eq!(found_at(&server, page).await, [], "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_ways_in_which_people_lose_their_session_are_named_in_one_sentence_each() {
    if !(is_here() && Tool::Caddy.is_here()) {
        return;
    }
    let secure = express(&setup(|it| it["session"]["cookie"]["secure"] = true.into()));
    let said = found_at(&secure, PAGE).await;
    assert!(
        sentence(Code::NoCookie, &said).contains("on plain http Express sets none that is `secure: true`"),
        "{said:?}"
    );
    assert_eq!(said.len(), 1, "{said:#?}");

    let wildcard = express(&setup(|it| it["cors"]["origin"] = "*".into()));
    let said = found_at(&wildcard, PAGE).await;
    assert!(sentence(Code::Wildcard, &said).contains("answers `Access-Control-Allow-Origin: *`, and not"), "{said:?}");
    assert_eq!(said.len(), 1, "{said:#?}");

    let behind = express(&setup(|_| {}));
    let proxy = caddy("http", &format!("redir /session /session/ 308\nreverse_proxy 127.0.0.1:{}", behind.port));
    let said = found_at(&proxy, PAGE).await;
    assert!(sentence(Code::PreflightRedirected, &said).contains("redirects the preflight of"), "{said:?}");
    assert_eq!(said.len(), 1, "{said:#?}");

    let page = "http://127.0.0.1:5173";
    let names = express(&setup(|it| it["cors"]["origin"] = page.into()));
    let said = found_at(&names, page).await;
    assert!(sentence(Code::LoopbackNames, &said).contains("are two names of one machine and so two sites"), "{said:?}");
    assert_eq!(said.len(), 1, "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_option_has_its_code() {
    if !is_here() {
        return;
    }
    for (code, case, setup) in [
        (Code::NoCredentials, "no credentials", setup(|it| it["cors"]["credentials"] = false.into())),
        (Code::OtherOrigin, "no cors", setup(|it| it["cors"] = false.into())),
        (Code::OtherOrigin, "another origin", setup(|it| it["cors"]["origin"] = "http://localhost:5173/".into())),
        (Code::WildcardList, "all headers", setup(|it| it["cors"]["allowedHeaders"] = "*".into())),
        (Code::Unlisted, "another header", setup(|it| it["cors"]["allowedHeaders"] = json!(["x-id"]))),
        (Code::ExposedSetCookie, "exposed", setup(|it| it["cors"]["exposedHeaders"] = json!(["set-cookie"]))),
        (Code::NotSecure, "None alone", setup(|it| it["session"]["cookie"]["sameSite"] = "none".into())),
        (Code::Strict, "Strict", setup(|it| it["session"]["cookie"]["sameSite"] = "strict".into())),
        (Code::Domain, "a domain", setup(|it| it["session"]["cookie"]["domain"] = "example.com".into())),
        (Code::Prefix, "a prefix", setup(|it| it["session"]["name"] = "__Host-sid".into())),
        (Code::Expired, "milliseconds", setup(|it| it["session"]["cookie"]["maxAge"] = (-60_000).into())),
    ] {
        assert_found(code, case, &found_at(&express(&setup), PAGE).await);
    }
    let first = setup(|it| it["signInFirst"] = true.into());
    let said = found_at(&express(&first), PAGE).await;
    assert!(said.iter().any(|finding| finding.severity == Severity::Error), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_adds_or_keeps_back_is_found_before_it() {
    if !(is_here() && Tool::Caddy.is_here()) {
        return;
    }
    let plain = express(&setup(|_| {}));
    let twice = format!("header +Access-Control-Allow-Origin {PAGE}\nreverse_proxy 127.0.0.1:{}", plain.port);
    assert_found(Code::TwoOrigins, "CORS twice", &found_at(&caddy("http", &twice), PAGE).await);

    let own = format!(
        "handle_errors {{\nrespond 502\n}}\n@gone not path /session\nerror @gone 404\nreverse_proxy 127.0.0.1:{}",
        plain.port
    );
    assert_found(Code::ErrorsHidden, "its own 404", &found_at(&caddy("http", &own), PAGE).await);

    let page = "https://localhost:5173";
    let secure = |trusts: bool| {
        express(&setup(|it| {
            it["session"]["cookie"]["secure"] = true.into();
            it["cors"]["origin"] = page.into();
            it["trustProxy"] = u8::from(trusts).into();
        }))
    };
    for trusts in [false, true] {
        let server = secure(trusts);
        let proxy = caddy("https", &format!("reverse_proxy 127.0.0.1:{}", server.port));
        let said = found(&format!("https://localhost:{}", proxy.port), page).await;
        let named = said.iter().any(|finding| finding.what.contains("a proxy that it was not told to trust"));
        assert_eq!(named, !trusts, "{said:#?}");
        // Neither finding counts here: Caddy's own authority is not trusted on this machine.
        let others = said.iter().filter(|finding| !matches!(finding.code, Code::Certificate | Code::NoCookie));
        assert_eq!(others.count(), 0, "{said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transcript_on_the_page_is_what_the_command_prints() {
    if !is_here() {
        return;
    }
    let page = include_str!("../../docs/DOCTOR.md");
    let shown = page.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a transcript");
    let (command, shown) = shown.split_once('\n').expect("a command and its output");
    let server = express(&json!({ "cors": { "origin": "http://127.0.0.1:5173", "credentials": true } }));
    let here = |text: &str| text.replace("localhost:3000", &format!("localhost:{}", server.port));
    let command = here(command.strip_prefix("$ hardtack ").expect("a command"));
    let output = Place::new().run(&command.split(' ').collect::<Vec<_>>(), &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with(&here(shown)), "{said}");
    assert_eq!(output.status.code(), Some(2));
}
