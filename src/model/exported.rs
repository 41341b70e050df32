//! The data of a page that was exported as a file.

/// A page that is a file on some web server. It has no data about its visitor, so its islands ask the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The origin of the server, such as `https://api.example.com`; empty when it is the page's own.
    pub api: String,
}

impl Exported {
    /// The name of the `meta` element that holds the origin for the islands.
    pub const META: &str = "hardtack-api";
}
