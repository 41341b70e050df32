//! The pairs of a request's `Cookie` headers, as browsers and other clients write them.
//!
//! The headers are read as bytes. An odd part affects none of its neighbours, because a site shares its cookies with
//! other software:
//!
//! | written | read as |
//! |---|---|
//! | `a=1; b=2`, `a=1;b=2`, `a=1 ;\tb=2`, `;; a=1;` | pairs, without empty parts and blanks around pairs and values |
//! | several headers, as HTTP/2 splits them | all of them, one after the other |
//! | `a="1"` | the value `1`: Java's and Android's cookie managers add quotes. One pair of them is removed |
//! | `$Version="1"; a="1";$Path="/"` | three pairs, two with names that no cookie of this server has (RFC 2965) |
//! | `a=1=2` | the name `a`, the value `1=2` |
//! | `a` and `=a` | a cookie with an empty name |
//! | `a=1, b=2` | the name `a`, the value `1, b=2`: a comma does not separate cookies |
//! | bytes beyond ASCII | the same bytes |
//!
//! Source: RFC 6265, 4.2.1; RFC 6265bis, 5.8.3; RFC 9113, 8.2.3.

use axum::http::{HeaderMap, header::COOKIE};

/// Returns the name and the value of each cookie of a request, in the order in which they came. A cookie without a name
/// has an empty one.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = headers.get_all(COOKIE).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';')).filter_map(pair)
}

/// Returns the pair in one part; `None` for an empty part.
fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = part.iter().position(|byte| !is_blank(*byte))?;
    let part = &part[start..];
    Some(match part.iter().position(|&byte| byte == b'=') {
        // A space before the `=` stays in the name, because no browser writes it and no cookie name of this server has
        // one.
        Some(equals) => (&part[..equals], unquoted(trimmed(&part[equals + 1..]))),
        None => (&[], trimmed(part)),
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trimmed(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|byte| !is_blank(*byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(*byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Removes one pair of quotes around a value.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    /// The lines of a header, and the pairs in them.
    type Case<'a> = (&'a [&'a [u8]], &'a [(&'a str, &'a str)]);

    fn read(lines: &[&[u8]]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).expect("a header"));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pairs(&headers).map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn g9_s2_s4_odd_spellings_of_a_cookie_header_are_read_as_the_page_says() {
        let cases: [Case; 13] = [
            (&[b"a=1; b=2"], &[("a", "1"), ("b", "2")]),
            (&[b"a=1;b=2;"], &[("a", "1"), ("b", "2")]),
            (&[b";; \ta=1 ;\t;b= 2 "], &[("a", "1"), ("b", "2")]),
            (&[b"a=1", b"b=2; c=3"], &[("a", "1"), ("b", "2"), ("c", "3")]),
            (&[b"a=\"1\"; b=\"\"; c=\"; d=\"\"4\"\""], &[("a", "1"), ("b", ""), ("c", "\""), ("d", "\"4\"")]),
            (
                &[b"$Version=\"1\"; a=\"1\";$Path=\"/\";$Domain=\"x\""],
                &[("$Version", "1"), ("a", "1"), ("$Path", "/"), ("$Domain", "x")],
            ),
            (&[b"a=1=2=; b==x"], &[("a", "1=2="), ("b", "=x")]),
            (&[b"alone; =alone; a=1"], &[("", "alone"), ("", "alone"), ("a", "1")]),
            (&[b"a=1, b=2"], &[("a", "1, b=2")]),
            (&[b"\xff\xfe=\xfd; a=1"], &[("\u{fffd}\u{fffd}", "\u{fffd}"), ("a", "1")]),
            (&[b"a =1; A=2"], &[("a ", "1"), ("A", "2")]),
            (&[b"", b"  ", b";"], &[]),
            (&[b"{\"json\":1}; a=1"], &[("", "{\"json\":1}"), ("a", "1")]),
        ];
        for (lines, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }
}
