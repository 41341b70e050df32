//! The setting `doctor.enabled`.

use super::values::Read;
use super::{Settings, values};
use config::ValueKind;
use hardtack_session::policy::Origin;

/// True, false, or empty text for neither.
impl Read for Option<bool> {
    const WHAT: &str = "`true` or `false`";
    const LIKE: &str = "`true`";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(None);
        }
        bool::from_text(text).map(Some).map_err(|_| values::wrong_text::<Self>(text))
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::String(text) if text.is_empty() => Ok(None),
            other => bool::from_toml(other).map(Some),
        }
    }
}

impl Settings {
    /// Returns whether this server examines browsers.
    #[must_use]
    pub fn examines(&self) -> bool {
        let here = self.site.url.is_loopback() && self.site.listen.ip().is_loopback();
        self.doctor.enabled.unwrap_or(here)
    }

    /// Returns whether exported pages examine browsers that call the server at `api`.
    #[must_use]
    pub fn examines_from_pages(&self, api: &Origin) -> bool {
        self.doctor.enabled.unwrap_or_else(|| api.is_loopback())
    }
}
