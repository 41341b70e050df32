//! Agreement of the doctor and the engine: derived settings, same-site checks, and rejected cookies.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::any;
use hardtack_doctor::{self, Address, Browser, Jar, Maker, SameSite, SetCookie, Sites, Topology, check};
use hardtack_session::policy::{Origin, Origins};
use tower::ServiceExt as _;
use tower_sessions::cookie;

/// Returns the registrable domain, as a server determines it.
fn registrable(host: &str) -> Option<String> {
    psl::domain_str(host).map(str::to_owned)
}

fn topology(own: &Origin, front_ends: &[Origin]) -> Topology {
    let address =
        |origin: &Origin| origin.to_string().parse::<Address>().unwrap_or_else(|error| panic!("{origin} {error}"));
    let (own, pages) = (address(own), front_ends.iter().map(address).collect::<Vec<_>>());
    let sites = Sites::look_up(pages.iter().chain([&own]).map(Address::host), registrable);
    Topology::of(own, pages, sites)
}

const SETUPS: [(&str, &[&str]); 12] = [
    ("http://localhost:3000", &[]),
    ("https://example.com", &[]),
    ("http://localhost:3000", &["http://localhost:2015"]),
    ("http://[::1]:3000", &["http://[::1]:2015"]),
    ("https://api.example.com", &["https://app.example.com", "https://example.com:8443"]),
    ("https://api.example.com", &["https://app.example.org"]),
    ("https://api.example.co.uk", &["https://app.example.co.uk"]),
    ("https://one.co.uk", &["https://two.co.uk"]),
    ("https://one.github.io", &["https://two.github.io"]),
    ("https://a.one.github.io", &["https://b.one.github.io"]),
    ("https://localhost:3443", &["https://127.0.0.1:2015"]),
    ("https://api.example.com", &["http://localhost:5173"]),
];

#[test]
fn what_follows_from_origins_is_healthy_and_every_browser_keeps_it() {
    for (own, front_ends) in SETUPS {
        let origin = |text: &str| text.parse::<Origin>().unwrap_or_else(|error| panic!("{text} {error}"));
        let origins = Origins::new(origin(own), front_ends.iter().map(|text| origin(text)));
        let engine = origins.cookie().unwrap_or_else(|error| panic!("{own} {error}"));
        let mut topology = topology(origins.own(), origins.front_ends());

        let line = format!("{}=; {}", engine.name, engine.attributes().join("; "));
        let cookie = SetCookie::read(&line).unwrap_or_else(|error| panic!("{line} {error:?}"));
        let derived = SetCookie { value: String::new(), ..topology.cookie.clone() };
        assert_eq!(cookie, derived, "{own} {front_ends:?}");
        assert_eq!(cookie.same_site == Some(SameSite::None), engine.same_site == cookie::SameSite::None);

        topology.cookie = SetCookie { value: "v".repeat(96), ..cookie };
        let findings = check(&topology);
        assert!(findings.is_empty(), "{own} {front_ends:?} {findings:#?}");
        // A Firefox that blocks all cross-site cookies rejects partitioned ones too.
        let strict = |browser| topology.cookie.partitioned && browser == Browser::new(Maker::Firefox, true);
        let users = topology.pages.iter().flat_map(|page| Browser::ALL.map(|browser| (page, browser)));
        for (page, browser) in users.filter(|(_, browser)| !strict(*browser)) {
            let (mut jar, request) = (Jar::new(browser), hardtack_doctor::Request::fetch(page, &topology.server, 0));
            jar.keep(&topology.cookie, &request, &registrable).unwrap_or_else(|loss| panic!("{page} {browser} {loss}"));
            assert!(jar.header(&request, &registrable).is_some(), "{page} {browser}");
        }
    }
}

#[test]
fn what_the_engine_refuses_as_unreachable_the_doctor_finds_too() {
    for (own, front_end) in [
        ("http://localhost:3000", "http://127.0.0.1:2015"),
        ("http://[::1]:3000", "http://localhost"),
        ("http://localhost:3000", "http://app.example.com"),
        ("http://localhost:3000", "https://localhost:2015"),
        ("http://api.example.com", "https://app.example.com"),
        ("https://api.example.com", "http://app.example.com"),
    ] {
        let (own, front_end): (Origin, Origin) = (own.parse().expect(own), front_end.parse().expect(front_end));
        assert!(Origins::new(own.clone(), [front_end.clone()]).cookie().is_err(), "{own} {front_end}");
        assert!(!check(&topology(&own, &[front_end])).is_empty(), "{own}");
    }
}

#[tokio::test]
async fn what_the_doctor_takes_for_right_in_cors_is_what_the_guard_answers() {
    for (own, front_ends) in SETUPS.into_iter().filter(|(_, front_ends)| !front_ends.is_empty()) {
        let origin = |text: &str| text.parse::<Origin>().unwrap_or_else(|error| panic!("{text} {error}"));
        let origins = Origins::new(origin(own), front_ends.iter().map(|text| origin(text)));
        let right = topology(origins.own(), origins.front_ends()).cors;
        let app = Router::new().fallback(any(async || "an answer")).layer(origins.guard());
        for (page, method) in front_ends.iter().flat_map(|page| [(page, "OPTIONS"), (page, "GET")]) {
            let request = Request::builder().method(method).uri("/").header("origin", *page);
            let request = request.header("access-control-request-method", "POST").body(Body::empty());
            let answer = app.clone().oneshot(request.expect("a request")).await.expect("an answer");
            let said = |name: &str| {
                let values = answer.headers().get_all(name).iter().map(|value| value.to_str().expect("text"));
                values.flat_map(|value| value.split(',')).map(str::to_owned).collect::<Vec<_>>()
            };
            let [allowed] = &said("access-control-allow-origin")[..] else { panic!("one origin for {page}") };
            assert!(right.origins.contains(allowed), "{allowed} is not among {:?}", right.origins);
            assert_eq!(said("access-control-allow-credentials") == ["true"], right.credentials);
            if method == "OPTIONS" {
                assert_eq!(said("access-control-allow-methods"), right.methods);
                assert_eq!(said("access-control-allow-headers"), right.headers);
            } else {
                assert_eq!(said("access-control-expose-headers"), right.exposed);
            }
        }
    }
}
