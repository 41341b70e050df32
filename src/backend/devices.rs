//! The devices that an account is signed in on.

use super::account::signed_in;
use super::visitor::Visitor;
use crate::model::device::{Device, Devices};
use crate::model::error::{Kind, WireError};
use crate::session::id::Handle;
use crate::session::store::Listed;

/// The devices of the account that is signed in, this one first.
///
/// # Errors
///
/// As [`read_devices`](crate::api::devices::read_devices).
pub async fn of(visitor: &Visitor) -> Result<Devices, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    signed_in(session, accounts).await?;
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
    let mut devices: Vec<_> = session.of_account().await?.into_iter().map(device).collect();
    // The rest stays in its order.
    devices.sort_by_key(|device| !device.current);
    Ok(Devices { devices, now: accounts.clock().now().seconds() })
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
        Ok(handle) => session.end_of_account(&Handle(handle)).await?,
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
    Ok(session.end_others().await?)
}
