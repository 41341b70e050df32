//! The setup of a server by its settings, in the types of the doctor.

use super::settings::{Session, Settings, StoreUrl, TlsMode};
use super::tls::{Facts, TlsError};
use crate::backend::doctor::sites;
use hardtack_doctor::{Address, AddressError, SameSite, SetCookie, Term, Tls, Topology};
use hardtack_session::clock::{Clock, Timestamp};
use hardtack_session::cookie;
use hardtack_session::policy::Origin;

/// The reason why the setup cannot be determined, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A host is not a valid name on the web.
    #[error("{setting}: `{origin}` {error}")]
    Address {
        /// The setting that names it.
        setting: &'static str,
        /// The origin, as the setting spells it.
        origin: Origin,
        /// The problem.
        error: AddressError,
    },
    /// The certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] TlsError),
}

/// Returns the setup that follows from the settings and from the certificate that they name. It opens no port and no
/// store.
///
/// # Errors
///
/// When a host or the certificate is invalid.
pub fn topology(settings: &Settings) -> Result<Topology, SetupError> {
    let mut topology = plan(settings)?;
    if settings.tls.mode == TlsMode::Files {
        let facts = Facts::read(&settings.tls.certificate)?;
        topology.edge.term = Some(term(facts.begins, facts.ends));
    }
    // Port 0 picks a port at the start, so it is not known here.
    bind(&mut topology, settings, Some(settings.site.listen.port()).filter(|port| *port != 0));
    Ok(topology)
}

/// Returns the setup that follows from the settings alone.
pub(super) fn plan(settings: &Settings) -> Result<Topology, SetupError> {
    let Settings { site, session, cors, store, tls, .. } = settings;
    let address = |setting, origin: &Origin| {
        let address = origin.to_string().parse::<Address>();
        address.map_err(|error| SetupError::Address { setting, origin: origin.clone(), error })
    };
    let origins = site.origins();
    let own = address("site.url", origins.own())?;
    let pages = origins.front_ends().iter().map(|page| address("site.front_ends", page));
    let pages = pages.collect::<Result<Vec<_>, _>>()?;
    // Pages of other origins call only the API, unless they also lead to a sign-in by a provider.
    let beyond = pages.is_empty() || !settings.sign_in.providers.is_empty();
    let server = if beyond { own } else { own.at("/api/") };
    let hosts = pages.iter().chain([&server]).map(Address::host).chain(session.domain.as_deref());
    let mut topology = Topology::of(server.clone(), pages.clone(), sites(hosts));
    topology.cookie = cookie(session);
    topology.cors.methods.clone_from(&cors.methods);
    topology.cors.headers.clone_from(&cors.headers);
    topology.cors.exposed.clone_from(&cors.expose);
    topology.edge.tls = match tls.mode {
        TlsMode::Off => Tls::Elsewhere,
        TlsMode::Local => Tls::Own,
        TlsMode::Files => Tls::Public,
    };
    topology.edge.open =
        tls.mode == TlsMode::Off && !site.url.is_https() && site.url.is_loopback() && !site.listen.ip().is_loopback();
    // `sign_in_elsewhere` is left out, because this site's own page leads the browser back once more with a Strict
    // cookie.
    topology.store.lasting = store.url != StoreUrl::Memory;
    topology.store.shared = store.url.is_shared();
    Ok(topology)
}

/// Sets the bound port, if browsers reach it directly and not through a proxy.
pub(super) fn bind(topology: &mut Topology, settings: &Settings, port: Option<u16>) {
    let url = &settings.site.url;
    let direct = url.is_loopback() && (settings.tls.mode != TlsMode::Off || !url.is_https());
    topology.edge.bound = port.filter(|_| direct);
}

/// Returns the time that a certificate has left, and its whole validity.
pub(super) fn term(begins: Timestamp, ends: Timestamp) -> Term {
    let seconds = |from: Timestamp| (ends.0.saturating_sub(from.0)).div_euclid(1000);
    Term { left: seconds(Clock::System.now()), life: seconds(begins) }
}

fn cookie(session: &Session) -> SetCookie {
    let settings = session.cookie();
    let life = settings.persistent.then(|| i64::try_from(session.absolute.as_secs()).unwrap_or(i64::MAX));
    SetCookie {
        secure: settings.secure,
        partitioned: settings.partitioned,
        same_site: Some(match settings.same_site {
            cookie::SameSite::Strict => SameSite::Strict,
            cookie::SameSite::Lax => SameSite::Lax,
            cookie::SameSite::None => SameSite::None,
        }),
        domain: settings.domain,
        path: Some(settings.path),
        max_age: life,
        name: settings.name,
        ..SetCookie::session("", false)
    }
}
