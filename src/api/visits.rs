//! `POST /api/visits`: counts a visit.

use crate::browser::Credentialed;
use crate::model::codec::{Json, JsonOrForm};
use crate::model::error::WireError;
use crate::model::visits::Visits;
use leptos::server;
use server_fn::codec::Post;

/// Counts this visit and returns the greeting. A speculative request gets the greeting and is not counted.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached.
#[server(client = Credentialed, endpoint = "visits", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn count_visit() -> Result<Visits, WireError> {
    use crate::backend::visits;
    use hardtack_session::Session;
    let session: Session = leptos_axum::extract().await?;
    Ok(visits::count(&session).await?)
}
