//! From settings to a server that answers.

use super::assets::Assets;
use super::listen::{self, BindError, Listener};
use super::router::{Site, router};
use super::settings::{KeySource, Session, Settings, StoreUrl};
use crate::session::clock::Clock;
use crate::session::keys::{KeyError, read_private};
use crate::session::store::memory::MemoryStore;
use crate::session::store::sqlite::{OpenError, SqliteStore};
use crate::session::{CookieSettings, Keys, Lifetime, Sessions};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Why the server does not start, in one sentence: the setting, the reason, the cure.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error("store.url: {0}")]
    Store(#[from] OpenError),
    /// There is no key to sign cookies with.
    #[error("session.keys: {0}")]
    Keys(#[from] KeyError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A variable that is to hold a key does not exist.
    #[error("session.keys: the variable {0} is not set; put a key into it (`openssl rand -hex 32`) or name another")]
    NoVariable(String),
}

/// A server that has its store, its keys and its address, and has yet to [`run`](Server::run).
pub struct Server {
    listener: Listener,
    site: Arc<Site>,
    settings: Settings,
}

impl Server {
    /// Opens the store, reads the keys and takes the address.
    ///
    /// # Errors
    ///
    /// When one of them cannot be had.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Clock::System).await
    }

    /// As [`start`](Server::start), with a clock that a test can turn.
    ///
    /// # Errors
    ///
    /// As [`start`](Server::start).
    pub async fn start_with(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let listener = Listener::bind(settings.site.listen)?;
        let sessions = sessions(&settings).await?.clock(clock);
        let site = Arc::new(Site {
            assets: Assets::find(&settings.leptos),
            origin: settings.site.url.origin().ascii_serialization(),
            limits: settings.limits.clone(),
            ready: AtomicBool::new(true),
            sessions,
        });
        Ok(Self { listener, site, settings })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Serves until `stop` comes, then finishes what is under way, for at most `limits.shutdown_grace`.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let Self { listener, site, settings } = self;
        let port = settings.site.url.port_or_known_default();
        if settings.site.is_loopback() && port != Some(listener.address.port()) {
            tracing::warn!(
                bound = listener.address.port(),
                ?port,
                "site.url names another port than the one that is bound; set it to what browsers are to open"
            );
        }
        if settings.store.timeout > Duration::from_millis(900) {
            tracing::warn!("store.timeout is long: while the store is away, visitors wait over a second to be told so");
        }
        if settings.site.insecure {
            tracing::warn!("site.insecure is on: sessions travel unencrypted and can be taken over on the way");
        }
        tracing::info!(
            address = %listener.address, store = site.sessions.store().kind(), "listening; open {}", settings.site.url
        );
        let sweeper = tokio::spawn(site.sessions.sweep());
        let stopping = Arc::clone(&site);
        let stop = async move {
            stop.await;
            tracing::info!("stopping: finishing what is under way");
            stopping.ready.store(false, Ordering::Release);
        };
        let served = listen::serve(listener, router(&site), &settings.limits, stop).await;
        sweeper.abort();
        tracing::info!("stopped");
        served
    }
}

async fn sessions(settings: &Settings) -> Result<Sessions, StartError> {
    let Session { idle, absolute, touch_every, rotation_grace, max_data, .. } = settings.session;
    let sessions = match &settings.store.url {
        StoreUrl::Memory => {
            tracing::warn!("store.url is memory: sessions end when the server stops");
            Sessions::new(MemoryStore::default(), keys(&settings.session, None)?)
        }
        StoreUrl::Sqlite(path) => {
            let store = SqliteStore::open(path, settings.store.connections).await?;
            Sessions::new(store, keys(&settings.session, Some(&path.with_file_name("hardtack.key")))?)
        }
    };
    Ok(sessions
        .cookie(cookie(&settings.session))
        .lifetime(Lifetime { idle, absolute })
        .touch_every(touch_every)
        .rotation_grace(rotation_grace)
        .max_data(max_data.bytes())
        .timeout(settings.store.timeout))
}

fn cookie(settings: &Session) -> CookieSettings {
    CookieSettings {
        name: settings.name.clone(),
        secure: settings.secure,
        same_site: settings.same_site,
        partitioned: settings.partitioned,
        domain: settings.domain.clone(),
        path: settings.path.clone(),
        persistent: settings.persistent,
    }
}

/// The keys that are named, or the one in `own`, which is made at the first start.
fn keys(settings: &Session, own: Option<&Path>) -> Result<Keys, StartError> {
    if settings.keys.is_empty() {
        return Ok(own.map_or_else(Keys::generate, Keys::in_file)?);
    }
    let named = settings.keys.iter().map(|source| match source {
        KeySource::File(path) => Ok((path.display().to_string(), read_private(path)?)),
        KeySource::Env(name) => {
            let text = std::env::var(name).map_err(|_| StartError::NoVariable(name.clone()))?;
            Ok((format!("env:{name}"), text))
        }
    });
    let named = named.collect::<Result<Vec<_>, StartError>>()?;
    Ok(Keys::parse(named.iter().map(|(name, text)| (name.as_str(), text.as_str())))?)
}
