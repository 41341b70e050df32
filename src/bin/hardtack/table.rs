//! Tables and time spans for people.

use std::fmt::Write as _;
use std::time::Duration;

/// Returns rows under headings, each column as wide as its widest cell.
///
/// Unprintable characters are escaped, because an account or a label must not move the reader's cursor.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows = rows.into_iter().map(|row| row.map(|cell| escaped(&cell)));
    let rows: Vec<_> = std::iter::once(headings.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the text with every unprintable character escaped, and each backslash doubled so that escapes cannot be
/// forged.
///
/// Source: ASVS 5.0, 16.4.1.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\'' | '"' => escaped.push(sign),
            _ => escaped.extend(sign.escape_debug()),
        }
    }
    escaped
}

/// Returns a time span in one unit, rounded down: `3 min`.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s121_a_cell_cannot_write_on_the_terminal() {
        let nasty = "\u{1b}[2Jme\r\nyou\t\u{202e}gro\u{7}\u{9b}31m \\x1b";
        let shown = escaped(nasty);
        assert_eq!(shown, "\\u{1b}[2Jme\\r\\nyou\\t\\u{202e}gro\\u{7}\\u{9b}31m \\\\x1b");
        let shown = table(["A", "B"], [[nasty.to_owned(), "x".to_owned()]]);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(!shown.replace('\n', "").contains(char::is_control), "{shown:?}");
        assert_eq!(escaped("zoë o'neil \"é\" 猫"), "zoë o'neil \"é\" 猫");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["zoë", "1"], ["an", "2"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["WHO", "N"], rows), "WHO  N\nzoë  1\nan   2");
        assert_eq!(table(["WHO", "N"], []), "WHO  N");
    }

    #[test]
    fn spans_are_told_at_their_edges() {
        for (seconds, told) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h"), (172_799, "47 h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
        assert_eq!(span(Duration::from_secs(172_800)), "2 d");
    }
}
