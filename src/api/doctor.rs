//! `GET /api/doctor`: the diagnosis of a visitor's browser, from the results of its page's requests.

#![allow(clippy::unused_async, reason = "a server function is async")]

use crate::browser::Credentialed;
use crate::model::codec::Json;
use crate::model::error::WireError;
use hardtack_doctor::Diagnosis;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Returns the diagnosis for the results of a page, which `src/server/doctor.js` writes and
/// [`Tries`](hardtack_doctor::Tries) reads.
///
/// # Errors
///
/// `invalid` when the results are malformed or inconsistent.
#[server(client = Credentialed, endpoint = "doctor", input = GetUrl, output = Post<Json>)]
pub async fn diagnose(
    /// The results, as JSON.
    tries: String,
) -> Result<Diagnosis, WireError> {
    use crate::{backend::doctor, model::doctor::Examiner};
    use hardtack_session::Session;
    let examiner = leptos::prelude::use_context::<Examiner>();
    let session: Option<Session> = leptos_axum::extract().await.ok();
    doctor::diagnose(&tries, examiner, session.as_ref())
}
