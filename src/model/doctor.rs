//! What pages know of the doctor.

/// This server examines browsers: the page of the doctor is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examiner {
    /// The origin of the server, as `https://api.example.com`: pages of others load the examination from there.
    pub origin: String,
    /// The other origins that it lists.
    pub listed: Vec<String>,
}
