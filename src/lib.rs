#![doc = include_str!("../README.md")]
//!
//! # The modules
//!
//! The modules form a chain. Each uses only modules to its left (`docs/ARCHITECTURE.md`):
//!
//! ```text
//! model  →  backend  →  api  →  app  →  server  →  bin/hardtack
//! both      server      both    both    server      server
//! ```
//!
//! `browser` stands beside the chain, for the browser's build of `api` and `app`. The engine and the doctor are crates:
//! `hardtack_session` and `hardtack_doctor`.

pub mod api;
pub mod app;
pub mod browser;
pub mod model;

#[cfg(feature = "ssr")]
pub mod backend;
#[cfg(feature = "ssr")]
pub mod server;

/// Starts the browser's program. The page calls it once, when the WebAssembly has loaded.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    // Panic messages would make the program larger for every visitor, so only debug builds have them.
    if cfg!(debug_assertions) {
        console_error_panic_hook::set_once();
    }
    leptos::mount::hydrate_islands();
    app::parts::who::wake();
}
