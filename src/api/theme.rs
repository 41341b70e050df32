//! `POST /api/theme`: saves the theme in a plain cookie.

use crate::browser::Credentialed;
use crate::model::codec::{Json, JsonOrForm};
use crate::model::error::WireError;
use crate::model::theme::Theme;
use leptos::server;
use server_fn::codec::Post;

/// Saves the theme in a cookie of its own, without use of the session.
///
/// # Errors
///
/// `invalid` for an unknown theme.
#[server(client = Credentialed, endpoint = "theme", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn choose_theme(
    /// The theme.
    theme: Theme,
) -> Result<Theme, WireError> {
    use axum::http::header::SET_COOKIE;
    use hardtack_session::Session;
    use leptos::prelude::expect_context;
    let session: Session = leptos_axum::extract().await?;
    let cookie = session.cookie().plain(Theme::COOKIE, theme.name())?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, cookie);
    Ok(theme)
}
