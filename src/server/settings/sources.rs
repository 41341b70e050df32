//! The settings in the file and the environment, limited to names that exist.

use super::registry::{PREFIX, Setting};
use super::values::Read;
use super::{SettingsError, TABLES};
use config::{File, FileFormat, Map, Source as _, Value, ValueKind};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The settings that are set, by path.
pub(super) struct Given {
    file: String,
    values: BTreeMap<String, Set>,
}

/// A value, and the place where it was set.
enum Set {
    File(ValueKind),
    Variable(String, String),
}

impl Given {
    /// Reads the file, lets the environment win, and refuses names that do not exist.
    pub(super) fn collect(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let path = file.unwrap_or(Path::new(super::FILE));
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => String::new(),
            other => other.map_err(|error| {
                SettingsError(format!(
                    "{} cannot be read ({error}); name a file of settings that the server may read.",
                    path.display()
                ))
            })?,
        };
        let mut given = Self { file: path.display().to_string(), values: BTreeMap::new() };
        given.add_file(&text)?;
        given.add_variables(env)?;
        Ok(given)
    }

    /// Returns whether the setting is set.
    pub(super) fn has(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    /// Returns the value of a setting: the given one, else the default.
    pub(super) fn read<T: Read>(&self, table: &str, key: &str, default: &str) -> Result<T, SettingsError> {
        let path = format!("{table}.{key}");
        let (result, place) = match self.values.get(&path) {
            Some(Set::File(value)) => (T::from_toml(value), format!(" in {}", self.file)),
            Some(Set::Variable(name, text)) => (T::from_text(text), format!(" (set by {name})")),
            None => (T::from_text(default), String::new()),
        };
        result.map_err(|wrong| SettingsError(format!("`{path}`{place} {wrong}.")))
    }

    fn add_file(&mut self, text: &str) -> Result<(), SettingsError> {
        let tables = File::from_str(text, FileFormat::Toml).collect().map_err(|error| self.not_toml(&error))?;
        for (table, value) in sorted(tables) {
            if !TABLES.iter().any(|known| known.name == table) {
                return Err(self.unknown_table(&table, &value.kind));
            }
            let ValueKind::Table(settings) = value.kind else {
                return Err(SettingsError(format!(
                    "`{table}` in {} is a table of settings; write `[{table}]` on a line of its own, and its \
                     settings below.",
                    self.file
                )));
            };
            for (key, value) in sorted(settings) {
                let path = format!("{table}.{key}");
                if !all().any(|known| known.path() == path) {
                    return Err(self.unknown_key(&path, &key));
                }
                self.values.insert(path, Set::File(value.kind));
            }
        }
        Ok(())
    }

    fn add_variables(&mut self, env: impl IntoIterator<Item = (String, String)>) -> Result<(), SettingsError> {
        // Sorted, so that of several mistakes the same one is reported each time.
        let ours: BTreeMap<_, _> = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        for (name, text) in ours {
            let Some(setting) = all().find(|known| known.variable() == name) else {
                let nearest = nearest(&name, all().map(Setting::variable));
                let name = name.escape_debug();
                return Err(SettingsError(format!("`{name}` is not a setting; did you mean `{nearest}`?")));
            };
            self.values.insert(setting.path(), Set::Variable(name, text));
        }
        Ok(())
    }

    fn unknown_table(&self, table: &str, value: &ValueKind) -> SettingsError {
        if !matches!(value, ValueKind::Table(_)) {
            // A quoted dot is part of the name. Shown with its quotes, the name reveals the mistake.
            let name = if table.contains('.') { format!("{table:?}") } else { table.to_owned() };
            return self.unknown_key(&name, table);
        }
        let nearest = nearest(table, TABLES.iter().map(|known| known.name.to_owned()));
        let table = table.escape_debug();
        SettingsError(format!("`[{table}]` in {} is not a table of settings; did you mean `[{nearest}]`?", self.file))
    }

    fn unknown_key(&self, path: &str, key: &str) -> SettingsError {
        // A known key in the wrong table is a better suggestion than a similar name.
        let moved = all().find(|known| known.key == key).map(Setting::path);
        let nearest = moved.unwrap_or_else(|| nearest(path, all().map(Setting::path)));
        let path = path.replace(char::is_control, " ");
        SettingsError(format!("`{path}` in {} is not a setting; did you mean `{nearest}`?", self.file))
    }

    /// Returns the error of a file that is not TOML. The parser shows place, excerpt and reason on lines of their own;
    /// the sentence has the first and the last.
    fn not_toml(&self, error: &config::ConfigError) -> SettingsError {
        let text = error.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let place = lines.next().unwrap_or_default();
        let reason = lines.next_back().map(|reason| format!(": {reason}")).unwrap_or_default();
        SettingsError(format!("{} is not valid TOML ({place}{reason}); correct that line.", self.file))
    }
}

fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.iter().flat_map(|table| table.settings)
}

fn sorted(map: Map<String, Value>) -> BTreeMap<String, Value> {
    map.into_iter().collect()
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    known.max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b))).unwrap_or_default()
}

/// Returns the environment of this process, for [`Settings::load`](super::Settings::load).
///
/// Text that is not Unicode gets replacement characters, so that it is refused if it is a setting.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |raw: std::ffi::OsString| raw.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}
