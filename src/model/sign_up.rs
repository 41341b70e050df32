//! The rules of registration, as pages show them.

/// The rules of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignUp {
    /// The minimum length of a password, in characters.
    pub password_min: usize,
    /// Whether registration is open.
    pub open: bool,
}

impl Default for SignUp {
    fn default() -> Self {
        Self { password_min: 8, open: true }
    }
}
