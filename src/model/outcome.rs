//! The outcome of a form that a page posted without JavaScript.

use super::error::Kind;

/// The outcome that a page shows about a posted form. Its words are fixed, and the server has verified them.
///
/// A page that is a file has no outcome, because its forms return to a page of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The last part of the address that the form was posted to, if the action was done.
    pub done: Option<String>,
    /// The reason why it was not done.
    pub error: Option<Kind>,
    /// The name of the input that is wrong.
    pub field: Option<String>,
    /// The form, if another form of the page has an input of that name.
    pub form: Option<String>,
    /// Whether the browser did not send the cookie that a sign-in had set.
    pub no_cookie: bool,
}

impl Outcome {
    /// The value that stands for an error's kind when the cookie of a sign-in was not sent.
    pub const NO_COOKIE: &str = "no_cookie";

    /// Reads the parameters of a query. Unknown words are ignored.
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

    /// Returns whether there is something to show.
    #[must_use]
    pub const fn says(&self) -> bool {
        self.done.is_some() || self.error.is_some() || self.no_cookie
    }
}
