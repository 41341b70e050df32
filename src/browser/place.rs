//! The location of the page, and the navigation to another one.

use crate::model::next::Next;
use web_sys::{Event, UrlSearchParams, window};

/// Returns the path of the page.
#[must_use]
pub fn here() -> Option<Next> {
    Next::parse(&window()?.location().pathname().ok()?)
}

/// Returns the page that the visitor wanted to see, from the query parameter `next`. `None` if it is no path of this
/// site.
#[must_use]
pub fn next() -> Option<Next> {
    Next::parse(&asked(Next::NAME)?)
}

/// Returns a query parameter of the page's address.
#[must_use]
pub fn asked(name: &str) -> Option<String> {
    UrlSearchParams::new_with_str(&window()?.location().search().ok()?).ok()?.get(name)
}

/// The event that announces a navigation to scripts of the page. `public/events.js` listens to it, because not every
/// browser has an event of its own for that.
const GO: &str = "hardtack:go";

/// Navigates to an address of this site. The current page gets no entry in the history.
pub fn go(address: &str) {
    if let Some(window) = window() {
        drop(Event::new(GO).and_then(|event| window.dispatch_event(&event)));
        // Cannot fail, because the address is made by this program.
        drop(window.location().replace(address));
    }
}
