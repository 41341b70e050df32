//! Healthy systems of many frameworks, with the defaults that their documentation describes.
//!
//! `{n}` is a different text in each response, like a value that is encrypted anew.

/// A healthy system.
pub(super) struct Healthy {
    pub(super) name: &'static str,
    /// The URL that is probed, from a page of its own origin.
    pub(super) url: &'static str,
    /// The `Set-Cookie` lines of the first response.
    pub(super) first: &'static [&'static str],
    /// The `Set-Cookie` lines of each later response.
    pub(super) later: &'static [&'static str],
    /// Other headers of each response.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// The names of the session cookies.
    pub(super) session: &'static [&'static str],
}

const URL: &str = "https://app.example.com/";
const XSRF: &str = "XSRF-TOKEN=eyJpdiI6{n}; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=7200; path=/; samesite=lax";
const LARAVEL_SESSION: &str =
    "laravel_session=eyJpdiI6{n}; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=7200; path=/; httponly; samesite=lax";
const LARAVEL: &[&str] = &[XSRF, LARAVEL_SESSION];
const SID: &str = "connect.sid=s%3AbXlzZXNzaW9u.c2lnbmF0dXJl; Path=/; HttpOnly";
const EXPRESS: &[&str] = &[SID];
const ROLLING: &[&str] =
    &["connect.sid=s%3AbXlzZXNzaW9u.c2lnbmF0dXJl; Path=/; Expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly"];
const PHP: &[(&str, &str)] = &[
    ("expires", "Thu, 19 Nov 1981 08:52:00 GMT"),
    ("cache-control", "no-store, no-cache, must-revalidate"),
    ("pragma", "no-cache"),
];
pub(super) const PRIVATE: &[(&str, &str)] = &[("cache-control", "no-cache, private")];
pub(super) const NONE: &[&str] = &[];

pub(super) const fn at_root(
    name: &'static str,
    first: &'static [&'static str],
    later: &'static [&'static str],
    headers: &'static [(&'static str, &'static str)],
    session: &'static [&'static str],
) -> Healthy {
    Healthy { name, url: URL, first, later, headers, session }
}

pub(super) const SYSTEMS: &[Healthy] = &[
    at_root("Laravel", LARAVEL, LARAVEL, PRIVATE, &["laravel_session"]),
    at_root(
        "Laravel behind Cloudflare",
        &[
            XSRF,
            LARAVEL_SESSION,
            "__cf_bm=abc; path=/; expires=Thu, 19 Nov 2099 11:04:47 GMT; domain=.example.com; HttpOnly; Secure; SameSite=None",
        ],
        LARAVEL,
        &[("cache-control", "no-cache, private"), ("cf-ray", "8f0c"), ("server", "cloudflare")],
        &["laravel_session"],
    ),
    at_root(
        "a site with Cloudflare's rate limits",
        &["_cfuvid=abc; path=/; domain=.example.com; HttpOnly; Secure; SameSite=None", SID],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "Django with a message for the next page",
        &[
            "csrftoken=Zm9v; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=31449600; Path=/; SameSite=Lax",
            "sessionid=p0m1; expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax",
            "messages=W1siX19qc29u; HttpOnly; Path=/; SameSite=Lax",
        ],
        &["messages=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax"],
        &[("vary", "Cookie"), ("cache-control", "private")],
        &["sessionid"],
    ),
    at_root(
        "Rails",
        &["_shop_session=T0k%3D--{n}; path=/; secure; HttpOnly; SameSite=Lax"],
        &["_shop_session=T0k%3D--{n}; path=/; secure; HttpOnly; SameSite=Lax"],
        PRIVATE,
        &["_shop_session"],
    ),
    at_root(
        "Rails with Devise on Heroku",
        &[
            "_shop_session=T0k{n}; path=/; secure; HttpOnly; SameSite=Lax",
            "remember_user_token=eyJfcmFpbHM; path=/; expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; SameSite=Lax",
            "heroku-session-affinity=ACyDaANo; Version=1; Expires=Thu, 19-Nov-2099 11:04:47 GMT; Max-Age=86400; Path=/; HttpOnly",
        ],
        NONE,
        PRIVATE,
        &["_shop_session", "remember_user_token"],
    ),
    at_root(
        "Spring Session",
        &["SESSION=YWJjZGVm; Path=/; Secure; HttpOnly; SameSite=Lax"],
        NONE,
        PRIVATE,
        &["SESSION"],
    ),
    at_root(
        "Spring Security with the CSRF token of a single-page application",
        &["JSESSIONID=6F2A; Path=/; Secure; HttpOnly", "XSRF-TOKEN=5e1c; Path=/; Secure"],
        NONE,
        &[("cache-control", "no-cache, no-store, max-age=0, must-revalidate")],
        &["JSESSIONID"],
    ),
    Healthy {
        name: "Tomcat, which also writes the session ID into the URL",
        url: "https://app.example.com/shop;jsessionid=6F2A",
        first: &["JSESSIONID=6F2A; Path=/; Secure; HttpOnly"],
        later: NONE,
        headers: PRIVATE,
        session: &["JSESSIONID"],
    },
    at_root(
        "ASP.NET Core with its session and antiforgery",
        &[
            ".AspNetCore.Antiforgery.x1=CfDJ8; path=/; samesite=strict; httponly",
            ".AspNetCore.Session=CfDJ8{n}; path=/; samesite=lax; httponly",
        ],
        NONE,
        &[("cache-control", "no-cache, no-store")],
        &[".AspNetCore.Session"],
    ),
    at_root(
        "ASP.NET Core Identity on Azure App Service",
        &[
            "ARRAffinity=8a;Path=/;HttpOnly;Secure;Domain=app.example.com",
            "ARRAffinitySameSite=8a;Path=/;HttpOnly;SameSite=None;Secure;Domain=app.example.com",
            ".AspNetCore.Identity.Application=CfDJ8; expires=Thu, 19 Nov 2099 11:04:47 GMT; path=/; secure; samesite=lax; httponly",
        ],
        NONE,
        PRIVATE,
        &[".AspNetCore.Identity.Application"],
    ),
    at_root(
        "ASP.NET",
        &["ASP.NET_SessionId=rx; path=/; HttpOnly; SameSite=Lax"],
        NONE,
        PRIVATE,
        &["ASP.NET_SessionId"],
    ),
    at_root("PHP", &["PHPSESSID=k3; path=/; secure"], NONE, PHP, &["PHPSESSID"]),
    at_root(
        "Symfony, which removes an old cookie",
        &[
            "PHPSESSID=k3; path=/; secure; httponly; samesite=lax",
            "REMEMBERME=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; path=/; httponly; samesite=lax",
        ],
        NONE,
        PHP,
        &["PHPSESSID"],
    ),
    at_root(
        "CodeIgniter",
        &["ci_session=k3; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=7200; path=/; HttpOnly; SameSite=Lax"],
        NONE,
        PHP,
        &["ci_session"],
    ),
    at_root(
        "Drupal",
        &[
            "SSESS5d=k3; expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=2000000; path=/; domain=.app.example.com; secure; HttpOnly; SameSite=Lax",
        ],
        NONE,
        PHP,
        &["SSESS5d"],
    ),
    at_root(
        "Yii",
        &["PHPSESSID=k3; path=/; HttpOnly; SameSite=Lax", "_csrf=f0; path=/; HttpOnly; SameSite=Lax"],
        NONE,
        PHP,
        &["PHPSESSID"],
    ),
    at_root(
        "WordPress, signed in",
        &[
            "wordpress_test_cookie=WP%20Cookie%20check; path=/; secure; HttpOnly",
            "wordpress_sec_1a=ada%7C1; path=/wp-admin; secure; HttpOnly",
            "wordpress_sec_1a=ada%7C1; path=/wp-content/plugins; secure; HttpOnly",
            "wordpress_logged_in_1a=ada%7C1; path=/; secure; HttpOnly",
        ],
        NONE,
        PHP,
        &["wordpress_logged_in_1a"],
    ),
    at_root(
        "Auth.js",
        &[
            "__Host-authjs.csrf-token=f0%7C1; Path=/; HttpOnly; Secure; SameSite=Lax",
            "__Secure-authjs.callback-url=https%3A%2F%2Fapp.example.com; Path=/; HttpOnly; Secure; SameSite=Lax",
            "__Secure-authjs.session-token=eyJ{n}; Path=/; Expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; Secure; SameSite=Lax",
        ],
        &[
            "__Secure-authjs.session-token=eyJ{n}; Path=/; Expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; Secure; SameSite=Lax",
        ],
        &[("cache-control", "private, no-cache, no-store")],
        &["__Secure-authjs.session-token"],
    ),
    at_root(
        "NextAuth",
        &[
            "__Secure-next-auth.session-token=eyJ{n}; Path=/; Expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; Secure; SameSite=Lax",
        ],
        NONE,
        PRIVATE,
        &["__Secure-next-auth.session-token"],
    ),
    at_root(
        "Better Auth",
        &["__Secure-better-auth.session_token=t0.sig; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax"],
        NONE,
        PRIVATE,
        &["__Secure-better-auth.session_token"],
    ),
    at_root("express-session in memory", EXPRESS, NONE, PRIVATE, &["connect.sid"]),
    at_root("express-session with connect-redis, rolling", ROLLING, ROLLING, PRIVATE, &["connect.sid"]),
    at_root("express-session with connect-mongo", ROLLING, NONE, PRIVATE, &["connect.sid"]),
    at_root("express-session with connect-pg-simple", EXPRESS, NONE, PRIVATE, &["connect.sid"]),
    at_root("express-session with session-file-store", EXPRESS, NONE, PRIVATE, &["connect.sid"]),
    at_root(
        "express-session on a server whose clock is an hour slow",
        &["connect.sid=s%3Aa.b; Path=/; Expires=Mon, 21 Sep 2026 13:43:20 GMT; HttpOnly"],
        NONE,
        &[("cache-control", "private"), ("date", "Mon, 21 Sep 2026 13:13:20 GMT")],
        &["connect.sid"],
    ),
    at_root(
        "cookie-session",
        &["session=eyJ9; path=/; httponly", "session.sig=f0; path=/; httponly"],
        NONE,
        PRIVATE,
        &["session"],
    ),
    at_root(
        "iron-session",
        &["app-session=Fe26.2**{n}; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax"],
        &["app-session=Fe26.2**{n}; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax"],
        PRIVATE,
        &["app-session"],
    ),
    at_root("Fastify", &["sessionId=a.b; Path=/; HttpOnly; Secure"], NONE, PRIVATE, &["sessionId"]),
    at_root(
        "Lucia",
        &["auth_session=a; HttpOnly; Max-Age=2592000; Path=/; SameSite=Lax; Secure"],
        NONE,
        PRIVATE,
        &["auth_session"],
    ),
    at_root(
        "Supabase",
        &["sb-abcd-auth-token=base64-e30; Path=/; Max-Age=34560000; SameSite=Lax"],
        NONE,
        PRIVATE,
        &["sb-abcd-auth-token"],
    ),
    at_root(
        "Clerk",
        &["__session=eyJ; Path=/; Secure; SameSite=Lax", "__client_uat=0; Path=/; Secure; SameSite=Lax"],
        NONE,
        PRIVATE,
        &["__session"],
    ),
    at_root(
        "Flask",
        &["session=eyJ.Z.x; HttpOnly; Path=/"],
        NONE,
        &[("vary", "Cookie"), ("cache-control", "private")],
        &["session"],
    ),
    at_root(
        "Phoenix",
        &["_shop_key=SFMyNTY.x; path=/; HttpOnly; SameSite=Lax"],
        NONE,
        &[("cache-control", "max-age=0, private, must-revalidate")],
        &["_shop_key"],
    ),
    at_root(
        "scs in Go",
        &["session=a; Path=/; HttpOnly; SameSite=Lax"],
        NONE,
        &[("cache-control", "no-cache=\"Set-Cookie\""), ("vary", "Cookie")],
        &["session"],
    ),
    at_root(
        "gorilla/sessions in Go",
        &["session-name=MTY; Path=/; Expires=Thu, 19 Nov 2099 11:04:47 GMT; Max-Age=2592000"],
        NONE,
        PRIVATE,
        &["session-name"],
    ),
    at_root("tower-sessions", &["id=aXYZ; HttpOnly; SameSite=Strict; Secure; Path=/"], NONE, PRIVATE, &["id"]),
    Healthy {
        name: "Keycloak's sign-in page",
        url: "https://sso.example.com/realms/main/protocol/openid-connect/auth",
        first: &[
            "AUTH_SESSION_ID=a.node1; Version=1; Path=/realms/main/; SameSite=None; Secure; HttpOnly",
            "KC_AUTH_SESSION_HASH=f0; Version=1; Path=/realms/main/; Max-Age=60; SameSite=None; Secure",
            "KC_RESTART=eyJ; Version=1; Path=/realms/main/; HttpOnly; Secure",
        ],
        later: NONE,
        headers: &[("cache-control", "no-store, must-revalidate, max-age=0")],
        session: &["AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH"],
    },
    at_root(
        "Express behind an AWS load balancer",
        &[
            "AWSALB=x{n}; Expires=Thu, 19 Nov 2099 11:04:47 GMT; Path=/",
            "AWSALBCORS=x{n}; Expires=Thu, 19 Nov 2099 11:04:47 GMT; Path=/; SameSite=None; Secure",
            SID,
        ],
        &[
            "AWSALB=x{n}; Expires=Thu, 19 Nov 2099 11:04:47 GMT; Path=/",
            "AWSALBCORS=x{n}; Expires=Thu, 19 Nov 2099 11:04:47 GMT; Path=/; SameSite=None; Secure",
        ],
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "Express behind Google's load balancer",
        &["GCLB=\"a1\"; path=/; HttpOnly; expires=Thu, 19-Nov-2099 11:04:47 GMT", SID],
        NONE,
        &[("via", "1.1 google"), ("cache-control", "private")],
        &["connect.sid"],
    ),
    at_root(
        "Express behind ingress-nginx",
        &["INGRESSCOOKIE=1.2; Path=/; Secure; HttpOnly", SID],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root("Express behind HAProxy", &["SERVERID=s1; path=/", SID], NONE, PRIVATE, &["connect.sid"]),
    at_root(
        "Express behind F5",
        &["BIGipServerpool=1.2.3; path=/; Httponly; Secure", "TS01a2b3c4=x; Path=/; Secure; HTTPOnly", SID],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "Express behind Imperva",
        &[
            "visid_incap_1=x; expires=Thu, 19 Nov 2099 11:04:47 GMT; HttpOnly; path=/; Domain=.example.com",
            "incap_ses_1_1=x; path=/; Domain=.example.com",
            SID,
        ],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "Express behind Akamai",
        &[
            "ak_bmsc=x; Domain=.example.com; Path=/; Max-Age=7200; HttpOnly",
            "_abck=x; Domain=.example.com; Path=/; Max-Age=31536000; Secure",
            SID,
        ],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "Express behind DataDome",
        &["datadome=x; Max-Age=31536000; Domain=.example.com; Path=/; Secure; SameSite=Lax", SID],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "Express with analytics",
        &[
            "_ga=GA1.1; Max-Age=63072000; Path=/",
            "FPID=FPID2; Max-Age=63072000; Domain=example.com; Path=/; Secure; HttpOnly",
            SID,
        ],
        NONE,
        PRIVATE,
        &["connect.sid"],
    ),
    at_root(
        "an application that moves its cookie from the domain to the host",
        &["sid=; Max-Age=0; Domain=example.com; Path=/", "sid=new; Path=/; Secure; HttpOnly; SameSite=Lax"],
        NONE,
        PRIVATE,
        &["sid"],
    ),
    at_root(
        "Hardtack",
        &["__Host-hardtack_sess=a.b; HttpOnly; SameSite=Lax; Secure; Path=/"],
        NONE,
        &[("cache-control", "no-store")],
        &["__Host-hardtack_sess"],
    ),
];
