//! `GET /api/overview`: the session in the browser and on the server. Changes nothing.

use crate::browser::Credentialed;
use crate::model::codec::Json;
use crate::model::error::WireError;
use crate::model::overview::Overview;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Returns the caller's session: its cookie in the browser, and its keys and deadlines on the server.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached.
#[server(client = Credentialed, endpoint = "overview", input = GetUrl, output = Post<Json>)]
pub async fn read_overview() -> Result<Overview, WireError> {
    use crate::backend::overview;
    use hardtack_session::Session;
    let session: Session = leptos_axum::extract().await?;
    Ok(overview::of(&session).await?)
}
