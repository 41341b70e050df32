//! Broken systems: common mistakes with real frameworks, each with the cause that the doctor must find.

use super::broken_answers::{ANSWERS, COOKIES};
use super::played::On::{All, At, Of};
use super::played::{Rule, System, Way};
use super::*;
use Step::{Error, Post, Preflight};

/// A broken system and its cause.
pub(super) struct Broken {
    pub(super) code: Code,
    pub(super) system: System,
}

pub(super) type Lines = &'static [&'static str];
pub(super) type Rules = &'static [Rule];

pub(super) const PAGE: &str = "https://app.example.com";
pub(super) const URL: &str = "https://api.example.com/session";
/// A page of a site other than the server's.
pub(super) const SHOP: &str = "https://shop.example.net";
pub(super) const SID: Lines = &["connect.sid=s%3Aone.sig; Path=/; HttpOnly; Secure; SameSite=Lax"];
const OPEN: Lines = &["connect.sid=s%3Aone.sig; Path=/; HttpOnly; Secure; SameSite=None"];
pub(super) const PLAIN: Lines = &["connect.sid=s%3Aone.sig; Path=/; HttpOnly; SameSite=Lax"];
pub(super) const NONE: Lines = &[];
pub(super) const EXPRESS: Rule = (All, "x-powered-by", &["Express"]);
pub(super) const ORIGIN: &str = "access-control-allow-origin";
pub(super) const CREDENTIALS: &str = "access-control-allow-credentials";

pub(super) const fn broken(
    code: Code,
    name: &'static str,
    [page, url]: [&'static str; 2],
    sets: Lines,
    rules: Rules,
) -> Broken {
    Broken { code, system: System { name, page, url, sets, rules, way: Way::Open, cookie: None } }
}

/// Creates a broken system with a page and a server on one site.
pub(super) const fn near(code: Code, name: &'static str, sets: Lines, rules: Rules) -> Broken {
    broken(code, name, [PAGE, URL], sets, rules)
}

/// Creates a broken system with a page and a server on two sites.
pub(super) const fn far(code: Code, name: &'static str, sets: Lines, rules: Rules) -> Broken {
    broken(code, name, [SHOP, URL], sets, rules)
}

/// Creates a broken system with a page of the server itself.
pub(super) const fn own(code: Code, name: &'static str, sets: Lines, rules: Rules) -> Broken {
    broken(code, name, [URL, URL], sets, rules)
}

/// Creates a broken system with a faulty connection to the server.
const fn on_the_way(code: Code, name: &'static str, way: Way) -> Broken {
    Broken { code, system: System { name, page: PAGE, url: URL, sets: SID, rules: &[], way, cookie: None } }
}

/// Returns all broken systems.
pub(super) fn systems() -> impl Iterator<Item = &'static Broken> {
    CORS.iter().chain(SITES).chain(COOKIES).chain(ANSWERS).chain(WAYS)
}

const CORS: &[Broken] = &[
    near(
        Code::OtherOrigin,
        "Express without `cors`",
        SID,
        &[EXPRESS, (All, ORIGIN, NONE), (All, CREDENTIALS, NONE), (Of(Preflight), ":status", &["200"])],
    ),
    near(
        Code::Wildcard,
        "Express with `cors()` and no options",
        SID,
        &[EXPRESS, (All, ORIGIN, &["*"]), (All, CREDENTIALS, NONE)],
    ),
    near(
        Code::NoCredentials,
        "Express with `cors({ origin })` and no `credentials`",
        SID,
        &[EXPRESS, (All, CREDENTIALS, NONE)],
    ),
    near(
        Code::OtherOrigin,
        "`cors({ origin: 'https://app.example.com/' })`, with a slash at the end",
        SID,
        &[EXPRESS, (All, ORIGIN, &["https://app.example.com/"])],
    ),
    near(
        Code::OtherOrigin,
        "a production server that lists the development page",
        SID,
        &[(All, ORIGIN, &["http://localhost:5173"])],
    ),
    broken(
        Code::OtherOrigin,
        "a server that lists `https://www.example.com`, and a page at `https://example.com`",
        ["https://example.com", URL],
        SID,
        &[(All, ORIGIN, &["https://www.example.com"])],
    ),
    near(
        Code::OtherOrigin,
        "Express whose `cors({ origin })` throws for an origin that it does not list",
        NONE,
        &[EXPRESS, (All, ":status", &["500"]), (All, ORIGIN, NONE), (All, CREDENTIALS, NONE)],
    ),
    near(Code::OtherOrigin, "a server that lists `null`", SID, &[(All, ORIGIN, &["null"])]),
    near(
        Code::TwoOrigins,
        "nginx that adds the CORS headers a second time",
        SID,
        &[(All, ORIGIN, &[PAGE, PAGE]), (All, CREDENTIALS, &["true", "true"])],
    ),
    near(
        Code::TwoOrigins,
        "a list of origins in one header",
        SID,
        &[(All, ORIGIN, &["https://app.example.com, https://www.example.com"])],
    ),
    near(
        Code::Preflight,
        "Spring Security that runs before the CORS filter",
        &["JSESSIONID=6F2A; Path=/; Secure; HttpOnly"],
        &[(Of(Preflight), ":status", &["401"]), (Of(Preflight), ORIGIN, NONE)],
    ),
    near(
        Code::Preflight,
        "AWS API Gateway without an `OPTIONS` method",
        SID,
        &[
            (Of(Preflight), ":status", &["403"]),
            (Of(Preflight), ORIGIN, NONE),
            (Of(Preflight), "x-amzn-errortype", &["MissingAuthenticationTokenException"]),
        ],
    ),
    near(
        Code::PreflightRedirected,
        "Django with a sign-in check before the CORS headers",
        &["sessionid=p0; HttpOnly; Path=/; SameSite=Lax; Secure"],
        &[(Of(Preflight), ":status", &["302"]), (Of(Preflight), "location", &["/accounts/login/?next=/session"])],
    ),
    near(
        Code::PreflightRedirected,
        "nginx that redirects to the same path with a slash",
        SID,
        &[(At("/session"), ":status", &["301"]), (At("/session"), "location", &["https://api.example.com/session/"])],
    ),
    near(
        Code::WildcardList,
        "nginx with `Access-Control-Allow-Headers: *`",
        SID,
        &[(Of(Preflight), "access-control-allow-headers", &["*"])],
    ),
    near(
        Code::Unlisted,
        "Flask-CORS with `allow_headers=['Authorization']`",
        SID,
        &[(Of(Preflight), "access-control-allow-headers", &["Authorization"])],
    ),
    near(
        Code::ErrorsHidden,
        "nginx with `add_header` and no `always`",
        SID,
        &[(Of(Error), ORIGIN, NONE), (Of(Error), CREDENTIALS, NONE)],
    ),
    near(
        Code::ErrorsHidden,
        "Rails whose error pages are outside rack-cors",
        &["_shop_session=T0k; path=/; secure; HttpOnly; SameSite=Lax"],
        &[(Of(Post), ":status", &["500"]), (Of(Post), ORIGIN, NONE)],
    ),
    near(
        Code::ErrorsHidden,
        "a CSRF filter that rejects calls before the CORS layer",
        SID,
        &[(Of(Post), ":status", &["403"]), (Of(Post), ORIGIN, NONE)],
    ),
    near(
        Code::ExposedSetCookie,
        "`cors({ exposedHeaders: ['set-cookie'] })`",
        SID,
        &[EXPRESS, (All, "access-control-expose-headers", &["set-cookie"])],
    ),
    near(
        Code::AnyOrigin,
        "`cors({ origin: true, credentials: true })`, which allows every origin",
        SID,
        &[EXPRESS, (All, ORIGIN, &["{origin}"])],
    ),
    far(
        Code::AnyOrigin,
        "the same, with a cookie that is `SameSite=None` and not `Partitioned`",
        OPEN,
        &[EXPRESS, (All, ORIGIN, &["{origin}"])],
    ),
];

const SITES: &[Broken] = &[
    broken(
        Code::CrossSite,
        "a page on Vercel, and Express with its defaults on Railway",
        ["https://shop.vercel.app", "https://shop.up.railway.app/session"],
        &["connect.sid=s%3Aone.sig; Path=/; HttpOnly; Secure"],
        &[EXPRESS],
    ),
    far(Code::CrossSite, "two domains and `SameSite=Lax`", SID, &[]),
    far(
        Code::CrossSite,
        "two domains and `SameSite=Strict`",
        &["sid=one; Path=/; HttpOnly; Secure; SameSite=Strict"],
        &[],
    ),
    broken(
        Code::CrossSite,
        "two names below `github.io`, which are two sites",
        ["https://ada.github.io", "https://api.github.io/session"],
        SID,
        &[],
    ),
    far(Code::NotSecure, "`SameSite=None` without `Secure`", &["sid=one; Path=/; HttpOnly; SameSite=None"], &[]),
    near(
        Code::NotSecure,
        "`Partitioned` without `Secure`",
        &["sid=one; Path=/; HttpOnly; SameSite=Lax; Partitioned"],
        &[],
    ),
    far(Code::ThirdParty, "a third-party cookie without `Partitioned`", OPEN, &[]),
    broken(
        Code::LoopbackNames,
        "a page opened as `127.0.0.1`, and a server as `localhost`",
        ["http://127.0.0.1:5173", "http://localhost:3000/session"],
        PLAIN,
        &[EXPRESS],
    ),
    broken(
        Code::SchemesDiffer,
        "a page on http and a server on https, both on this machine",
        ["http://localhost:5173", "https://localhost:3443/session"],
        SID,
        &[],
    ),
    broken(
        Code::MixedContent,
        "a page on https, and a server on plain http",
        [PAGE, "http://api.example.com/session"],
        PLAIN,
        &[],
    ),
    broken(
        Code::LocalNetwork,
        "a page on the internet over plain http, and a server at home",
        ["http://app.example.com", "http://192.168.1.5:8080/session"],
        NONE,
        &[],
    ),
    broken(
        Code::LocalNetwork,
        "a page on Vercel, and a server on the developer's machine",
        ["https://shop.vercel.app", "http://localhost:3000/session"],
        &["sid=one; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"],
        &[],
    ),
    broken(
        Code::LocalNetwork,
        "a page on https, and a printer at `http://192.168.1.5`",
        [PAGE, "http://192.168.1.5/status"],
        NONE,
        &[],
    ),
    Broken {
        code: Code::LocalNetwork,
        system: System {
            name: "a public name that resolves to an address in the office",
            page: SHOP,
            url: URL,
            sets: &["sid=one; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"],
            rules: &[],
            way: Way::Near,
            cookie: None,
        },
    },
];

const WAYS: &[Broken] = &[
    on_the_way(Code::Certificate, "a certificate of an unknown authority", Way::Unknown),
    on_the_way(Code::Certificate, "nginx with `cert.pem` instead of `fullchain.pem`", Way::Incomplete),
    on_the_way(Code::Certificate, "a certificate for another name", Way::OtherName),
    on_the_way(Code::Certificate, "an expired certificate", Way::Ended),
    on_the_way(Code::Unreachable, "a server that starts at the first call", Way::Fails(Failure::Slow)),
    on_the_way(Code::Unreachable, "a server with only the old cipher suites of TLS 1.2", Way::Fails(Failure::Tls)),
    on_the_way(Code::Certificate, "a server that speaks TLS 1.1 at most", Way::Fails(Failure::OldTls)),
    on_the_way(Code::Unreachable, "a server that is not running", Way::Fails(Failure::Refused)),
    on_the_way(Code::Unreachable, "a name that is not in the DNS", Way::Fails(Failure::Name)),
    on_the_way(Code::Unreachable, "a firewall that drops packets", Way::Fails(Failure::Silent)),
    on_the_way(
        Code::Unreachable,
        "a URL that begins with `https://`, and a server without TLS",
        Way::Fails(Failure::Plain),
    ),
];
