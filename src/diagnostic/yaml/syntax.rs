//! Mistakes in the syntax, in words.

use granit_parser::ErrorKind;

/// Plain words, and a way out, for the mistakes that people make; the parser's own words for the rest.
pub(super) fn syntax_words(kind: &ErrorKind) -> (String, Option<&'static str>) {
    match kind {
        kind if is_about_tabs(kind) => (
            "a tab stands where spaces are needed".to_owned(),
            Some("indent with spaces"),
        ),
        ErrorKind::MappingValueNotAllowed => (
            "`:` is not expected here".to_owned(),
            Some("put a value that holds `: ` in quotes, or indent the line as its neighbours are"),
        ),
        ErrorKind::UnclosedQuotedScalar => ("the quote is never closed".to_owned(), None),
        ErrorKind::UnclosedFlowCollection { open } => (format!("`{open}` is never closed"), None),
        ErrorKind::DirectiveDisallowed => (
            "directives are not part of manifests".to_owned(),
            Some("remove the line that starts with `%`"),
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::ExpectedBlockMappingKey => (
            "a `key: value` line is expected here".to_owned(),
            Some("check the indentation and the `:` after the key"),
        ),
        other => (format!("this is not YAML: {other}"), None),
    }
}

pub(super) const fn is_about_tabs(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    )
}
