//! How often a password may be tried, and by what that is counted.
//!
//! | bucket | counts | limit |
//! |---|---|---|
//! | network, and its /48 | wrong passwords of browsers that the account does not know | `sign_in_network_attempts` |
//! | name | wrong passwords of strangers | `sign_in_attempts` |
//! | known browser, or account that is signed in | wrong passwords there | `sign_in_attempts` |
//! | entered, by network and by name | right passwords, of all browsers | `sign_in_network_successes`, `sign_in_successes` |
//!
//! Each is counted before the password is looked at, in the database that all nodes share, and given back when it turns out
//! to be none: a guess that was right, a success of a wrong password, and both where the server or a store fails, because an
//! outage must not use up what its users have.

use super::accounts::{Accounts, Attempt, Bucket, Stored};
use super::error::too_many;
use super::known::known;
use super::network::{WIDE, customer, narrow, wide};
use super::passwords::{Checked, Password};
use super::queue::Asker;
use super::visitor::Visitor;
use crate::model::error::WireError;

/// What a password is tried as.
#[derive(Clone, Copy, Debug)]
pub(super) enum As<'a> {
    /// A stranger's sign-in, by the name that was typed.
    Stranger(&'a str),
    /// A sign-in in a browser that the account knows.
    Known(&'a str, &'a str),
    /// The proof of an account that is signed in: no stranger can use up its attempts.
    SignedIn(&'a str, &'a str),
}

impl<'a> As<'a> {
    /// A sign-in to an account, or to nobody's.
    pub(super) fn sign_in(visitor: &'a Visitor, name: &'a str, stored: Option<&Stored>) -> Self {
        match stored.and_then(|stored| known(visitor, stored)) {
            Some(browser) => Self::Known(name, browser),
            None => Self::Stranger(name),
        }
    }

    /// The proof of an account that is signed in.
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

/// A success that was counted, for something that has yet to be done.
#[must_use = "it stays counted, unless what follows fails: see `Success::of`"]
pub(super) struct Success(Vec<Attempt>);

impl Success {
    /// Hands out what was done with it. Where a store or the server failed, the success is given back.
    ///
    /// An error of the client's gives nothing back, because the password was looked at for it all the same.
    pub(super) async fn of<T>(self, accounts: &Accounts, done: Result<T, WireError>) -> Result<T, WireError> {
        if done.as_ref().is_err_and(WireError::is_a_failure) {
            accounts.forgive(&self.0).await;
        }
        done
    }
}

/// Checks a password, once it has been counted. A wrong one stays counted as a guess, and a right one as a success, which is
/// handed out for what follows.
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
        // A full queue is nobody's guess.
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

/// Counts what may be a guess. Of a browser that is known, and of who is signed in, by that alone: neighbours who guess must
/// not lock it out.
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

/// Counts one attempt more. Where it is refused, those that were counted for it are taken back.
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

/// Counts a success that no password is looked at for.
pub(super) async fn success(visitor: &Visitor, name: &str) -> Result<Success, WireError> {
    successes(visitor, name).await.map(Success)
}

/// Counts what may be a success, of all browsers: a client that knows a password can use up the queue with it, and begins a
/// session each time.
async fn successes(visitor: &Visitor, name: &str) -> Result<Vec<Attempt>, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let made = entered(visitor).await?;
    // By the name that was typed, also where no account has it: nobody can tell from the time that it takes.
    let bucket = Bucket { name: session.pseudonym("entered", name), limit: accounts.rules().successes };
    with(accounts, made, &bucket).await
}

/// Counts what may be a success, by network.
pub(super) async fn entered(visitor: &Visitor) -> Result<Vec<Attempt>, WireError> {
    networks(visitor, "entered", visitor.accounts.rules().network_successes).await
}

/// Counts by the network, of all that is tried in one place; of IPv6 also by its /48, which may have more.
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

/// Whose turn it is in the queue of passwords.
pub(super) fn asker(visitor: &Visitor, name: &str) -> Asker {
    Asker { network: customer(visitor.address).to_string(), account: name.to_owned() }
}

/// Counts one, or refuses it.
async fn one(accounts: &Accounts, bucket: &Bucket) -> Result<Attempt, WireError> {
    accounts.attempt(bucket).await?.map_err(|wait| {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        too_many("attempts", seconds)
    })
}
