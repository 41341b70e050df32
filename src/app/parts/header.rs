//! The header of all pages.

use leptos::prelude::*;

/// The wordmark, and the content that a page adds beside it.
#[component]
pub fn Header(
    /// The content beside the wordmark.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="header">
            <a class="wordmark" href="/">
                <svg
                    viewBox="0 0 24 24"
                    width="24"
                    height="24"
                    aria-hidden="true"
                    fill="none"
                    stroke="currentColor"
                    stroke-width="2"
                    stroke-linecap="round"
                >
                    <rect x="2" y="2" width="20" height="20" rx="5"/>
                    <path d="M8 8h.01M12 8h.01M16 8h.01M8 12h.01M12 12h.01M16 12h.01M8 16h.01M12 16h.01M16 16h.01"/>
                </svg>
                "Hardtack"
            </a>
            {children.map(|children| children())}
        </header>
    }
}
