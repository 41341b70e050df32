//! The devices that an account is signed in on: one session each.

use serde::{Deserialize, Serialize};

/// A device: a browser that is signed in. Its handle names it and opens nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The public name of its session, a UUID.
    pub handle: String,
    /// Browser and system in words, as its requests said when it signed in: a label and no more.
    pub label: String,
    /// The address that it signed in from.
    pub ip: String,
    /// When its session began, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// When it was last used, likewise. To the minute: that is how often it is written down.
    pub seen: i64,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// About a hundred of them, the one that asks first, then the one used last: `{"devices": […], "now": …}`; with more of them
/// also `"next": "…"`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// The devices.
    pub devices: Vec<Device>,
    /// The moment of this answer by the server's clock, in seconds since 1970-01-01 UTC.
    pub now: i64,
    /// What to ask with for more of them (`after`); only where there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to whoever has signed a device out.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct DevicesEnded {
    /// How many.
    pub ended: u64,
    /// A sentence for people.
    pub message: String,
}

impl DevicesEnded {
    /// So many were signed out.
    #[must_use]
    pub fn new(ended: u64) -> Self {
        let message = match ended {
            0 => "There was no other device.".to_owned(),
            1 => "One device was signed out.".to_owned(),
            n => format!("{n} devices were signed out."),
        };
        Self { ended, message }
    }
}

/// How long ago a moment was, in words; both in seconds.
///
/// # Examples
///
/// ```
/// use hardtack::model::device::ago;
///
/// assert_eq!(ago(30, 59), "just now");
/// assert_eq!(ago(0, 60), "1 minute ago");
/// assert_eq!(ago(0, 3 * 3600), "3 hours ago");
/// assert_eq!(ago(0, 9 * 86_400), "9 days ago");
/// ```
#[must_use]
pub fn ago(then: i64, now: i64) -> String {
    let (count, unit) = match now - then {
        seconds @ 86_400.. => (seconds / 86_400, "day"),
        seconds @ 3_600.. => (seconds / 3_600, "hour"),
        seconds @ 60.. => (seconds / 60, "minute"),
        _ => return "just now".to_owned(),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}
