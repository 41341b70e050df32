//! The page for an address without a page.

use super::error::Sorry;
use super::parts::Frame;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};

/// The whole application for an address that no route of the server has.
///
/// Without the router: its reading of addresses is more generous than the server's, and what it found here would be a page
/// that nobody has asked who may see it.
#[component]
pub fn Nowhere() -> impl IntoView {
    provide_meta_context();
    view! { <NotFound/> }
}

/// Says that there is nothing here. Its status, 404, is the server's to set.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found · Hardtack"/>
        <Frame>
            <Sorry
                title="There is nothing here."
                message="This address has no page. It may have moved, or the link may be misspelt."
            />
        </Frame>
    }
}
