//! A finding: the problem, its reason and its cure.

use super::code::Code;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A cause of lost sessions with the values of one case. `Display` gives a line for a log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// The cause.
    pub code: Code,
    /// The severity.
    pub severity: Severity,
    /// The problem in one sentence, without secrets.
    pub what: String,
    /// The reason and its source: [`Code::why`], repeated here so that a serialised finding has it too.
    pub why: String,
    /// The change that solves the problem.
    pub cure: Cure,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Most visitors lose their session.
    Error,
    /// Some visitors lose their session, or soon will.
    Warning,
    /// No session is lost, but the effect may surprise.
    Note,
}

/// The change that solves a problem, as text to copy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cure {
    /// For a Hardtack server.
    pub hardtack: String,
    /// For an Express server with express-session and cors.
    pub express: String,
}

impl Cure {
    pub(super) fn new(hardtack: impl Into<String>, express: impl Into<String>) -> Self {
        Self { hardtack: hardtack.into(), express: express.into() }
    }

    /// Returns the cure for Hardtack in one line: `site.url = "https://…"`.
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

    /// Creates a cure that is the same for every server.
    pub(super) fn any(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { hardtack: text.clone(), express: text }
    }
}

impl Finding {
    /// Returns the same finding with another severity.
    pub(super) fn graded(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// Returns the path of its documentation, relative to the root of the repository.
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

/// Returns the findings without duplicates, the most severe first.
pub(super) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| (one.severity, one.code, &one.what).cmp(&(other.severity, other.code, &other.what)));
    // One finding about the two names of a machine is enough, because one change solves all of them.
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
