//! The devices on which an account is signed in: one for each session.

use serde::{Deserialize, Serialize};

/// A device: a browser that is signed in. Its handle names it and gives no access.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The public handle of its session, a UUID.
    pub handle: String,
    /// The browser and system in words, by the `User-Agent` at the sign-in: only a label.
    pub label: String,
    /// The IP address that it signed in from.
    pub ip: String,
    /// The time at which its session began, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// The time of its last use, likewise. It is exact to a minute, because the store records it at that interval.
    pub seen: i64,
    /// Whether it is the device that sent the request.
    pub current: bool,
}

/// About a hundred devices: the one that sent the request, then the others, the last used first:
/// `{"devices": […], "now": …}`. If there are more, also `"next": "…"`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// The devices.
    pub devices: Vec<Device>,
    /// The time of this response by the server's clock, in seconds since 1970-01-01 UTC.
    pub now: i64,
    /// The value of `after` that returns more devices; only present if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The response to signing out devices.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct DevicesEnded {
    /// The number of devices.
    pub ended: u64,
    /// A sentence for people.
    pub message: String,
}

impl DevicesEnded {
    /// Returns the response for a number of devices.
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

/// Returns the time between two moments in words. Both are in seconds.
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
