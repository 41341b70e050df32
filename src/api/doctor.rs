//! `GET /api/doctor`: what is wrong in a visitor's browser, from what its page has tried.

#![allow(clippy::unused_async, reason = "a server function is async")]

use crate::browser::Credentialed;
use crate::doctor::Diagnosis;
use crate::model::codec::Json;
use crate::model::error::WireError;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Judges the tries of a page: JSON, as `src/server/doctor.js` makes it and [`Tries`](crate::doctor::Tries) reads it.
///
/// # Errors
///
/// `invalid` when they make no sense.
#[server(client = Credentialed, endpoint = "doctor", input = GetUrl, output = Post<Json>)]
pub async fn diagnose(
    /// The tries.
    tries: String,
) -> Result<Diagnosis, WireError> {
    use crate::{backend::doctor, model::doctor::Examiner, session::Session};
    let examiner = leptos::prelude::use_context::<Examiner>();
    let session: Option<Session> = leptos_axum::extract().await.ok();
    doctor::diagnose(&tries, examiner, session.as_ref())
}
