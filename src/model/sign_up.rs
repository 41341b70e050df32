//! What pages say of accounts before anybody asks for one.

/// What this site demands of who signs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignUp {
    /// How long a password is at least, in characters.
    pub password_min: usize,
    /// Whether new accounts are to be had.
    pub open: bool,
}

impl Default for SignUp {
    fn default() -> Self {
        Self { password_min: 8, open: true }
    }
}
