//! What a browser keeps, and what it sends.

use super::*;

const CHROME: Browser = Browser::USUAL[0];
const FIREFOX: Browser = Browser::USUAL[1];
const SAFARI: Browser = Browser::USUAL[2];
const BLOCKING: Browser = Browser::new(Maker::Chrome, true);

/// The losses in Chrome, Firefox, Safari as they are delivered, and in Chrome with third parties blocked.
fn losses(line: &str, page: &str, server: &str) -> [Option<Loss>; 4] {
    let (page, server) = (address(page), address(server));
    let trip = Trip::fetch(&page, &server, 1_000_000_000);
    [CHROME, FIREFOX, SAFARI, BLOCKING].map(|browser| Jar::new(browser).set(line, &trip, &Sites::default()).err())
}

#[test]
fn each_browser_keeps_by_its_own_rules() {
    let (near, api, far) = ("https://app.example.com", "https://api.example.com/v1/", "https://app.example.org");
    let (plain, local) = ("http://api.example.com", "http://localhost:3000");
    let all = |loss| [Some(loss); 4];
    let (none, third) = ([None; 4], Some(Loss::ThirdParty));
    let safari = |loss| [None, None, Some(loss), None];
    for (line, page, server, expected) in [
        ("a=b", near, api, none),
        ("__Host-a=b; Secure; Path=/; HttpOnly; SameSite=Lax", near, api, none),
        ("__Host-Http-a=b; Secure; Path=/; HttpOnly", near, api, none),
        ("a=b; Domain=.example.com", near, api, none),
        ("a=b; Domain=api.example.com", near, api, none),
        ("a=b; Domain=example.org", near, api, all(Loss::Domain)),
        ("a=b; Domain=v1.api.example.com", near, api, all(Loss::Domain)),
        ("a=b; Domain=com", near, api, all(Loss::Domain)),
        ("a=b; Domain=localhost", local, local, none),
        ("a=b; Domain=127.0.0.1", "http://127.0.0.1", "http://127.0.0.1", none),
        ("a=b; Domain=0.0.1", "http://127.0.0.1", "http://127.0.0.1", all(Loss::Domain)),
        ("a=b; Max-Age=0", near, api, all(Loss::Expired)),
        ("a=b; Max-Age=-1; Expires=Fri, 01 Jan 2100 00:00:00 GMT", near, api, all(Loss::Expired)),
        ("a=b; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", near, api, none),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", near, api, all(Loss::Expired)),
        ("__Host-a=b; Secure", near, api, all(Loss::Prefix)),
        ("__hOsT-a=b; Secure; Path=/; Domain=api.example.com", near, api, all(Loss::Prefix)),
        ("__Secure-a=b", near, api, all(Loss::Prefix)),
        ("=__Secure-a", near, api, all(Loss::Prefix)),
        (
            "__Http-a=b; Secure",
            near,
            api,
            [Some(Loss::HttpPrefix), Some(Loss::HttpPrefix), None, Some(Loss::HttpPrefix)],
        ),
        ("a=b; Partitioned", near, api, all(Loss::PartitionedWithoutSecure)),
        // Plain http.
        ("a=b; Secure", plain, plain, all(Loss::Insecure)),
        ("a=b; Secure", local, local, safari(Loss::Insecure)),
        ("__Host-a=b; Secure; Path=/", local, local, safari(Loss::Insecure)),
        // Another site.
        ("a=b; Secure; SameSite=Lax", far, api, all(Loss::CrossSite)),
        ("a=b; Secure; SameSite=Strict", far, api, all(Loss::CrossSite)),
        ("a=b; Secure", far, api, [Some(Loss::CrossSite), None, third, Some(Loss::CrossSite)]),
        (
            "a=b; SameSite=None",
            far,
            api,
            [Some(Loss::NoneWithoutSecure), Some(Loss::NoneWithoutSecure), third, Some(Loss::NoneWithoutSecure)],
        ),
        ("a=b; Secure; SameSite=None", far, api, [None, None, third, third]),
        ("a=b; Secure; SameSite=None; Partitioned", far, api, none),
        // The scheme makes another site in Chrome alone.
        ("a=b; SameSite=Lax", plain, api, [Some(Loss::CrossSite), None, None, Some(Loss::CrossSite)]),
        ("a=b; SameSite=Lax", "http://localhost:1", "http://127.0.0.1:2", all(Loss::CrossSite)),
        ("a=b; SameSite=Lax", "http://localhost:1", "http://localhost:2", none),
    ] {
        assert_eq!(losses(line, page, server), expected, "{line} from {server} to {page}");
    }
    assert_eq!(losses("", near, api), all(Loss::Unreadable));
    assert_eq!(losses(&format!("a={}", "v".repeat(4096)), near, api), all(Loss::TooLarge));
}

#[test]
fn a_cookie_goes_where_it_belongs() {
    let page = address("https://app.example.com");
    for (line, from, to, goes) in [
        ("a=b", "https://api.example.com/x/y", "https://api.example.com/x/z", true),
        ("a=b", "https://api.example.com/x/y", "https://api.example.com/x", true),
        ("a=b", "https://api.example.com/x/y", "https://api.example.com/xy", false),
        ("a=b", "https://api.example.com/x/y", "https://api.example.com/", false),
        ("a=b; Path=/x/", "https://api.example.com/", "https://api.example.com/x", false),
        ("a=b", "https://api.example.com/", "https://api.example.com:8443/", true),
        ("a=b", "https://api.example.com/", "https://app.example.com/", false),
        ("a=b", "https://api.example.com/", "https://v1.api.example.com/", false),
        ("a=b; Domain=example.com", "https://api.example.com/", "https://app.example.com/", true),
        ("a=b; Domain=example.com", "https://api.example.com/", "https://badexample.com/", false),
        ("a=b; Secure; SameSite=None", "https://api.example.com/", "http://api.example.com/", false),
    ] {
        let (from, to) = (address(from), address(to));
        let mut jar = Jar::new(CHROME);
        jar.set(line, &Trip::fetch(&page, &from, 0), &Sites::default()).expect(line);
        let sent = jar.header(&Trip::fetch(&page, &to, 1), &Sites::default());
        assert_eq!(sent.as_deref(), goes.then_some("a=b"), "{line} from {from} to {to}");
        assert_eq!(jar.withheld(&Trip::fetch(&page, &to, 1), &Sites::default()).is_empty(), goes);
    }
}

#[test]
fn links_carry_lax_and_posts_only_what_is_fresh_and_silent() {
    let (server, other) = (address("https://example.com/"), address("https://example.org"));
    let mut jar = Jar::new(CHROME);
    for line in ["strict=1; SameSite=Strict", "lax=1; SameSite=Lax", "silent=1", "none=1; SameSite=None; Secure"] {
        jar.set(line, &Trip::fetch(&server, &server, 0), &Sites::default()).expect(line);
    }
    let sent = |kind, now| jar.sent(&Trip { to: &server, page: &other, kind, now }, &Sites::default()).join(" ");
    assert_eq!(sent(Kind::Link, 10), "lax silent none");
    assert_eq!(sent(Kind::Post, 10), "silent none");
    assert_eq!(sent(Kind::Post, 120), "none");
    assert_eq!(sent(Kind::Fetch, 10), "none");
    let arriving = Trip { to: &server, page: &other, kind: Kind::Link, now: 0 };
    assert_eq!(Jar::new(CHROME).set("lax=1; SameSite=Lax", &arriving, &Sites::default()), Ok(Kept::New));
}

#[test]
fn a_partitioned_cookie_stays_with_its_page() {
    let server = address("https://api.example.com/");
    let (one, other) = (address("https://one.example"), address("https://two.example"));
    for (browser, line, alone) in [
        (CHROME, "a=b; Secure; SameSite=None; Partitioned", true),
        (SAFARI, "a=b; Secure; SameSite=None; Partitioned", true),
        (FIREFOX, "a=b; Secure; SameSite=None", true),
        (CHROME, "a=b; Secure; SameSite=None", false),
    ] {
        let mut jar = Jar::new(browser);
        jar.set(line, &Trip::fetch(&one, &server, 0), &Sites::default()).expect(line);
        let there = |page| jar.header(&Trip::fetch(page, &server, 1), &Sites::default()).is_some();
        assert!(there(&one), "{browser} {line}");
        assert_eq!((there(&other), there(&server)), (!alone, !alone), "{browser} {line}");
    }
}

#[test]
fn a_cookie_of_a_visit_before_is_withheld_where_third_parties_are_blocked() {
    let (server, page) = (address("https://api.example.com/"), address("https://app.example.org"));
    let mut jar = Jar::new(BLOCKING);
    jar.set("a=b; Secure; SameSite=None", &Trip::fetch(&server, &server, 0), &Sites::default()).expect("a cookie");
    let across = Trip::fetch(&page, &server, 1);
    assert_eq!(jar.withheld(&across, &Sites::default()), [("a", Loss::ThirdParty)]);
    assert_eq!(jar.header(&Trip::fetch(&server, &server, 1), &Sites::default()).as_deref(), Some("a=b"));
}

#[test]
fn cookies_are_replaced_removed_and_ordered() {
    let server = address("https://example.com/a/b");
    let mut jar = Jar::new(CHROME);
    let mut set = |line, now| jar.set(line, &Trip::fetch(&server, &server, now), &Sites::default());
    assert_eq!(set("x=1; Path=/", 0), Ok(Kept::New));
    assert_eq!(set("y=1; Path=/a", 1), Ok(Kept::New));
    assert_eq!(set("x=2; Path=/", 2), Ok(Kept::Replaced));
    assert_eq!(set("z=1; Path=/; Max-Age=5", 2), Ok(Kept::New));
    let header = |jar: &Jar, now| jar.header(&Trip::fetch(&server, &server, now), &Sites::default());
    assert_eq!(header(&jar, 3).as_deref(), Some("y=1; x=2; z=1"));
    assert_eq!(header(&jar, 7).as_deref(), Some("y=1; x=2"), "z is over");
    let trip = Trip::fetch(&server, &server, 8);
    assert_eq!(jar.set("y=; Path=/a; Max-Age=0", &trip, &Sites::default()), Ok(Kept::Removed));
    assert_eq!(jar.set("y=; Path=/a; Max-Age=0", &trip, &Sites::default()), Err(Loss::Expired));
    assert_eq!(header(&jar, 9).as_deref(), Some("x=2"));
    assert_eq!(header(&jar, 400 * 86400 + 9).as_deref(), Some("x=2"), "it ends with the browser");
    jar.set("long=1; Path=/; Max-Age=99999999999", &Trip::fetch(&server, &server, 0), &Sites::default()).expect("long");
    assert!(header(&jar, 400 * 86400 - 1).is_some_and(|sent| sent.contains("long")));
    assert!(header(&jar, 400 * 86400).is_some_and(|sent| !sent.contains("long")), "nothing lives longer");
}

#[test]
fn plain_http_does_not_take_the_place_of_a_secure_cookie() {
    let (https, http) = (address("https://example.com/"), address("http://example.com/"));
    let mut jar = Jar::new(CHROME);
    jar.set("sid=1; Secure", &Trip::fetch(&https, &https, 0), &Sites::default()).expect("a cookie");
    let planted = jar.set("sid=2", &Trip::fetch(&http, &http, 1), &Sites::default());
    assert_eq!(planted, Err(Loss::ShadowsSecure));
    assert_eq!(jar.set("other=2", &Trip::fetch(&http, &http, 1), &Sites::default()), Ok(Kept::New));
}
