//! Where the server is.

use crate::model::exported::Exported;
use leptos::prelude::document;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::js_sys::JsString;
use std::cell::OnceCell;
use web_sys::HtmlDocument;

thread_local! {
    static BASE: OnceCell<Option<String>> = const { OnceCell::new() };
}

/// The origin of the server, when the page was exported; empty when that is the page's own. `None`: the server has rendered it.
pub(super) fn base() -> Option<String> {
    BASE.with(|base| base.get_or_init(read).clone())
}

/// The path of the server that an address leads to, as the forms of a page have it.
#[must_use]
pub fn path_at_server(address: &str) -> Option<&str> {
    address.strip_prefix(base().unwrap_or_default().as_str())
}

/// Whether this page was exported: it came from some web server, and not from the server of its sessions.
#[must_use]
pub fn is_elsewhere() -> bool {
    base().is_some()
}

/// Keeps a plain cookie of the page's own. No secret belongs there.
pub fn keep(cookie: &str) {
    if let Ok(page) = document().dyn_into::<HtmlDocument>() {
        // A browser that takes no cookies keeps none.
        drop(page.set_cookie(cookie));
    }
}

/// Remembers whether somebody is signed in, for pages that are files: they ask the server who, and ask nothing for nobody.
///
/// A hint and no more: what the server says counts.
pub fn know(signed_in: bool) {
    if is_elsewhere() {
        keep(if signed_in {
            "account=known; Path=/; Max-Age=31536000; SameSite=Lax"
        } else {
            "account=; Path=/; Max-Age=0"
        });
    }
}

/// Whether somebody was signed in when this was last heard of.
#[must_use]
pub fn knows() -> bool {
    let kept = document().dyn_into::<HtmlDocument>().ok().and_then(|page| page.cookie().ok());
    // By the browser: a search of our own would be a kilobyte of program.
    kept.is_some_and(|kept| JsString::from(kept).includes("account=known", 0))
}

fn read() -> Option<String> {
    let named = document().query_selector(&["meta[name=", Exported::META, "]"].concat()).ok().flatten()?;
    named.get_attribute("content").map(|url| url.trim_end_matches('/').to_owned())
}
