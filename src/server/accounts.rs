//! The opening of the accounts that the settings name.

use super::operator::OperatorError;
use super::providers;
use super::settings::{Settings, StoreUrl};
use super::start::StartError;
use super::store::{self, Opened, PATIENCE};
use crate::backend::accounts::{Accounts, chain};
use crate::backend::providers::Providers;
use crate::backend::registry::Registry;
use hardtack_session::clock::Clock;
use hardtack_session::store::{Database, OpenError, Schema};
use std::time::Duration;

/// Opens the database of the accounts, with their tables: a database of its own, or the one of the sessions.
pub(super) async fn database(
    settings: &Settings,
    beside: Option<&Database>,
    timeout: Duration,
    schema: Schema,
) -> Result<Database, StartError> {
    let (chain, connections) = (chain(), settings.store.connections);
    let opened = match (&settings.accounts.database, beside) {
        (Some(StoreUrl::Sqlite(path)), _) => Database::in_file(path, connections, &chain, schema).await,
        (Some(StoreUrl::Postgres(url)), _) => Database::at(url.reveal(), connections, timeout, &chain, schema).await,
        (_, Some(beside)) => beside.prepare(&chain, schema).await.map(|()| beside.clone()),
        _ if settings.store.url == StoreUrl::Memory => Database::in_memory(&chain).await,
        _ => return Err(StartError::NoAccounts),
    };
    opened.map_err(StartError::Accounts)
}

/// Opens the accounts for a server.
pub(super) async fn open(settings: &Settings, beside: Option<&Database>, clock: Clock) -> Result<Accounts, StartError> {
    let store = &settings.store;
    let schema = if store.migrate { Schema::Migrate } else { Schema::Check };
    let database = database(settings, beside, store.timeout, schema).await?;
    let providers = providers::open(settings)?;
    Ok(Accounts::new(database, store.timeout, clock, settings.account_rules(), providers)?)
}

/// Opens the accounts and their sessions for an operator, and does not change their schemas.
///
/// # Errors
///
/// When one of them cannot be opened, has another schema than this program, or is `memory:`.
pub async fn open_registry(settings: &Settings) -> Result<Registry, OperatorError> {
    if settings.store.url == StoreUrl::Memory {
        return Err(OperatorError::Memory);
    }
    let Opened { store, database: beside } = store::open(&settings.store, PATIENCE, Schema::Check).await?;
    let database = database(settings, beside.as_ref(), PATIENCE, Schema::Check).await?;
    // Without providers, because no user signs in here.
    let nowhere = Providers::default();
    let accounts = Accounts::new(database, PATIENCE, Clock::System, settings.account_rules(), nowhere);
    Ok(Registry::new(accounts.map_err(StartError::from)?, store))
}

/// Brings the tables of the accounts up to date. Returns whether there was anything to do.
pub(super) async fn migrate(settings: &Settings, beside: Option<&Database>) -> Result<bool, StartError> {
    match database(settings, beside, PATIENCE, Schema::Check).await {
        Ok(_) => Ok(false),
        Err(StartError::Accounts(OpenError::Older { .. } | OpenError::Missing { .. })) => {
            database(settings, beside, PATIENCE, Schema::Migrate).await?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
