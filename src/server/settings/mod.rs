//! The settings of the server: every one is a documented field of the list below.
//!
//! ```text
//! default  <  Leptos.toml  <  HARDTACK_<TABLE>_<KEY>
//! ```
//!
//! `registry` makes structs, defaults and `docs/SETTINGS.md` from the list, `sources` collects the values that are set,
//! `values` reads them, `check` refuses contradictions. To add a setting, add a field here and a line to `Leptos.toml`,
//! and print the page again: `cargo run --features ssr -- settings`, into `docs/SETTINGS.md`.

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

use hardtack_session::cookie::SameSite;
use hardtack_session::policy::Origin;
use hardtack_session::{Clocks, CookieSettings, Lifetime, PerAccount};
use ipnet::IpNet;
use sources::Given;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use host_name::HostName;
pub use provider::{Provider, callback};
pub use registry::{Setting, Table};
pub use sign_in::Registration;
pub use sources::environment;
pub(in crate::server) use store_url::trust;
pub use store_url::{Address, StoreUrl};
pub use values::{KeySource, LogFormat, Size, TlsMode};

/// The settings file in the working directory, which is read when no other is named.
pub const FILE: &str = "Leptos.toml";

/// The error of a setting in one sentence: the setting, the reason, the cure. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

registry::settings! {
    /// The addresses of the site, its front ends and its proxies.
    site: Site {
        /// The origin by which browsers call this server: scheme, host and port. The `Secure` attribute of cookies
        /// follows from it. Plain http is for this machine; on any other host it needs `insecure`.
        url: Origin = "http://localhost:3000",
        /// The address and port to listen on. They do not follow from `url`: to change the port, change both settings.
        /// Port 0 picks a free port, and the log shows it.
        listen: SocketAddr = "127.0.0.1:3000",
        /// More host names that requests may use, beside those of `url` and `front_ends`: names alone, without scheme
        /// and port. IP addresses, `localhost`, names of one part and names of private networks are always allowed. A
        /// request for another name is refused (421), because an attacker's name may lead here (DNS rebinding). Over
        /// TLS every name is allowed, because the certificate prevents this.
        hosts: Vec<HostName> = "",
        /// The other origins whose pages may use the session: a front end on another port, host or site. The attributes
        /// of the cookie, CORS and the requests that are refused follow from them. Empty: only this server's own pages.
        front_ends: Vec<Origin> = "",
        /// The proxies in front of this server, by address or network. Only they are trusted to name the address of a
        /// client (`X-Forwarded-For`, else `Forwarded`), so the list must not cover every address.
        trusted_proxies: Vec<IpNet> = "",
        /// Accepts plain http on a host that is not this machine. For trials only, because attackers on the network can
        /// take over sessions.
        insecure: bool = "false",
    }

    /// The lifetimes of sessions, and the cookie that carries them.
    session: Session {
        /// The name of the cookie. If it is not set: `__Host-hardtack_sess` when the cookie is secure, has no domain
        /// and the path `/`; else `hardtack_sess`. All ports of a host share their cookies, so two instances on one
        /// host need different names.
        name: String = "hardtack_sess",
        /// Ends a session after this time without activity. Reading counts as activity. At most `absolute`.
        idle: Duration = "30m",
        /// Ends a session this long after it began, however active it is. At most 400 days.
        absolute: Duration = "12h",
        /// The shortest interval at which activity is written to the store. Shorter than `idle`.
        touch_every: Duration = "60s",
        /// The time for which the old id of a session is recognised after the session got a new one: after a sign-in,
        /// late requests are told to try again; after a renewal, they still reach the session. At most 10 minutes.
        rotation_grace: Duration = "10s",
        /// Gives an active session a new id when its present id is this old; `off`: never. The old id still reaches the
        /// session during `rotation_grace`. Longer than `rotation_grace`.
        renew_every: Option<Duration> = "off",
        /// The number of sessions that one account may have; a sign-in ends those beyond it. Below 100 the limit is
        /// exact, and the sessions that signed in longest ago end, in use or not. From 100 on, the sessions that were
        /// used longest ago end, but none that was used within the last minute. 0: no limit.
        per_account: PerAccount = "100",
        /// The keys that sign cookies: files, or environment variables as `env:NAME`. The first one signs, all verify.
        /// Empty: the first start makes a key in the file `hardtack.key` (mode 0600) beside the database; with
        /// `memory:`, every start makes a new one. PostgreSQL and Redis need at least one key, the same on all servers.
        /// Do not write a key itself here, and do not begin the name of its variable with `HARDTACK_`.
        keys: Vec<KeySource> = "",
        /// The most data that one session may hold. At least 1 KiB; at least 8 KiB with `sign_out = "id_token_hint"`.
        max_data: Size = "16 KiB",
        /// The requests from other sites that carry the cookie: `lax`, links to this site; `strict`, none; `none`, all
        /// (needs https). If it is not set: `none` when one of `site.front_ends` is another site than `site.url`, else
        /// `lax`.
        same_site: SameSite = "lax",
        /// Sends the cookie over https only. If it is not set: true when `site.url` is https. A different value is
        /// refused.
        secure: bool = "false",
        /// Keeps a separate cookie for each site whose pages use this server (CHIPS). Needs https. If it is not set:
        /// true when one of `site.front_ends` is another site than `site.url`.
        partitioned: bool = "false",
        /// Shares the cookie with all subdomains of this domain. Empty: only the host of `site.url` gets it.
        domain: Option<String> = "",
        /// Sends the cookie only for this path and the paths below it.
        path: String = "/",
        /// Keeps the cookie when the browser closes, for as long as the session can live.
        persistent: bool = "false",
    }

    /// The permissions of pages on `site.front_ends`. Without front ends only `strict` has an effect.
    cors: Cors {
        /// The methods that these pages may use.
        methods: Vec<String> = "GET, HEAD, POST, PUT, PATCH, DELETE",
        /// The request headers that they may send, beside those that browsers always allow.
        headers: Vec<String> = "content-type",
        /// The response headers that they may read, beside those that browsers always expose.
        expose: Vec<String> = "retry-after",
        /// The time for which browsers may cache the response to a preflight. Chromium caches it for at most two hours.
        max_age: Duration = "2h",
        /// Refuses requests that change something and do not name their origin. Curl, mobile applications and the
        /// oldest browsers send such requests.
        strict: bool = "false",
    }

    /// The store of the sessions.
    store: Store {
        /// The address of the store: `sqlite:PATH`, a file for one server, which is created if it is missing;
        /// `memory:`, which loses its sessions at every stop; or a store that several servers share:
        /// `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`, `rediss://:PASSWORD@HOST` (TLS) or
        /// `redis://HOST`, `rediss-cluster://HOST:PORT,HOST:PORT` or `redis-cluster://HOST:PORT,HOST:PORT`. To trust a
        /// certificate authority of your own, add `sslrootcert=FILE` (PostgreSQL) or `?ca=FILE` (Redis; the file may
        /// hold the server's own certificate). Set an address with a password by the environment variable.
        url: StoreUrl = "sqlite:data/hardtack.db",
        /// Brings the store's schema up to date at the start, under a lock, so that several servers may start at once.
        /// With `false`, the server does not start on an older schema until `hardtack migrate` has run.
        migrate: bool = "true",
        /// Accepts a PostgreSQL or a Redis on another machine without TLS, or with a certificate that is not verified.
        /// For trials and closed networks only, because attackers on the network can read and end sessions.
        insecure: bool = "false",
        /// SQLite: the number of connections that read at the same time; one more writes. PostgreSQL: the highest
        /// number of this server's connections; for a moment it may have as many more open, while it checks those that
        /// no longer respond. Redis: all calls share one connection.
        connections: u32 = "4",
        /// The longest time that all calls of one request to the store may take together. After that the response is
        /// 503, and no user is signed out (guarantee G8). Keep it under a second; from 10ms to a minute.
        timeout: Duration = "800ms",
    }

    /// The database of the accounts.
    accounts: Accounts {
        /// `sqlite:PATH` or `postgres://…`, written as `store.url`. Empty: the database of the sessions, if that is
        /// SQLite or PostgreSQL; with `memory:`, an in-memory database that loses its accounts at every stop. With
        /// Redis it must be set. `store.migrate`, `store.insecure`, `store.connections` and `store.timeout` apply to it
        /// too.
        database: Option<StoreUrl> = "",
    }

    /// Registration and sign-in.
    sign_in: SignIn {
        /// Whether visitors may create accounts: `open`, or `closed` (`hardtack accounts create` still does).
        register: Registration = "open",
        /// The fewest characters of a password, from 8 to 64. Common passwords are refused whatever their length.
        password_min: u32 = "8",
        /// The lifetime of a session with "Keep me signed in", whether the user is active or not. Its cookie survives
        /// the end of the browser. At least `session.absolute`, whose value applies if it is longer and this is not
        /// set. At most 400 days.
        keep: Duration = "30d",
        /// The highest age of a sign-in that still allows sensitive actions, such as ending other sessions. At least a
        /// minute.
        fresh: Duration = "15m",
        /// The OpenID providers for sign-in: a list of tables with `id` (short, part of URLs), `name` (shown to
        /// visitors), `issuer`, `client_id`, `client_secret` (a file or `env:NAME`, never the secret itself), and
        /// `scopes` if others than `email` and `profile` are needed. Register `<site.url>/sign-in/<id>/callback` at the
        /// provider. For a provider that deviates from the standard there are `audiences`, `trust_email`, `auth_time`,
        /// `nonce`, `pkce`, `response_mode` and `sign_out`: `docs/PROVIDERS.md` has the lines for twelve providers. A
        /// variable holds the same text as the file.
        providers: Vec<Provider> = "",
    }

    /// Whether `site.listen` speaks https itself. Behind a proxy that terminates TLS, none of these settings is needed.
    tls: Tls {
        /// `off`: plain http. `local`: https for this machine, with an authority of its own that your browsers must
        /// trust (`hardtack cert trust`). `files`: https with `certificate` and `key`. Unless it is `off`, `site.url`
        /// must be https.
        mode: TlsMode = "off",
        /// For `files`: the server's certificate in PEM, followed by the intermediate certificates. A changed file is
        /// read again, and no connection is dropped for it.
        certificate: PathBuf = "server.cert",
        /// For `files`: the private key of `certificate` in PEM, without a password (PKCS #8, PKCS #1 or SEC 1).
        key: PathBuf = "server.key",
        /// For `local`: the folder of the authority and its certificates, which is created if it is missing. With its
        /// `authority.key`, an attacker can pose as the hosts of this server to browsers that trust the authority.
        directory: PathBuf = "data/tls",
        /// A second address and port, for plain http: it redirects pages to https and refuses calls of `/api`, so that
        /// no client goes on sending data that others can read. Empty: none.
        redirect_listen: Option<SocketAddr> = "",
    }

    /// The limits of requests, connections and attempts.
    limits: Limits {
        /// The largest body of a request. At least 1 KiB.
        body: Size = "64 KiB",
        /// The largest URL and headers of a request together, cookies included. At least 8 KiB, at most 256 KiB.
        headers: Size = "16 KiB",
        /// The most headers of a request. At least 32, at most 1000.
        header_count: u32 = "100",
        /// The most connections at the same time; further ones wait. Each can take two open files: the server raises
        /// its limit of open files as far as the system allows. If that is not enough, it accepts fewer connections,
        /// and the log says so.
        connections: u32 = "1024",
        /// The most event streams (`/api/events`) at the same time; over HTTP/1.1 each has a connection of its own. At
        /// most half of `connections` is used. Beyond the limit, the network with the most streams gives one up for a
        /// network with fewer; other pages learn of the end of a session at their next request. 0: none.
        streams: Option<NonZeroU32> = "512",
        /// The longest time until the headers of a request have arrived. An idle connection stays open as long. This
        /// and the three below: at least 100ms.
        header_timeout: Duration = "10s",
        /// The longest time until a body has arrived.
        body_timeout: Duration = "10s",
        /// The longest time from the head of a request to its response.
        request_timeout: Duration = "30s",
        /// The longest pause while a client reads its response.
        answer_timeout: Duration = "30s",
        /// The number of sessions without an account that one address (IPv4) or network (IPv6, /64) may begin within
        /// ten minutes; an IPv6 network of /48, ten times as many. Beyond it, pages are served without a session, and
        /// API calls get 429. 0: no limit.
        new_sessions: Option<NonZeroU32> = "3000",
        /// The number of attempts to sign in to one account within `sign_in_window`; a browser that has signed in to it
        /// before is counted separately. A success does not count.
        sign_in_attempts: u32 = "10",
        /// The number of attempts to sign in from one address (IPv4) or network (IPv6, /64) within `sign_in_window`; an
        /// IPv6 network of /48, ten times as many. A success does not count.
        sign_in_network_attempts: u32 = "100",
        /// The number of successes of one account within `sign_in_window`: sign-ins, and confirmations by its password.
        sign_in_successes: u32 = "60",
        /// The number of successes of all accounts in one network; an IPv6 network of /48, ten times as many.
        sign_in_network_successes: u32 = "1000",
        /// The number of attempts to register from one network within `sign_in_window`; an IPv6 network of /48, ten
        /// times as many.
        register_network_attempts: u32 = "100",
        /// The time after which attempts are counted anew.
        sign_in_window: Duration = "15m",
        /// The longest time that a password may wait while others are hashed; after that the response is 503 `busy`.
        password_wait: Duration = "500ms",
        /// The time that running requests have to finish when the server stops.
        shutdown_grace: Duration = "10s",
    }

    /// The examination of visitors' browsers: the page `/doctor` and its calls.
    doctor: Doctor {
        /// Whether browsers are examined: `true` or `false`. The examination reveals no secrets, but it shows the names
        /// of a browser's cookies to the user of that browser. Empty: true while both `site.url` and `site.listen` are
        /// this machine; for exported pages, while the server that they call is.
        enabled: Option<bool> = "",
    }

    /// The log of the server.
    log: Log {
        /// `text` for people, `json` for programs.
        format: LogFormat = "text",
        /// The level: `off`, `error`, `warn`, `info`, `debug` or `trace`; also by module, as in `info,hardtack=debug`.
        level: String = "info",
    }

    /// Metrics for Prometheus, on a listener of their own.
    metrics: Metrics {
        /// The address and port that serves `GET /metrics`, such as `127.0.0.1:9090`. Empty: none. Every client that
        /// can reach it can read the metrics, which count sessions but name none.
        listen: Option<SocketAddr> = "",
    }

    /// The built front end, as the build made it.
    leptos: Leptos {
        /// The folder of the built site.
        site_root: String = "target/site",
        /// The name of the built files.
        output_name: String = "hardtack",
        /// Whether the names of the built files contain a hash of their contents, so that browsers may cache them.
        hash_files: bool = "true",
    }
}

impl Settings {
    /// Loads the settings: the environment wins over the file, the file over the defaults.
    ///
    /// Without `file` it reads `Leptos.toml` in the working directory, if there is one. From `env` it reads only names
    /// that begin with `HARDTACK_`.
    ///
    /// # Errors
    ///
    /// The first unknown name, invalid value or contradiction; or a file that cannot be read.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let given = Given::collect(file, env)?;
        let mut settings = Self::read(&given)?;
        settings.session.derive(&settings.site, &given);
        if !given.has("sign_in.keep") {
            settings.sign_in.keep = settings.sign_in.keep.max(settings.session.absolute);
        }
        // In lower case, as browsers store it. Source: RFC 6265bis, 5.6.3.
        settings.session.domain.iter_mut().for_each(|domain| domain.make_ascii_lowercase());
        check::check(&settings)?;
        Ok(settings)
    }
}

impl Session {
    /// Returns the cookie that these settings describe.
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

    /// Returns the timeouts that these settings describe.
    #[must_use]
    pub fn clocks(&self) -> Clocks {
        Clocks {
            lifetime: Lifetime { idle: self.idle, absolute: self.absolute },
            touch_every: self.touch_every,
            rotation_grace: self.rotation_grace,
            renew_every: self.renew_every,
        }
    }

    /// Sets the values that follow from other settings, unless they are set.
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

/// Returns the page `docs/SETTINGS.md`, made from the list of settings.
#[must_use]
pub fn markdown() -> String {
    registry::markdown(TABLES)
}
