//! What a plain scalar means. YAML 1.2's core schema, and refusal where readers of YAML disagree.

use super::node::Value;

/// Words that YAML 1.1 reads as booleans (<https://yaml.org/type/bool.html>) or that YAML 1.2 reads as no number of ours.
const AMBIGUOUS_WORDS: [&str; 10] = [
    "yes", "no", "on", "off", "true", "false", "null", ".nan", ".inf", "=",
];

/// Reads a plain scalar.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ if is_ambiguous(text) => Value::Ambiguous(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// Whether the text is a number as JSON writes it; a sign `+` is not.
fn is_number(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|first| first == b'-' || first.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// Whether some reader of YAML takes the text for something other than text.
fn is_ambiguous(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.trim_start_matches(['+', '-']);
    if AMBIGUOUS_WORDS.contains(&unsigned) {
        return true;
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return false;
    }
    // A digit of the base: a SHA-256 in hex can begin with `0b` and is no number for that.
    let is_radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .any(|(prefix, base)| {
            unsigned.strip_prefix(prefix).is_some_and(|digits| {
                !digits.is_empty()
                    && digits
                        .chars()
                        .all(|digit| digit.is_digit(*base) || digit == '_')
            })
        });
    // `1_000`, `007`, `1.`, `.5`, `1e5` and base 60 (`12:30:45`).
    let plain = unsigned.replace('_', "");
    let is_base_60 = plain.contains(':')
        && plain.split(':').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
        });
    is_radix || is_base_60 || plain.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_every_reader_takes_them_for() {
        for text in ["1", "-2", "1.10", "1e5", "0.5E-3", "0"] {
            assert_eq!(resolve(text), Value::Number(text.to_owned()), "{text}");
        }
        for text in [
            "1.2.0",
            "a",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "60h",
            "resident:eu",
            "12 * * * *",
            "a: b",
            "-",
            "...",
            "1.2.0-rc.1",
            "0xyz",
            "0b21",
            "0o8",
            "0be3db9e26a9d8a3901457eb56c076cde548fc20721725fbb9089be3b03f6412",
        ] {
            assert_eq!(resolve(text), Value::Text(text.to_owned()), "{text}");
        }
        for text in [
            "yes", "No", "ON", "TRUE", "NULL", "0x1f", "0o7", "0b1", "1_000", "007", "+1", ".5",
            "1.", "12:30:45", ".inf", "-.INF", ".NaN",
        ] {
            assert_eq!(resolve(text), Value::Ambiguous(text.to_owned()), "{text}");
        }
    }
}
