//! The devices that an account is signed in on.

use super::account::signed_in;
use super::error::unknown;
use super::visitor::Visitor;
use crate::model::device::{Device, Devices};
use crate::model::error::{Kind, WireError};
use crate::session::OfAccount;
use crate::session::id::Handle;
use crate::session::store::Listed;

/// How many devices one answer tells of.
const PAGE: u32 = 100;

/// Devices of the account that is signed in, this one first; `after` is where the last answer ended.
///
/// # Errors
///
/// As [`read_devices`](crate::api::devices::read_devices).
pub async fn of(visitor: &Visitor, after: Option<&str>) -> Result<Devices, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?;
    let no_place = |_| WireError::about("after", "Give what `next` of the answer before says, or leave it out.");
    let after = after.filter(|text| !text.is_empty()).map(str::parse).transpose().map_err(no_place)?;
    let own = session.facts().await?.map(|facts| facts.handle);
    let device = |listed: Listed| {
        let (label, ip) = listed.owner.device.map(|device| (device.label, device.address)).unwrap_or_default();
        Device {
            handle: listed.handle.to_string(),
            label,
            ip,
            created: listed.created.seconds(),
            seen: listed.seen.seconds(),
            current: Some(listed.handle) == own,
        }
    };
    let OfAccount { sessions, next } = session.of_account(after, PAGE).await?;
    let devices = sessions.into_iter().map(device).collect();
    Ok(Devices { devices, now: accounts.clock().now().seconds(), next: next.map(|place| place.to_string()) })
}

/// Signs one device out, which may be this one.
///
/// # Errors
///
/// As [`end_device`](crate::api::devices::end_device).
pub async fn end(visitor: &Visitor, handle: &str) -> Result<(), WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?.is_fresh(accounts)?;
    let ended = match handle.parse() {
        Ok(handle) => {
            let message = "It is not known whether that device is signed out. Look at the list of your devices again.";
            session.end_of_account(&Handle(handle)).await.map_err(|error| unknown(error, message))?
        }
        // No handle of ours looks so.
        Err(_) => false,
    };
    // One answer for what is another account's and what is nobody's (ASVS 5.0, 8.2.2).
    if ended { Ok(()) } else { Err(WireError::new(Kind::NotFound, "You are signed in on no such device.".to_owned())) }
}

/// Signs all devices out but this one, and says how many.
///
/// # Errors
///
/// As [`end_other_devices`](crate::api::devices::end_other_devices).
pub async fn end_others(visitor: &Visitor) -> Result<u64, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?.is_fresh(accounts)?;
    let message = "It is not known whether all other devices are signed out, though some may be. Try again: what is signed out \
                   stays so.";
    session.end_others().await.map_err(|error| unknown(error, message))
}
