//! Bytes to text that shows what it says.

use std::sync::Arc;

use crate::diagnostic::yaml::MAX_MANIFEST_BYTES;
use crate::diagnostic::{Diagnostic, Loc, SourceFile};

/// Takes the bytes of a file for text.
///
/// # Errors
///
/// When there are more than [`MAX_MANIFEST_BYTES`], they are not UTF-8, or characters are among them that hide what is
/// written: control characters and those that turn the direction of text.
pub fn source_file(path: &str, bytes: &[u8]) -> Result<Arc<SourceFile>, Vec<Diagnostic>> {
    let file = |text: String| {
        Arc::new(SourceFile {
            path: path.to_owned(),
            text,
        })
    };
    let whole = |code, message: String| {
        let loc = Loc {
            file: file(String::new()),
            span: 0..0,
        };
        vec![Diagnostic::error(code, loc, message)]
    };
    if bytes.len() > MAX_MANIFEST_BYTES {
        let message = format!(
            "the file has {} bytes, and a manifest has at most {MAX_MANIFEST_BYTES}",
            bytes.len()
        );
        return Err(whole("too-large", message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes
            .iter()
            .take(error.valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let message =
            format!("the file is not UTF-8: line {line} holds bytes that are no character");
        whole("not-utf8", message)
    })?;
    let file = file(text.strip_prefix('\u{FEFF}').unwrap_or(text).to_owned());
    let refused = refused_characters(&file);
    if refused.is_empty() {
        Ok(file)
    } else {
        Err(refused)
    }
}

/// Whether a character is not seen, or changes how the text around it is shown; line ends and tabs aside.
pub(crate) fn is_hidden(character: char) -> bool {
    let is_layout = matches!(character, '\n' | '\r' | '\t');
    let is_invisible = matches!(character,
        '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    (character.is_control() && !is_layout) || is_invisible
}

/// The characters that no manifest holds, even in comments: what a reviewer sees must be what is read.
fn refused_characters(file: &Arc<SourceFile>) -> Vec<Diagnostic> {
    let found = file
        .text
        .char_indices()
        .filter(|(_, character)| is_hidden(*character));
    let diagnostic = |(start, character): (usize, char)| {
        let loc = Loc {
            file: Arc::clone(file),
            span: start..start + character.len_utf8(),
        };
        let message = format!(
            "the character `{}` is invisible or changes how the text around it is shown",
            character.escape_unicode()
        );
        Diagnostic::error("hidden-character", loc, message).hint(
            "remove it; in a quoted string it can be written as an escape, such as \"\\u202E\"",
        )
    };
    found.take(8).map(diagnostic).collect()
}
