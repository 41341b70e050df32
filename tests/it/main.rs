//! Through the front door: the router that production runs, on a real listener, with a real store.

#![expect(unreachable_pub, reason = "nothing is outside of a test binary")]

mod support;

mod engine_commit;
mod engine_concurrency;
mod engine_cookie;
mod engine_store;
mod store;
