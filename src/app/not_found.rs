//! The page for a path without a page.

use super::error::Sorry;
use super::parts::Frame;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};

/// The complete application for a path that no route of the server matches.
///
/// It has no router, because the router of Leptos matches more paths than the server's: it could show a page whose
/// audience the server has not checked.
#[component]
pub fn Nowhere() -> impl IntoView {
    provide_meta_context();
    view! { <NotFound/> }
}

/// The text of the page. The server sets the status 404.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found · Hardtack"/>
        <Frame>
            <Sorry
                title="There is nothing here."
                message="No page has this address. The page may have moved, or the link may be wrong."
            />
        </Frame>
    }
}
