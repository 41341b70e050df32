//! What browsers keep and send.

mod jars;

use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("{text} {error}"))
}
