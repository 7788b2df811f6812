//! The terminal: the only module that prints. Data goes to standard output, everything else to standard error.

pub mod diagnostics;
pub mod failure;
pub mod logging;
pub mod progress;
pub mod report;

use std::io::{self, Write as _};

use clap::ValueEnum;
use serde::Serialize;

use crate::redact::printable;
use crate::ui::report::{Page, Report};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// For programs: one JSON document.
    Json,
    /// For programs that prefer YAML.
    Yaml,
    /// Names alone, one a line, for shell loops.
    Name,
}

/// Where output goes, and in which form.
#[derive(Debug)]
pub struct Terminal {
    format: OutputFormat,
}

impl Terminal {
    /// A terminal that prints data in a format.
    #[must_use]
    pub const fn new(format: OutputFormat) -> Self {
        Self { format }
    }

    /// The format.
    #[must_use]
    pub const fn format(&self) -> OutputFormat {
        self.format
    }

    /// Prints a report.
    ///
    /// # Errors
    ///
    /// When standard output is gone, such as `promote … | head`.
    pub fn report<R: Report + Serialize>(&self, report: &R) -> io::Result<()> {
        let text = match self.format {
            OutputFormat::Table => {
                let mut page = Page::default();
                report.render(&mut page);
                page.into_text()
            }
            OutputFormat::Json => format!(
                "{}\n",
                serde_json::to_string_pretty(report).map_err(io::Error::other)?
            ),
            OutputFormat::Yaml => {
                // Through JSON, so that both have the same fields whatever the serializer makes of enums.
                let value = serde_json::to_value(report).map_err(io::Error::other)?;
                serde_yaml::to_string(&value).map_err(io::Error::other)?
            }
            OutputFormat::Name => report
                .names()
                .iter()
                .map(|name| format!("{}\n", printable(name)))
                .collect(),
        };
        self.data(&text)
    }

    /// Prints text to standard output as it is.
    ///
    /// # Errors
    ///
    /// When standard output is gone.
    pub fn data(&self, text: &str) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Tells a person something that is not data.
    ///
    /// # Errors
    ///
    /// When standard error is gone.
    pub fn note(&self, text: &str) -> io::Result<()> {
        writeln!(anstream::stderr().lock(), "{text}")
    }
}
