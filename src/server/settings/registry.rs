//! The list of settings as a macro: one documented field per setting, and the code and text made from it.

use std::fmt::Write as _;

/// A table of settings, as `Leptos.toml` and the documentation have it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The name in the file.
    pub name: &'static str,
    /// The description of the table.
    pub(super) about: &'static [&'static str],
    /// The settings, in the order of the documentation.
    pub settings: &'static [Setting],
}

/// A setting: its names, its default and its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The table.
    pub table: &'static str,
    /// The name within the table.
    pub key: &'static str,
    /// The default, written as in a variable.
    pub default: &'static str,
    /// The description, in lines.
    pub(super) meaning: &'static [&'static str],
}

impl Setting {
    /// Returns table and key, as messages name the setting: `session.idle`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }

    /// Returns the environment variable of the setting: `HARDTACK_SESSION_IDLE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}_{}", self.table, self.key).to_uppercase()
    }
}

/// The prefix of all variables of Hardtack.
pub(super) const PREFIX: &str = "HARDTACK_";

/// Makes structs, defaults and documentation from one list.
///
/// A default is text that is read at the start like the text of a variable, so that the documentation cannot differ
/// from it.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $table:ident: $Table:ident {
            $( $(#[doc = $meaning:literal])+ $key:ident: $Type:ty = $default:literal, )+
        }
    )+) => {
        /// All settings, read and checked.
        ///
        /// The address of a store may hold a password, which `Debug` does not show. There is no other secret, because
        /// settings name keys and do not hold them.
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

        /// All tables of settings.
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

/// Returns the page `docs/SETTINGS.md`.
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

/// Joins the lines of a doc comment to one paragraph.
fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

const HEADING: &str = "| key | variable | default | meaning |\n|---|---|---|---|\n";

const INTRODUCTION: &str = "\
# Settings

Printed by `hardtack settings`; to change this page, change `src/server/settings/mod.rs` and print
it again.

The server reads `Leptos.toml` in its working directory, or the file that `--config` names. It runs
without any file: each setting has a default that is right for `make run`. A variable wins over the
file, the file wins over the default. An empty value is a value: it does not bring back the default.

- Text stands in quotes in the file and without them in a variable.
- Durations are written `800ms`, `60s`, `30m`, `12h`, `14d`.
- Sizes are written `16 KiB`, `1 MiB`, or as a number of bytes.
- A list is `[\"a\", \"b\"]` in the file and `a,b` in a variable.

An unknown, misspelt or contradictory setting stops the start, with one sentence that says what to
change.
";
