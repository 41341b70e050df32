//! Tests of the cookie jar: the differences of the browsers, and the effects of time. `chromium.json` covers Chrome.

use super::*;

const CHROME: Browser = Browser::USUAL[0];
const FIREFOX: Browser = Browser::USUAL[1];
const SAFARI: Browser = Browser::USUAL[2];
const BLOCKING: Browser = Browser::new(Maker::Chrome, true);

/// Returns the losses in Chrome, Firefox and Safari with their default settings, and in Chrome with third-party cookies
/// blocked.
fn losses(line: &str, page: &str, server: &str) -> [Option<Loss>; 4] {
    let (page, server) = (address(page), address(server));
    let request = Request::fetch(&page, &server, 1_000_000_000);
    [CHROME, FIREFOX, SAFARI, BLOCKING].map(|browser| Jar::new(browser).set(line, &request, &Sites::default()).err())
}

#[test]
fn each_browser_keeps_by_its_own_rules() {
    let (near, api, far) = ("https://app.example.com", "https://api.example.com/v1/", "https://app.example.org");
    let (plain, local) = ("http://api.example.com", "http://localhost:3000");
    let all = |loss| [Some(loss); 4];
    let (none, third) = ([None; 4], Some(Loss::ThirdParty));
    let safari = |loss| [None, None, Some(loss), None];
    let chrome = |loss| [Some(loss), None, None, Some(loss)];
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
        ("__Host-a; Secure; Path=/", near, api, all(Loss::Prefix)),
        ("a=b; Partitioned", near, api, all(Loss::PartitionedWithoutSecure)),
        // Chrome and Firefox deviate from the standard here.
        (
            "__Host-a=b; Secure",
            near,
            "https://api.example.com/",
            [Some(Loss::Prefix), None, Some(Loss::Prefix), Some(Loss::Prefix)],
        ),
        (
            "__Host-a=b; Secure; Path=/; Domain=localhost",
            "https://localhost",
            "https://localhost",
            [Some(Loss::Prefix), None, Some(Loss::Prefix), Some(Loss::Prefix)],
        ),
        ("a=b\tc", near, api, chrome(Loss::Unreadable)),
        ("a=b; Path=/\tx", near, api, chrome(Loss::Unreadable)),
        ("a=b; Domain=.", near, api, [Some(Loss::Domain), Some(Loss::Domain), None, Some(Loss::Domain)]),
        (
            "__Host-a=b; Secure; Path=/; Domain=127.0.0.1",
            "https://127.0.0.1",
            "https://127.0.0.1",
            [None, None, Some(Loss::Prefix), None],
        ),
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
        // Only in Chrome another scheme is another site.
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
fn a_post_carries_what_is_silent_only_while_it_is_fresh() {
    let (server, other) = (address("https://example.com/"), address("https://example.org"));
    let mut jar = Jar::new(CHROME);
    jar.set("silent=1", &Request::fetch(&server, &server, 0), &Sites::default()).expect("a cookie");
    let sent = |now| {
        jar.sent(&Request { to: &server, page: &other, kind: Kind::Post, now, date: None }, &Sites::default()).join(" ")
    };
    assert_eq!((sent(119).as_str(), sent(120).as_str()), ("silent", ""));
}

#[test]
fn the_end_of_a_name_is_no_domain() {
    let (server, other) = (address("https://example.com"), address("https://badexample.com"));
    let mut jar = Jar::new(CHROME);
    jar.set("a=b; Domain=example.com", &Request::fetch(&server, &server, 0), &Sites::default()).expect("a cookie");
    assert_eq!(jar.withheld(&Request::fetch(&other, &other, 1), &Sites::default()), [("a", Loss::OtherHost)]);
}

#[test]
fn a_partitioned_cookie_stays_with_its_page() {
    let server = address("https://api.example.com/");
    let (one, other) = (address("https://one.example"), address("https://two.example"));
    for (browser, line, alone) in [
        (SAFARI, "a=b; Secure; SameSite=None; Partitioned", true),
        (FIREFOX, "a=b; Secure; SameSite=None", true),
        (Browser::new(Maker::Safari, false), "a=b; Secure; SameSite=None", false),
    ] {
        let mut jar = Jar::new(browser);
        jar.set(line, &Request::fetch(&one, &server, 0), &Sites::default()).expect(line);
        let there = |page| jar.header(&Request::fetch(page, &server, 1), &Sites::default()).is_some();
        assert!(there(&one), "{browser} {line}");
        assert_eq!((there(&other), there(&server)), (!alone, !alone), "{browser} {line}");
    }
}

#[test]
fn cookies_are_replaced_removed_and_ordered() {
    let server = address("https://example.com/a/b");
    let mut jar = Jar::new(CHROME);
    let mut set = |line, now| jar.set(line, &Request::fetch(&server, &server, now), &Sites::default());
    assert_eq!(set("x=1; Path=/", 0), Ok(Kept::New));
    assert_eq!(set("y=1; Path=/a", 1), Ok(Kept::New));
    assert_eq!(set("x=2; Path=/", 2), Ok(Kept::Replaced));
    assert_eq!(set("z=1; Path=/; Max-Age=5", 2), Ok(Kept::New));
    let header = |jar: &Jar, now| jar.header(&Request::fetch(&server, &server, now), &Sites::default());
    assert_eq!(header(&jar, 3).as_deref(), Some("y=1; x=2; z=1"));
    assert_eq!(header(&jar, 7).as_deref(), Some("y=1; x=2"), "z has expired");
    let request = Request::fetch(&server, &server, 8);
    assert_eq!(jar.set("y=; Path=/a; Max-Age=0", &request, &Sites::default()), Ok(Kept::Removed));
    assert_eq!(jar.set("y=; Path=/a; Max-Age=0", &request, &Sites::default()), Err(Loss::Expired));
    assert_eq!(header(&jar, 9).as_deref(), Some("x=2"));
    assert_eq!(header(&jar, 400 * 86400 + 9).as_deref(), Some("x=2"), "it expires when the browser closes");
}

#[test]
fn in_chrome_alone_another_value_makes_a_cookie_young() {
    let server = address("https://example.com/");
    for (browser, sent) in [(CHROME, "b=2; a=3"), (FIREFOX, "a=3; b=2"), (SAFARI, "a=3; b=2")] {
        let mut jar = Jar::new(browser);
        for (line, now) in [("a=1", 0), ("b=2", 1), ("a=3", 2)] {
            jar.set(line, &Request::fetch(&server, &server, now), &Sites::default()).expect(line);
        }
        assert_eq!(
            jar.header(&Request::fetch(&server, &server, 3), &Sites::default()).as_deref(),
            Some(sent),
            "{browser}"
        );
    }
}
