//! The start of the server, from its settings to a listener that serves.

use super::accounts;
use super::api;
use super::assets::Assets;
use super::begin_limit::SessionLimit;
use super::client::Proxies;
use super::doctor::examiner;
use super::federated::is_callback;
use super::health;
use super::host::Hosts;
use super::last_start::{self, Change};
use super::listen::{self, BindError, Door, Listener};
use super::metrics::{Exporter, Exporting, MetricsError};
use super::outcome;
use super::redirect::{Redirect, Redirecting};
use super::router::{Site, router};
use super::secret::{self, SecretError};
use super::settings::{KeySource, Settings, SettingsError, StoreUrl};
use super::store::{self, Opened};
use super::streams::Streams;
use super::tls::{Tls, TlsError};
use super::topology::{self, SetupError};
use crate::backend::accounts::Failure;
use crate::backend::federated::{self, SLOTS};
use crate::backend::providers::UnsupportedProxy;
use crate::backend::visitor::Visitor;
use futures::future::OptionFuture;
use hardtack_doctor::{Finding, Loss, Severity, Topology, check};
use hardtack_session::clock::Clock;
use hardtack_session::keys::KeyError;
use hardtack_session::policy::Contradiction;
use hardtack_session::store::{Database, OpenError, Readiness, Schema, Transport};
use hardtack_session::{CookieSettings, Keys, RateLimit, Sessions};
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// The reason why the server does not start, in one sentence: the setting, the reason, the cure.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be used.
    #[error("store.url: {0}")]
    Store(#[from] OpenError),
    /// The database of the accounts cannot be used.
    #[error("accounts.database: {0}")]
    Accounts(OpenError),
    /// Accounts cannot be kept in the store of the sessions, and no database is named for them.
    #[error(
        "accounts.database: it is not set, but `store.url` keeps the sessions in Redis, which cannot keep accounts; name a \
         database, like `sqlite:data/accounts.db` for one server or `postgres://…` for several"
    )]
    NoAccounts,
    /// Passwords cannot be hashed.
    #[error("sign_in: {0}")]
    Passwords(#[from] Failure),
    /// There is no usable key to sign cookies with.
    #[error("session.keys: {0}")]
    Keys(#[from] KeyError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Several servers may share the store, so none of them may make a key of its own.
    #[error(
        "session.keys: it is not set, but servers that share a store must sign with the same keys; make one with \
         `openssl rand -hex 32`, and name its file or variable on all of them, like `env:SESSION_KEY`"
    )]
    NoSharedKey,
    /// Most visitors would lose their session.
    #[error("{} ({}); {}", .0.what.trim_end_matches('.'), .0.code, .0.cure.line())]
    Lost(Box<Finding>),
    /// Browsers would refuse the session cookie because of one that they hold, so existing visitors could not sign in.
    #[error(
        "session.name: browsers of existing visitors hold a cookie `{name}`, and because of it they would refuse the new one \
         ({loss}), so these visitors could not sign in; give the cookie another name"
    )]
    LocksOut {
        /// The name of both cookies.
        name: String,
        /// The reason why browsers refuse it.
        loss: Loss,
    },
    /// Settings of the session contradict each other, or the behaviour of browsers.
    #[error("{}", .0.sentence("session."))]
    Session(#[from] Contradiction),
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A host is not a valid name on the web.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The metrics for Prometheus cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The secret of a provider cannot be read.
    #[error("sign_in.providers: the secret of `{provider}` cannot be read: {cause}")]
    ProviderSecret {
        /// The short name of the provider.
        provider: String,
        /// The reason.
        cause: String,
    },
    /// The proxy on the way to a provider cannot be used.
    #[error("sign_in.providers: {0}")]
    Proxy(#[from] UnsupportedProxy),
    /// No TLS client can be set up to call the providers.
    #[error(
        "sign_in.providers: the providers cannot be called: {0}; install the certificates of the authorities that this system trusts"
    )]
    Providers(String),
    /// The variable of a key does not exist.
    #[error("session.keys: the variable {0} is not set; put a key into it (`openssl rand -hex 32`) or name another")]
    NoVariable(String),
}

impl StartError {
    /// Returns whether only other settings can help. Any other cause is outside of the process, and may pass.
    #[must_use]
    pub fn is_of_the_settings(&self) -> bool {
        match self {
            Self::NoAccounts
            | Self::NoSharedKey
            | Self::Lost(_)
            | Self::LocksOut { .. }
            | Self::Session(_)
            | Self::Settings(_)
            | Self::Setup(SetupError::Address { .. })
            | Self::Proxy(_)
            | Self::NoVariable(_) => true,
            // These can pass: a database comes back, an address is free again, a file is put in place or becomes
            // readable.
            Self::Store(_)
            | Self::Accounts(_)
            | Self::Passwords(_)
            | Self::Keys(_)
            | Self::Bind(_)
            | Self::Setup(SetupError::Certificate(_))
            | Self::Metrics(_)
            | Self::Tls(_)
            | Self::ProviderSecret { .. }
            | Self::Providers(_) => false,
        }
    }
}

impl From<SecretError> for StartError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::File(error) => Self::Keys(error),
            SecretError::NoVariable(name) => Self::NoVariable(name),
        }
    }
}

/// A server that has its store, its keys and its address, and has yet to [`run`](Server::run).
pub struct Server {
    listener: Listener,
    tls: Option<Tls>,
    redirect: Option<Redirect>,
    exporter: Option<Exporter>,
    pub(super) site: Arc<Site>,
    settings: Settings,
    setup: Topology,
    changes: Vec<Change>,
}

impl Server {
    /// Opens the store, reads the keys and binds the address.
    ///
    /// # Errors
    ///
    /// When one of these fails.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Clock::System).await
    }

    /// Starts as [`start`](Server::start) does, with a clock that a test can set.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Server::start).
    pub async fn start_with(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let mut setup = topology::plan(&settings)?;
        if let Some(lost) = check(&setup).into_iter().find(|finding| finding.severity == Severity::Error) {
            return Err(StartError::Lost(Box::new(lost)));
        }
        let listener = Listener::bind(Door::Site, settings.site.listen)?;
        let redirect = settings.tls.redirect_listen.map(|address| Redirect::open(address, &settings)).transpose()?;
        let tls = Tls::open(&settings)?;
        topology::bind(&mut setup, &settings, Some(listener.address.port()));
        setup.edge.term = tls.as_ref().map(|tls| tls.renewal.term());
        // Before the engine, so that its first events are counted.
        let exporter = settings.metrics.listen.map(Exporter::open).transpose()?;
        let (sessions, beside, keys) = sessions(&settings).await?;
        let accounts = accounts::open(&settings, beside.as_ref(), clock.clone()).await?;
        let store = sessions.store();
        let since = last_start::since(&settings, &accounts, &*store, &keys, clock.now()).await?;
        let limit = settings.limits.new_sessions.map(|limit| SessionLimit::new(limit, clock.clone()));
        let sessions = sessions.former(since.variants).clock(clock);
        let site = Arc::new(Site {
            assets: Assets::find(&settings.leptos),
            guard: settings.cors.guard(&settings.site.origins())?.reads(api::must_be_ours).posts(is_callback),
            front_ends: settings.site.front_ends.iter().map(ToString::to_string).collect(),
            proxies: Proxies::new(settings.site.trusted_proxies.clone()),
            own: settings.site.url.clone(),
            own_cookies: own_cookies(&settings.session.cookie()),
            hosts: Hosts::of(&settings),
            limits: settings.limits.clone(),
            session_limit: limit.map(|limit| Arc::new(limit) as Arc<dyn RateLimit>),
            streams: Streams::new(settings.limits.streams()),
            examiner: settings.examines().then(|| examiner(&settings.site.url, &settings)),
            hsts: settings.site.url.is_https() && !settings.site.url.is_loopback(),
            ready: AtomicBool::new(true),
            readiness: Readiness::new(sessions.store()),
            accounts_readiness: health::of_accounts(accounts.clone()),
            sessions,
            accounts,
        });
        Ok(Self { listener, tls, redirect, exporter, site, settings, setup, changes: since.changes })
    }

    /// Returns the changes since the last start on these accounts that existing visitors notice.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Returns the address of the listener that redirects to https, if there is one.
    #[must_use]
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.redirect.as_ref().map(Redirect::address)
    }

    /// Serves until `stop` ends, then finishes running requests, for at most `limits.shutdown_grace`.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let Self { listener, tls, redirect, exporter, site, settings, setup, changes } = self;
        warn(&settings, &setup);
        for Change { setting, means } in &changes {
            tracing::warn!("{setting}: {means}");
        }
        let redirecting = redirect.map(|redirect| redirect.run(&settings.limits));
        let exporting = exporter.map(|exporter| exporter.run(&settings.limits));
        let (address, store) = (listener.address, site.sessions.store().kind());
        match &settings.site.url {
            // The bound port answers for certain, which the port of the URL may not.
            url if !url.is_https() && url.is_loopback() && url.port() != address.port() => {
                tracing::info!(%address, store, "listening; open http://{}:{}", url.host(), address.port());
            }
            url => tracing::info!(%address, store, "listening; open {url}"),
        }
        let sweepers = [
            tokio::spawn(site.sessions.sweep()),
            tokio::spawn(site.accounts.sweep()),
            // Ends by itself. It runs beside the server, so that a provider that is down does not prevent the start.
            tokio::spawn(site.accounts.providers().clone().warn()),
        ];
        let stopping = Arc::clone(&site);
        let (told, mut stopped) = watch::channel(false);
        let tell = told.clone();
        let stop = async move {
            stop.await;
            tracing::info!("stopping: finishing running requests");
            stopping.ready.store(false, Ordering::Release);
            stopping.sessions.stop_watching();
            tell.send_replace(true);
        };
        let (acceptor, renewal) = tls.map(|Tls { acceptor, renewal }| (acceptor, renewal.run())).unzip();
        let renewal = renewal.map(tokio::spawn);
        let serving = async {
            let served = listen::serve(listener, router(&site), &settings.limits, acceptor, stop).await;
            // Also after a failure, when `stop` has not ended.
            told.send_replace(true);
            served
        };
        // At the same time, because each may take the whole grace period.
        let beside = async {
            stopped.wait_for(|told| *told).await.ok();
            let redirect = redirecting.map(Redirecting::stop);
            let exporter = exporting.map(Exporting::stop);
            tokio::join!(OptionFuture::from(redirect), OptionFuture::from(exporter));
        };
        let (served, ()) = tokio::join!(serving, beside);
        sweepers.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        tracing::info!("stopped");
        served
    }
}

/// Returns the names of the session cookie and of the signed cookies beside it.
fn own_cookies(session: &CookieSettings) -> Vec<String> {
    let beside =
        [Visitor::KNOWN, outcome::MARK].map(str::to_owned).into_iter().chain((0..SLOTS).map(federated::cookie));
    iter::once(session.name.clone()).chain(beside.map(|name| session.name_beside(&name))).collect()
}

/// Warns of settings that are allowed but unwise. Notes, which cost no session, are left to the command
/// `hardtack doctor`.
fn warn(settings: &Settings, setup: &Topology) {
    for finding in check(setup).iter().filter(|finding| finding.severity != Severity::Note) {
        tracing::warn!(code = %finding.code, cure = finding.cure.line(), "{}", finding.what);
    }
    let store = &settings.store;
    if store.timeout > Duration::from_millis(900) {
        tracing::warn!("store.timeout is long: while the store is down, visitors wait over a second for the error");
    }
    if store.insecure && store.transport().is_ok_and(|transport| transport == Transport::Unverified) {
        tracing::warn!(
            "store.insecure is on: the connection to the store has no verified TLS, so its data can be read and changed \
             on the way"
        );
    }
}

/// Returns the sessions, their database if it can hold other tables too, and the keys that sign their cookies.
async fn sessions(settings: &Settings) -> Result<(Sessions, Option<Database>, Keys), StartError> {
    let (session, store) = (&settings.session, &settings.store);
    // Before anything is made in a database.
    let named = needed(settings)?;
    let schema = if store.migrate { Schema::Migrate } else { Schema::Check };
    let Opened { store: opened, database } = store::open(store, store.timeout, schema).await?;
    let keys = named.map_or_else(|| own_key(&store.url), Ok)?;
    let sessions = Sessions::shared(opened, keys.clone())
        .cookie(session.cookie())?
        .clocks(session.clocks())?
        .per_account(session.per_account)
        .longest(settings.sign_in.keep)
        .max_data(session.max_data.bytes())
        .timeout(store.timeout);
    Ok((sessions, database, keys))
}

/// Returns the keys that the settings name, if any. Fails when the store needs a setting that is missing.
fn needed(settings: &Settings) -> Result<Option<Keys>, StartError> {
    let named = named_keys(&settings.session.keys)?;
    if named.is_none() && settings.store.url.is_shared() {
        return Err(StartError::NoSharedKey);
    }
    if matches!(settings.store.url, StoreUrl::Redis(_)) && settings.accounts.database.is_none() {
        return Err(StartError::NoAccounts);
    }
    Ok(named)
}

/// Reads the keys and secrets that the settings name, as a start does. It opens no store and binds no address.
///
/// # Errors
///
/// When one of them is missing or invalid.
pub fn check_secrets(settings: &Settings) -> Result<(), StartError> {
    needed(settings)?;
    super::providers::open(settings).map(drop)
}

/// Reads the keys that the settings name; `None` when they name none.
fn named_keys(sources: &[KeySource]) -> Result<Option<Keys>, StartError> {
    if sources.is_empty() {
        return Ok(None);
    }
    let named = sources.iter().map(|source| {
        let name = match source {
            KeySource::File(path) => path.display().to_string(),
            KeySource::Env(name) => format!("env:{name}"),
        };
        Ok((name, secret::read(source)?))
    });
    let named = named.collect::<Result<Vec<_>, StartError>>()?;
    Ok(Some(Keys::parse(named.iter().map(|(name, text)| (name.as_str(), text.as_str())))?))
}

/// Returns the key of a server that shares its store with no other: from a file beside the database, made at the first
/// start.
fn own_key(store: &StoreUrl) -> Result<Keys, KeyError> {
    match store {
        StoreUrl::Sqlite(path) => Keys::in_file(&path.with_file_name("hardtack.key")),
        StoreUrl::Memory | StoreUrl::Postgres(_) | StoreUrl::Redis(_) => Keys::generate(),
    }
}
