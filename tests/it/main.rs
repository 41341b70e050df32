//! Through the front door: the router that production runs, on a real listener, with a real store.

#![expect(unreachable_pub, reason = "nothing is outside of a test binary")]

mod support;

mod api;
mod architecture;
mod assets;
mod engine_commit;
mod engine_concurrency;
mod engine_cookie;
mod engine_orders;
mod engine_store;
mod headers;
mod limits;
mod pages;
mod process;
mod settings;
mod store;
