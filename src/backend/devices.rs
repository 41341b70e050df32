//! The devices on which an account is signed in.

use super::account::signed_in;
use super::error::unknown;
use super::visitor::Visitor;
use crate::model::device::{Device, Devices};
use crate::model::error::{Kind, WireError};
use hardtack_session::OfAccount;
use hardtack_session::id::Handle;
use hardtack_session::store::Listed;

/// The number of devices in one response.
const PAGE: u32 = 100;

/// Returns the devices of the signed-in account, this one first. `after` is the `next` value of the previous response.
///
/// # Errors
///
/// As [`read_devices`](crate::api::devices::read_devices).
pub async fn of(visitor: &Visitor, after: Option<&str>) -> Result<Devices, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?;
    let no_place = |_| WireError::about("after", "Send the `next` value of the previous response, or nothing.");
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

/// Signs out one device, which may be this one.
///
/// # Errors
///
/// As [`end_device`](crate::api::devices::end_device).
pub async fn end(visitor: &Visitor, handle: &str) -> Result<(), WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?.is_fresh(accounts)?;
    let ended = match handle.parse() {
        Ok(handle) => {
            let message = "It is not known whether that device is signed out. Check the list of your devices.";
            session.end_of_account(&Handle(handle)).await.map_err(|error| unknown(error, message))?
        }
        // Handles are UUIDs, so no session has this one.
        Err(_) => false,
    };
    // A handle of another account and an unknown handle get the same response (ASVS 5.0, 8.2.2).
    if ended { Ok(()) } else { Err(WireError::new(Kind::NotFound, "Your account has no such device.".to_owned())) }
}

/// Signs out all devices but this one, and returns how many there were.
///
/// # Errors
///
/// As [`end_other_devices`](crate::api::devices::end_other_devices).
pub async fn end_others(visitor: &Visitor) -> Result<u64, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?.is_fresh(accounts)?;
    let message = "It is not known whether all other devices are signed out. Some may be. Try again: \
                   devices that are signed out stay so.";
    session.end_others().await.map_err(|error| unknown(error, message))
}
