//! Through the front door: the router that production runs, on a real listener, with a real store.

#![expect(unreachable_pub, reason = "nothing is outside of a test binary")]

mod support;

mod access;
mod account;
mod account_commands;
mod account_limits;
mod account_nodes;
mod account_settings;
mod api;
mod architecture;
mod assets;
mod commands;
mod devices;
mod doctor;
mod engine_beside;
mod engine_commit;
mod engine_concurrency;
mod engine_cookie;
mod engine_orders;
mod engine_sign_in;
mod engine_store;
mod events;
mod events_nodes;
mod export;
mod from_express;
mod guarantees;
mod headers;
mod limits;
mod log;
mod metrics;
mod namespaces;
mod nodes_crash;
mod nodes_ended;
mod nodes_history;
mod nodes_life;
mod nodes_mixed;
mod nodes_rotation;
mod nodes_writes;
mod origins;
mod outage;
mod pages;
mod postgres;
mod process;
mod process_store;
mod properties;
mod redis;
mod settings;
mod sqlite_memory;
mod store;
mod tls;
mod tls_files;
mod tls_trust;
