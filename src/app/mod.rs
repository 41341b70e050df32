//! The pages, rendered on the server, with islands for their interactive parts.

pub mod access;
pub mod devices;
pub mod doctor;
pub mod error;
pub mod greeting;
pub mod handshake;
pub mod home;
pub mod login;
pub mod not_found;
pub mod overview;
pub mod parts;
pub mod profile;
pub mod register;
pub mod security;
pub mod trip;

use devices::DevicesPage;
use doctor::DoctorPage;
pub use error::{ErrorPage, LeadingPage};
use home::Home;
use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};
use login::Login;
use not_found::NotFound;
pub use not_found::Nowhere;
use profile::ProfilePage;
use register::Register;
use security::Security;

/// The application: one route per page. [`access`] lists the audience of each page.
///
/// The server provides the visitor's [`Theme`](crate::model::theme::Theme) as context, and answers a path
/// without a route with status 404.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <Routes fallback=NotFound>
                // `Async`, because a session that is written while the page streams can no longer set its cookie.
                <Route path=path!("/") view=Home ssr=SsrMode::Async/>
                <Route path=path!("/devices") view=DevicesPage ssr=SsrMode::Async/>
                <Route path=path!("/doctor") view=DoctorPage ssr=SsrMode::Async/>
                <Route path=path!("/login") view=Login ssr=SsrMode::Async/>
                <Route path=path!("/profile") view=ProfilePage ssr=SsrMode::Async/>
                <Route path=path!("/register") view=Register ssr=SsrMode::Async/>
                <Route path=path!("/security") view=Security ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}
