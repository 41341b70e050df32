//! The doctor at the start, and `hardtack doctor` without a URL: findings from the settings alone.

use crate::support::issuer::Issuer;
use crate::support::process::Place;
use crate::support::profiles::Profile;
use hardtack::server::settings::Settings;
use hardtack::server::topology;
use hardtack_doctor::{Address, Cors, SetCookie, Sites, Topology, check};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Creates a key file and returns the setting that names it.
fn key_in(place: &Place) -> (&'static str, &'static str) {
    let file = place.path().join("some.key");
    fs::write(&file, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").expect("a key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a private file");
    ("SESSION_KEYS", "some.key")
}

/// Returns the exit code and the JSON output of the command for these settings.
fn doctor(place: &Place, settings: &[(&str, &str)]) -> (i32, Value) {
    let output = place.run(&["doctor", "--json"], settings);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let document = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code().expect("an end"), document)
}

fn codes(document: &Value) -> Vec<&str> {
    let found = document["findings"].as_array().expect("findings").iter();
    found.map(|finding| finding["code"].as_str().expect("a code")).collect()
}

type Given = &'static [(&'static str, &'static str)];

/// Settings that are legal but risky: settings, codes, exit code.
const CASES: [(Given, &[&str], i32); 8] = [
    (&[], &[], 0),
    (&[("SITE_URL", "https://api.example.com"), ("SITE_FRONT_ENDS", "https://app.example.com")], &[], 0),
    (&[("SITE_URL", "https://api.example.com"), ("SITE_FRONT_ENDS", "https://app.example.org")], &[], 0),
    (&[("STORE_URL", "memory:")], &["HT037"], 1),
    (&[("SITE_URL", "http://example.com"), ("SITE_INSECURE", "true")], &["HT042"], 1),
    (
        &[
            ("SITE_URL", "https://api.example.com"),
            ("SITE_FRONT_ENDS", "https://app.example.org"),
            ("SESSION_PARTITIONED", "false"),
        ],
        &["HT013"],
        1,
    ),
    (
        &[
            ("SITE_URL", "https://localhost:3443"),
            ("SITE_FRONT_ENDS", "https://app.example.com"),
            ("CORS_EXPOSE", "set-cookie"),
        ],
        &["HT029", "HT031"],
        1,
    ),
    (&[("SESSION_SAME_SITE", "strict")], &["HT033"], 0),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_warns_of_the_log_says_once_at_the_start() {
    for (settings, expected, code) in CASES {
        let place = Place::new();
        // HT030 is left out, because the test listens on a free port that no setting can name beforehand.
        let (exit, document) = doctor(&place, settings);
        let found: Vec<_> = codes(&document).into_iter().filter(|code| *code != "HT030").collect();
        assert_eq!((found.as_slice(), exit), (expected, code), "{settings:?}: {document:#}");
        let log = place.serve(settings).await.stop().await;
        for finding in document["findings"].as_array().expect("findings") {
            let what = finding["what"].as_str().expect("a sentence");
            let told = log.iter().filter(|line| line.contains(what)).count();
            assert_eq!(told, usize::from(finding["severity"] != "note"), "{what} in {log:#?}");
        }
    }
}

#[test]
fn a_port_that_is_not_the_one_browsers_are_sent_to_is_found_unless_a_proxy_is_between() {
    let place = Place::new();
    for (settings, found) in [
        (&[("SITE_LISTEN", "127.0.0.1:3001")][..], &["HT030"][..]),
        (&[("SITE_LISTEN", "127.0.0.1:3001"), ("SITE_URL", "https://localhost:3000")], &[]),
        (
            &[("SITE_LISTEN", "127.0.0.1:3001"), ("SITE_URL", "https://localhost"), ("TLS_MODE", "local")],
            &["HT027", "HT030"],
        ),
        (&[("SITE_LISTEN", "127.0.0.1:0")], &[]),
    ] {
        let document = doctor(&place, settings).1;
        let mut seen = codes(&document);
        seen.sort_unstable();
        assert_eq!(seen, found, "{settings:?}");
    }
}

/// Source: RFC 6265bis, 5.6.3.
#[test]
fn the_domain_of_a_cookie_is_compared_without_case() {
    let server: Address = "https://api.example.com".parse().expect("an address");
    for (domain, found) in [("Example.COM", 0), ("API.example.com", 0), ("Example.ORG", 1)] {
        let mut topology = Topology::of(server.clone(), Vec::new(), Sites::default());
        topology.cookie.name = "sid".to_owned();
        topology.cookie.domain = Some(domain.to_owned());
        assert_eq!(check(&topology).len(), found, "{domain}: {:?}", check(&topology));
    }
}

#[test]
fn plain_http_for_the_whole_network_is_found_although_the_address_is_this_machine() {
    let place = Place::new();
    for (settings, found) in [
        (&[("SITE_LISTEN", "0.0.0.0:3000")][..], &["HT042"][..]),
        (&[("SITE_LISTEN", "[::]:3000"), ("SITE_URL", "http://127.0.0.1:3000")], &["HT042"]),
        (&[("SITE_LISTEN", "[::1]:3000")], &[]),
        // The last two cases: behind a proxy, and with TLS in the server.
        (&[("SITE_LISTEN", "0.0.0.0:3000"), ("SITE_URL", "https://app.example.com")], &[]),
        (&[("SITE_LISTEN", "0.0.0.0:3000"), ("SITE_URL", "https://localhost:3000"), ("TLS_MODE", "local")], &["HT027"]),
    ] {
        let document = doctor(&place, settings).1;
        assert_eq!(codes(&document), found, "{settings:?}: {document:#}");
    }
    let what = doctor(&place, &[("SITE_LISTEN", "0.0.0.0:3000")]).1["findings"][0]["what"].to_string();
    assert!(what.contains("also accepts plain http from other machines"), "{what}");
}

#[test]
fn what_loses_most_sessions_refuses_the_start_in_one_sentence_with_the_cure() {
    let place = Place::new();
    let front_end = ("SITE_FRONT_ENDS", "http://localhost:5173");
    for (settings, code, cure) in [
        (&[("SESSION_PATH", "/app")][..], "HT020", "session.path = \"/\""),
        (&[front_end, ("CORS_HEADERS", "x-id")], "HT009", "cors.headers = [\"x-id\", \"content-type\"]"),
    ] {
        let (exit, document) = doctor(&place, settings);
        assert_eq!((codes(&document), exit), (vec![code], 2));
        let said = place.refusal(2, &["serve"], settings);
        assert!(said.contains(&format!("({code}); ")) && said.ends_with(cure), "{said}");
        assert!(!place.path().join("data").exists(), "no file was created before");
    }
    // Only API calls need the cookie for pages of other origins, unless they link to a sign-in with a provider.
    let (exit, document) = doctor(&place, &[front_end, ("SESSION_PATH", "/api")]);
    assert_eq!((codes(&document), exit), (vec![], 0));
    let provider =
        "[{ id = 'a', name = 'A', issuer = 'http://localhost:1', client_id = 'us', client_secret = './a.secret' }]";
    fs::write(place.path().join("a.secret"), "a secret").expect("a secret");
    fs::set_permissions(place.path().join("a.secret"), fs::Permissions::from_mode(0o600)).expect("a private file");
    let (exit, document) = doctor(&place, &[front_end, ("SESSION_PATH", "/api"), ("SIGN_IN_PROVIDERS", provider)]);
    assert_eq!((codes(&document), exit), (vec!["HT020", "HT050"], 2), "and the provider is not reachable");
}

#[test]
fn settings_that_refuse_the_start_are_an_error_of_their_own() {
    let place = Place::new();
    let without_secret =
        "[{ id = 'a', name = 'A', issuer = 'http://localhost:1', client_id = 'us', client_secret = 'env:NOWHERE' }]";
    let _key = key_in(&place);
    for (settings, words) in [
        (&[("SITE_URL", "localhost")][..], "site.url"),
        (&[("SITE_COLOUR", "red")], "SITE_COLOUR"),
        (&[("SITE_URL", "https://localhost:3000"), ("SITE_FRONT_ENDS", "http://app.example.com")], "site.front_ends"),
        (&[("SITE_URL", "https://localhost:3000"), ("TLS_MODE", "files")], "tls.certificate"),
        (&[("SITE_URL", "https://a!b")], "site.url"),
        // A start reads these settings before it opens the store.
        (&[("STORE_URL", "postgres://127.0.0.1:1/a")], "session.keys"),
        (&[("STORE_URL", "redis://127.0.0.1:1"), ("SESSION_KEYS", "some.key")], "accounts.database"),
        (&[("SESSION_KEYS", "env:NOWHERE")], "NOWHERE"),
        (&[("SESSION_KEYS", "nowhere.key")], "nowhere.key"),
        (&[("SIGN_IN_PROVIDERS", without_secret)], "sign_in.providers"),
    ] {
        let (exit, document) = doctor(&place, settings);
        let error = document["error"].as_str().expect("a sentence");
        assert!(exit == 2 && error.contains(words), "{settings:?} {document:#}");
        let output = place.run(&["doctor"], settings);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
    }
    let output = place.run(&["--config", "nowhere.toml", "doctor"], &[]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_certificate_that_ends_soon_is_found_in_its_file() {
    let place = Place::new();
    let key = rcgen::KeyPair::generate().expect("a key");
    // The days that are left and the days of validity. A short-lived certificate is renewed later.
    for (days, life, code, exit) in
        [(5_u64, 90, Some("HT041"), 1), (60, 90, None, 0), (5, 6, None, 0), (1, 6, Some("HT041"), 1)]
    {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + std::time::Duration::from_secs(days * 86400 + 60);
        params.not_before = params.not_after - std::time::Duration::from_secs(life * 86400);
        fs::write(place.path().join("server.cert"), params.self_signed(&key).expect("signed").pem()).expect("written");
        let settings = [("SITE_URL", "https://localhost:3000"), ("TLS_MODE", "files")];
        let (code_of_end, document) = doctor(&place, &settings);
        assert_eq!((codes(&document), code_of_end), (code.into_iter().collect(), exit));
    }
}

#[test]
fn nothing_is_opened_or_made() {
    let place = Place::new();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = busy.local_addr().expect("an address").to_string();
    let settings = [("SITE_LISTEN", address.as_str()), ("STORE_URL", "postgres://localhost:1/none"), key_in(&place)];
    assert_eq!(codes(&doctor(&place, &settings).1), ["HT030"], "the port belongs to another program and is not called");
    assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1, "only the key file");
}

/// Loads settings with these values.
fn settings(given: &[(&str, &str)]) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Leptos.toml");
    fs::write(&file, "").expect("a file");
    let given = given.iter().map(|(name, value)| (format!("HARDTACK_{name}"), (*value).to_owned()));
    Settings::load(Some(&file), given).expect("settings")
}

#[test]
fn what_the_settings_say_is_what_the_doctor_takes_for_right() {
    for given in [
        &[][..],
        &[("SITE_URL", "https://api.example.com"), ("SITE_FRONT_ENDS", "https://app.example.com")],
        &[
            ("SITE_URL", "https://api.example.com"),
            ("SITE_FRONT_ENDS", "https://app.example.org,https://b.example.net"),
        ],
        &[("SITE_URL", "https://one.github.io"), ("SITE_FRONT_ENDS", "https://two.github.io")],
    ] {
        let settled = topology(&settings(given)).expect("a setup");
        let right = Topology::of(settled.server.clone(), settled.pages.clone(), settled.sites.clone());
        assert_eq!(settled.cookie, right.cookie, "{given:?}");
        let lists = |Cors { origins, credentials, methods, headers, exposed }: &Cors| {
            (origins.clone(), *credentials, methods.clone(), headers.clone(), exposed.clone())
        };
        assert_eq!(lists(&settled.cors), lists(&right.cors), "{given:?}");
        assert_eq!(check(&settled), [], "{given:?}");
    }
    let persistent =
        topology(&settings(&[("SESSION_PERSISTENT", "true"), ("SESSION_DOMAIN", "localhost")])).expect("one");
    let SetCookie { max_age, domain, .. } = &persistent.cookie;
    assert_eq!((*max_age, domain.as_deref()), (Some(12 * 60 * 60), Some("localhost")));
    let server: Address = "http://localhost:3000".parse().expect("an address");
    assert!(persistent.server.is_origin_of(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_would_run_into_at_a_provider_is_told_by_the_command_and_by_the_log_of_the_start() {
    let plain = Profile::plain;
    let refuses = |description: Value| Profile { description, ..plain() };
    let cases = [
        (plain(), "", &[][..], ""),
        (Profile { describes: false, ..plain() }, "", &["HT050"], "404"),
        (refuses(json!({"issuer": "https://login.example.com/{tenantid}/v2.0"})), "", &["HT050"], "{tenantid}"),
        (refuses(json!({"response_types_supported": ["id_token"]})), "", &["HT050"], "code flow"),
        (refuses(json!({"id_token_signing_alg_values_supported": ["HS256"]})), "", &["HT050"], "no algorithm"),
        (refuses(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]})), "", &["HT050"], "secret"),
        (refuses(json!({"code_challenge_methods_supported": ["plain"]})), "", &["HT051"], "S256"),
        (refuses(json!({"code_challenge_methods_supported": ["plain"]})), ", pkce = false", &[], ""),
        (refuses(json!({"scopes_supported": ["openid", "email"]})), "", &["HT051"], "`profile`"),
        (
            refuses(json!({"response_modes_supported": ["query"]})),
            ", response_mode = \"form_post\"",
            &["HT051"],
            "form",
        ),
    ];
    for (profile, setting, expected, told) in cases {
        let issuer = Issuer::start_as(profile).await;
        let line =
            issuer.setting("a").replace("env:CARGO_PKG_NAME", "./a.secret").replace(" }", &format!("{setting} }}"));
        let providers = format!("[{line}]");
        let settings = [("SIGN_IN_PROVIDERS", providers.as_str())];
        let place = Place::new();
        fs::write(place.path().join("a.secret"), "a secret").expect("a secret");
        fs::set_permissions(place.path().join("a.secret"), fs::Permissions::from_mode(0o600)).expect("a private file");
        let (exit, document) = tokio::task::block_in_place(|| doctor(&place, &settings));
        let found: Vec<_> = codes(&document).into_iter().filter(|code| *code != "HT030").collect();
        let code = expected.first().map_or(0, |code| if *code == "HT050" { 2 } else { 1 });
        assert_eq!((found.as_slice(), exit), (expected, code), "{providers}: {document:#}");
        assert!(document["findings"].to_string().contains(told), "{told}: {document:#}");
        assert!(!document.to_string().contains("a secret"));
        if let Some(code) = expected.first() {
            // The server starts nevertheless and logs the warning when the provider has answered.
            let server = place.serve(&settings).await;
            server.said.wait_for(code).await;
            let log = server.stop().await;
            assert_eq!(log.iter().filter(|line| line.contains(code)).count(), 1, "{log:#?}");
        }
    }
}
