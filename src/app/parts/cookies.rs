//! Says that the browser keeps no cookie of this site.

use super::form::outcome;
use crate::app::access::DOCTOR;
use crate::model::doctor::Examiner;
use leptos::prelude::*;

/// The sentence. Hidden, unless the server has missed the cookie of a sign-in; `server/loader.js` shows it where the browser
/// says that it keeps none, and the head of a page that is a file where a sign-in was not kept.
#[component]
pub fn NoCookies() -> impl IntoView {
    let doctor = use_context::<Examiner>().map(|_| view! { <a href=DOCTOR>"Find out why"</a> });
    view! {
        <p class="no-cookies" role="status" data-cookies="" hidden=!outcome().no_cookie>
            "Your browser does not send this site’s cookie back. Without it nobody stays signed in, and each page takes you for \
             a new visitor. Allow cookies for this site, then try again. " {doctor}
        </p>
    }
    .into_any()
}
