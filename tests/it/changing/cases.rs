//! The changes of settings to test, in the words of `docs/CHANGING-SETTINGS.md`.

use std::time::Duration;

/// Settings, as variables without `HARDTACK_`. `{folder}` stands for the folder of the test.
pub type Set = &'static [(&'static str, &'static str)];

/// The consequence of a change for a visitor who was signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The visitor stays signed in.
    Stay,
    /// The visitor must sign in again, once.
    Leave,
}

impl Fate {
    /// Returns the words of the page.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stay => "stay signed in",
            Self::Leave => "sign in again",
        }
    }
}

/// One change of settings, which is made and then undone.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The setting, such as `session.idle`.
    pub key: &'static str,
    /// The change, in the words of the page.
    pub change: &'static str,
    pub from: Set,
    pub to: Set,
    /// The page that the visitors use, if it is on another origin.
    pub page: Option<&'static str>,
    /// The time between the sign-in and the next visit.
    pub away: Duration,
    /// The fates of an ordinary visitor and of a visitor with "keep me signed in".
    pub fates: [Fate; 2],
    /// The settings that the start warns about, because visitors notice the change.
    pub said: &'static [&'static str],
}

use Fate::{Leave, Stay};

const MINUTE: Duration = Duration::from_secs(60);

const fn case(key: &'static str, change: &'static str, from: Set, to: Set, fate: Fate) -> Case {
    Case { key, change, from, to, page: None, away: MINUTE, fates: [fate, fate], said: &[] }
}

impl Case {
    const fn on_page(self, page: &'static str) -> Self {
        Self { page: Some(page), ..self }
    }

    const fn away(self, minutes: u64) -> Self {
        Self { away: Duration::from_secs(60 * minutes), ..self }
    }

    const fn fates(self, ordinary: Fate, kept: Fate) -> Self {
        Self { fates: [ordinary, kept], ..self }
    }

    const fn said(self, said: &'static [&'static str]) -> Self {
        Self { said, ..self }
    }

    /// Returns the words of the page for the fates of both visitors.
    pub fn words(&self) -> String {
        match self.fates {
            [ordinary, kept] if ordinary == kept => ordinary.words().to_owned(),
            [ordinary, kept] => format!("{}; with \"keep me signed in\": {}", ordinary.words(), kept.words()),
        }
    }
}

type Pair = (&'static str, &'static str);
const URL: Pair = ("SITE_URL", "https://app.example.com");
const API_URL: Pair = ("SITE_URL", "https://api.example.com");
const FRONT_END: Pair = ("SITE_FRONT_ENDS", PAGE);
const NAME: Pair = ("SESSION_NAME", "sess");
const ACCOUNTS: Pair = ("ACCOUNTS_DATABASE", "sqlite:{folder}/accounts.db");

const HTTP: Set = &[];
const PLAIN: Set = &[("SITE_URL", "http://app.example.com"), ("SITE_INSECURE", "true")];
const HTTPS: Set = &[URL];
const NAMED: Set = &[URL, NAME];
const API: Set = &[API_URL, FRONT_END];
const NAMED_API: Set = &[API_URL, FRONT_END, NAME];
const PAGE: &str = "https://app.example.com";
const ACROSS: Set = &[URL, ("SITE_FRONT_ENDS", "https://app.example.org")];
pub const PROVIDERS: Set = &[(
    "SIGN_IN_PROVIDERS",
    "[{ id = 'one', name = 'One', issuer = 'https://one.example.com', client_id = 'id', client_secret = '{folder}/one.key' }]",
)];
const ONE_KEY: Set = &[("SESSION_KEYS", "{folder}/one.key")];
const APART: Set = &[ACCOUNTS];

/// All cases, in the order of the page.
pub const CASES: &[Case] = &[
    case("site.url", "from http to https", PLAIN, HTTPS, Leave).said(&["site.url"]),
    case("site.url", "from https to http", HTTPS, PLAIN, Leave).said(&["site.url"]),
    case("site.url", "another host", HTTPS, &[("SITE_URL", "https://www.example.com")], Leave).said(&["site.url"]),
    case(
        "site.url",
        "another host below `session.domain`",
        &[URL, DOMAIN],
        &[("SITE_URL", "https://www.example.com"), DOMAIN],
        Stay,
    ),
    case("site.url", "another port", HTTPS, &[("SITE_URL", "https://app.example.com:8443")], Stay),
    case("site.listen", "another address", HTTP, &[("SITE_LISTEN", "127.0.0.2:0")], Stay),
    case(
        "site.front_ends",
        "one of the same site",
        HTTPS,
        &[URL, ("SITE_FRONT_ENDS", "https://www.example.com")],
        Stay,
    ),
    case("site.front_ends", "one of another site, added", HTTPS, ACROSS, Stay),
    case("site.front_ends", "one of another site, removed", ACROSS, HTTPS, Stay),
    case("site.trusted_proxies", "others", HTTP, &[("SITE_TRUSTED_PROXIES", "127.0.0.1")], Stay),
    case("site.hosts", "one added", HTTP, &[("SITE_HOSTS", "shop.example.com")], Stay),
    case("site.insecure", "set or removed", HTTP, &[("SITE_INSECURE", "true")], Stay),
    case("session.name", "another name", HTTPS, NAMED, Leave).said(&["session.name"]),
    case("session.idle", "longer", HTTP, &[("SESSION_IDLE", "2h")], Stay).away(20),
    case("session.idle", "shorter", HTTP, &[("SESSION_IDLE", "5m")], Stay)
        .away(10)
        .fates(Leave, Stay)
        .said(&["session.idle"]),
    case("session.absolute", "longer", HTTP, &[("SESSION_ABSOLUTE", "24h")], Stay),
    case("session.absolute", "shorter", HTTP, &[("SESSION_IDLE", "5m"), ("SESSION_ABSOLUTE", "10m")], Stay)
        .away(20)
        .fates(Leave, Stay)
        .said(&["session.idle", "session.absolute"]),
    case("session.touch_every", "longer or shorter", HTTP, &[("SESSION_TOUCH_EVERY", "5m")], Stay),
    case("session.rotation_grace", "longer or shorter", HTTP, &[("SESSION_ROTATION_GRACE", "1s")], Stay),
    case("session.renew_every", "set, changed or `off`", HTTP, &[("SESSION_RENEW_EVERY", "1m")], Stay),
    case("session.per_account", "higher, lower or none", HTTP, &[("SESSION_PER_ACCOUNT", "1")], Stay),
    case("session.keys", "another one behind", ONE_KEY, &[("SESSION_KEYS", "{folder}/one.key,{folder}/two.key")], Stay),
    case(
        "session.keys",
        "another one in front",
        ONE_KEY,
        &[("SESSION_KEYS", "{folder}/two.key,{folder}/one.key")],
        Stay,
    ),
    case("session.keys", "the one that signed, removed", ONE_KEY, &[("SESSION_KEYS", "{folder}/two.key")], Leave)
        .said(&["session.keys"]),
    case("session.max_data", "more or less", HTTP, &[("SESSION_MAX_DATA", "1 KiB")], Stay),
    case("session.same_site", "stricter", HTTPS, &[URL, ("SESSION_SAME_SITE", "strict")], Stay),
    case("session.same_site", "laxer", HTTPS, &[URL, ("SESSION_SAME_SITE", "none")], Stay),
    case("session.secure", "written out", HTTPS, &[URL, ("SESSION_SECURE", "true")], Stay),
    case("session.partitioned", "set", HTTPS, &[URL, PARTITIONED], Stay),
    case("session.partitioned", "removed", &[URL, PARTITIONED], HTTPS, Stay),
    case("session.domain", "set", HTTPS, &[URL, DOMAIN], Leave).said(&["session.domain"]),
    case("session.domain", "removed", &[URL, DOMAIN], HTTPS, Leave).said(&["session.domain"]),
    case("session.domain", "set, with a `session.name` of your own", NAMED, &[URL, NAME, DOMAIN], Stay),
    case("session.domain", "removed, with a `session.name` of your own", &[URL, NAME, DOMAIN], NAMED, Stay),
    case("session.path", "another", API, &[API_URL, FRONT_END, ("SESSION_PATH", "/api")], Leave)
        .on_page(PAGE)
        .said(&["session.path"]),
    case(
        "session.path",
        "another, with a `session.name` of your own",
        NAMED_API,
        &[API_URL, FRONT_END, NAME, ("SESSION_PATH", "/api")],
        Stay,
    )
    .on_page(PAGE),
    case("session.persistent", "set", HTTP, &[("SESSION_PERSISTENT", "true")], Stay),
    case("session.persistent", "removed", &[("SESSION_PERSISTENT", "true")], HTTP, Stay),
    case("sign_in.register", "`open` or `closed`", HTTP, &[("SIGN_IN_REGISTER", "closed")], Stay),
    case("sign_in.password_min", "more or fewer", HTTP, &[("SIGN_IN_PASSWORD_MIN", "64")], Stay),
    case("sign_in.keep", "longer", HTTP, &[("SIGN_IN_KEEP", "60d")], Stay),
    case("sign_in.keep", "shorter", HTTP, &[("SIGN_IN_KEEP", "12h")], Stay).said(&["sign_in.keep"]),
    case("sign_in.keep", "shorter than the visitor was away", HTTP, &[("SIGN_IN_KEEP", "12h")], Leave)
        .away(13 * 60)
        .said(&["sign_in.keep"]),
    case("sign_in.fresh", "longer or shorter", HTTP, &[("SIGN_IN_FRESH", "1m")], Stay),
    case("sign_in.providers", "one added", HTTP, PROVIDERS, Stay),
    case("sign_in.providers", "one removed", PROVIDERS, HTTP, Stay),
    case("cors.methods", "others", API, &[API_URL, FRONT_END, ("CORS_METHODS", "GET, POST")], Stay).on_page(PAGE),
    case("cors.headers", "others", API, &[API_URL, FRONT_END, ("CORS_HEADERS", "content-type, x-one")], Stay)
        .on_page(PAGE),
    case("cors.expose", "others", API, &[API_URL, FRONT_END, ("CORS_EXPOSE", "x-one")], Stay).on_page(PAGE),
    case("cors.max_age", "longer or shorter", API, &[API_URL, FRONT_END, ("CORS_MAX_AGE", "1m")], Stay).on_page(PAGE),
    case("cors.strict", "set or removed", API, &[API_URL, FRONT_END, ("CORS_STRICT", "true")], Stay).on_page(PAGE),
    case("limits.sign_in_attempts", "more or fewer", HTTP, &[("LIMITS_SIGN_IN_ATTEMPTS", "1")], Stay),
    case("limits.sign_in_network_attempts", "more or fewer", HTTP, &[("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1")], Stay),
    case("limits.sign_in_successes", "more or fewer", HTTP, &[("LIMITS_SIGN_IN_SUCCESSES", "30")], Stay),
    case(
        "limits.sign_in_network_successes",
        "more or fewer",
        HTTP,
        &[("LIMITS_SIGN_IN_NETWORK_SUCCESSES", "300")],
        Stay,
    ),
    case(
        "limits.register_network_attempts",
        "more or fewer",
        HTTP,
        &[("LIMITS_REGISTER_NETWORK_ATTEMPTS", "30")],
        Stay,
    ),
    case("limits.sign_in_window", "longer or shorter", HTTP, &[("LIMITS_SIGN_IN_WINDOW", "1m")], Stay),
    case("limits.new_sessions", "more or fewer", HTTP, &[("LIMITS_NEW_SESSIONS", "1")], Stay),
    case(
        "store.url",
        "another store, the accounts where they were",
        APART,
        &[ACCOUNTS, ("STORE_URL", "memory:"), ("SESSION_KEYS", "{folder}/hardtack.key")],
        Leave,
    )
    .said(&["store.url"]),
];

/// Settings of one site whose session cookies have one name and differ in every attribute that tells cookies apart.
pub const VARIANTS: [Set; 7] = [
    NAMED,
    &[URL, NAME, DOMAIN],
    &[URL, NAME, PARTITIONED],
    &[URL, NAME, DOMAIN, PARTITIONED],
    &[URL, NAME, ("SESSION_PERSISTENT", "true")],
    &[URL, NAME, ("SESSION_SAME_SITE", "strict")],
    &[URL, NAME, ("SITE_FRONT_ENDS", "https://app.example.org")],
];
const DOMAIN: Pair = ("SESSION_DOMAIN", "example.com");
const PARTITIONED: Pair = ("SESSION_PARTITIONED", "true");

/// Settings that leave no room for a sign-in, each with the setting that is too small.
pub const NO_ROOM: [(&str, Pair); 4] = [
    ("session.max_data", ("SESSION_MAX_DATA", "1023")),
    ("limits.body", ("LIMITS_BODY", "1023")),
    ("limits.header_count", ("LIMITS_HEADER_COUNT", "31")),
    ("sign_in.fresh", ("SIGN_IN_FRESH", "59s")),
];
