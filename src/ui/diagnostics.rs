//! Diagnostics as text for people and as JSON for programs.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Loc, Severity};
use crate::redact::printable;

/// The longest excerpt of a line, in bytes on each side of what is underlined.
const MAX_EXCERPT_BYTES: usize = 200;

/// Whether text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escape codes.
    Always,
}

/// Sorts diagnostics by file and position; what is said twice is said once.
#[must_use]
pub fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by(|left, right| key(left).cmp(&key(right)));
    sorted.dedup();
    sorted
}

fn key(diagnostic: &Diagnostic) -> (&str, usize, &str, &str) {
    (
        &diagnostic.loc.file.path,
        diagnostic.loc.span.start,
        diagnostic.code,
        &diagnostic.message,
    )
}

/// Diagnostics as text: each with its place, the line with what is meant underlined, and what to do.
#[must_use]
pub fn render_text(diagnostics: &[Diagnostic], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let mut text = String::new();
    for diagnostic in sorted(diagnostics) {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text
}

/// How many errors and warnings there are, as a line of text; `None` when there are none.
#[must_use]
pub fn render_summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let count = |severity| {
        sorted(diagnostics)
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let words = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        count => Some(format!("{count} {word}s")),
    };
    let parts: Vec<String> = [
        words(count(Severity::Error), "error"),
        words(count(Severity::Warning), "warning"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

fn group(diagnostic: &Diagnostic) -> Group<'static> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let hints = diagnostic
        .hints
        .iter()
        .map(|hint| Element::from(Level::HELP.message(printable(hint))));
    let title = level
        .primary_title(printable(&diagnostic.message))
        .id(diagnostic.code);
    title.element(place(&diagnostic.loc)).elements(hints)
}

fn place(loc: &Loc) -> Element<'static> {
    let path = printable(&loc.file.path);
    let (line, _) = loc.line_and_column();
    match excerpt(loc) {
        Some((text, span)) => {
            let snippet = Snippet::source(text)
                .path(path)
                .line_start(line)
                .fold(false);
            snippet
                .annotation(AnnotationKind::Primary.span(span))
                .into()
        }
        None => Origin::path(path).into(),
    }
}

/// The line of a place, and the bytes to underline in it, with control characters escaped; `None` for a whole file.
///
/// The line is taken out here since a manifest may be a megabyte, and since escaping moves what follows.
fn excerpt(loc: &Loc) -> Option<(String, Range<usize>)> {
    let text = loc.file.text.as_str();
    let (before, from) = text.split_at_checked(loc.span.start)?;
    if text.is_empty() {
        return None;
    }
    let before = before.rsplit('\n').next().unwrap_or("");
    let from = from.split('\n').next().unwrap_or("");
    let length = loc.span.len().min(from.len());
    let (meant, after) = from.split_at_checked(length)?;
    let before = printable(&tail(before).replace('\t', " "));
    let meant = printable(head(meant.trim_end_matches('\r')));
    let span = before.len()..before.len() + meant.len();
    Some((
        format!(
            "{before}{meant}{}",
            printable(head(after.trim_end_matches('\r')))
        ),
        span,
    ))
}

/// The start of a text, cut at a character.
fn head(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_EXCERPT_BYTES);
    text.get(..end).unwrap_or(text)
}

/// The end of a text, cut at a character.
fn tail(text: &str) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_EXCERPT_BYTES));
    text.get(start..).unwrap_or(text)
}

/// A diagnostic as JSON.
#[derive(Debug, Serialize)]
struct JsonDiagnostic<'a> {
    severity: Severity,
    code: &'a str,
    message: &'a str,
    path: &'a str,
    line: usize,
    column: usize,
    text: &'a str,
    hints: &'a [String],
}

/// Diagnostics as a JSON array, in the order of [`sorted`]; lines and columns count from 1.
#[must_use]
pub fn render_json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    let json = |diagnostic: &&Diagnostic| {
        let (line, column) = diagnostic.loc.line_and_column();
        let diagnostic = JsonDiagnostic {
            severity: diagnostic.severity,
            code: diagnostic.code,
            message: &diagnostic.message,
            path: &diagnostic.loc.file.path,
            line,
            column,
            text: diagnostic.loc.text(),
            hints: &diagnostic.hints,
        };
        serde_json::to_value(diagnostic).unwrap_or_default()
    };
    sorted(diagnostics).iter().map(json).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::SourceFile;

    fn diagnostics() -> Vec<Diagnostic> {
        let text = format!(
            "a: b\n{}\tc\u{1b}[2J: d\u{e9}f{}\n",
            "x".repeat(500),
            "y".repeat(500)
        );
        let file = Arc::new(SourceFile {
            path: "b\u{1b}.yaml".to_owned(),
            text,
        });
        let at = |span| Loc {
            file: Arc::clone(&file),
            span,
        };
        vec![
            Diagnostic::warning("later", at(505..511), "two\u{202e}").hint("do \u{7}this"),
            Diagnostic::error("earlier", at(3..4), "one"),
            Diagnostic::error("earlier", at(3..4), "one"),
        ]
    }

    #[test]
    fn text_is_sorted_short_and_holds_no_control_characters() {
        let text = render_text(&diagnostics(), Colour::Never);
        assert!(
            text.lines().all(|line| line.chars().count() < 200),
            "{text}"
        );
        assert!(
            !text
                .chars()
                .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{text:?}"
        );
        assert!(text.starts_with("error[earlier]: one\n --> b\\u{1b}.yaml:1:4\n  |\n1 | a: b\n  |    ^\n\nwarning[later]: two\\u{202e}\n --> b\\u{1b}.yaml:2:"), "{text}");
        assert_eq!(text.matches("earlier").count(), 1);
        assert!(text.ends_with("= help: do \\u{7}this\n\n"), "{text}");
        assert_eq!(
            render_summary(&diagnostics()).as_deref(),
            Some("1 error and 1 warning")
        );
    }

    #[test]
    fn colour_is_all_that_colour_adds() {
        let coloured = render_text(&diagnostics(), Colour::Always);
        assert!(coloured.contains("\u{1b}["));
        let plain = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(plain, render_text(&diagnostics(), Colour::Never));
    }

    #[test]
    fn json_names_the_place_and_the_text() {
        let json = render_json(&diagnostics());
        assert_eq!(
            json[0],
            serde_json::json!({
                "severity": "error", "code": "earlier", "message": "one", "path": "b\u{1b}.yaml",
                "line": 1, "column": 4, "text": "b", "hints": []
            })
        );
        assert_eq!(json.as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn places_outside_the_text_or_inside_a_character_are_rendered_without_them() {
        let file = Arc::new(SourceFile {
            path: "a".to_owned(),
            text: "\u{e9}".to_owned(),
        });
        for span in [0..0, 1..2, 0..1, 2..2, 7..9] {
            let diagnostic = Diagnostic::error(
                "x",
                Loc {
                    file: Arc::clone(&file),
                    span,
                },
                "y",
            );
            assert!(render_text(&[diagnostic], Colour::Never).starts_with("error[x]: y\n"));
        }
    }
}
