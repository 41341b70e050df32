//! Broken systems with faults in their cookies, redirects or other responses.

use super::broken::{Broken, CREDENTIALS, EXPRESS, NONE, ORIGIN, PAGE, PLAIN, SID, URL, broken, far, near, own};
use super::played::On::{All, At, Last, Of, Plain};
use super::played::{System, Way};
use super::*;
use Step::{First, Preflight};

pub(super) const COOKIES: &[Broken] = &[
    own(
        Code::Domain,
        "`domain` of another application",
        &["sid=one; Domain=example.org; Path=/; HttpOnly; Secure"],
        &[],
    ),
    own(
        Code::Domain,
        "`domain` of a sibling host",
        &["sid=one; Domain=www.example.com; Path=/; HttpOnly; Secure"],
        &[],
    ),
    broken(
        Code::Domain,
        "`domain: 'localhost'`, opened as `127.0.0.1`",
        ["http://127.0.0.1:3000", "http://127.0.0.1:3000/session"],
        &["sid=one; Domain=localhost; Path=/; HttpOnly"],
        &[],
    ),
    broken(
        Code::Domain,
        "`domain` of a shared hosting service",
        ["https://shop.onrender.com", "https://shop.onrender.com/session"],
        &["sid=one; Domain=onrender.com; Path=/; HttpOnly; Secure"],
        &[],
    ),
    own(
        Code::Prefix,
        "`__Host-` with a domain",
        &["__Host-sid=one; Domain=example.com; Path=/; HttpOnly; Secure"],
        &[],
    ),
    own(Code::Prefix, "`__Host-` with a path", &["__Host-sid=one; Path=/app; HttpOnly; Secure"], &[]),
    own(
        Code::Prefix,
        "Auth.js with `__Secure-` and no `Secure`",
        &["__Secure-authjs.session-token=eyJ; Path=/; HttpOnly; SameSite=Lax"],
        &[],
    ),
    own(Code::HttpPrefix, "`__Http-` that scripts may read", &["__Http-sid=one; Path=/; Secure"], &[]),
    broken(
        Code::Path,
        "Tomcat with the context `/shop`, and a proxy that serves it at `/`",
        ["https://shop.example.com", "https://shop.example.com/"],
        &["JSESSIONID=6F2A; Path=/shop; Secure; HttpOnly"],
        &[],
    ),
    broken(
        Code::Path,
        "a cookie without `Path`, set at `/api/auth/login`",
        [PAGE, "https://app.example.com/api/auth/login"],
        &["sid=one; HttpOnly; Secure; SameSite=Lax"],
        &[],
    ),
    own(Code::TooLarge, "cookie-session with a shopping basket", &["session={large}; path=/; secure; httponly"], &[]),
    own(
        Code::Expired,
        "`Expires` in local time that is labelled GMT",
        &["sid=one; Path=/; Expires=Mon, 21 Sep 2026 12:43:20 GMT; HttpOnly; Secure"],
        &[(All, "date", &["Mon, 21 Sep 2026 14:13:20 GMT"])],
    ),
    own(
        Code::Expired,
        "a server without `Date` whose clock is a day slow",
        &["sid=one; Path=/; Expires=Sun, 20 Sep 2026 15:13:20 GMT; HttpOnly; Secure"],
        &[],
    ),
    broken(
        Code::SecureOverHttp,
        "`Secure` in an intranet on plain http",
        ["http://intranet.example.com", "http://intranet.example.com/session"],
        SID,
        &[],
    ),
    broken(
        Code::SecureOnLoopback,
        "`Secure` on `http://localhost`",
        ["http://localhost:8000", "http://localhost:8000/session"],
        &["sessionid=p0; HttpOnly; Path=/; SameSite=Lax; Secure"],
        &[],
    ),
    own(Code::Unreadable, "a value with a control character", &["sid=one\u{1}two; Path=/; HttpOnly; Secure"], &[]),
    own(
        Code::SharedName,
        "two session middlewares with one name",
        &[
            "connect.sid=s%3Aone.sig; Path=/; HttpOnly; Secure; SameSite=Lax",
            "connect.sid=s%3Atwo.sig; Path=/; HttpOnly; Secure; SameSite=Lax",
        ],
        &[EXPRESS],
    ),
    own(
        Code::Strict,
        "`SameSite=Strict`, and visitors who come by links",
        &["sid=one; Path=/; HttpOnly; Secure; SameSite=Strict"],
        &[],
    ),
    far(
        Code::NoRoom,
        "four large `Partitioned` cookies",
        &[
            "sid=one; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
            "basket={big}; Path=/; Secure; SameSite=None; Partitioned",
            "seen={big}; Path=/; Secure; SameSite=None; Partitioned",
            "wishes={big}; Path=/; Secure; SameSite=None; Partitioned",
        ],
        &[],
    ),
];

pub(super) const ANSWERS: &[Broken] = &[
    own(
        Code::NoCookie,
        "Express with `secure: true` behind a proxy that terminates TLS, without `trust proxy`",
        NONE,
        &[EXPRESS],
    ),
    broken(
        Code::NoCookie,
        "Express with `secure: true` on `http://localhost`",
        ["http://localhost:3000", "http://localhost:3000/session"],
        NONE,
        &[EXPRESS],
    ),
    Broken {
        code: Code::NoCookie,
        system: System {
            name: "a proxy that removes `Set-Cookie`",
            page: PAGE,
            url: URL,
            sets: NONE,
            rules: &[(All, "via", &["1.1 cache"])],
            way: Way::Open,
            cookie: Some("sid"),
        },
    },
    own(
        Code::SchemeUnknown,
        "Express with `secure: 'auto'` behind a proxy that terminates TLS, without `trust proxy`",
        PLAIN,
        &[EXPRESS],
    ),
    own(
        Code::SchemeUnknown,
        "a redirect back to http behind a proxy that terminates TLS",
        SID,
        &[(At("/session"), ":status", &["302"]), (At("/session"), "location", &["http://api.example.com/session/"])],
    ),
    own(
        Code::DeadEnd,
        "an endless redirect to https behind a proxy that terminates TLS",
        NONE,
        &[(All, ":status", &["301"]), (All, "location", &["https://api.example.com/session"])],
    ),
    own(
        Code::DeadEnd,
        "a redirect to a phone app",
        NONE,
        &[(At("/session"), ":status", &["302"]), (At("/session"), "location", &["myapp://callback"])],
    ),
    broken(
        Code::Redirected,
        "a site that redirects to https, probed by `http://`",
        ["http://shop.example.com", "http://shop.example.com/"],
        SID,
        &[(Plain, ":status", &["301"]), (Plain, "location", &["https://shop.example.com/"])],
    ),
    near(
        Code::Redirected,
        "a proxy that redirects calls without a session to a sign-in at another site",
        NONE,
        &[
            (Of(First), ":status", &["302"]),
            (Of(First), "location", &["https://login.example.net/authorize?state=x"]),
            (At("/authorize"), ":status", &["200"]),
            (At("/authorize"), ORIGIN, NONE),
        ],
    ),
    near(
        Code::Joined,
        "a serverless adapter that joins cookies: `headers.get('set-cookie')`",
        &["sid=one; Path=/; HttpOnly; Secure; SameSite=Lax, theme=dark; Path=/"],
        &[],
    ),
    own(Code::Cleared, "`Clear-Site-Data` in each response", SID, &[(All, "clear-site-data", &["\"cookies\""])]),
    own(
        Code::Refused,
        "Cloudflare's bot filter",
        &["__cf_bm=x; path=/; HttpOnly; Secure"],
        &[(All, ":status", &["403"]), (All, "cf-mitigated", &["challenge"])],
    ),
    own(
        Code::Refused,
        "a preview behind Basic authentication",
        NONE,
        &[(All, ":status", &["401"]), (All, "www-authenticate", &["Basic realm=\"preview\""])],
    ),
    own(
        Code::Refused,
        "a preview of Vercel that asks for a sign-in",
        &["_vercel_sso_nonce=x; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax"],
        &[(All, ":status", &["401"])],
    ),
    own(Code::Refused, "nginx whose application is down", NONE, &[(All, ":status", &["502"])]),
    near(
        Code::Refused,
        "nginx whose application is down, called from another origin",
        NONE,
        &[(All, ":status", &["502"]), (All, ORIGIN, NONE), (All, CREDENTIALS, NONE)],
    ),
    near(
        Code::Refused,
        "an API with a rate limit",
        NONE,
        &[(All, ":status", &["429"]), (Of(Preflight), ":status", &["204"])],
    ),
    own(
        Code::Forgotten,
        "keys that are lost at each start, or a serverless function with a store in memory",
        SID,
        &[(Of(Step::Again), "set-cookie", &["connect.sid=s%3A{n}.sig; Path=/; HttpOnly; Secure; SameSite=Lax"])],
    ),
    own(
        Code::NodesDiffer,
        "two servers with separate stores",
        SID,
        &[(Last, "set-cookie", &["connect.sid=s%3Aother.sig; Path=/; HttpOnly; Secure; SameSite=Lax"])],
    ),
    own(
        Code::Cached,
        "a CDN that caches the response with the cookie",
        SID,
        &[(All, "cache-control", &["public, max-age=600"]), (All, "age", &["212"]), (All, "x-cache", &["HIT"])],
    ),
    own(
        Code::Cached,
        "a CDN that caches the responses to calls with the cookie",
        SID,
        &[
            (Of(Step::Again), "cache-control", &["public, max-age=600"]),
            (Of(Step::Again), "age", &["300"]),
            (Of(Step::Again), "x-cache", &["HIT"]),
        ],
    ),
    near(
        Code::Cached,
        "hand-written CORS without `Vary: Origin`, in responses that caches may store",
        NONE,
        &[(All, "cache-control", &["public, max-age=60"]), (All, "vary", NONE), (Of(Step::Stranger), ORIGIN, NONE)],
    ),
    own(Code::Clock, "a server whose clock is an hour fast", SID, &[(All, "date", &["Mon, 21 Sep 2026 15:13:20 GMT"])]),
    broken(
        Code::PlainHttp,
        "a site on plain http",
        ["http://shop.example.com", "http://shop.example.com/"],
        PLAIN,
        &[],
    ),
];
