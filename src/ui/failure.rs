//! The one renderer of failures.

use serde::Serialize;

use crate::error::{Failure, FailureKind};
use crate::redact::printable;
use crate::ui::report::{Tone, paint};

/// The JSON form of a failure: the same words as the text, and the code.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureJson<'a> {
    error: FailureKind,
    exit_code: u8,
    message: &'a str,
    causes: &'a [String],
    hints: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<serde_json::Value>,
}

/// The failure as text for standard error.
#[must_use]
pub fn render(failure: &Failure) -> String {
    let mut text = String::new();
    if !failure.diagnostics.is_empty() {
        text.push_str(&crate::ui::diagnostics::render_text(
            &failure.diagnostics,
            crate::ui::diagnostics::Colour::Always,
        ));
    }
    text.push_str(&format!(
        "{}: {}\n",
        paint(Tone::Bad, "error"),
        printable(&failure.message)
    ));
    for cause in &failure.causes {
        text.push_str(&format!("  because: {}\n", printable(cause)));
    }
    for hint in &failure.hints {
        text.push_str(&format!(
            "{}: {}\n",
            paint(Tone::Strong, "help"),
            printable(hint)
        ));
    }
    text
}

/// The failure as one JSON document.
#[must_use]
pub fn render_json(failure: &Failure) -> String {
    let json = FailureJson {
        error: failure.kind,
        exit_code: failure.kind.exit_code(),
        message: &failure.message,
        causes: &failure.causes,
        hints: &failure.hints,
        diagnostics: (!failure.diagnostics.is_empty())
            .then(|| crate::ui::diagnostics::render_json(&failure.diagnostics)),
    };
    serde_json::to_string_pretty(&json).unwrap_or_default()
}
