//! The parts that all pages share.

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

/// Returns the URL of a path of the server, for a form to post to. The server responds with a page of its own, also to
/// a form of an exported page.
///
/// A part that is rendered in the browser reads the server's origin from the page, because it gets no context.
#[must_use]
pub fn at_server(path: &str) -> String {
    let api = use_context::<Exported>().map(|exported| exported.api);
    api.or_else(|| is_browser().then(crate::browser::server)).unwrap_or_default() + path
}

/// A complete page around its content: header, account, theme switch, notice, `main`, footer.
#[component]
pub fn Frame(
    /// The text of the notice when the page loads.
    #[prop(default = None)]
    notice: Option<String>,
    /// The audience of the page.
    #[prop(default = Access::Everybody)]
    access: Access,
    /// The content of `main`.
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

/// Returns a link to the server's page, because an exported page needs JavaScript to show data of its visitor.
fn without_script(page: &Exported, access: Access) -> Option<impl IntoView + use<>> {
    let there = match access {
        Access::Everybody => "/",
        Access::SignedIn => PROFILE,
        // Works without JavaScript, because its form posts to the server.
        Access::Nobody => return None,
    };
    let server = page.api.clone() + there;
    Some(view! {
        <noscript>
            <p class="page">
                "Without JavaScript, open this page "
                <a href=server>"on its server"</a> "."
            </p>
        </noscript>
    })
}
