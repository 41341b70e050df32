//! The doctor and the engine agree: what follows from origins, what is one site, what browsers would drop.

use hardtack::doctor::{Address, Browser, Jar, SameSite, SetCookie, Sites, Topology, Trip, check};
use hardtack::session::policy::{Origin, Origins};
use tower_sessions::cookie;

/// As a server has it.
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
        for (page, browser) in topology.pages.iter().flat_map(|page| Browser::ALL.map(|browser| (page, browser))) {
            let (mut jar, trip) = (Jar::new(browser), Trip::fetch(page, &topology.server, 0));
            jar.keep(&topology.cookie, &trip, &registrable).unwrap_or_else(|loss| panic!("{page} {browser} {loss}"));
            assert!(jar.header(&trip, &registrable).is_some(), "{page} {browser}");
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
