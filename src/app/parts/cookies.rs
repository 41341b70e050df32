//! The message that the browser does not keep this site's cookie.

use super::form::outcome;
use crate::app::access::DOCTOR;
use crate::model::doctor::Examiner;
use leptos::prelude::*;

/// The message. It is hidden, unless the server finds that the cookie of a sign-in is missing. `server/loader.js` shows
/// it when the browser blocks cookies, and the account menu of an exported page when a sign-in was not kept.
#[component]
pub fn NoCookies() -> impl IntoView {
    let doctor = use_context::<Examiner>().map(|_| view! { <a href=DOCTOR>"Find out why"</a> });
    view! {
        <p class="no-cookies" role="status" data-cookies="" hidden=!outcome().no_cookie>
            "Your browser does not send this site’s cookie back. Without it you cannot stay signed in, and each page \
             treats you as a new visitor. Allow cookies for this site, then try again. " {doctor}
        </p>
    }
    .into_any()
}
