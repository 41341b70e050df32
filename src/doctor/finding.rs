//! A cause that was found: what is wrong, why, and the cure.

use super::code::Code;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One cause, with the values at hand. `Display` is the line of a log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Which cause.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in one sentence. It holds no secret.
    pub what: String,
    /// Why browsers behave so, and where that is written: [`Code::why`], so that it travels with the finding.
    pub why: String,
    /// What to change.
    pub cure: Cure,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Most visitors lose their session.
    Error,
    /// Some do, or soon will.
    Warning,
    /// Nothing is lost, but somebody may wonder.
    Note,
}

/// What to change, as text to copy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cure {
    /// Where the server is Hardtack.
    pub hardtack: String,
    /// Where it is Express, with express-session and cors.
    pub express: String,
}

impl Cure {
    pub(super) fn new(hardtack: impl Into<String>, express: impl Into<String>) -> Self {
        Self { hardtack: hardtack.into(), express: express.into() }
    }

    /// For Hardtack, in one line: `site.url = "https://…"`.
    #[must_use]
    pub fn line(&self) -> String {
        let (mut line, mut table) = (String::new(), None);
        for part in self.hardtack.lines().map(str::trim).filter(|part| !part.is_empty()) {
            if let Some(name) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
                table = Some(name);
                continue;
            }
            line.push_str(match line.chars().last() {
                None => "",
                Some(':') => " ",
                Some(_) => "; ",
            });
            match table.filter(|_| part.contains(" = ")) {
                Some(table) => line.extend([table, ".", part]),
                None => line.push_str(part),
            }
        }
        line
    }

    /// The same, whatever the server is.
    pub(super) fn any(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { hardtack: text.clone(), express: text }
    }
}

impl Finding {
    /// The same, as grave as it is here.
    pub(super) fn graded(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// Where more is said of it, from the root of the repository.
    #[must_use]
    pub fn link(&self) -> String {
        self.code.link()
    }
}

impl Code {
    pub(super) fn error(self, what: impl Into<String>, cure: Cure) -> Finding {
        self.found(Severity::Error, what.into(), cure)
    }

    pub(super) fn warning(self, what: impl Into<String>, cure: Cure) -> Finding {
        self.found(Severity::Warning, what.into(), cure)
    }

    pub(super) fn note(self, what: impl Into<String>, cure: Cure) -> Finding {
        self.found(Severity::Note, what.into(), cure)
    }

    fn found(self, severity: Severity, what: String, cure: Cure) -> Finding {
        Finding { code: self, severity, what, why: self.why().to_owned(), cure }
    }
}

/// The gravest first, each once.
pub(super) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| (one.severity, one.code, &one.what).cmp(&(other.severity, other.code, &other.what)));
    // Two names of one machine keep everything apart: said once.
    let same = |one: &Finding, other: &Finding| one.what == other.what || one.code == Code::LoopbackNames;
    findings.dedup_by(|one, other| one.code == other.code && same(one, other));
    findings
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.severity, self.what)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}
