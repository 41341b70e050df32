//! The types of settings, and how each is read from text and from TOML.

use config::ValueKind;
use hardtack_session::cookie::SameSite;
use hardtack_session::policy::Origin;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// A type that a setting can have.
///
/// An error is the rest of a sentence whose subject is the setting, without the full stop.
pub(super) trait Read: Sized {
    /// The expected value, as in "a duration".
    const WHAT: &str;
    /// An example of the value.
    const LIKE: &str;

    /// Reads the text of a variable, of a default, or of a string in the file.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads a value of the file.
    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::String(text) => Self::from_text(text),
            other => Err(format!("{}, in quotes", wrong::<Self>(kind(other)))),
        }
    }
}

/// A size in bytes, at least one and less than 4 GiB. Written `16 KiB`, `1 MiB` or `16384`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u32);

impl Size {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

/// The place of a key. It never holds the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// `env:NAME`: the environment variable of this name.
    Env(String),
}

/// The way TLS is terminated, and the certificate for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// This server does not terminate TLS. A proxy in front may.
    Off,
    /// This server terminates TLS, with certificates of an authority of its own.
    Local,
    /// This server terminates TLS, with the certificate in files.
    Files,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Returns "is …, which is not …; write it like …".
fn wrong<T: Read>(found: &str) -> String {
    format!("is {found}, which is not {}; write it like {}", T::WHAT, T::LIKE)
}

pub(super) fn wrong_text<T: Read>(text: &str) -> String {
    if text.is_empty() { wrong::<T>("empty") } else { wrong::<T>(&format!("`{}`", text.escape_debug())) }
}

fn kind(value: &ValueKind) -> &'static str {
    match value {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a number",
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

impl Read for bool {
    const WHAT: &str = "`true` or `false`";
    const LIKE: &str = "`true`";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| wrong_text::<Self>(text))
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::Boolean(value) => Ok(*value),
            other => Err(format!("{}, without quotes", wrong::<Self>(kind(other)))),
        }
    }
}

impl Read for u32 {
    const WHAT: &str = "a whole number from 1 to 1000000";
    const LIKE: &str = "`4`";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().ok().filter(|count| (1..=1_000_000).contains(count)).ok_or_else(|| wrong_text::<Self>(text))
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::I64(number) => Self::from_text(&number.to_string()),
            other => Err(format!("{}, without quotes", wrong::<Self>(kind(other)))),
        }
    }
}

/// A number; 0 means no limit.
impl Read for Option<NonZeroU32> {
    const WHAT: &str = "a whole number from 0 to 1000000";
    const LIKE: &str = "`5`, or `0` for no limit";

    fn from_text(text: &str) -> Result<Self, String> {
        let count = text.parse::<u32>().ok().filter(|count| *count <= 1_000_000);
        count.map(NonZeroU32::new).ok_or_else(|| wrong_text::<Self>(text))
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::I64(number) => Self::from_text(&number.to_string()),
            other => Err(format!("{}, without quotes", wrong::<Self>(kind(other)))),
        }
    }
}

impl Read for String {
    const WHAT: &str = "text of at least one character";
    const LIKE: &str = "`hardtack`";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err(wrong_text::<Self>(text)) } else { Ok(text.to_owned()) }
    }
}

impl Read for PathBuf {
    const WHAT: &str = "the path of a file or folder";
    const LIKE: &str = "`data/tls`";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err(wrong_text::<Self>(text)) } else { Ok(text.into()) }
    }
}

/// Text; empty text means none.
impl Read for Option<String> {
    const WHAT: &str = "text";
    const LIKE: &str = "`example.com`";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }
}

impl Read for Duration {
    // A deadline further away overflows the clocks of some systems.
    const WHAT: &str = "a duration from 1ms to 10 years";
    const LIKE: &str = "`800ms`, `60s`, `30m`, `12h` or `14d`";

    fn from_text(text: &str) -> Result<Self, String> {
        const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);
        humantime::parse_duration(text)
            .ok()
            .filter(|duration| (Self::from_millis(1)..=LONGEST).contains(duration))
            .ok_or_else(|| wrong_text::<Self>(text))
    }
}

/// A duration, or `off`.
impl Read for Option<Duration> {
    const WHAT: &str = "`off` or a duration from 1ms to 10 years";
    const LIKE: &str = "`off`, `15m` or `1h`";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(None),
            _ => Duration::from_text(text).map(Some).map_err(|_| wrong_text::<Self>(text)),
        }
    }
}

impl Read for Size {
    const WHAT: &str = "a size from 1 byte to 4095 MiB";
    const LIKE: &str = "`16 KiB`, `1 MiB` or `16384`";

    fn from_text(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = match unit.trim_start() {
            "" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            _ => None,
        };
        let bytes = factor.and_then(|factor| number.parse::<u32>().ok()?.checked_mul(factor));
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or_else(|| wrong_text::<Self>(text))
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::String(text) => Self::from_text(text),
            ValueKind::I64(bytes) => Self::from_text(&bytes.to_string()),
            other => Err(wrong::<Self>(kind(other))),
        }
    }
}

impl Read for SocketAddr {
    const WHAT: &str = "an address with a port";
    const LIKE: &str = "`127.0.0.1:3000`, `0.0.0.0:3000` or `[::1]:3000`";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| wrong_text::<Self>(text))
    }
}

/// An address, or empty text for none.
impl Read for Option<SocketAddr> {
    const WHAT: &str = SocketAddr::WHAT;
    const LIKE: &str = "`127.0.0.1:9090`, or empty for none";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(None),
            _ => text.parse().map(Some).map_err(|_| wrong_text::<Self>(text)),
        }
    }
}

/// Scheme, host and port, and nothing else.
impl Read for Origin {
    const WHAT: &str = "an http or https origin";
    const LIKE: &str = "`https://app.example.com`";

    // The text is not repeated, because it may hold a password.
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}; write it like {}", Self::LIKE))
    }
}

/// One address, or a whole network.
impl Read for IpNet {
    const WHAT: &str = "a list of addresses and networks";
    const LIKE: &str = "`10.0.0.1` or `10.0.0.0/8`";

    fn from_text(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(Self::from));
        // Clients have IPv4 addresses even where a socket shows them as IPv6, so an IPv4-mapped network would match
        // none.
        let mapped = |network: &Self| matches!(network, Self::V6(v6) if v6.addr().to_ipv4_mapped().is_some());
        network.ok().filter(|network| !mapped(network)).ok_or_else(|| wrong_text::<Self>(text))
    }
}

impl Read for SameSite {
    const WHAT: &str = "one of `lax`, `strict` and `none`";
    const LIKE: &str = "`lax`";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "lax" => Ok(Self::Lax),
            "strict" => Ok(Self::Strict),
            "none" => Ok(Self::None),
            _ => Err(wrong_text::<Self>(text)),
        }
    }
}

impl Read for TlsMode {
    const WHAT: &str = "one of `off`, `local` and `files`";
    const LIKE: &str = "`local`";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "local" => Ok(Self::Local),
            "files" => Ok(Self::Files),
            _ => Err(wrong_text::<Self>(text)),
        }
    }
}

impl Read for LogFormat {
    const WHAT: &str = "one of `text` and `json`";
    const LIKE: &str = "`text`";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(wrong_text::<Self>(text)),
        }
    }
}

impl Read for KeySource {
    const WHAT: &str = "a list of files and variables";
    const LIKE: &str = "`hardtack.key` or `env:SESSION_KEY`";

    // The text is not repeated, because it may be the key.
    fn from_text(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("env:") {
            return match name {
                _ if name.starts_with(super::registry::PREFIX) => {
                    Err("names a variable that begins with `HARDTACK_`, and those are settings; give the \
                         variable another name, like `SESSION_KEY`"
                        .to_owned())
                }
                _ if is_variable(name) => Ok(Self::Env(name.to_owned())),
                _ => Err("has an `env:` without the name of a variable; write it like `env:SESSION_KEY`".to_owned()),
            };
        }
        if text.is_empty() {
            Err(format!("has an empty entry; write each like {}", Self::LIKE))
        } else if looks_like_a_key(text) {
            Err("has an entry that looks like a key itself, but keys do not belong into settings; put it into a \
                 file or a variable and name that, like `./hardtack.key` or `env:SESSION_KEY`"
                .to_owned())
        } else {
            Ok(Self::File(text.into()))
        }
    }
}

/// A type of which a setting can hold a list.
///
/// In a variable the entries are separated by commas, and an empty variable is an empty list.
pub(super) trait Entry: Read {
    /// An example of a list.
    const LIST: &str;
}

impl Entry for KeySource {
    const LIST: &str = "`[\"hardtack.key\", \"env:SESSION_KEY\"]`";
}

impl Entry for Origin {
    const LIST: &str = "`[\"https://app.example.com\"]`";
}

impl Entry for IpNet {
    const LIST: &str = "`[\"10.0.0.1\", \"10.1.0.0/16\"]`";
}

impl Entry for String {
    const LIST: &str = "`[\"content-type\"]`";
}

impl<T: Entry> Read for Vec<T> {
    const WHAT: &str = T::WHAT;
    const LIKE: &str = T::LIST;

    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::new());
        }
        text.split(',').map(|entry| T::from_text(entry.trim())).collect()
    }

    fn from_toml(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::Array(entries) => entries.iter().map(|entry| T::from_toml(&entry.kind)).collect(),
            ValueKind::String(_) => Err(format!("is text where a list is wanted; write it like {}", Self::LIKE)),
            other => Err(wrong::<Self>(kind(other))),
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns whether the text looks like a key and not like a file name: hexadecimal or base64 of 16 bytes or more.
fn looks_like_a_key(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    let padded = text.ends_with('=');
    // Paths contain slashes too, so text without padding counts only if it has no slash.
    text.len() >= 22 && text.chars().all(base64) && (padded || (text.len() >= 32 && !text.contains('/')))
}
