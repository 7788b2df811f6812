//! What is wrong with a file: where, what, and what to do about it. Rendered by `ui`.

pub mod yaml;

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The repository is refused.
    Error,
    /// It works, but not as its author may think.
    Warning,
}

/// A file's text with its path, shared by the diagnostics about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path in the repository, `/` between parts.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loc {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes that are meant; empty for the whole file.
    pub span: Range<usize>,
}

impl Loc {
    /// Line and column of the first byte, both from 1; columns count characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self
            .file
            .text
            .get(..self.span.start)
            .unwrap_or(&self.file.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |rest| rest.chars().count())
            + 1;
        (line, column)
    }

    /// The text that is meant.
    #[must_use]
    pub fn text(&self) -> &str {
        self.file.text.get(self.span.clone()).unwrap_or("")
    }
}

/// One thing that is wrong, with the place and a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code such as `unknown-field`, for machines and for looking it up.
    pub code: &'static str,
    /// What is wrong: one line, lowercase, no final period.
    pub message: String,
    /// Where.
    pub loc: Loc,
    /// What to do: whole commands where possible.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(code: &'static str, loc: Loc, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            loc,
            hints: Vec::new(),
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: &'static str, loc: Loc, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, loc, message)
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// The candidate that is most like `text`, when one is close enough to have been meant.
#[must_use]
pub fn did_you_mean<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (text.chars().count() / 3).max(1);
    let distances = candidates
        .into_iter()
        .map(|candidate| (edit_distance(text, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of single-character edits between two words (Levenshtein).
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().take(128).enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        let mut next = vec![before];
        for (above, to) in row.iter().skip(1).zip(&right) {
            before = (diagonal + usize::from(from != *to))
                .min(above + 1)
                .min(before + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let fields = ["clearance", "environment", "accepts"];
        assert_eq!(did_you_mean("clearence", fields), Some("clearance"));
        assert_eq!(did_you_mean("acepts", fields), Some("accepts"));
        assert_eq!(did_you_mean("budget", fields), None);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let file = Arc::new(SourceFile {
            path: "a".to_owned(),
            text: "a\nbü c\n".to_owned(),
        });
        assert_eq!(Loc { file, span: 6..7 }.line_and_column(), (2, 4));
    }
}
