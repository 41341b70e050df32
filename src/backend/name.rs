//! The display name of an account: a visible text that does not change the direction of the text around it.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The longest name, in characters.
const LONGEST: usize = 100;
/// The zero width non-joiner and joiner shape the letters beside them, in names of several scripts.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];
/// The Braille pattern without a dot. Unicode calls it a symbol, but it is blank.
const BLANK: char = '\u{2800}';

/// Returns the name that a text holds, without the spaces around it and without format characters, because these are
/// invisible and can change the direction of the text that follows (U+202E). `None` when it is too long, holds a
/// control character, or has no visible character.
///
/// Source: UTS #39, 3.1 (no format characters in identifiers); UAX #31, 2.3 (joiners inside of words).
pub(super) fn parse(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let name = without_format(text);
    (is_seen(&name) && name.chars().count() <= LONGEST).then_some(name)
}

/// Returns the usable part of a name from another service. It is empty when no part is usable.
pub(super) fn told(text: &str) -> String {
    let text: String = text.chars().filter(|sign| !sign.is_control()).collect();
    let name: String = without_format(&text).chars().take(LONGEST).collect();
    if is_seen(&name) { name.trim().to_owned() } else { String::new() }
}

/// Returns whether a text has a visible character.
pub(super) fn is_seen(text: &str) -> bool {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    text.chars().any(|sign| {
        use GeneralCategory as Is;
        let blank = matches!(
            categories.get(sign),
            Is::Control
                | Is::Format
                | Is::LineSeparator
                | Is::ParagraphSeparator
                | Is::SpaceSeparator
                // A mark is visible on a letter, but not alone.
                | Is::EnclosingMark
                | Is::NonspacingMark
                | Is::SpacingMark
                | Is::PrivateUse
                | Is::Surrogate
                | Is::Unassigned
        );
        !blank && !ignorable.contains(sign) && sign != BLANK
    })
}

fn without_format(text: &str) -> String {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_left = |sign: &char| JOINERS.contains(sign) || categories.get(*sign) != GeneralCategory::Format;
    let name: String = text.chars().filter(is_left).collect();
    name.trim_matches(|sign: char| sign.is_whitespace() || JOINERS.contains(&sign)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_can_be_seen_of_it() {
        for (text, name) in [
            (" Ada ", Some("Ada")),
            ("Ada\u{200b}", Some("Ada")),
            ("\u{202e}adA", Some("adA")),
            ("\u{feff}Ada\u{2060} Lovelace", Some("Ada Lovelace")),
            ("نرگس\u{200c}خاتون", Some("نرگس\u{200c}خاتون")),
            ("Ada\u{200d}", Some("Ada")),
            ("e\u{301}", Some("e\u{301}")),
            ("李", Some("李")),
            ("👩\u{200d}🚀", Some("👩\u{200d}🚀")),
            ("", None),
            ("\u{200b}", None),
            ("\u{202e}", None),
            ("\u{2060}", None),
            ("\u{2800}", None),
            ("\u{3164}", None),
            ("\u{301}\u{301}", None),
            ("\u{a0}\u{2003}", None),
            ("A\u{7}da", None),
        ] {
            assert_eq!(parse(text).as_deref(), name, "{text:?}");
        }
        assert_eq!(parse(&"a".repeat(100)).map(|name| name.len()), Some(100));
        assert_eq!(parse(&"a".repeat(101)), None);
    }

    #[test]
    fn of_a_name_that_is_told_as_much_is_used_as_can_be() {
        for (text, name) in [("A\u{7}da\u{202e}", "Ada"), ("\u{200b}", ""), ("", "")] {
            assert_eq!(told(text), name, "{text:?}");
        }
        assert_eq!(told(&"a".repeat(200)).len(), 100);
    }
}
