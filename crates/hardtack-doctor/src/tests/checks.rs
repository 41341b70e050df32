//! Tests of the checks of a setup.

use super::*;

#[test]
fn a_setup_as_it_should_be_has_no_finding() {
    for (server, pages) in [
        ("http://localhost:3000", &[][..]),
        ("https://localhost:3443", &[]),
        ("https://example.com", &[]),
        ("http://localhost:3000", &["http://localhost:2015"]),
        ("http://127.0.0.1:3000", &["http://127.0.0.1:2015"]),
        ("https://api.example.com/v1", &["https://app.example.com", "https://example.com:8443"]),
        ("https://api.example.com", &["https://app.example.org", "https://app.example.com"]),
        ("https://api.example.com", &["http://localhost:5173"]),
    ] {
        let findings = check(&topology(server, pages));
        assert!(findings.is_empty(), "{server} {pages:?} {:#?}", codes(&findings));
    }
}

#[test]
fn each_cause_in_a_setup_has_its_finding() {
    for (code, case, topology) in cases() {
        assert_found(code, case, &check(&topology));
    }
}

#[test]
fn an_origin_that_is_not_listed_is_shown_beside_the_nearest() {
    let mut topology = topology("https://api.example.com", &["https://app.example.com"]);
    topology.cors.origins = vec!["https://example.org".to_owned(), "https://www.app.example.com".to_owned()];
    let findings = check(&topology);
    assert!(findings[0].what.contains("it allows `https://www.app.example.com`"), "{}", findings[0]);
    assert_eq!(
        findings[0].cure.hardtack,
        "[site]\nfront_ends = [\"https://app.example.com\"] # in addition to the others"
    );
}

#[test]
fn two_names_of_one_machine_are_cured_by_one() {
    let mut topology = topology("http://127.0.0.1:3000", &["http://localhost:2015"]);
    topology.cookie = SetCookie::session("hardtack_sess", false);
    let cure = &check(&topology)[0].cure;
    let settings = "[site]\nurl = \"http://localhost:3000\"\nfront_ends = [\"http://localhost:2015\"]";
    let words = "Open the page as http://localhost:2015, and let it call http://localhost:3000:";
    assert_eq!(cure.hardtack, format!("{words}\n\n{settings}"));
    // The same cure in one line, for the log.
    let line = "site.url = \"http://localhost:3000\"; site.front_ends = [\"http://localhost:2015\"]";
    assert_eq!(cure.line(), format!("{words} {line}"));
}

/// Returns a case for every cause that a setup can show, each made by one change.
pub(super) fn cases() -> Vec<Case<Topology>> {
    let mut cases = Vec::new();
    cases.extend(cors_cases());
    cases.extend(site_cases());
    cases.extend(cookie_cases());
    cases.extend(other_cases());
    cases
}

fn with(server: &str, pages: &[&str], change: impl FnOnce(&mut Topology)) -> Topology {
    let mut topology = topology(server, pages);
    change(&mut topology);
    topology
}

/// Returns a page and a server on one site, with one change.
fn near(change: impl FnOnce(&mut Topology)) -> Topology {
    with("https://api.example.com", &["https://app.example.com"], change)
}

/// Returns a page and a server on two sites, with one change.
fn far(change: impl FnOnce(&mut Topology)) -> Topology {
    with("https://api.example.com", &["https://app.example.org"], change)
}

fn cors_cases() -> Vec<Case<Topology>> {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let listed = |origin: &str| near(|it| it.cors.origins = vec![origin.to_owned()]);
    vec![
        (Code::Uncredentialed, "no credentials", near(|it| it.client.credentials = false)),
        (Code::Wildcard, "a wildcard", listed("*")),
        (Code::NoCredentials, "not allowed", near(|it| it.cors.credentials = false)),
        (Code::OtherOrigin, "a slash", listed("https://app.example.com/")),
        (Code::OtherOrigin, "upper case", listed("https://App.example.com")),
        (Code::OtherOrigin, "a port", listed("https://app.example.com:443")),
        (Code::OtherOrigin, "www", listed("https://www.app.example.com")),
        (Code::OtherOrigin, "none", near(|it| it.cors.origins.clear())),
        (Code::TwoOrigins, "a proxy too", near(|it| it.edge.proxy_adds_cors = true)),
        (Code::WildcardList, "all headers", near(|it| it.cors.headers = list(&["*"]))),
        (
            Code::WildcardList,
            "all methods",
            near(|it| (it.cors.methods, it.client.methods) = (list(&["*"]), list(&["PUT"]))),
        ),
        (Code::Unlisted, "a header", near(|it| it.client.headers = list(&["X-Request-Id"]))),
        (Code::Unlisted, "a method in lower case", near(|it| it.client.methods = list(&["patch"]))),
        (Code::ExposedSetCookie, "exposed", near(|it| it.cors.exposed = list(&["Set-Cookie"]))),
    ]
}

fn site_cases() -> Vec<Case<Topology>> {
    let lax = |it: &mut Topology| (it.cookie.same_site, it.cookie.partitioned) = (Some(SameSite::Lax), false);
    let plain = |it: &mut Topology| it.cookie = SetCookie::session("sid", false);
    vec![
        (Code::CrossSite, "lax", far(lax)),
        (Code::CrossSite, "silent", far(|it| (it.cookie.same_site, it.cookie.partitioned) = (None, false))),
        (Code::CrossSite, "strict", far(|it| it.cookie.same_site = Some(SameSite::Strict))),
        (
            Code::CrossSite,
            "a public suffix between them",
            with("https://one.github.io", &["https://two.github.io"], |it| {
                it.sites = Sites::look_up(["one.github.io", "two.github.io"], |host| Some(host.to_owned()));
                lax(it);
            }),
        ),
        (Code::ThirdParty, "not partitioned", far(|it| it.cookie.partitioned = false)),
        (Code::LoopbackNames, "two names", with("http://localhost:1", &["http://127.0.0.1:2"], plain)),
        (Code::LoopbackNames, "IPv6", with("http://[::1]:1", &["http://localhost:2"], plain)),
        (Code::SchemesDiffer, "on this machine", with("https://localhost:1", &["http://localhost:2"], lax)),
        (Code::MixedContent, "plain server", with("http://api.example.com", &["https://app.example.com"], |_| {})),
        (
            Code::LocalNetwork,
            "a server at home",
            with("https://192.168.1.2", &["https://app.example.com"], |it| it.cookie.partitioned = true),
        ),
        (
            Code::LocalNetwork,
            "a server at home, and a page on plain http",
            with("https://192.168.1.2", &["http://app.example.com"], |it| it.cookie.partitioned = true),
        ),
        (Code::Strict, "from a link", near(|it| it.cookie.same_site = Some(SameSite::Strict))),
        (
            Code::Strict,
            "from a sign-in",
            near(|it| (it.cookie.same_site, it.sign_in_elsewhere) = (Some(SameSite::Strict), true)),
        ),
    ]
}

fn cookie_cases() -> Vec<Case<Topology>> {
    let name = |it: &mut Topology, name: &str| name.clone_into(&mut it.cookie.name);
    let domain = |domain: &str| {
        near(|it| {
            name(it, "sid");
            it.cookie.domain = Some(domain.to_owned());
        })
    };
    let http = |server: &str| with(server, &[], |it| it.cookie.secure = true);
    vec![
        (
            Code::NotSecure,
            "none",
            far(|it| {
                name(it, "sid");
                it.cookie.secure = false;
            }),
        ),
        (
            Code::NotSecure,
            "partitioned",
            near(|it| {
                name(it, "sid");
                (it.cookie.secure, it.cookie.partitioned) = (false, true);
            }),
        ),
        (Code::SecureOverHttp, "plain http", http("http://example.com")),
        (Code::SecureOnLoopback, "this machine", http("http://localhost:3000")),
        (Code::Domain, "a sibling", domain("app.example.com")),
        (Code::Domain, "another", domain("example.org")),
        (Code::Domain, "a longer name", domain("xapi.example.com")),
        (
            Code::Domain,
            "a public suffix",
            near(|it| {
                name(it, "sid");
                it.cookie.domain = Some("com".to_owned());
            }),
        ),
        (Code::Prefix, "host and domain", near(|it| it.cookie.domain = Some("example.com".to_owned()))),
        (Code::Prefix, "host and path", near(|it| it.cookie.path = Some("/v1".to_owned()))),
        (
            Code::Prefix,
            "secure and not",
            near(|it| {
                name(it, "__secure-sid");
                it.cookie.secure = false;
            }),
        ),
        (
            Code::HttpPrefix,
            "scripts may read it",
            near(|it| {
                name(it, "__Host-Http-sid");
                it.cookie.http_only = false;
            }),
        ),
        (
            Code::Path,
            "another path",
            near(|it| {
                name(it, "sid");
                it.server = it.server.at("/v1");
                it.cookie.path = Some("/v2".to_owned());
            }),
        ),
        (Code::TooLarge, "large", near(|it| it.cookie.value = "v".repeat(4096))),
        (Code::Expired, "no age", near(|it| it.cookie.max_age = Some(0))),
        (Code::SharedName, "a neighbour", near(|it| it.neighbours = vec![it.cookie.name.clone()])),
    ]
}

fn other_cases() -> Vec<Case<Topology>> {
    vec![
        (Code::SchemeUnknown, "behind a proxy", near(|it| it.edge.believes_https = false)),
        (Code::Certificate, "its own authority", near(|it| it.edge.tls = Tls::Own)),
        (Code::Certificate, "ended", near(|it| it.edge.term = Some(Term { left: -1, life: 90 * 86400 }))),
        (Code::CertificateEnds, "soon", near(|it| it.edge.term = Some(Term { left: 14 * 86400, life: 90 * 86400 }))),
        (Code::Unreachable, "another port", near(|it| it.edge.bound = Some(3000))),
        (Code::PlainHttp, "a page", with("https://api.example.com", &["http://app.example.com"], |_| {})),
        (Code::PlainHttp, "a trial", with("http://192.168.1.2:3000", &[], |_| {})),
        (Code::Forgotten, "in memory", near(|it| it.store.lasting = false)),
        (Code::NodesDiffer, "a store each", near(|it| it.store.nodes = 2)),
        (
            Code::NodesDiffer,
            "a key each",
            near(|it| it.store = Store { lasting: true, shared: true, nodes: 2, same_keys: false }),
        ),
    ]
}
