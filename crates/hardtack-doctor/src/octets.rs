//! Header values as text that preserves every byte, because servers and browsers do not agree on UTF-8.

/// The character that stands for the byte 0. A byte that is not part of UTF-8 becomes a character of the private use
/// area: 0xF700 plus the byte.
const BASE: u32 = 0xF700;

/// Returns the text of a header's bytes. UTF-8 stays as it is. [`header_bytes`] restores the bytes in every case.
#[must_use]
pub fn header_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for sign in chunk.valid().chars() {
            // A character of that area in the header is encoded byte by byte too, so that the text stays unambiguous.
            if byte_of(sign).is_some() {
                let mut buffer = [0; 4];
                text.extend(sign.encode_utf8(&mut buffer).bytes().filter_map(sign_of));
            } else {
                text.push(sign);
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(sign_of));
    }
    text
}

/// Returns the bytes of a text that [`header_text`] made.
#[must_use]
pub fn header_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for sign in text.chars() {
        match byte_of(sign) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(sign.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// Returns the number of bytes that a text has as a header.
pub(super) fn length(text: &str) -> usize {
    text.chars().map(|sign| if byte_of(sign).is_some() { 1 } else { sign.len_utf8() }).sum()
}

fn sign_of(byte: u8) -> Option<char> {
    char::from_u32(BASE + u32::from(byte))
}

/// Returns the byte that a character stands for. ASCII bytes are never encoded this way.
fn byte_of(sign: char) -> Option<u8> {
    u8::try_from(u32::from(sign).checked_sub(BASE)?).ok().filter(|byte| !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_whatever_they_are() {
        let ours = "\u{f7e9}".as_bytes();
        for bytes in [
            &b""[..],
            b"abc",
            "é€😀".as_bytes(),
            &[0xE9; 9],
            b"a\xE9b\xC3",
            ours,
            &[0xEF, 0x9F],
            &[0, 1, 0x7F, 0x80, 0xFF],
        ] {
            let text = header_text(bytes);
            assert_eq!(header_bytes(&text), bytes, "{bytes:?}");
            assert_eq!(length(&text), bytes.len(), "{bytes:?}");
        }
        assert_eq!(header_text("é".as_bytes()), "é");
    }
}
