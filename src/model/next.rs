//! The page that follows a sign-in: always a path of this site.

/// A path of a page of this site. No path from outside is used before it is parsed into this type.
///
/// It begins with one `/`. It holds letters, digits, `-._~`, single slashes, and percent-encoded bytes, but no dot
/// segments. Every character that browsers or proxies might read as a host, a scheme, another path or a line break is
/// rejected, encoded as well. A path has no query, because data does not belong in URLs.
///
/// Source: ASVS 5.0, 3.7.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next(String);

impl Next {
    /// The name of the form field and of the query parameter.
    pub const NAME: &str = "next";

    /// Returns the path, if it is a path of this site.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack::model::next::Next;
    ///
    /// assert!(Next::parse("/profile").is_some());
    /// assert!(Next::parse("//evil.example").is_none());
    /// ```
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        is_ours(path.as_bytes()).then(|| Self(path.to_owned()))
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }

    /// Returns the address of a page with the path in its query: `/login?next=/profile`.
    #[must_use]
    pub fn behind(&self, page: &str) -> String {
        let mut address = [page, "?", Self::NAME, "="].concat();
        for sign in self.0.chars() {
            address.push(sign);
            // `%` is the only allowed character that must be escaped in a query.
            if sign == '%' {
                address.push_str("25");
            }
        }
        address
    }
}

/// The longest path, in bytes. No page here has a longer one, and URLs and cookies have no room for it.
const LONGEST: usize = 512;

fn is_ours(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/").filter(|_| path.len() <= LONGEST) else { return false };
    let mut segments = rest.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        // The last segment may be empty: `/`, `/profile/`.
        if matches!(segment, b"." | b"..") || !is_plain(segment) || (segment.is_empty() && segments.peek().is_some()) {
            return false;
        }
    }
    true
}

/// Returns whether a segment holds only letters, digits, `-._~`, and encoded bytes without a special meaning.
fn is_plain(mut segment: &[u8]) -> bool {
    while let [first, rest @ ..] = segment {
        segment = match (first, rest) {
            (b'%', [high, low, rest @ ..]) if means_nothing(*high, *low) => rest,
            (b'-' | b'.' | b'_' | b'~', _) => rest,
            (byte, _) if byte.is_ascii_alphanumeric() => rest,
            _ => return false,
        };
    }
    true
}

fn means_nothing(high: u8, low: u8) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
    byte.is_some_and(|byte| !matches!(byte, 0..b' ' | 0x7f | b'%' | b'.' | b'/' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s54_a_path_of_ours_is_taken_as_it_is() {
        for path in ["/", "/profile", "/profile/", "/a/b-c_d~e.f/9", "/caf%C3%A9", "/a%20b", "/...", "/.well-known/x"] {
            assert_eq!(Next::parse(path).as_ref().map(Next::path), Some(path));
        }
    }

    #[test]
    fn s54_what_may_lead_elsewhere_is_refused() {
        for path in [
            "",
            "profile",
            "evil.example",
            "//evil",
            "///evil",
            "/\\evil",
            "\\\\evil",
            "\\/evil",
            "/a//evil",
            "/a\\b",
            "//",
            "https://evil",
            "https:evil",
            "https:/evil",
            "HTTPS://evil",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\t/evil",
            "/\n/evil",
            "/\r\nset-cookie:x",
            "\t//evil",
            " //evil",
            " /profile",
            "/profile ",
            "/a b",
            "/\0",
            "/\u{7f}",
            "/%2f/evil",
            "/%2Fevil",
            "%2f%2fevil",
            "/%5cevil",
            "/%5Cevil",
            "/%09/evil",
            "/%0d%0aset-cookie:x",
            "/%00",
            "/%7F",
            "/%252fevil",
            "/%2e%2e/evil",
            "/.",
            "/..",
            "/./x",
            "/../x",
            "/.//evil",
            "/x/..//evil",
            "/x/..",
            "/%",
            "/%2",
            "/%zz",
            "/%+f",
            "/%c",
            "/a?b",
            "/a?next=//evil",
            "/a#b",
            "/@evil",
            "/:evil",
            "/a;b",
            "/a&b=c",
            "/a=b",
            "/a+b",
            "/<b>",
            "/\"",
            "/'",
            "/é",
            "/\u{ff0f}evil",
            "/\u{2028}",
            "/a,b",
            "/a|b",
            "/{a}",
        ] {
            assert_eq!(Next::parse(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_path_of_more_than_512_bytes_is_none() {
        let path = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert!(Next::parse(&path(LONGEST)).is_some() && Next::parse(&path(LONGEST + 1)).is_none());
    }

    #[test]
    fn a_query_carries_it_whole() {
        let next = Next::parse("/caf%C3%A9/x").expect("a path");
        assert_eq!(next.behind("/login"), "/login?next=/caf%25C3%25A9/x");
    }
}
