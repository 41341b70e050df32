//! The theme switch: light, dark, or the system's choice.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::lively::{instead_of_posting, lively, on_wake, start};
use super::{at_server, notice};
use crate::api::theme::choose_theme;
use crate::browser;
use crate::model::theme::Theme;
use leptos::prelude::*;

/// The theme switch: three buttons in a form, so that it works without WebAssembly.
#[island]
pub fn ThemeSwitch(
    /// The theme that the page was rendered with.
    theme: Theme,
) -> impl IntoView {
    let chosen = RwSignal::new(theme);
    on_wake(move || {
        // On an exported page, a script has set the theme.
        let shown = document().document_element().and_then(|root| root.get_attribute("data-theme"));
        chosen.set(Theme::named(&shown.unwrap_or_default()));
    });
    let buttons = Theme::ALL.map(|theme| {
        let pressed = move || Some(if chosen.get() == theme { "true" } else { "false" });
        let choose = move || {
            chosen.set(theme);
            start(apply(theme));
        };
        view! {
            <button
                name="theme"
                value=theme.name()
                aria-pressed=lively(pressed)
                on:click=instead_of_posting(choose)
            >
                {label(theme)}
            </button>
        }
    });
    view! {
        <form class="theme-switch" method="post" action=at_server("/api/theme") aria-label="Theme">
            {buttons}
        </form>
    }
}

/// Shows the theme at once, then saves it.
async fn apply(theme: Theme) {
    if let Some(root) = document().document_element() {
        // Cannot fail, because the name is valid.
        drop(root.set_attribute("data-theme", theme.name()));
    }
    if browser::is_elsewhere() {
        browser::keep(&theme.cookie(&browser::port()));
        return;
    }
    match choose_theme(theme).await {
        Ok(_) => notice::dismiss(),
        Err(error) => notice::show(&error.message),
    }
}

const fn label(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "System",
        Theme::Light => "Light",
        Theme::Dark => "Dark",
    }
}
