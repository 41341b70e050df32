//! What is different about a page that was exported as a file.

/// The page is a file on some web server. It knows nothing of its visitor; its islands ask the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The origin of the server, as `https://api.example.com`; empty when it is the page's own.
    pub api: String,
}

impl Exported {
    /// The name of the `meta` element that tells the islands of it.
    pub const META: &str = "hardtack-api";
}
