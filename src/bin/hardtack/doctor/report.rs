//! Findings for people: the problem, the reason, and the cure to copy.

use crate::table::escaped;
use anstyle::{AnsiColor, Style};
use hardtack_doctor::{Finding, Severity};
use std::fmt::Write as _;

/// The framework of the server, as far as it is known. It decides which cure is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Hardtack,
    Express,
    Unknown,
}

/// Returns bold text.
pub(super) fn bold(text: &str) -> String {
    painted(Style::new().bold(), text)
}

/// Returns text in the colour of success.
pub(super) fn good(text: &str) -> String {
    painted(AnsiColor::Green.on_default(), text)
}

/// Returns text in the colour of failure.
pub(super) fn bad(text: &str) -> String {
    painted(AnsiColor::Red.on_default().bold(), text)
}

/// Returns dimmed text, for details.
pub(super) fn dim(text: &str) -> String {
    painted(Style::new().dimmed(), text)
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns a paragraph for each finding, or the sentence `none` when there are no findings.
pub(super) fn findings(found: &[Finding], maker: Maker, none: &str) -> String {
    if found.is_empty() {
        return format!("{} {none}\n", good("✓"));
    }
    let mut text: String = found.iter().map(|finding| paragraph(finding, maker)).collect();
    let count = |severity, word| {
        let count = found.iter().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    };
    let counts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let counts: Vec<_> = counts.into_iter().filter_map(|(severity, word)| count(severity, word)).collect();
    let _ = writeln!(text, "{}.", counts.join(", "));
    text
}

fn paragraph(finding: &Finding, maker: Maker) -> String {
    let Finding { code, severity, what, why, cure } = finding;
    let colour = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    let head = painted(colour.on_default().bold(), &format!("{code} {severity}"));
    let same = cure.hardtack == cure.express;
    let cures = match maker {
        _ if same => vec![("cure", &cure.hardtack)],
        Maker::Hardtack => vec![("cure", &cure.hardtack)],
        Maker::Express => vec![("cure", &cure.express)],
        Maker::Unknown => vec![("cure, Hardtack", &cure.hardtack), ("cure, Express", &cure.express)],
    };
    let mut text = format!("{head}  {}\n{}", escaped(what), part("why", why));
    for (title, cure) in cures {
        text.push_str(&part(title, cure));
    }
    let _ = write!(text, "  {}\n\n", dim(&finding.link()));
    text
}

/// Returns text under a title, indented further, so that text to copy stands by itself.
fn part(title: &str, text: &str) -> String {
    let lines =
        text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("      {}\n", escaped(line)) });
    format!("  {}\n{}", dim(title), lines.collect::<String>())
}

/// Returns the report on settings that cannot be used.
pub(super) fn refused(error: &str) -> String {
    format!("{}  {}\n", bad("error"), escaped(error))
}
