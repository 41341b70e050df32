//! The settings of accounts: their types, how they are read, and the contradictions among them.

use super::check::Rule;
use super::store_url::StoreUrl;
use super::values::Read;
use super::{Settings, SettingsError, values};
use crate::backend::accounts::Rules;
use config::ValueKind;
use hardtack_session::store::Transport;
use hardtack_session::{Lifetime, PerAccount};
use std::num::NonZeroU32;
use std::time::Duration;

/// Whether visitors may create accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// All visitors may.
    Open,
    /// Only operators may.
    Closed,
}

impl Read for Registration {
    const WHAT: &str = "one of `open` and `closed`";
    const LIKE: &str = "`closed`";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(values::wrong_text::<Self>(text)),
        }
    }
}

/// From this number on, the limit only keeps sessions from piling up. A smaller one is about devices, and exact.
const MANY: u32 = 100;

impl Read for PerAccount {
    const WHAT: &str = <Option<NonZeroU32>>::WHAT;
    const LIKE: &str = <Option<NonZeroU32>>::LIKE;

    fn from_text(text: &str) -> Result<Self, String> {
        <Option<NonZeroU32>>::from_text(text).map(per_account)
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        <Option<NonZeroU32>>::from_toml(value).map(per_account)
    }
}

fn per_account(limit: Option<NonZeroU32>) -> PerAccount {
    match limit {
        Some(limit) if limit.get() >= MANY => PerAccount::Unused(limit),
        limit => limit.into(),
    }
}

/// An SQL database, or empty text for none.
impl Read for Option<StoreUrl> {
    const WHAT: &str = "the address of a SQLite file or a PostgreSQL database";
    const LIKE: &str =
        "`sqlite:data/accounts.db` or `postgres://user@host/database`, or empty for where the sessions are";

    // The text is not repeated, because addresses of databases hold passwords.
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(None);
        }
        match StoreUrl::from_text(text) {
            Ok(url @ (StoreUrl::Sqlite(_) | StoreUrl::Postgres(_))) => Ok(Some(url)),
            _ => Err(format!("is not {}; write it like {}", Self::WHAT, Self::LIKE)),
        }
    }
}

/// Returns the rules for accounts and sign-ins. Source: ASVS 5.0, 6.2.1, 6.2.9 and 12.3.1.
pub(super) fn rules(settings: &Settings) -> Result<[Rule; 5], SettingsError> {
    let Settings { session, store, accounts, sign_in, .. } = settings;
    let wrong = |error| SettingsError(format!("`accounts.database`: {error}."));
    let transport = accounts.database.as_ref().map(|url| url.transport(store.insecure)).transpose().map_err(wrong)?;
    Ok([
        (
            transport == Some(Transport::Unverified) && !store.insecure,
            "`accounts.database` is a PostgreSQL on another machine without verified TLS, so attackers on the network could \
             sign in as any user; add `?sslmode=verify-full`, or set `store.insecure = true` for a trial.",
        ),
        (
            !(8..=64).contains(&sign_in.password_min),
            "`sign_in.password_min` is not from 8 to 64: shorter passwords are guessed, and longer ones may be used but \
             not required; write `8`, or `15`.",
        ),
        (
            sign_in.keep < session.absolute,
            "`sign_in.keep` is shorter than `session.absolute`, so \"Keep me signed in\" would make a session shorter; make it \
             longer, like `30d`.",
        ),
        (
            sign_in.keep > Lifetime::LONGEST,
            "`sign_in.keep` is more than 400 days, and browsers keep no cookie longer; write `400d` or less.",
        ),
        (
            sign_in.fresh < Duration::from_mins(1),
            "`sign_in.fresh` is less than a minute, so a sign-in could be too old before the action that needs it; write `1m` or \
             more, like `15m`.",
        ),
    ])
}

impl Settings {
    /// Returns the rules for accounts that these settings describe.
    #[must_use]
    pub fn account_rules(&self) -> Rules {
        let Self { site, session, sign_in, limits, .. } = self;
        Rules {
            register: sign_in.register == Registration::Open,
            password_min: sign_in.password_min as usize,
            keep: sign_in.keep,
            fresh: sign_in.fresh,
            lifetime: session.clocks().lifetime,
            attempts: limits.sign_in_attempts,
            network_attempts: limits.sign_in_network_attempts,
            successes: limits.sign_in_successes,
            network_successes: limits.sign_in_network_successes,
            registrations: limits.register_network_attempts,
            window: limits.sign_in_window,
            password_wait: limits.password_wait,
            words: vec!["hardtack".to_owned(), site.url.host().to_string()],
        }
    }
}
