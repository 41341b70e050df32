//! The foot of all pages.

use leptos::prelude::*;

/// One line.
#[component]
pub fn Footer() -> impl IntoView {
    view! {
        <footer class="footer">
            <p>"Hardtack: plain, and it keeps."</p>
        </footer>
    }
}
