//! What commands answer with, and how it looks to people.

use comfy_table::{ContentArrangement, Table, presets};

use crate::redact::printable;

/// An answer that can be shown to people; machines read its serialised form.
pub trait Report {
    /// Puts the answer on a page.
    fn render(&self, page: &mut Page);

    /// The names in the answer, for `-o name`.
    fn names(&self) -> Vec<String>;
}

/// Text for people, built from headings, lines and tables. Everything that goes on it is made safe for terminals.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

/// How a word is shown where colour is; without, the word itself says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good.
    Good,
    /// Not yet.
    Waiting,
    /// Bad.
    Bad,
    /// Less important.
    Faint,
    /// More important.
    Strong,
}

impl Page {
    /// Adds a line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(&printable(text.as_ref()));
        self.text.push('\n');
    }

    /// Adds a line that begins with a word in a tone.
    pub fn mark(&mut self, tone: Tone, word: &str, text: impl AsRef<str>) {
        self.text.push_str(&paint(tone, word));
        self.text.push(' ');
        self.line(text);
    }

    /// Adds a table, or a line that says there is nothing.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>, nothing: &str) {
        if rows.is_empty() {
            return self.line(nothing);
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.iter().map(|name| name.to_uppercase()));
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        for line in table.to_string().lines() {
            // The outer padding of the table is of no use on a page.
            let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// The finished text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Wraps a word in the escape codes of its tone; the stream strips them where they are not wanted.
#[must_use]
pub fn paint(tone: Tone, word: &str) -> String {
    let code = match tone {
        Tone::Good => "32",
        Tone::Waiting => "33",
        Tone::Bad => "31",
        Tone::Faint => "2",
        Tone::Strong => "1",
    };
    format!("\u{1b}[{code}m{}\u{1b}[0m", printable(word))
}
