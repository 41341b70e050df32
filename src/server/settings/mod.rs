//! The settings of the server: every one is a documented field of the list below.
//!
//! ```text
//! default  <  Leptos.toml  <  HARDTACK_<TABLE>_<KEY>
//! ```
//!
//! `registry` makes structs, defaults and `docs/SETTINGS.md` from the list, `sources` collects what was set,
//! `values` reads it, `check` refuses contradictions. To add a setting, add a field here and a line to
//! `Leptos.toml`, and print the page anew: `cargo run --features ssr -- settings`, into `docs/SETTINGS.md`.

mod check;
mod derived;
mod doctor;
mod host_name;
mod provider;
mod registry;
mod sign_in;
mod sources;
mod store_url;
mod values;

use crate::session::policy::Origin;
use crate::session::{Clocks, CookieSettings, Lifetime, PerAccount};
use ipnet::IpNet;
use sources::Given;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tower_sessions::cookie::SameSite;

pub use host_name::HostName;
pub use provider::{Provider, callback};
pub use registry::{Setting, Table};
pub use sign_in::Registration;
pub use sources::environment;
pub(in crate::server) use store_url::trust;
pub use store_url::{Address, StoreUrl};
pub use values::{KeySource, LogFormat, Size, TlsMode};

/// The file of settings, in the working directory, when no other is named.
pub const FILE: &str = "Leptos.toml";

/// One sentence: which setting, why it cannot be, and what to do. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

registry::settings! {
    /// Where the site is.
    site: Site {
        /// The origin by which browsers call this server: scheme, host and port. Secure cookies follow from it.
        /// Plain http is for this machine; elsewhere it needs `insecure`.
        url: Origin = "http://localhost:3000",
        /// The address and port to listen on. The port of `url` does not follow: change both. Port 0 picks a free one,
        /// and the log says which.
        listen: SocketAddr = "127.0.0.1:3000",
        /// More hosts that requests may name, beside those of `url` and `front_ends`: names alone, without scheme and port.
        /// Addresses, `localhost` and names of one part or of a private network always may. A request by another name is
        /// refused (421), because a stranger's name may lead here (DNS rebinding); not over TLS, which prevents that.
        hosts: Vec<HostName> = "",
        /// The other origins whose pages may use the session: a front end on another port, host or site. Cookie, CORS
        /// and what is refused follow from them. Empty: only this server's own pages.
        front_ends: Vec<Origin> = "",
        /// The proxies in front of this server, by address or network. Only what they say of a client's address
        /// (`X-Forwarded-For`, else `Forwarded`) is believed, so not every address can be one.
        trusted_proxies: Vec<IpNet> = "",
        /// Accepts plain http on a host that is not this machine. For trials only: anybody on the way can take
        /// over sessions.
        insecure: bool = "false",
    }

    /// How long sessions live, and the cookie that carries them.
    session: Session {
        /// The name of the cookie. When it is not set: `__Host-hardtack_sess` if the cookie is secure, has no
        /// domain and the path `/`; else `hardtack_sess`. All ports of a host share their cookies, so give two
        /// instances on one host different names.
        name: String = "hardtack_sess",
        /// Ends a session after this much silence. Reading counts as activity. At most `absolute`.
        idle: Duration = "30m",
        /// Ends a session this long after it began, however busy. At most 400 days.
        absolute: Duration = "12h",
        /// Activity is written down no more often than this. Shorter than `idle`.
        touch_every: Duration = "60s",
        /// For this long after a session got a new id the old one is recognised: after a sign-in late requests are told
        /// to try again, after a renewal they still reach the session. At most 10 minutes.
        rotation_grace: Duration = "10s",
        /// Gives a session that is used a new id when it has had its present one for so long; `off`: never. The old id
        /// goes on reaching it during `rotation_grace`. Longer than that.
        renew_every: Option<Duration> = "off",
        /// How many sessions one account may have; a sign-in ends what is beyond it. Below 100 the limit is exact: those end
        /// that signed in longest ago, in use or not. From 100 on those end that were used longest ago, and none that was
        /// used within the last minute. 0: any number.
        per_account: PerAccount = "100",
        /// Where the keys are that sign cookies: files, or variables as `env:NAME`. The first signs, all verify.
        /// Empty: a key is made at the first start, in the file `hardtack.key` (mode 0600) beside the database;
        /// with `memory:` a new one at every start. PostgreSQL and Redis need at least one, the same on all servers.
        /// Never write a key itself here, and begin the name of a variable of yours with anything but `HARDTACK_`.
        keys: Vec<KeySource> = "",
        /// The most data that one session may hold. At least 1 KiB; 8 KiB with `sign_out = "id_token_hint"`.
        max_data: Size = "16 KiB",
        /// Which requests from other sites carry the cookie: `lax`, links to this site; `strict`, none; `none`,
        /// all (needs https). When it is not set: `none` if one of `site.front_ends` is another site than `site.url`,
        /// else `lax`.
        same_site: SameSite = "lax",
        /// Sends the cookie over https only. When it is not set: true if `site.url` is https. It cannot differ
        /// from that.
        secure: bool = "false",
        /// Keeps a separate cookie for each site that this one is used from (CHIPS). Needs https. When it is not set:
        /// true if one of `site.front_ends` is another site than `site.url`.
        partitioned: bool = "false",
        /// Shares the cookie with all subdomains of this domain. Empty: the host of `site.url` alone gets it.
        domain: Option<String> = "",
        /// Sends the cookie only for this path and what is below it.
        path: String = "/",
        /// Keeps the cookie when the browser closes, for as long as the session can live.
        persistent: bool = "false",
    }

    /// What the pages of `site.front_ends` may do. Without front ends nothing of this matters but `strict`.
    cors: Cors {
        /// The methods that they may use.
        methods: Vec<String> = "GET, HEAD, POST, PUT, PATCH, DELETE",
        /// The headers that they may send, beside those that browsers always allow.
        headers: Vec<String> = "content-type",
        /// The headers of answers that they may read, beside those that browsers always hand out.
        expose: Vec<String> = "retry-after",
        /// How long browsers remember what they were told of this. Chromium heeds no more than two hours.
        max_age: Duration = "2h",
        /// Refuses what changes something and does not say where it comes from: curl, mobile applications, the oldest
        /// browsers.
        strict: bool = "false",
    }

    /// Where sessions are kept.
    store: Store {
        /// `sqlite:PATH`, a file that is made when it is missing, for one server; `memory:`, which forgets at every
        /// stop; or a store that several servers share: `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`,
        /// `rediss://:PASSWORD@HOST` (TLS) or `redis://HOST`, `rediss-cluster://HOST:PORT,HOST:PORT` or
        /// `redis-cluster://HOST:PORT,HOST:PORT`. An authority of your own for their certificates is named by
        /// `sslrootcert=FILE` (PostgreSQL) or `?ca=FILE` (Redis; the file may hold the server's own
        /// certificate). Give an address with a password by the variable.
        url: StoreUrl = "sqlite:data/hardtack.db",
        /// Brings the store's schema up to date at the start, under a lock, so that several servers may start at
        /// once. With `false` an older schema refuses the start, until `hardtack migrate` has run.
        migrate: bool = "true",
        /// Accepts a PostgreSQL or a Redis on another machine without TLS, or with a certificate that nobody
        /// verifies. For trials and closed networks only: anybody on the way can read and end sessions.
        insecure: bool = "false",
        /// SQLite: how many connections read at the same time; one more writes. PostgreSQL: how many connections
        /// this server has at most; for a moment it may have as many more open, while those that have fallen silent are tried.
        /// Redis: one is shared.
        connections: u32 = "4",
        /// The most time that all calls of one request to the store may take together. Then the request is
        /// answered with 503, and nobody is signed out (guarantee G8). Keep it under a second; from 10ms to a minute.
        timeout: Duration = "800ms",
    }

    /// Where accounts are kept.
    accounts: Accounts {
        /// `sqlite:PATH` or `postgres://…`, written as `store.url`. Empty: where the sessions are, if that is SQLite or
        /// PostgreSQL; with `memory:` an in-memory database that forgets at every stop. With Redis it must be named.
        /// `store.migrate`, `store.insecure`, `store.connections` and `store.timeout` hold for it too.
        database: Option<StoreUrl> = "",
    }

    /// Who may sign in, and for how long.
    sign_in: SignIn {
        /// Whether visitors may make accounts: `open`, or `closed` (`hardtack accounts create` still does).
        register: Registration = "open",
        /// The fewest characters of a password, from 8 to 64. Common ones are refused whatever their length.
        password_min: u32 = "8",
        /// How long who wants to stay signed in does, seen or not; their cookie survives the end of the browser. Not
        /// less than `session.absolute`, which is what holds when it is longer and this is not set. At most 400 days.
        keep: Duration = "30d",
        /// How old a sign-in may be for what is sensitive, such as ending other sessions. At least a minute.
        fresh: Duration = "15m",
        /// Other services that people sign in by (OpenID Connect): a list of tables with `id` (short, it stands in
        /// addresses), `name` (as visitors see it), `issuer`, `client_id`, `client_secret` (a file or `env:NAME`, never the
        /// secret itself), and `scopes` if others than `email` and `profile` are wanted. Register
        /// `<site.url>/sign-in/<id>/callback` there. What a service does otherwise than others is said by `audiences`,
        /// `trust_email`, `auth_time`, `nonce`, `pkce`, `response_mode` and `sign_out`: `docs/PROVIDERS.md` has the lines
        /// for twelve services. A variable holds the same text as the file.
        providers: Vec<Provider> = "",
    }

    /// Whether `site.listen` speaks https itself. Behind a proxy that does, nothing of this is needed.
    tls: Tls {
        /// `off`: plain http. `local`: https for this machine, with an authority of its own, which your browsers must
        /// be told to trust (`hardtack cert trust`). `files`: https with `certificate` and `key`. Unless it is `off`,
        /// `site.url` is https.
        mode: TlsMode = "off",
        /// For `files`: the certificate in PEM, and after it those that lead to an authority. It is read anew when it
        /// changes, and no connection is dropped for it.
        certificate: PathBuf = "server.cert",
        /// For `files`: the private key of `certificate` in PEM, without a password (PKCS #8, PKCS #1 or SEC 1).
        key: PathBuf = "server.key",
        /// For `local`: the folder of the authority and of what it signs, made when it is missing. Whoever has its
        /// `authority.key` can pose as the hosts of this server before browsers that trust it.
        directory: PathBuf = "data/tls",
        /// A second address and port, which answers plain http: pages lead to https, and calls of `/api` are
        /// refused, so that no client goes on sending what everybody can read. Empty: none.
        redirect_listen: Option<SocketAddr> = "",
    }

    /// What one client may ask of the server.
    limits: Limits {
        /// The largest body of a request. At least 1 KiB.
        body: Size = "64 KiB",
        /// The most that address and headers of a request may measure, cookies included. At least 8 KiB, at most 256 KiB.
        headers: Size = "16 KiB",
        /// The most headers of a request. At least 32, at most 1000.
        header_count: u32 = "100",
        /// The most connections at the same time; more wait. Each can take two open files: the server raises its limit of them
        /// as far as the system allows, and where that is not enough, fewer connections count and the log says so.
        connections: u32 = "1024",
        /// The most streams of events (`/api/events`) at the same time, each on a connection of its own while HTTP/1.1 is
        /// spoken; at most half of `connections` count. Beyond it the network with the most gives one up for a network with
        /// fewer; other pages learn of the end of a session at their next request. 0: none.
        streams: Option<NonZeroU32> = "512",
        /// How long the headers of a request may take to arrive. An idle connection stays open as long. This and the three
        /// below: at least 100ms.
        header_timeout: Duration = "10s",
        /// How long a body may take to arrive.
        body_timeout: Duration = "10s",
        /// The longest time from the head of a request to its answer.
        request_timeout: Duration = "30s",
        /// The longest pause while a client takes its answer.
        answer_timeout: Duration = "30s",
        /// How many sessions that nobody is signed in to one address (IPv4) or network (IPv6, /64) may begin within ten minutes;
        /// an IPv6 network of /48, ten times as many. Beyond it pages are served without a session, and calls of the API get
        /// 429. 0: any number.
        new_sessions: Option<NonZeroU32> = "3000",
        /// How often it may be tried to sign in to one account within `sign_in_window`; a browser that has signed in to
        /// it before is counted apart. A success does not count.
        sign_in_attempts: u32 = "10",
        /// How often one address (IPv4) or network (IPv6, /64) may try to sign in within `sign_in_window`; an IPv6 network of
        /// /48, ten times as often. A success does not count.
        sign_in_network_attempts: u32 = "100",
        /// How often one account may succeed: sign in, or prove its password once more, within `sign_in_window`.
        sign_in_successes: u32 = "60",
        /// How often all accounts in one network may succeed; an IPv6 network of /48, ten times as often.
        sign_in_network_successes: u32 = "1000",
        /// How often one network may try to register within `sign_in_window`; an IPv6 network of /48, ten times as often.
        register_network_attempts: u32 = "100",
        /// After how long attempts are counted anew.
        sign_in_window: Duration = "15m",
        /// How long a password may wait while others are hashed; beyond it the answer is 503 `busy`.
        password_wait: Duration = "500ms",
        /// At a stop, how long requests under way have to finish.
        shutdown_grace: Duration = "10s",
    }

    /// The examination of visitors' browsers: the page `/doctor` and what it asks.
    doctor: Doctor {
        /// `true` or `false`: whether it is to be had. It tells nobody's secrets, but the names of cookies to whoever holds
        /// them. Empty: while both `site.url` and `site.listen` are this machine; of exported pages, while the server that
        /// they call is.
        enabled: Option<bool> = "",
    }

    /// What the server writes about its work.
    log: Log {
        /// `text` for people, `json` for programs.
        format: LogFormat = "text",
        /// How much is logged: `off`, `error`, `warn`, `info`, `debug` or `trace`; also by module, as in
        /// `info,hardtack=debug`.
        level: String = "info",
    }

    /// Figures for Prometheus, on a listener of their own.
    metrics: Metrics {
        /// The address and port that answers `GET /metrics`, such as `127.0.0.1:9090`. Empty: none does. Whoever can
        /// reach it can read the figures: how many sessions there are, but of nobody whose.
        listen: Option<SocketAddr> = "",
    }

    /// Where the browser's part of the site is; as the build made it.
    leptos: Leptos {
        /// The folder of the built site.
        site_root: String = "target/site",
        /// The name of the built files.
        output_name: String = "hardtack",
        /// Whether the names of the built files carry a hash of their contents, so that browsers may keep them.
        hash_files: bool = "true",
    }
}

impl Settings {
    /// Reads the settings: environment over file over defaults.
    ///
    /// Without `file` it is `Leptos.toml` in the working directory, if there is one. Of `env` only names that
    /// begin with `HARDTACK_` count.
    ///
    /// # Errors
    ///
    /// The first name that does not exist, value that cannot be read, or contradiction; or a file that cannot be
    /// read.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let given = Given::collect(file, env)?;
        let mut settings = Self::read(&given)?;
        settings.session.derive(&settings.site, &given);
        if !given.has("sign_in.keep") {
            settings.sign_in.keep = settings.sign_in.keep.max(settings.session.absolute);
        }
        // As browsers do. Source: RFC 6265bis, 5.6.3.
        settings.session.domain.iter_mut().for_each(|domain| domain.make_ascii_lowercase());
        check::check(&settings)?;
        Ok(settings)
    }
}

impl Session {
    /// The cookie that these settings describe.
    #[must_use]
    pub fn cookie(&self) -> CookieSettings {
        CookieSettings {
            name: self.name.clone(),
            secure: self.secure,
            same_site: self.same_site,
            partitioned: self.partitioned,
            domain: self.domain.clone(),
            path: self.path.clone(),
            persistent: self.persistent,
        }
    }

    /// The spans of time that these settings describe.
    #[must_use]
    pub fn clocks(&self) -> Clocks {
        Clocks {
            lifetime: Lifetime { idle: self.idle, absolute: self.absolute },
            touch_every: self.touch_every,
            rotation_grace: self.rotation_grace,
            renew_every: self.renew_every,
        }
    }

    /// Fills in what follows from other settings, unless somebody set it.
    fn derive(&mut self, site: &Site, given: &Given) {
        let derived = site.origins().derived();
        if !given.has("session.secure") {
            self.secure = derived.secure;
        }
        if !given.has("session.same_site") {
            self.same_site = derived.same_site;
        }
        if !given.has("session.partitioned") {
            self.partitioned = derived.partitioned;
        }
        if !given.has("session.name") && self.secure && self.domain.is_none() && self.path == "/" {
            self.name.insert_str(0, "__Host-");
        }
    }
}

/// The page `docs/SETTINGS.md`, printed from the list of settings.
#[must_use]
pub fn markdown() -> String {
    registry::markdown(TABLES)
}
