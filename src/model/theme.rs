//! The colour theme: light, dark, or as the system has it.

use serde::{Deserialize, Serialize};

/// The colour theme of the pages. It is stored in a plain cookie, because it is no secret and belongs to no session.
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
    /// All themes, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The name of the cookie that stores the choice.
    pub const COOKIE: &str = "theme";

    /// Returns the name in cookies, forms and the page's `data-theme` attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns the cookie as an exported page without a server of its own writes it. `port` keeps pages on other ports
    /// apart.
    #[must_use]
    pub fn cookie(self, port: &str) -> String {
        [Self::COOKIE, port, "=", self.name(), "; Path=/; Max-Age=31536000; SameSite=Lax"].concat()
    }

    /// Returns the theme of that name. An unknown name follows the system.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.name() == name).unwrap_or_default()
    }
}
