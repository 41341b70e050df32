//! The username of an account: one e-mail address, in one spelling.

use url::Host;

/// An e-mail address.
///
/// Exactly one: no list, no line break, no quoted local part, no address in brackets (ASVS 5.0, 1.3.11; item 71). The
/// domain is in lower case and, if it is international, in its ASCII form; the local part stays as it was written. Two
/// addresses that differ only in case belong to the same account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
}

/// The longest address: the limit of an SMTP path, without its brackets. Source: RFC 5321, 4.5.3.1.3.
const LONGEST: usize = 254;
/// The longest local part. Source: RFC 5321, 4.5.3.1.1.
const LONGEST_LOCAL: usize = 64;

impl Username {
    /// Returns the address in a text, without the spaces around it; `None` when the text is not one address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.trim_matches(' ').split_once('@')?;
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(sign);
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        if local.is_empty() || local.len() > LONGEST_LOCAL || dots || !local.chars().all(plain) {
            return None;
        }
        // Rejected because the host parser would accept these as other spellings of a host.
        if domain.contains('%') || domain.ends_with('.') {
            return None;
        }
        let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
        let named = |label: &str| {
            let ends = label.starts_with('-') || label.ends_with('-');
            !label.is_empty() && !ends && label.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-')
        };
        if !domain.split('.').all(named) {
            return None;
        }
        let shown = format!("{local}@{domain}");
        (shown.len() <= LONGEST).then(|| Self { key: shown.to_lowercase(), shown })
    }

    /// Returns the address as its owner writes it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the address as it is compared, in lower case.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s71_an_address_is_one_address_in_one_spelling() {
        for (text, shown, key) in [
            ("ada@example.com", "ada@example.com", "ada@example.com"),
            ("  Ada.Lovelace+x@EXAMPLE.Com ", "Ada.Lovelace+x@example.com", "ada.lovelace+x@example.com"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
            ("ada@localhost", "ada@localhost", "ada@localhost"),
        ] {
            let username = Username::parse(text).expect(text);
            assert_eq!((username.shown(), username.key()), (shown, key), "{text}");
        }
    }

    #[test]
    fn s71_what_is_none_or_more_than_one_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}com", "example.".repeat(40));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example.com,bob@example.com",
            "ada@example.com;bob@example.com",
            "ada@example.com bob@example.com",
            "ada@example.com\r\nBcc: bob@example.com",
            "ada@example.com\n",
            "ada\r\n@example.com",
            "\"ada\"@example.com",
            "\"ada@x\"@example.com",
            "ada@@example.com",
            "ada@bob@example.com",
            "<ada@example.com>",
            "Ada <ada@example.com>",
            "ada(comment)@example.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..da@example.com",
            "ada@example.com.",
            "ada@.example.com",
            "ada@exa%6dple.com",
            "ada@-example.com",
            "ada@exa_mple.com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@[::1]",
            "ada\0@example.com",
            "ädä@example.com",
            &long,
            &longer,
        ] {
            assert_eq!(Username::parse(text), None, "{text:?}");
        }
    }
}
