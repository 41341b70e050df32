//! The footer of all pages.

use crate::app::access::DOCTOR;
use crate::model::doctor::Examiner;
use leptos::prelude::*;

/// One line of text, and a link to the doctor if the server offers it.
#[component]
pub fn Footer() -> impl IntoView {
    view! {
        <footer class="footer">
            <p>"Hardtack: session cookies that hold."</p>
            {use_context::<Examiner>().map(|_| view! { <a href=DOCTOR>"Lost your session?"</a> })}
        </footer>
    }
}
