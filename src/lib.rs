#![doc = include_str!("../README.md")]
//!
//! # The modules
//!
//! One chain; each uses only what stands to its left (`docs/ARCHITECTURE.md`):
//!
//! ```text
//! model  →  session  →  backend  →  api  →  app  →  server  →  bin/hardtack
//! both      server      server      both    both    server      server
//! ```
//!
//! Beside it stand `doctor`, pure and known to all, and `browser`, for the browser's build of `api` and `app`.

pub mod api;
pub mod app;
pub mod browser;
pub mod doctor;
pub mod model;

#[cfg(feature = "ssr")]
pub mod backend;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "ssr")]
pub mod session;

/// Where the browser enters: called once, when the WebAssembly has arrived.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    // A panic's text costs every visitor its weight; whoever develops has a debug build.
    if cfg!(debug_assertions) {
        console_error_panic_hook::set_once();
    }
    leptos::mount::hydrate_islands();
    app::parts::who::wake();
}
