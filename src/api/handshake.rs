//! `GET` and `POST /api/session`: the value that the session keeps.

use crate::browser::Credentialed;
use crate::model::codec::{Json, JsonOrForm};
use crate::model::error::WireError;
use crate::model::handshake::{Confirmed, Handshake};
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// The value that the session keeps; made once per session.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached.
#[server(client = Credentialed, endpoint = "session", input = GetUrl, output = Post<Json>)]
pub async fn read_handshake() -> Result<Handshake, WireError> {
    use crate::{backend::handshake, session::Session};
    let session: Session = leptos_axum::extract().await?;
    Ok(handshake::of(&session).await?)
}

/// Compares a value with the one that the session keeps.
///
/// # Errors
///
/// `mismatch` when they differ or the session keeps none, `unavailable` when the store cannot be reached.
#[server(client = Credentialed, endpoint = "session", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn send_handshake(
    /// The value, as `GET /api/session` gave it.
    session: String,
) -> Result<Confirmed, WireError> {
    use crate::{backend::handshake, session::Session};
    let kept: Session = leptos_axum::extract().await?;
    handshake::confirm(&kept, &session).await
}
