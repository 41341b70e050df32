//! The foot of all pages.

use crate::app::access::DOCTOR;
use crate::model::doctor::Examiner;
use leptos::prelude::*;

/// One line, and the way to the doctor where there is one.
#[component]
pub fn Footer() -> impl IntoView {
    view! {
        <footer class="footer">
            <p>"Hardtack: plain, and it keeps."</p>
            {use_context::<Examiner>().map(|_| view! { <a href=DOCTOR>"Does your session not stick?"</a> })}
        </footer>
    }
}
