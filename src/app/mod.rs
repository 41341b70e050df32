//! The pages: rendered whole on the server, with islands only where something happens.

pub mod error;
pub mod greeting;
pub mod handshake;
pub mod home;
pub mod not_found;
pub mod overview;
pub mod parts;
pub mod trip;

pub use error::ErrorPage;
use home::Home;
use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};
use not_found::NotFound;

/// The application: one route per page.
///
/// The server provides the visitor's [`Theme`](crate::model::theme::Theme) as context and answers an
/// address without a route with status 404.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <Routes fallback=NotFound>
                // Whole before its first byte: a session written while streaming would lose its cookie.
                <Route path=path!("/") view=Home ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}
