//! The report: the results, the machine, and the aims. It is Markdown that is readable in a terminal too.

use super::Scope;
use super::stores::Stores;
use std::fmt::Write as _;
use std::process::Command;

/// The report is between these lines of the document.
const BEGIN: &str = "<!-- written by `make bench`: begin -->";
const END: &str = "<!-- written by `make bench`: end -->";

/// The results so far.
#[derive(Default)]
pub(crate) struct Report {
    sections: String,
    notes: Vec<String>,
    aims: Vec<Aim>,
    failures: Vec<String>,
}

/// An aim of the design, with its measured value.
pub(crate) struct Aim {
    pub(crate) what: String,
    pub(crate) asked: String,
    pub(crate) found: String,
    pub(crate) met: bool,
}

impl Report {
    /// Begins a section.
    pub(crate) fn heading(&mut self, text: &str) {
        self.text(&format!("### {text}"));
    }

    /// Adds a paragraph.
    pub(crate) fn text(&mut self, text: &str) {
        self.flush_notes();
        write!(self.sections, "{text}\n\n").expect("a text");
    }

    /// Adds a line to a list at the end of the section.
    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(format!("- {text}"));
    }

    /// Adds a table. Columns of figures are aligned to the right.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let table = table(head, rows);
        writeln!(self.sections, "{table}").expect("a text");
    }

    /// Adds an aim.
    pub(crate) fn aim(&mut self, aim: Aim) {
        self.aims.push(aim);
    }

    /// Adds a failure, which makes the figures of the run invalid.
    pub(crate) fn failed(&mut self, why: &str) {
        super::progress(&format!("failed: {why}"));
        self.failures.push(why.to_owned());
    }

    /// Returns whether all responses were correct. An aim that is not met is no failure.
    pub(crate) fn is_sound(&self) -> bool {
        self.failures.is_empty()
    }

    /// Returns the complete report.
    pub(crate) fn finish(mut self, scope: &Scope, stores: &Stores) -> String {
        self.flush_notes();
        let mut text = machine(scope, stores);
        text.push_str("\n### Aims\n\n");
        let rows: Vec<_> = self.aims.into_iter().map(Aim::row).collect();
        text.push_str(&table(&["what", "aim", "measured", ""], &rows));
        for failure in &self.failures {
            write!(text, "\nFailed, so the figures are invalid: {failure}\n").expect("a text");
        }
        write!(text, "\n{}", self.sections.trim_end()).expect("a text");
        text.push('\n');
        text
    }

    fn flush_notes(&mut self) {
        if !self.notes.is_empty() {
            let notes = std::mem::take(&mut self.notes).join("\n");
            write!(self.sections, "{notes}\n\n").expect("a text");
        }
    }
}

impl Aim {
    fn row(self) -> Vec<String> {
        let met = if self.met { "met" } else { "**not met**" };
        vec![self.what, self.asked, self.found, met.to_owned()]
    }
}

/// Writes the report into the document, between its two lines.
pub(crate) fn write(path: &str, report: &str) -> std::io::Result<()> {
    let document = std::fs::read_to_string(path)?;
    let parts = document.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Err(std::io::Error::other("the two lines that mark the place of the report are missing"));
    };
    std::fs::write(path, format!("{before}{BEGIN}\n\n{report}\n{END}{after}"))
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let is_figure = |text: &str| text.starts_with(|sign: char| sign.is_ascii_digit() || sign == '–');
    let length = |text: &str| text.chars().count();
    let columns: Vec<_> = head
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = || rows.iter().map(|row| row[at].as_str());
            let width = cells().map(length).chain([length(name)]).max().unwrap_or(0);
            (width, !rows.is_empty() && cells().all(is_figure))
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from("|");
        for (cell, (width, right)) in cells.zip(&columns) {
            let space = " ".repeat(width - length(cell));
            let (before, after) = if *right { (space.as_str(), "") } else { ("", space.as_str()) };
            write!(line, " {before}{cell}{after} |").expect("a text");
        }
        line + "\n"
    };
    let mut text = line(&mut head.iter().copied());
    text.push('|');
    for (width, right) in &columns {
        let dashes = "-".repeat(width.saturating_sub(usize::from(*right)));
        write!(text, " {dashes}{} |", if *right { ":" } else { "" }).expect("a text");
    }
    text.push('\n');
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// Returns the table of the machine and the versions, without the machine's name.
fn machine(scope: &Scope, stores: &Stores) -> String {
    let of = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let memory = of("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0) >> 20;
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = said("uname", &["-sr"]);
    // The part after the version names the distribution or the owner, so it is left out.
    let kernel = kernel.split('-').next().unwrap_or_default();
    let rows = [
        ("processor", format!("{}, {cores} cores", of("/proc/cpuinfo", "model name"))),
        ("memory", format!("{memory} GiB")),
        ("system", format!("{kernel}, {} under the stores' files", stores.file_system())),
        ("compiler", said("rustc", &["--version"])),
        ("stores", stores.versions.join(", ")),
        ("measured", format!("{}, {}", said("date", &["-u", "+%Y-%m-%d"]), scope.describe())),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table(&["", ""], &rows)
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Formats a ratio with two decimals.
pub(crate) fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

/// Formats a large number with separators of thousands.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
