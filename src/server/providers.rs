//! The OpenID providers that the settings name: their secrets, and the client that calls them.

use super::secret;
use super::settings::{Provider, Settings, callback};
use super::start::StartError;
use super::trust::authorities;
use crate::backend::providers::{Http, Outward, Providers, Registration};
use hardtack_doctor::Finding;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use zeroize::Zeroizing;

/// Returns the providers without calling them, so that a provider that is down does not prevent other sign-ins.
pub(super) fn open(settings: &Settings) -> Result<Providers, StartError> {
    let providers = &settings.sign_in.providers;
    if providers.is_empty() {
        return Ok(Providers::default());
    }
    let registrations = providers.iter().map(|provider| with_secret(settings, provider));
    let registrations = registrations.collect::<Result<Vec<_>, _>>()?;
    let outward = Outward::from_env();
    for issuer in providers.iter().filter_map(|provider| provider.issuer.parse().ok()) {
        if let Some(proxy) = outward.proxy_of(&issuer)? {
            tracing::info!(%issuer, proxy, "the provider is called through the proxy that the environment names");
        }
    }
    Ok(Providers::new(registrations, &client(outward).map_err(StartError::Providers)?))
}

/// Examines the providers of these settings, and returns the problems at sign-in that their own metadata shows. It
/// reads and sends no secret.
///
/// # Errors
///
/// When no TLS client can be set up.
pub async fn examine(settings: &Settings) -> Result<Vec<Finding>, StartError> {
    let providers = &settings.sign_in.providers;
    if providers.is_empty() {
        return Ok(Vec::new());
    }
    let registrations = providers.iter().map(|provider| registration(settings, provider, Zeroizing::default()));
    Ok(Providers::new(registrations, &client(Outward::from_env()).map_err(StartError::Providers)?).examine().await)
}

fn with_secret(settings: &Settings, provider: &Provider) -> Result<Registration, StartError> {
    let secret = secret::read(&provider.client_secret)
        .map_err(|cause| StartError::ProviderSecret { provider: provider.id.clone(), cause: cause.to_string() })?;
    Ok(registration(settings, provider, Zeroizing::new(secret.trim().to_owned())))
}

fn registration(settings: &Settings, provider: &Provider, client_secret: Zeroizing<String>) -> Registration {
    let Provider { id, name, issuer, client_id, client_secret: _, scopes, quirks } = provider.clone();
    let callback = callback(&settings.site, &id);
    let home = format!("{}/", settings.site.url);
    Registration { id, name, issuer, client_id, client_secret, scopes, quirks, callback, home }
}

/// Returns a client that trusts the authorities of the system and follows no redirect.
fn client(outward: Outward) -> Result<Http, String> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let tls = tls.with_root_certificates(authorities()).with_no_client_auth();
    // Plain http is for this machine alone, because the settings accept no other issuer with it.
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    let connector = connector.wrap_connector(outward);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}
