//! What all pages have in common.

pub mod cookies;
pub mod elsewhere;
pub mod ending;
pub mod footer;
pub mod form;
pub mod header;
pub mod island;
pub mod lively;
pub mod notice;
pub mod posting;
pub mod theme_switch;
pub mod who;

pub use footer::Footer;
pub use header::Header;

use super::access::{Access, PROFILE};
use crate::model::exported::Exported;
use crate::model::theme::Theme;
use cookies::NoCookies;
use ending::Ending;
use island::island;
use leptos::prelude::*;
use notice::Notice;
use theme_switch::ThemeSwitch;
use who::Who;

/// Where a form posts to. The form of a page that is a file posts to the server, which answers with a page of its own.
///
/// A part that is rendered in the browser reads the server's address from the page, because it gets no context.
#[must_use]
pub fn at_server(path: &str) -> String {
    let api = use_context::<Exported>().map(|exported| exported.api);
    api.or_else(|| is_browser().then(crate::browser::server)).unwrap_or_default() + path
}

/// A whole page around its content: header, account, theme switch, notice, `main`, footer.
#[component]
pub fn Frame(
    /// What the notice says when the page arrives.
    #[prop(default = None)]
    notice: Option<String>,
    /// Who may see the page.
    #[prop(default = Access::Everybody)]
    access: Access,
    /// What stands in `main`.
    children: Children,
) -> impl IntoView {
    let theme = use_context::<Theme>().unwrap_or_default();
    let elsewhere = use_context::<Exported>();
    view! {
        <a class="skip" href="#main">
            "Skip to content"
        </a>
        <Header>
            <Who/>
            {island(view! { <ThemeSwitch theme/> })}
        </Header>
        {island(view! { <Notice text=notice/> })}
        <Ending access/>
        <NoCookies/>
        {elsewhere.as_ref().and_then(|page| without_script(page, access))}
        <main
            id="main"
            class="page"
            tabindex="-1"
            data-for=elsewhere.and_then(|_| access.name())
        >
            {children()}
        </main>
        <Footer/>
    }
}

/// A file cannot tell who looks, and shows nothing of its visitor by itself: its server can.
fn without_script(page: &Exported, access: Access) -> Option<impl IntoView + use<>> {
    let there = match access {
        Access::Everybody => "/",
        Access::SignedIn => PROFILE,
        // Its form posts to the server.
        Access::Nobody => return None,
    };
    let server = page.api.clone() + there;
    Some(view! {
        <noscript>
            <p class="page">
                "Without JavaScript this page is to be had "
                <a href=server>"at its server"</a> "."
            </p>
        </noscript>
    })
}
