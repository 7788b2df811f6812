//! The environment variables, read once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Command;

/// A snapshot of the environment variables. Nothing else reads them, so that a test decides what a run sees.
///
/// `Debug` shows the names alone: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes the snapshot of this process.
    #[must_use]
    pub fn from_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
        }
    }

    /// The value of a variable; `None` when it is not set or not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str()
    }

    /// The same variables, with some added or changed.
    #[must_use]
    pub fn with(&self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut with = self.clone();
        let changed = variables.into_iter();
        with.variables
            .extend(changed.map(|(name, value)| (name.into(), value.into())));
        with
    }

    /// A command that sees these variables and no others. The program is looked for in their `PATH`.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables);
        command
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self {
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Environment ")?;
        formatter
            .debug_set()
            .entries(self.variables.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_holds_what_it_was_given_and_shows_no_values() {
        let environment = Environment::from_iter([("TOKEN", "hunter2"), ("HOME", "/home/ada")]);
        assert_eq!(environment.get("TOKEN"), Some("hunter2"));
        assert_eq!(environment.get("PATH"), None);
        assert_eq!(
            format!("{environment:?}"),
            r#"Environment {"HOME", "TOKEN"}"#
        );
    }

    #[test]
    fn the_snapshot_of_the_process_knows_its_path() {
        assert!(Environment::from_process().get("PATH").is_some());
    }
}
