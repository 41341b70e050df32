//! `GET /api/devices`, `POST /api/devices/end`, `POST /api/devices/end-others`.

use crate::browser::Credentialed;
use crate::model::codec::{Json, JsonOrForm};
use crate::model::device::{Devices, DevicesEnded};
use crate::model::error::WireError;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Where the account is signed in: about a hundred devices, and with more of them where the next answer begins.
///
/// # Errors
///
/// `not_signed_in`; `invalid` with the field `after`; `unavailable`.
#[server(client = Credentialed, endpoint = "devices", input = GetUrl, output = Post<Json>)]
pub async fn read_devices(
    /// What `next` of the answer before said; nothing for the first ones.
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
/// `not_signed_in`; `sign_in_again` when the sign-in is too long ago: `POST /api/confirm` first; `not_found`, also for
/// devices of others; `unavailable`, which says that it is not known whether it was done.
#[server(client = Credentialed, endpoint = "devices/end", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn end_device(
    /// Its handle, as `GET /api/devices` gave it.
    handle: String,
) -> Result<DevicesEnded, WireError> {
    use crate::backend::{devices, visitor::Visitor};
    devices::end(&leptos::prelude::expect_context::<Visitor>(), &handle).await?;
    Ok(DevicesEnded::new(1))
}

/// Signs all devices out but this one, however many there are.
///
/// # Errors
///
/// As [`end_device`], without `not_found`.
#[server(client = Credentialed, endpoint = "devices/end-others", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn end_other_devices() -> Result<DevicesEnded, WireError> {
    use crate::backend::{devices, visitor::Visitor};
    Ok(DevicesEnded::new(devices::end_others(&leptos::prelude::expect_context::<Visitor>()).await?))
}
