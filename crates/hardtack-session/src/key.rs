//! Typed names of session values.

use std::marker::PhantomData;

/// The name of a session value, together with its type.
///
/// # Examples
///
/// ```
/// use hardtack_session::Key;
///
/// const VISITS: Key<u32> = Key::new("visits");
/// assert_eq!(VISITS.name(), "visits");
/// ```
pub struct Key<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// Returns the key with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// Returns the name under which stores keep the value.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}
