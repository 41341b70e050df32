//! The outcome of a form that a page has posted without script.

use super::error::Kind;

/// The words that a page shows about a form that came back. They are fixed, and the server has found them to be true.
///
/// A page that is a file has none: its forms come back to a page of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The last part of the address that the form was posted to, when it was done.
    pub done: Option<String>,
    /// Why it was not done.
    pub error: Option<Kind>,
    /// The name of the input that is to blame.
    pub field: Option<String>,
    /// The form, where another one of the page has an input of that name.
    pub form: Option<String>,
    /// Whether the browser did not bring the cookie that a sign-in gave it.
    pub no_cookie: bool,
}

impl Outcome {
    /// The word in the place of an error's kind when the cookie of a sign-in did not come.
    pub const NO_COOKIE: &str = "no_cookie";

    /// Reads the names and values of an address. Words that are not known say nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack::model::{error::Kind, outcome::Outcome};
    ///
    /// let outcome = Outcome::read([("error", "mismatch"), ("next", "/")]);
    /// assert_eq!(outcome, Outcome { error: Some(Kind::Mismatch), ..Outcome::default() });
    /// ```
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut outcome = Self::default();
        for (name, value) in pairs {
            match name {
                "done" => outcome.done = Some(value.to_owned()),
                "error" if value == Self::NO_COOKIE => outcome.no_cookie = true,
                "error" => outcome.error = Kind::named(value),
                "field" => outcome.field = Some(value.to_owned()),
                "form" => outcome.form = Some(value.to_owned()),
                _ => {}
            }
        }
        outcome
    }

    /// Whether there is something to say.
    #[must_use]
    pub const fn says(&self) -> bool {
        self.done.is_some() || self.error.is_some() || self.no_cookie
    }
}
