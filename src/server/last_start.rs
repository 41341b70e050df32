//! The record of a start, so that the next start can report the effect of changed settings on existing visitors.

use super::settings::Settings;
use super::start::StartError;
use crate::backend::accounts::{Accounts, Failure};
use crate::backend::doctor::sites;
use hardtack_doctor::{Address, Browser, Jar, Kind, Loss, Maker, Request, SetCookie};
use hardtack_session::clock::Timestamp;
use hardtack_session::store::Store;
use hardtack_session::{CookieSettings, Keys};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::time::Duration;

/// A change since the last start, and its effect on existing visitors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The setting, as `session.name`.
    pub setting: &'static str,
    /// The effect on visitors, and how to avoid it where that is possible.
    pub means: String,
}

/// The facts of a start that existing visitors depend on. No secret is among them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Facts {
    /// When the server started, in milliseconds since 1970.
    at: i64,
    cookie: Cookie,
    store: String,
    /// `session.idle` and `session.absolute` in seconds.
    idle: u64,
    absolute: u64,
    /// `sign_in.keep` in seconds. No session lives longer.
    keep: u64,
    keys: Vec<Key>,
    /// The earlier cookies that browsers may still hold.
    #[serde(default)]
    former: Vec<Former>,
}

/// The properties of a session cookie by which browsers tell two cookies apart.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Cookie {
    /// The origin that set it.
    origin: String,
    name: String,
    secure: bool,
    partitioned: bool,
    domain: Option<String>,
    path: String,
}

/// A session cookie that the site no longer sets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Former {
    cookie: Cookie,
    /// The time of the start that noticed it, in milliseconds since 1970.
    until: i64,
}

/// A signing key, by an id that reveals nothing of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Key {
    id: String,
    /// The last start at which it was known to sign, in milliseconds since 1970; `None`: it has only verified.
    signed: Option<i64>,
}

/// The longest time that browsers keep a cookie.
const LONGEST: Duration = hardtack_session::Lifetime::LONGEST;
/// The number of sessions that are searched for one of an account.
const BATCH: u32 = 100;
/// The number of former cookies that are remembered.
const FORMER: usize = 16;

/// The result of the comparison with the last start.
#[derive(Debug, Default)]
pub(super) struct Since {
    /// The changes that existing visitors notice.
    pub(super) changes: Vec<Change>,
    /// The cookies that browsers may hold beside the present one, under its name.
    pub(super) variants: Vec<CookieSettings>,
}

/// Compares this start with the last one, and records it.
///
/// # Errors
///
/// When browsers would refuse every session cookie because of a cookie that they hold. A database that fails is only
/// logged.
pub(super) async fn since(
    settings: &Settings,
    accounts: &Accounts,
    store: &dyn Store,
    keys: &Keys,
    now: Timestamp,
) -> Result<Since, StartError> {
    let compare = async {
        let last = last(settings, accounts).await?;
        let facts = Facts::of(settings, store.kind(), keys, last.as_ref(), now.0);
        if let Some(loss) = facts.lockout() {
            return Ok(Err(StartError::LocksOut { name: facts.cookie.name, loss }));
        }
        let mut changes: Vec<_> = match last {
            Some(last) => facts.changes_since(&last),
            None => elsewhere(accounts, store, now).await?.into_iter().collect(),
        };
        changes.extend(stranded(settings, accounts).await?);
        facts.note(accounts).await?;
        Ok::<_, Failure>(Ok(Since { changes, variants: facts.variants(&settings.session.cookie()) }))
    };
    compare.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "this start is neither compared with the last one nor recorded for the next one");
        Ok(Since::default())
    })
}

/// Reports sessions of accounts when the database has no accounts.
async fn elsewhere(accounts: &Accounts, store: &dyn Store, now: Timestamp) -> Result<Option<Change>, Failure> {
    if !accounts.list(1).await?.is_empty() {
        return Ok(None);
    }
    let page = store.browse(None, BATCH, now).await.map_err(|error| Failure::Database(error.to_string()))?;
    let means = "this database has no accounts, but the store has sessions of accounts, and their users can neither go on nor sign \
                 in; name the database that has the accounts, or move them into this one";
    let owned = page.sessions.iter().any(|session| session.owner.account.is_some());
    Ok(owned.then(|| Change { setting: "accounts.database", means: means.to_owned() }))
}

/// Reports accounts that have no way left to sign in.
async fn stranded(settings: &Settings, accounts: &Accounts) -> Result<Option<Change>, Failure> {
    let issuers: Vec<_> = settings.sign_in.providers.iter().map(|provider| provider.issuer.as_str()).collect();
    let count = accounts.stranded(&issuers).await?;
    let means = format!(
        "accounts that cannot be signed in to: {count}; they have no password, and the providers that know them are not listed; \
         list those again, or give each a password with `hardtack accounts password`"
    );
    Ok((count > 0).then_some(Change { setting: "sign_in.providers", means }))
}

/// Loads the record of this site's last start, if there is one.
async fn last(settings: &Settings, accounts: &Accounts) -> Result<Option<Facts>, Failure> {
    let noted = accounts.starts().await?;
    let mut all: Vec<Facts> = noted.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
    // The record of this URL comes first. At a new URL, visitors know the one of the latest start.
    all.sort_by_key(|facts| (facts.cookie.origin != settings.site.url.to_string(), Reverse(facts.at)));
    let mut all = all.into_iter();
    let Some(mut last) = all.next() else { return Ok(None) };
    // Browsers may hold the cookies of all records, because the site may have been at another URL in between.
    for other in all {
        last.former.push(Former { cookie: other.cookie, until: other.at });
        last.former.extend(other.former);
    }
    last.former.sort_by_key(|former| Reverse(former.until));
    Ok(Some(last))
}

impl Facts {
    /// Returns the record of a server of these settings that starts now, after the `last` start.
    fn of(settings: &Settings, store: &str, keys: &Keys, last: Option<&Self>, now: i64) -> Self {
        let cookie = Cookie::of(&settings.session.cookie(), settings.site.url.to_string());
        let mut former = last.map(|last| last.former.clone()).unwrap_or_default();
        if let Some(last) = last {
            former.insert(0, Former { cookie: last.cookie.clone(), until: now });
        }
        let mut seen = vec![cookie.clone()];
        former.retain(|former| {
            let new = !seen.contains(&former.cookie);
            seen.push(former.cookie.clone());
            new && now.saturating_sub(former.until) < millis(LONGEST)
        });
        former.truncate(FORMER);
        let signed = |(at, id): (usize, String)| {
            let before =
                last.and_then(|last| last.keys.iter().position(|key| key.id == id).map(|at| (at, &last.keys[at])));
            // The key that was first in the last start has signed until this start.
            let signs = at == 0 || before.is_some_and(|(at, _)| at == 0);
            let signed = if signs { Some(now) } else { before.and_then(|(_, key)| key.signed) };
            Key { id, signed }
        };
        Self {
            at: now,
            cookie,
            store: store.to_owned(),
            idle: settings.session.idle.as_secs(),
            absolute: settings.session.absolute.as_secs(),
            keep: settings.sign_in.keep.as_secs(),
            keys: keys.ids().into_iter().enumerate().map(signed).collect(),
            former,
        }
    }

    /// Returns the changes since the `last` start that existing visitors notice.
    fn changes_since(&self, last: &Self) -> Vec<Change> {
        let one = [self.cookie_since(last), self.store_since(last), self.keys_since(last)];
        one.into_iter().flatten().chain(self.spans_since(last)).collect()
    }

    fn cookie_since(&self, last: &Self) -> Option<Change> {
        let (then, now) = (&last.cookie, &self.cookie);
        let setting = match () {
            () if then.origin != now.origin && then.is_https() != now.is_https() => "site.url",
            () if then.name == now.name => "site.url",
            () if then.domain != now.domain => "session.domain",
            () if then.path != now.path => "session.path",
            () => "session.name",
        };
        if then.name != now.name {
            let means = format!(
                "visitors who are signed in must sign in again, once: browsers hold the session cookie `{}`, but it is now `{}`",
                then.name, now.name
            );
            return Some(Change { setting, means });
        }
        let loss = then.is_withheld_from(now)?;
        let setting = if loss == Loss::OtherPath { "session.path" } else { setting };
        let means = format!(
            "visitors who are signed in must sign in again, once: browsers do not send the session cookie `{}` that they \
             hold ({loss})",
            then.name
        );
        Some(Change { setting, means })
    }

    fn store_since(&self, last: &Self) -> Option<Change> {
        let means = format!(
            "visitors who are signed in must sign in again, once: their sessions are in the former store ({}), and this one \
             ({}) does not have them",
            last.store, self.store
        );
        (last.store != self.store).then_some(Change { setting: "store.url", means })
    }

    fn keys_since(&self, last: &Self) -> Option<Change> {
        let is_missing = |key: &Key| !self.keys.iter().any(|known| known.id == key.id);
        let missing = last.keys.iter().enumerate().filter(|(_, key)| is_missing(key));
        let longest = Duration::from_secs(self.keep.max(last.keep));
        // The key has signed until this start, or so recently that sessions with its cookies may live.
        let in_use = |(at, key): (usize, &Key)| {
            at == 0 || key.signed.is_some_and(|signed| self.at.saturating_sub(signed) < millis(longest))
        };
        let means = format!(
            "visitors whose cookies were signed by a key that is no longer listed must sign in again, once; to keep them signed \
             in, list that key after the others until {} have passed since another key began to sign (`sign_in.keep`)",
            humantime::format_duration(longest)
        );
        missing.into_iter().any(in_use).then_some(Change { setting: "session.keys", means })
    }

    /// Returns the changes by shorter lifetimes, which also bound sessions that have begun.
    fn spans_since(&self, last: &Self) -> impl Iterator<Item = Change> {
        let spans = [
            ("session.idle", last.idle, self.idle, "were inactive for longer"),
            ("session.absolute", last.absolute, self.absolute, "began their session longer ago"),
            ("sign_in.keep", last.keep, self.keep, "asked longer ago to stay signed in"),
        ];
        let shorter = spans.into_iter().filter(|(_, then, now, _)| now < then);
        shorter.map(|(setting, then, now, whose)| {
            let span = |seconds| humantime::format_duration(Duration::from_secs(seconds));
            let means = format!(
                "it was {} and is {}: visitors who {whose} than that must sign in again, once",
                span(then),
                span(now)
            );
            Change { setting, means }
        })
    }

    /// Returns why browsers that hold a former cookie would refuse every session cookie, which would prevent every
    /// sign-in.
    fn lockout(&self) -> Option<Loss> {
        self.former.iter().find_map(|former| former.cookie.keeps_out(&self.cookie))
    }

    /// Returns the variants of the session cookie that browsers may hold beside the present one, under its name.
    fn variants(&self, cookie: &CookieSettings) -> Vec<CookieSettings> {
        let same = |former: &&Former| {
            former.cookie.name == self.cookie.name && former.cookie.is_https() == self.cookie.is_https()
        };
        let variant = |former: &Former| CookieSettings {
            domain: former.cookie.domain.clone(),
            path: former.cookie.path.clone(),
            partitioned: former.cookie.partitioned,
            ..cookie.clone()
        };
        let mut variants: Vec<CookieSettings> = Vec::new();
        for variant in self.former.iter().filter(same).map(variant) {
            if variant != *cookie && !variants.contains(&variant) {
                variants.push(variant);
            }
        }
        variants
    }

    /// Saves the record for the next start.
    async fn note(&self, accounts: &Accounts) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(|error| Failure::Database(error.to_string()))?;
        accounts.note_start(&self.cookie.origin, &text, self.at).await
    }
}

impl Cookie {
    fn of(cookie: &CookieSettings, origin: String) -> Self {
        Self {
            origin,
            name: cookie.name.clone(),
            secure: cookie.secure,
            partitioned: cookie.partitioned,
            domain: cookie.domain.clone(),
            path: cookie.path.clone(),
        }
    }

    fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Returns why a browser that holds this cookie does not send it to the origin of `now`.
    fn is_withheld_from(&self, now: &Self) -> Option<Loss> {
        let (jar, to) = (self.jar()?, now.address()?);
        let request = Request { to: &to, page: &to, kind: Kind::Link, now: 0, date: None };
        jar.withheld(&request, &sites([to.host()])).first().map(|(_, loss)| *loss)
    }

    /// Returns why a browser that holds this cookie does not store `now` beside it.
    fn keeps_out(&self, now: &Self) -> Option<Loss> {
        let (mut jar, to) = (self.jar()?, now.address()?);
        let request = Request { to: &to, page: &to, kind: Kind::Link, now: 0, date: None };
        jar.keep(&now.line(), &request, &sites([to.host()])).err().filter(|loss| *loss == Loss::ShadowsSecure)
    }

    /// Returns a browser that holds this cookie. Chrome stands for all, because it accepts more where browsers differ
    /// here.
    fn jar(&self) -> Option<Jar> {
        let mut jar = Jar::new(Browser::new(Maker::Chrome, false));
        let from = self.address()?;
        let request = Request { to: &from, page: &from, kind: Kind::Link, now: 0, date: None };
        jar.keep(&self.line(), &request, &sites([from.host()])).ok()?;
        Some(jar)
    }

    fn address(&self) -> Option<Address> {
        self.origin.parse::<Address>().ok().map(|address| address.at(&self.path))
    }

    fn line(&self) -> SetCookie {
        SetCookie {
            name: self.name.clone(),
            secure: self.secure,
            partitioned: self.partitioned,
            domain: self.domain.clone(),
            path: Some(self.path.clone()),
            ..SetCookie::session("", false)
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
