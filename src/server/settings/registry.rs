//! One documented field per setting, and what is made from it.

use std::fmt::Write as _;

/// A table of settings, as `Leptos.toml` and the documentation have it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name in the file.
    pub name: &'static str,
    /// What its settings are about.
    pub(super) about: &'static [&'static str],
    /// Its settings, in the order of the documentation.
    pub settings: &'static [Setting],
}

/// A setting: its names, its default and its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The table that it stands in.
    pub table: &'static str,
    /// Its name within the table.
    pub key: &'static str,
    /// What holds when nobody sets it, written as a variable would have it.
    pub default: &'static str,
    /// What it does, in lines.
    pub(super) meaning: &'static [&'static str],
}

impl Setting {
    /// Table and key, as messages name it: `session.idle`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }

    /// The environment variable that sets it: `HARDTACK_SESSION_IDLE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}_{}", self.table, self.key).to_uppercase()
    }
}

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "HARDTACK_";

/// Makes structs, defaults and documentation from one list.
///
/// A default is text, read at start like the text of a variable, so that the documentation cannot differ from it.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $table:ident: $Table:ident {
            $( $(#[doc = $meaning:literal])+ $key:ident: $Type:ty = $default:literal, )+
        }
    )+) => {
        /// All settings, read, checked and final.
        ///
        /// The address of a store may hold a password, which `Debug` does not show. No other secret is among them:
        /// keys are named, never held.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $about])+ pub $table: $Table, )+
        }

        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Table {
                $(
                    $(#[doc = $meaning])+
                    #[doc = concat!("\n\nDefault: `", $default, "`.")]
                    pub $key: $Type,
                )+
            }
        )+

        /// Every setting there is.
        pub const TABLES: &[Table] = &[$(
            Table {
                name: stringify!($table),
                about: &[$($about),+],
                settings: &[$( Setting {
                    table: stringify!($table),
                    key: stringify!($key),
                    default: $default,
                    meaning: &[$($meaning),+],
                }, )+],
            },
        )+];

        impl Settings {
            fn read(given: &Given) -> Result<Self, SettingsError> {
                Ok(Self {
                    $( $table: $Table {
                        $( $key: given.read(stringify!($table), stringify!($key), $default)?, )+
                    }, )+
                })
            }
        }
    };
}
pub(super) use settings;

/// The page `docs/SETTINGS.md`.
pub(super) fn markdown(tables: &[Table]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for table in tables {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## `[{}]`\n\n{}\n\n{HEADING}", table.name, prose(table.about));
        for setting in table.settings {
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} | {} |",
                setting.key,
                setting.variable(),
                if setting.default.is_empty() { "empty".to_owned() } else { format!("`{}`", setting.default) },
                prose(setting.meaning).replace('|', "\\|"),
            );
        }
    }
    page
}

/// The lines of a doc comment as one paragraph.
fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

const HEADING: &str = "| key | variable | default | meaning |\n|---|---|---|---|\n";

const INTRODUCTION: &str = "\
# Settings

Printed by `hardtack settings`; to change this page, change `src/server/settings/mod.rs` and print it again.

The server reads `Leptos.toml` in its working directory, or the file that `--config` names. It runs without
any file: each setting has a default that is right for `make run`. A variable wins over the file, the file
wins over the default. An empty value is a value: it does not bring back the default.

- Text stands in quotes in the file and without them in a variable.
- Durations are written `800ms`, `60s`, `30m`, `12h`, `14d`.
- Sizes are written `16 KiB`, `1 MiB`, or as a number of bytes.
- A list is `[\"a\", \"b\"]` in the file and `a,b` in a variable.

What is unknown, misspelt or contradictory stops the start, with one sentence that says what to change.
";
