//! Where the page is, and where it goes on to.

use crate::model::next::Next;
use web_sys::{Event, UrlSearchParams, window};

/// The path of the page.
#[must_use]
pub fn here() -> Option<Next> {
    Next::parse(&window()?.location().pathname().ok()?)
}

/// Where its visitor wanted to go, as the page's address says, if that is a path of ours.
#[must_use]
pub fn next() -> Option<Next> {
    Next::parse(&asked(Next::NAME)?)
}

/// What the page's address says under a name.
#[must_use]
pub fn asked(name: &str) -> Option<String> {
    UrlSearchParams::new_with_str(&window()?.location().search().ok()?).ok()?.get(name)
}

/// Tells scripts of the page that it goes on to another one. `public/events.js` listens to it: not every browser tells by
/// itself.
const GO: &str = "hardtack:go";

/// Goes on to an address of this site. The page before it takes no place in the history.
pub fn go(address: &str) {
    if let Some(window) = window() {
        drop(Event::new(GO).and_then(|event| window.dispatch_event(&event)));
        // An address of our own making.
        drop(window.location().replace(address));
    }
}
