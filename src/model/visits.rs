//! The number of visits of a session to the home page.

use serde::{Deserialize, Serialize};

/// The visits of one session, and the greeting.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Visits {
    /// The number of visits of this session, including this one.
    pub visits: u32,
    /// The greeting.
    pub message: String,
}

impl Visits {
    /// Returns a count with its greeting.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack::model::visits::Visits;
    ///
    /// assert_eq!(Visits::new(1).message, "Welcome to this page for the first time!");
    /// assert_eq!(Visits::new(3).message, "You visited this page 3 times");
    /// ```
    #[must_use]
    pub fn new(visits: u32) -> Self {
        let message = match visits {
            0 | 1 => "Welcome to this page for the first time!".to_owned(),
            n => format!("You visited this page {n} times"),
        };
        Self { visits, message }
    }
}
