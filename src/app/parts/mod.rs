//! What all pages have in common.

pub mod footer;
pub mod header;
pub mod lively;
pub mod notice;
pub mod theme_switch;

pub use footer::Footer;
pub use header::Header;

use crate::model::exported::Exported;
use crate::model::theme::Theme;
use leptos::prelude::*;
use notice::Notice;
use theme_switch::ThemeSwitch;

/// Where a form posts to. The form of a page that is a file posts to the server, which answers with a page of its own.
#[must_use]
pub fn at_server(path: &str) -> String {
    use_context::<Exported>().unwrap_or_default().api + path
}

/// A whole page around its content: header, theme switch, notice, `main`, footer.
#[component]
pub fn Frame(
    /// What the notice says when the page arrives.
    #[prop(default = None)]
    notice: Option<String>,
    /// What stands in `main`.
    children: Children,
) -> impl IntoView {
    let theme = use_context::<Theme>().unwrap_or_default();
    view! {
        <a class="skip" href="#main">
            "Skip to content"
        </a>
        <Header>
            <ThemeSwitch theme/>
        </Header>
        <Notice text=notice/>
        <main id="main" class="page" tabindex="-1">
            {children()}
        </main>
        <Footer/>
    }
}
