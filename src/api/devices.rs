//! `GET /api/devices`, `POST /api/devices/end`, `POST /api/devices/end-others`.

use crate::browser::Credentialed;
use crate::model::codec::{Json, JsonOrForm};
use crate::model::device::{Devices, DevicesEnded};
use crate::model::error::WireError;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Returns the devices on which the account is signed in: about a hundred, and if there are more, a cursor for the next
/// ones.
///
/// # Errors
///
/// `not_signed_in`; `invalid` with the field `after`; `unavailable`.
#[server(client = Credentialed, endpoint = "devices", input = GetUrl, output = Post<Json>)]
pub async fn read_devices(
    /// The cursor: `next` of the response before. None for the first devices.
    #[server(default)]
    after: Option<String>,
) -> Result<Devices, WireError> {
    use crate::backend::{devices, visitor::Visitor};
    devices::of(&leptos::prelude::expect_context::<Visitor>(), after.as_deref()).await
}

/// Signs one device out.
///
/// # Errors
///
/// `not_signed_in`; `sign_in_again` when the sign-in is too long ago: call `POST /api/confirm` first; `not_found`, also
/// for a device of another account; `unavailable` when it is unknown whether the device was signed out.
#[server(client = Credentialed, endpoint = "devices/end", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn end_device(
    /// The handle of the device, from `GET /api/devices`.
    handle: String,
) -> Result<DevicesEnded, WireError> {
    use crate::backend::{devices, visitor::Visitor};
    devices::end(&leptos::prelude::expect_context::<Visitor>(), &handle).await?;
    Ok(DevicesEnded::new(1))
}

/// Signs out all devices but this one, however many there are.
///
/// # Errors
///
/// As [`end_device`], without `not_found`.
#[server(client = Credentialed, endpoint = "devices/end-others", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn end_other_devices() -> Result<DevicesEnded, WireError> {
    use crate::backend::{devices, visitor::Visitor};
    Ok(DevicesEnded::new(devices::end_others(&leptos::prelude::expect_context::<Visitor>()).await?))
}
