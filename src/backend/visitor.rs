//! The context of a request: its session, the accounts, and the client.

use super::accounts::Accounts;
use hardtack_session::Session;
use std::net::IpAddr;

/// The context of a request: its session, the accounts, the client's address and browser, and the device cookie.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The session of the request.
    pub session: Session,
    /// The accounts of this site.
    pub accounts: Accounts,
    /// The client's IP address, behind trusted proxies.
    pub address: IpAddr,
    /// The browser and system in words: "Firefox on Linux".
    pub device: String,
    /// The text of the device cookie, which a browser gets when an account signs in.
    pub known: Option<String>,
}

impl Visitor {
    /// The name of the device cookie, a signed cookie.
    pub const KNOWN: &str = "known";
}

/// Returns browser and system in a `User-Agent`, in words that tell devices apart. The result is only a label, because
/// a client can send any text.
#[must_use]
pub fn device(user_agent: &str) -> String {
    // The first match counts, because most browsers also name several others.
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    let safari = (user_agent.contains("Safari/") && user_agent.contains("Version/")).then_some("Safari");
    match (find(&BROWSERS).or(safari), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_by_its_browser_and_system() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, label) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                &format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/140.0 Safari/537.36 Edg/140.0"),
                "Edge on Windows",
            ),
            (
                &format!("Mozilla/5.0 (Linux; Android 15) {webkit} Chrome/140.0 Mobile Safari/537.36"),
                "Chrome on Android",
            ),
            (
                &format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {webkit} Version/18.0 Safari/604.1"),
                "Safari on iPhone",
            ),
            (
                &format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Version/18.0 Safari/605.1"),
                "Safari on macOS",
            ),
            ("curl/8.5.0", "Unknown browser"),
            ("", "Unknown browser"),
        ] {
            assert_eq!(device(agent), label, "{agent}");
        }
    }
}
