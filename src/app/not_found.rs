//! The page for an address without a page.

use super::error::Sorry;
use super::parts::Frame;
use leptos::prelude::*;
use leptos_meta::Title;

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
