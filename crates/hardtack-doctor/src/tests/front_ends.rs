//! Healthy systems with a front end on another origin, with redirects, or with responses that only look wrong.

use super::broken::{EXPRESS, Lines, ORIGIN, PAGE, SHOP, SID, URL};
use super::played::On::{All, At, Of};
use super::played::{Rule, System, Way};
use super::*;
use Step::{Error, First, Post, Preflight, Stranger};

/// A healthy system and the names of its session cookies.
pub(super) struct Served {
    pub(super) session: &'static [&'static str],
    pub(super) system: System,
}

const fn served(
    name: &'static str,
    [page, url]: [&'static str; 2],
    sets: Lines,
    session: Lines,
    rules: &'static [Rule],
) -> Served {
    Served { session, system: System { name, page, url, sets, rules, way: Way::Open, cookie: None } }
}

pub(super) const FRONT_ENDS: &[Served] = &[
    served("Express with cors, on one site", [PAGE, URL], SID, &["connect.sid"], &[EXPRESS]),
    served(
        "Express with cors, on two sites, with `partitioned: true`",
        [SHOP, URL],
        &["connect.sid=s%3Aone.sig; Path=/; HttpOnly; Secure; Partitioned; SameSite=None"],
        &["connect.sid"],
        &[EXPRESS],
    ),
    served(
        "Vite on port 5173, and Express on port 3000",
        ["http://localhost:5173", "http://localhost:3000/session"],
        &["connect.sid=s%3Aone.sig; Path=/; HttpOnly"],
        &["connect.sid"],
        &[EXPRESS],
    ),
    served(
        "Express behind a gateway that redirects unknown pages to a sign-in at another site",
        [PAGE, URL],
        SID,
        &["connect.sid"],
        &[EXPRESS, (Of(Stranger), ":status", &["302"]), (Of(Stranger), "location", &["https://login.example.org/"])],
    ),
    served(
        "Rails with rack-cors",
        [PAGE, URL],
        &["_shop_session=T0k; path=/; secure; HttpOnly; SameSite=Lax"],
        &["_shop_session"],
        &[
            (Of(Preflight), ":status", &["200"]),
            (Of(Preflight), "access-control-allow-methods", &["GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"]),
            (All, "access-control-expose-headers", &[""]),
            (Of(Post), ":status", &["422"]),
        ],
    ),
    served(
        "Django with django-cors-headers, which rejects a POST without its CSRF token",
        [PAGE, URL],
        &[
            "csrftoken=Zm9v; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=31449600; Path=/; SameSite=Lax; Secure",
            "sessionid=p0; expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax; Secure",
        ],
        &["sessionid"],
        &[(Of(Post), ":status", &["403"]), (All, "vary", &["Cookie, origin"])],
    ),
    served(
        "Laravel Sanctum for a page on the same site",
        [PAGE, "https://api.example.com/sanctum/csrf-cookie"],
        &[
            "XSRF-TOKEN=eyJ; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=7200; path=/; domain=.example.com; secure; samesite=lax",
            "laravel_session=eyJ; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=7200; path=/; domain=.example.com; secure; httponly; samesite=lax",
        ],
        &["laravel_session"],
        &[(Of(First), ":status", &["204"]), (Of(Post), ":status", &["419"])],
    ),
    served(
        "Spring Security with CORS and CSRF",
        [PAGE, URL],
        &["JSESSIONID=6F2A; Path=/; Secure; HttpOnly"],
        &["JSESSIONID"],
        &[
            (Of(Preflight), ":status", &["200"]),
            (Of(Post), ":status", &["403"]),
            (Of(Error), ":status", &["401"]),
            (All, "cache-control", &["no-cache, no-store, max-age=0, must-revalidate"]),
        ],
    ),
    served(
        "ASP.NET Core with a CORS policy",
        [PAGE, URL],
        &[".AspNetCore.Session=CfDJ8; path=/; secure; samesite=lax; httponly"],
        &[".AspNetCore.Session"],
        &[(Of(Preflight), "access-control-allow-methods", &["POST"]), (Of(Post), ":status", &["405"])],
    ),
    served(
        "FastAPI with Starlette's CORSMiddleware and SessionMiddleware",
        [PAGE, URL],
        &["session=eyJ; path=/; Max-Age=1209600; httponly; samesite=lax; secure"],
        &["session"],
        &[
            (Of(Preflight), ":status", &["200"]),
            (
                Of(Preflight),
                "access-control-allow-headers",
                &["Accept, Accept-Language, Content-Language, Content-Type"],
            ),
            (Of(Post), ":status", &["405"]),
        ],
    ),
    served(
        "Go with rs/cors",
        [PAGE, URL],
        &["session=a; Path=/; HttpOnly; Secure; SameSite=Lax"],
        &["session"],
        &[
            (Of(Preflight), "access-control-allow-methods", &["POST"]),
            (Of(Preflight), "vary", &["Origin, Access-Control-Request-Method, Access-Control-Request-Headers"]),
        ],
    ),
    served(
        "Phoenix with Corsica",
        [PAGE, URL],
        &["_shop_key=SFMyNTY.x; path=/; HttpOnly; Secure; SameSite=Lax"],
        &["_shop_key"],
        &[(Of(Preflight), ":status", &["200"])],
    ),
    served(
        "an API behind CloudFront, whose responses are not cached",
        [PAGE, URL],
        SID,
        &["connect.sid"],
        &[(All, "x-cache", &["Miss from cloudfront"]), (All, "via", &["1.1 a.cloudfront.net (CloudFront)"])],
    ),
    served(
        "Express without caching headers",
        ["https://app.example.com", "https://app.example.com/"],
        SID,
        &["connect.sid"],
        &[EXPRESS, (All, "cache-control", &[])],
    ),
    served(
        "a session that begins at a POST without caching headers",
        ["https://app.example.com", "https://app.example.com/api/session"],
        SID,
        &["connect.sid"],
        &[(Of(First), "set-cookie", &[]), (Of(Step::Again), "set-cookie", &[]), (Of(Post), "cache-control", &[])],
    ),
    served(
        "an API whose public responses are cached for each origin and each cookie",
        [PAGE, URL],
        SID,
        &["connect.sid"],
        &[
            (Of(Step::Again), "cache-control", &["public, max-age=60"]),
            (Of(Step::Again), "vary", &["Origin, Cookie"]),
            (Of(Step::Stranger), ORIGIN, &[]),
        ],
    ),
    served(
        "PHP with `session_regenerate_id` in each response",
        ["https://app.example.com", "https://app.example.com/"],
        &["PHPSESSID=first; path=/; secure; HttpOnly; SameSite=Lax"],
        &["PHPSESSID"],
        &[(Of(Step::Again), "set-cookie", &["PHPSESSID={n}; path=/; secure; HttpOnly; SameSite=Lax"])],
    ),
    served(
        "ASP.NET, which removes an old session by yesterday's date",
        ["https://app.example.com", "https://app.example.com/"],
        &[
            "ASP.NET_SessionId=rx0; path=/; secure; HttpOnly; SameSite=Lax",
            "shop_session=; expires=Sun, 20-Sep-2026 05:00:00 GMT; path=/; secure; HttpOnly",
        ],
        &["ASP.NET_SessionId"],
        &[],
    ),
    served(
        "an API on a site that answers every path with its page",
        [PAGE, URL],
        SID,
        &["connect.sid"],
        &[(Of(Error), ":status", &["200"]), (Of(Error), ORIGIN, &[])],
    ),
    served(
        "Spring Security that redirects to its sign-in page",
        ["https://app.example.com", "https://app.example.com/orders"],
        &["JSESSIONID=6F2A; Path=/; Secure; HttpOnly"],
        &["JSESSIONID"],
        &[(At("/orders"), ":status", &["302"]), (At("/orders"), "location", &["https://app.example.com/login"])],
    ),
    served(
        "WordPress that redirects to a path with a slash",
        ["https://app.example.com", "https://app.example.com/shop"],
        &["wp_woocommerce_session_1a=t%7C1; expires=Thu, 19 Nov 2099 11:04:47 GMT; path=/; secure; HttpOnly"],
        &["wp_woocommerce_session_1a"],
        &[(At("/shop"), ":status", &["301"]), (At("/shop"), "location", &["/shop/"])],
    ),
    served(
        "a sign-in that fails with 401 and begins a session",
        ["https://app.example.com", "https://app.example.com/api/me"],
        SID,
        &["connect.sid"],
        &[(Of(First), ":status", &["401"]), (Of(Step::Again), ":status", &["401"]), (All, "cache-control", &[])],
    ),
    served(
        "Auth.js whose session endpoint answers `null` without a sign-in, and sets its other cookies",
        ["https://app.example.com", "https://app.example.com/api/auth/session"],
        &[
            "__Host-authjs.csrf-token=f0%7C1; Path=/; HttpOnly; Secure; SameSite=Lax",
            "__Secure-authjs.session-token=eyJ; Path=/; Expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; Secure; SameSite=Lax",
        ],
        &["__Secure-authjs.session-token"],
        &[(All, "cache-control", &["private, no-cache, no-store"])],
    ),
];
