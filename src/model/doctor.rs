//! The doctor's data for pages.

/// The server whose doctor page examines browsers; present if the page is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examiner {
    /// The origin of the server, such as `https://api.example.com`. Pages of other origins load the examination from
    /// there.
    pub origin: String,
    /// The other origins that the server lists.
    pub listed: Vec<String>,
}
