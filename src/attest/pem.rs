//! Text armor around binary values: `-----BEGIN LABEL-----`, base64, `-----END LABEL-----` (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads one armored value. White space around it and between its characters says nothing; everything else is strict.
/// `None` when the text is longer than `limit` bytes or is anything else than this one value.
pub(super) fn decode(text: &[u8], label: &str, limit: usize) -> Option<Vec<u8>> {
    if text.len() > limit {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let body = text
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    let body: Vec<u8> = body
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(body).ok()
}

/// Writes a value in lines of 64 characters.
pub(super) fn encode(bytes: &[u8], label: &str) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in STANDARD.encode(bytes).chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>) {
            prop_assert_eq!(decode(encode(&bytes, "X").as_bytes(), "X", 1 << 20), Some(bytes));
        }

        #[test]
        fn decoding_never_panics(text: Vec<u8>) {
            decode(&text, "X", 64);
        }
    }

    #[test]
    fn only_one_whole_value_is_read() {
        for (text, is_read) in [
            (
                " \r\n-----BEGIN X-----\r\nAA==\r\n-----END X-----\n\n",
                true,
            ),
            ("x-----BEGIN X-----\nAA==\n-----END X-----", false),
            ("-----BEGIN X-----\nAA==\n-----END X-----x", false),
            ("-----BEGIN X-----\nAB==\n-----END X-----", false),
            ("-----BEGIN X-----\nAA\n-----END X-----", false),
            ("-----BEGIN X-----\nAA_=\n-----END X-----", false),
            ("-----BEGIN Y-----\nAA==\n-----END Y-----", false),
            ("-----BEGIN X-----\nA: b\n\nAA==\n-----END X-----", false),
        ] {
            assert_eq!(
                decode(text.as_bytes(), "X", 1000).is_some(),
                is_read,
                "{text}"
            );
        }
        assert_eq!(
            decode(b"-----BEGIN X-----\nAA==\n-----END X-----", "X", 30),
            None
        );
    }
}
