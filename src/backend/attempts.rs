//! The limits of password attempts, and the counters behind them.
//!
//! | counter | counts | limit |
//! |---|---|---|
//! | network, and its /48 | wrong passwords from browsers that the account does not know | `sign_in_network_attempts` |
//! | username | wrong passwords from such browsers | `sign_in_attempts` |
//! | known browser, or signed-in account | wrong passwords there | `sign_in_attempts` |
//! | network, and its /48 (`entered`) | right passwords, from all browsers | `sign_in_network_successes` |
//! | username (`entered`) | right passwords, from all browsers | `sign_in_successes` |
//!
//! A browser is known to an account if it has the account's device cookie. Every attempt is counted before the password
//! is checked, in the database that all nodes share, and given back if it does not belong there: a right password is no
//! guess, and a wrong one is no success. Both are given back when the server or a store fails, because an outage must
//! not use up its users' attempts.

use super::accounts::{Accounts, Attempt, Bucket, Stored};
use super::error::too_many;
use super::known::known;
use super::network::{WIDE, customer, narrow, wide};
use super::passwords::{Checked, Password};
use super::queue::Asker;
use super::visitor::Visitor;
use crate::model::error::WireError;

/// The kind of a password attempt, which decides how it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum As<'a> {
    /// A sign-in from a browser that the account does not know, with the username that was entered.
    Stranger(&'a str),
    /// A sign-in or confirmation from a browser that the account knows: the username and the device cookie's text.
    Known(&'a str, &'a str),
    /// A confirmation by a signed-in account: the username and the account's id. It has its own counter, so that
    /// attempts from other browsers cannot use it up.
    SignedIn(&'a str, &'a str),
}

impl<'a> As<'a> {
    /// Returns the kind of a sign-in; `stored` is `None` when no account has the username.
    pub(super) fn sign_in(visitor: &'a Visitor, name: &'a str, stored: Option<&Stored>) -> Self {
        match stored.and_then(|stored| known(visitor, stored)) {
            Some(browser) => Self::Known(name, browser),
            None => Self::Stranger(name),
        }
    }

    /// Returns the kind of a confirmation by a signed-in account.
    pub(super) fn signed_in(visitor: &'a Visitor, name: &'a str, stored: &'a Stored) -> Self {
        match known(visitor, stored) {
            Some(browser) => Self::Known(name, browser),
            None => Self::SignedIn(name, &stored.id),
        }
    }

    const fn name(self) -> &'a str {
        match self {
            Self::Stranger(name) | Self::Known(name, _) | Self::SignedIn(name, _) => name,
        }
    }
}

/// A counted success, for an action that is still to be done.
#[must_use = "it stays counted, unless `Success::of` gives it back after a failure"]
pub(super) struct Success(Vec<Attempt>);

impl Success {
    /// Returns the result of the action. Gives the success back when a store or the server failed.
    ///
    /// An error that the client caused gives nothing back, because the password was checked for it all the same.
    pub(super) async fn of<T>(self, accounts: &Accounts, done: Result<T, WireError>) -> Result<T, WireError> {
        if done.as_ref().is_err_and(WireError::is_a_failure) {
            accounts.forgive(&self.0).await;
        }
        done
    }
}

/// Counts an attempt, then checks the password. A wrong password stays counted as a guess. A right one stays counted as
/// a success, which is returned for the action that follows.
pub(super) async fn check(
    visitor: &Visitor,
    tried: As<'_>,
    password: &Password,
    stored: Option<&Stored>,
) -> Result<(Checked, Success), WireError> {
    let accounts = &visitor.accounts;
    let guesses = guesses(visitor, tried).await?;
    let successes = match successes(visitor, tried.name()).await {
        Ok(successes) => successes,
        Err(error) => {
            accounts.forgive(&guesses).await;
            return Err(error);
        }
    };
    let kept = stored.and_then(|stored| stored.password.as_ref());
    let checked = accounts.passwords().check(asker(visitor, tried.name()), password, kept).await;
    if !matches!(checked, Ok(Checked::Wrong)) {
        // Only a wrong password is a guess. When the queue is full, no password was checked.
        accounts.forgive(&guesses).await;
    }
    let success = if matches!(checked, Ok(Checked::Right | Checked::Stale(_))) {
        successes
    } else {
        accounts.forgive(&successes).await;
        Vec::new()
    };
    Ok((checked?, Success(success)))
}

/// Counts a possible guess. A known browser and a signed-in account have their own counters, so that an attacker in the
/// same network cannot lock them out.
async fn guesses(visitor: &Visitor, tried: As<'_>) -> Result<Vec<Attempt>, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let limit = accounts.rules().attempts;
    let (made, name) = match tried {
        As::Stranger(name) => {
            let network = networks(visitor, "network", accounts.rules().network_attempts).await?;
            (network, session.pseudonym("name", name))
        }
        As::Known(_, browser) => (Vec::new(), session.pseudonym("known", browser)),
        As::SignedIn(_, id) => (Vec::new(), session.pseudonym("signed in", id)),
    };
    with(accounts, made, &Bucket { name, limit }).await
}

/// Counts one more attempt. If it is rejected, gives back those that were counted before it.
async fn with(accounts: &Accounts, mut made: Vec<Attempt>, bucket: &Bucket) -> Result<Vec<Attempt>, WireError> {
    match one(accounts, bucket).await {
        Ok(attempt) => made.push(attempt),
        Err(error) => {
            accounts.forgive(&made).await;
            return Err(error);
        }
    }
    Ok(made)
}

/// Counts a success for an action without a password check.
pub(super) async fn success(visitor: &Visitor, name: &str) -> Result<Success, WireError> {
    successes(visitor, name).await.map(Success)
}

/// Counts a possible success, from all browsers, because a client that knows a password could fill the queue with it,
/// and begins a session each time.
async fn successes(visitor: &Visitor, name: &str) -> Result<Vec<Attempt>, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let made = entered(visitor).await?;
    // Counted by the username that was entered, also when no account has it, so that the response time does not reveal
    // whether the account exists.
    let bucket = Bucket { name: session.pseudonym("entered", name), limit: accounts.rules().successes };
    with(accounts, made, &bucket).await
}

/// Counts a possible success by network.
pub(super) async fn entered(visitor: &Visitor) -> Result<Vec<Attempt>, WireError> {
    networks(visitor, "entered", visitor.accounts.rules().network_successes).await
}

/// Counts an attempt by the client's network, among all attempts with this `place`. IPv6 is also counted by its /48,
/// which has a higher limit.
pub(super) async fn networks(visitor: &Visitor, place: &str, limit: u32) -> Result<Vec<Attempt>, WireError> {
    let Visitor { session, accounts, address, .. } = visitor;
    let bucket = |text: String, limit| Bucket { name: session.pseudonym(place, &text), limit };
    let mut made = vec![one(accounts, &bucket(narrow(*address).to_string(), limit)).await?];
    if let Some(wide) = wide(*address) {
        match one(accounts, &bucket(format!("{wide}/48"), limit.saturating_mul(WIDE))).await {
            Ok(attempt) => made.push(attempt),
            Err(error) => {
                accounts.forgive(&made).await;
                return Err(error);
            }
        }
    }
    Ok(made)
}

/// Returns the network and the username for the password queue.
pub(super) fn asker(visitor: &Visitor, name: &str) -> Asker {
    Asker { network: customer(visitor.address).to_string(), account: name.to_owned() }
}

/// Counts one attempt, or rejects it.
async fn one(accounts: &Accounts, bucket: &Bucket) -> Result<Attempt, WireError> {
    accounts.attempt(bucket).await?.map_err(|wait| {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        too_many("attempts", seconds)
    })
}
