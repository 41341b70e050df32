//! Light, dark, or as the system has it.

use serde::{Deserialize, Serialize};

/// How the pages look. Kept in a plain cookie: it is no secret and no session.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the visitor's system has it.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// All themes, in the order in which a switch shows them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The cookie that remembers the choice.
    pub const COOKIE: &str = "theme";

    /// The name as cookies, forms and the page's `data-theme` attribute have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The cookie, as a page at a port writes it that is a file and has no server of its own.
    #[must_use]
    pub fn cookie(self, port: &str) -> String {
        [Self::COOKIE, port, "=", self.name(), "; Path=/; Max-Age=31536000; SameSite=Lax"].concat()
    }

    /// The theme of that name; whatever is unknown follows the system.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.name() == name).unwrap_or_default()
    }
}
