//! A length limit for client text in a log line.

use std::fmt;

/// The longest client text in a line, in bytes.
const LONGEST: usize = 512;

/// Client text as the log shows it: its first 512 bytes, and `…` if it was longer.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a>(pub &'a str);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        f.write_str(&text[..text.floor_char_boundary(LONGEST)])?;
        if text.len() > LONGEST { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s109_a_text_is_cut_between_two_letters() {
        for (text, shown) in [
            ("/short".to_owned(), "/short".to_owned()),
            ("x".repeat(512), "x".repeat(512)),
            ("x".repeat(513), format!("{}…", "x".repeat(512))),
            (format!("x{}", "é".repeat(300)), format!("x{}…", "é".repeat(255))),
        ] {
            assert_eq!(Cut(&text).to_string(), shown);
        }
    }
}
