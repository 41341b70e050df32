//! `GET` and `POST /api/session`: the value in the session.

use crate::browser::Credentialed;
use crate::model::codec::{Json, JsonOrForm};
use crate::model::error::WireError;
use crate::model::handshake::{Confirmed, Handshake};
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Returns the value in the session. It is created once per session.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached.
#[server(client = Credentialed, endpoint = "session", input = GetUrl, output = Post<Json>)]
pub async fn read_handshake() -> Result<Handshake, WireError> {
    use crate::backend::handshake;
    use hardtack_session::Session;
    let session: Session = leptos_axum::extract().await?;
    Ok(handshake::of(&session).await?)
}

/// Compares a value with the one in the session.
///
/// # Errors
///
/// `mismatch` when they differ or the session has none, `unavailable` when the store cannot be reached.
#[server(client = Credentialed, endpoint = "session", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn send_handshake(
    /// The value, from `GET /api/session`.
    session: String,
) -> Result<Confirmed, WireError> {
    use crate::backend::handshake;
    use hardtack_session::Session;
    let kept: Session = leptos_axum::extract().await?;
    handshake::confirm(&kept, &session).await
}
