//! Tests of the parser of `Set-Cookie` lines: joined cookies, removals, dates.

use super::super::set_cookie::{SetCookie, date};

fn parsed(line: &str) -> SetCookie {
    SetCookie::read(line).unwrap_or_else(|error| panic!("{line} {error:?}"))
}

#[test]
fn only_a_comma_before_a_valid_name_joins_two_cookies() {
    let joined = |line: &str| SetCookie::joined(line);
    let both = |first: &str, second: &str| Some((first.to_owned(), second.to_owned()));
    assert_eq!(joined("a=1; Path=/, b=2; Path=/"), both("a", "b"));
    assert_eq!(joined("a=1, b.c-d=2"), both("a", "b.c-d"));
    for line in [
        "a=1",
        "a=1; Expires=Wed, 18 Dec 2024 22:13:20 GMT",
        "a=1, b",
        "a=1, =2",
        "a=x, y z=2",
        "a=1, b;c=2",
        "a=1,b=2",
    ] {
        assert_eq!(joined(line), None, "{line}");
    }
    // The first comma belongs to the date, the second one joins.
    assert_eq!(joined("a=1; Expires=Wed, 18 Dec 2024 22:13:20 GMT, b=2"), both("a", "b"));
}

#[test]
fn a_cookie_whose_expiry_is_over_is_a_removal_with_any_value() {
    for (line, removes) in [
        ("a=; Max-Age=0", true),
        ("a=1; Max-Age=-1", true),
        ("a=1; Max-Age=1", false),
        ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
        ("a=; Expires=Fri, 02 Jan 1970 00:00:00 GMT", true),
        ("a=; Expires=Fri, 02 Jan 1970 00:00:01 GMT", false),
        ("a=; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false),
        ("a=", false),
    ] {
        assert_eq!(parsed(line).is_removal(), removes, "{line}");
    }
}

#[test]
fn the_debug_text_has_the_attributes_and_not_the_value() {
    let text = format!("{:?}", parsed("sid=canary; Path=/a; Domain=example.com; HttpOnly; SameSite=Lax; Max-Age=5"));
    for part in ["sid", "/a", "example.com", "http_only true", "secure false", "Lax", "5"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("canary"), "{text}");
}

/// Source of the grammar: RFC 6265bis, 5.1.1.
#[test]
fn dates_are_read_in_each_spelling_and_impossible_ones_are_not() {
    let expected = Some(1_734_560_000);
    for text in [
        "Wed, 18 Dec 2024 22:13:20 GMT",
        "Wednesday, 18-Dec-24 22:13:20 GMT",
        "Wed Dec 18 22:13:20 2024",
        "18 december 2024 22:13:20",
        "22:13:20 18 Dec 2024",
        "18 Dec 2024 22:13:20 may",
        "18 Dec 2024 22:13:20 7",
    ] {
        assert_eq!(date(text), expected, "{text}");
    }
    // The first month counts, and other words are ignored.
    assert_eq!(date("18 nothing Dec 2024 22:13:20"), expected);
    assert_eq!(date("31 Dec 2024 23:59:59"), Some(1_735_689_599));
    assert_eq!(date("29 Feb 2024 00:00:00"), Some(1_709_164_800));
    assert_eq!(date("01 Jan 1601 00:00:00"), Some(-11_644_473_600));
    for (two_digits, four) in [("69", "2069"), ("70", "1970"), ("99", "1999"), ("00", "2000")] {
        assert_eq!(date(&format!("01 Jan {two_digits} 00:00:00")), date(&format!("01 Jan {four} 00:00:00")));
    }
    for text in [
        "32 Dec 2024 22:13:20",
        "0 Dec 2024 22:13:20",
        "31 Nov 2024 22:13:20",
        "29 Feb 2023 00:00:00",
        "31 Dec 1600 00:00:00",
        "18 Dec 2024 24:00:00",
        "18 Dec 2024 00:60:00",
        "18 Dec 2024 00:00:60",
        "18 Dec 2024 22:13",
        "18 Dec 22:13:20",
        "Dec 2024 22:13:20",
        "18 2024 22:13:20",
        "",
    ] {
        assert_eq!(date(text), None, "{text}");
    }
    assert_eq!(date("18 Dec 2024 23:59:59"), Some(1_734_566_399));
}
