//! What a start notes for the next one, so that the next one can say what a change of the settings means for visitors that
//! have been here before.

use super::settings::Settings;
use super::start::StartError;
use crate::backend::accounts::{Accounts, Failure};
use crate::backend::doctor::sites;
use crate::doctor::{Address, Browser, Jar, Kind, Loss, Maker, Request, SetCookie};
use crate::session::clock::Timestamp;
use crate::session::store::Store;
use crate::session::{CookieSettings, Keys};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::time::Duration;

/// A change since the last start, and what existing visitors meet because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The setting, as `session.name`.
    pub setting: &'static str,
    /// What becomes of visitors, and how to avoid it where that is possible.
    pub means: String,
}

/// What visitors have of a server of these settings. No secret is in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Facts {
    /// When the server started, in milliseconds since 1970.
    at: i64,
    cookie: Cookie,
    store: String,
    /// `session.idle` and `session.absolute` in seconds.
    idle: u64,
    absolute: u64,
    /// `sign_in.keep` in seconds: no session lives longer.
    keep: u64,
    keys: Vec<Key>,
    /// The cookies that browsers may hold from before.
    #[serde(default)]
    former: Vec<Former>,
}

/// A session cookie, as far as browsers tell two of them apart.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Cookie {
    /// The origin that has given it away.
    origin: String,
    name: String,
    secure: bool,
    partitioned: bool,
    domain: Option<String>,
    path: String,
}

/// A cookie that is given away no more.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Former {
    cookie: Cookie,
    /// When that was noticed, in milliseconds since 1970.
    until: i64,
}

/// A signing key, by a name that tells nothing of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Key {
    id: String,
    /// When it was last known to sign, in milliseconds since 1970; `None`: it has only verified.
    signed: Option<i64>,
}

/// Browsers keep no cookie longer.
const LONGEST: Duration = crate::session::Lifetime::LONGEST;
/// How many sessions are looked at for an account.
const BATCH: u32 = 100;
/// How many former cookies are remembered.
const FORMER: usize = 16;

/// What a start has found out about the one before it.
#[derive(Debug, Default)]
pub(super) struct Since {
    /// What has changed, for visitors that have been here before.
    pub(super) changes: Vec<Change>,
    /// The cookies that browsers may hold beside the present one, under its name.
    pub(super) variants: Vec<CookieSettings>,
}

/// Compares with the last start, and notes this one.
///
/// # Errors
///
/// When browsers would refuse every session cookie because of one that they hold. A database that cannot be asked is only
/// complained of.
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
        tracing::warn!(%error, "this start is not compared with the last one, nor noted for the next");
        Ok(Since::default())
    })
}

/// Sessions of accounts, where there is no account.
async fn elsewhere(accounts: &Accounts, store: &dyn Store, now: Timestamp) -> Result<Option<Change>, Failure> {
    if !accounts.list(1).await?.is_empty() {
        return Ok(None);
    }
    let page = store.browse(None, BATCH, now).await.map_err(|error| Failure::Database(error.to_string()))?;
    let means = "this database has no account, and the store has sessions of some, whose visitors can neither go on nor sign in; \
                 name the database that has the accounts, or move them into this one";
    let owned = page.sessions.iter().any(|session| session.owner.account.is_some());
    Ok(owned.then(|| Change { setting: "accounts.database", means: means.to_owned() }))
}

/// Accounts that nothing is left to sign in by.
async fn stranded(settings: &Settings, accounts: &Accounts) -> Result<Option<Change>, Failure> {
    let issuers: Vec<_> = settings.sign_in.providers.iter().map(|provider| provider.issuer.as_str()).collect();
    let count = accounts.stranded(&issuers).await?;
    let means = format!(
        "accounts that cannot be signed in to: {count}; they have no password, and the providers that know them are not listed; \
         list those again, or give each a password with `hardtack accounts password`"
    );
    Ok((count > 0).then_some(Change { setting: "sign_in.providers", means }))
}

/// What the last start of this site has noted, if there was one.
async fn last(settings: &Settings, accounts: &Accounts) -> Result<Option<Facts>, Failure> {
    let noted = accounts.starts().await?;
    let mut all: Vec<Facts> = noted.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
    // At another address than ever before, visitors know the one of the start before.
    all.sort_by_key(|facts| (facts.cookie.origin != settings.site.url.to_string(), Reverse(facts.at)));
    let mut all = all.into_iter();
    let Some(mut last) = all.next() else { return Ok(None) };
    // Browsers may hold the cookies of all of them: the site may have been at another address since.
    for other in all {
        last.former.push(Former { cookie: other.cookie, until: other.at });
        last.former.extend(other.former);
    }
    last.former.sort_by_key(|former| Reverse(former.until));
    Ok(Some(last))
}

impl Facts {
    /// What visitors have of a server of these settings that starts now, after the `last` one.
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
            // The one that was the first has signed until this start.
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

    /// What has changed since the `last` start, for those who have been here.
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
                "visitors who are signed in sign in again, once: browsers hold the session cookie `{}`, and it is `{}` now",
                then.name, now.name
            );
            return Some(Change { setting, means });
        }
        let loss = then.is_withheld_from(now)?;
        let setting = if loss == Loss::OtherPath { "session.path" } else { setting };
        let means = format!(
            "visitors who are signed in sign in again, once: browsers do not send the session cookie `{}` that they hold \
             ({loss})",
            then.name
        );
        Some(Change { setting, means })
    }

    fn store_since(&self, last: &Self) -> Option<Change> {
        let means = format!(
            "visitors who are signed in sign in again, once: their sessions are in the former store ({}), and this one ({}) \
             does not have them",
            last.store, self.store
        );
        (last.store != self.store).then_some(Change { setting: "store.url", means })
    }

    fn keys_since(&self, last: &Self) -> Option<Change> {
        let is_missing = |key: &Key| !self.keys.iter().any(|known| known.id == key.id);
        let missing = last.keys.iter().enumerate().filter(|(_, key)| is_missing(key));
        let longest = Duration::from_secs(self.keep.max(last.keep));
        // What has signed until this start, or not so long ago that all it has signed is over.
        let in_use = |(at, key): (usize, &Key)| {
            at == 0 || key.signed.is_some_and(|signed| self.at.saturating_sub(signed) < millis(longest))
        };
        let means = format!(
            "visitors whose cookies were signed by the key that is not listed any more sign in again, once; to keep them signed \
             in, list it behind the others until {} have passed since another one signs (`sign_in.keep`)",
            humantime::format_duration(longest)
        );
        missing.into_iter().any(in_use).then_some(Change { setting: "session.keys", means })
    }

    /// Sessions that have begun are bounded by the present spans.
    fn spans_since(&self, last: &Self) -> impl Iterator<Item = Change> {
        let spans = [
            ("session.idle", last.idle, self.idle, "were silent for longer"),
            ("session.absolute", last.absolute, self.absolute, "began their session longer ago"),
            ("sign_in.keep", last.keep, self.keep, "asked longer ago to stay signed in"),
        ];
        let shorter = spans.into_iter().filter(|(_, then, now, _)| now < then);
        shorter.map(|(setting, then, now, whose)| {
            let span = |seconds| humantime::format_duration(Duration::from_secs(seconds));
            let means = format!(
                "it was {} and is {}: visitors who {whose} than that sign in again, once",
                span(then),
                span(now)
            );
            Change { setting, means }
        })
    }

    /// Why browsers that have been here would refuse every session cookie, if they would: nobody could sign in.
    fn lockout(&self) -> Option<Loss> {
        self.former.iter().find_map(|former| former.cookie.keeps_out(&self.cookie))
    }

    /// The variants of the session cookie that browsers may hold beside the present one, under its name.
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

    /// Keeps it for the next start.
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

    /// Why a browser that holds this cookie does not send it where `now` is given away.
    fn is_withheld_from(&self, now: &Self) -> Option<Loss> {
        let (jar, to) = (self.jar()?, now.address()?);
        let request = Request { to: &to, page: &to, kind: Kind::Link, now: 0, date: None };
        jar.withheld(&request, &sites([to.host()])).first().map(|(_, loss)| *loss)
    }

    /// Why a browser that holds this cookie does not take `now` as well.
    fn keeps_out(&self, now: &Self) -> Option<Loss> {
        let (mut jar, to) = (self.jar()?, now.address()?);
        let request = Request { to: &to, page: &to, kind: Kind::Link, now: 0, date: None };
        jar.keep(&now.line(), &request, &sites([to.host()])).err().filter(|loss| *loss == Loss::ShadowsSecure)
    }

    /// A browser that holds this cookie. Chrome stands for all: where they differ about these rules, it takes more.
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
