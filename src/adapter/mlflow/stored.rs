//! What a file is called on the server. MLflow decodes paths until nothing changes any more and takes `#`, `?` and `;` for
//! parts of an address, so that some names do not arrive as they were sent; 2.22 cannot give back files with characters
//! beyond Latin-1 in their names, which it puts into a header. Bytes of such characters are written `~` and two hex digits;
//! names without them, which is nearly all, stay as they are, so that MLflow loads what we write.
//!
//! Source: `validate_path_is_safe` in `mlflow/utils/uri.py`, and `LocalArtifactRepository`, MLflow 2.22.4 and 3.17.2.

use std::fmt::Write as _;

use crate::model::digest::TreePath;

/// The longest part of a path that file systems take, in bytes.
const MAX_PART_BYTES: usize = 255;
/// What MLflow's local store starts its unfinished files with; it refuses files that are called so.
const RESERVED: &str = ".artifact.uploading.";

/// The path on the server of a file of an artifact.
///
/// # Errors
///
/// The reason, when the server could not hold it.
pub(super) fn stored(path: &TreePath) -> Result<String, String> {
    let mut stored = String::new();
    for part in path.as_str().split('/') {
        if !stored.is_empty() {
            stored.push('/');
        }
        let start = stored.len();
        let is_reserved = part.starts_with(RESERVED);
        let last = part.chars().count().saturating_sub(1);
        for (at, character) in part.chars().enumerate() {
            let is_edge = at == 0 || at == last;
            let changes = matches!(character, '#' | '%' | ';' | '?' | '~' | '\u{100}'..)
                || (is_edge && character.is_whitespace())
                || (at == 0 && is_reserved);
            if changes {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(stored, "~{byte:02X}");
                }
            } else {
                stored.push(character);
            }
        }
        if stored.len().saturating_sub(start) > MAX_PART_BYTES {
            return Err(format!(
                "`{path}` has a part of more than {MAX_PART_BYTES} bytes as it is written on the server"
            ));
        }
    }
    Ok(stored)
}

/// The file of an artifact that a path on the server is; `None` when we would not have written it so.
pub(super) fn tree_path(text: &str) -> Option<TreePath> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, later)) = rest.split_first() {
        if *first != b'~' {
            bytes.push(*first);
            rest = later;
            continue;
        }
        let (digits, later) = later.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        rest = later;
    }
    let path: TreePath = String::from_utf8(bytes).ok()?.parse().ok()?;
    (stored(&path).as_deref() == Ok(text)).then_some(path)
}

/// A path as it goes into an address (RFC 3986, 2.1): all but unreserved characters encoded, `/` between parts.
pub(super) fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_name_comes_back_and_holds_nothing_that_the_server_changes(text in "[ -~é日/]{1,40}") {
            if let Ok(path) = text.parse::<TreePath>() && let Ok(stored) = stored(&path) {
                prop_assert!(!stored.contains(['#', '%', ';', '?']));
                prop_assert_eq!(tree_path(&stored), Some(path));
            }
        }

        #[test]
        fn no_two_names_on_the_server_are_one_file(left in "[a~2357BEFf#%]{1,8}", right in "[a~2357BEFf#%]{1,8}") {
            if let (Some(first), Some(second)) = (tree_path(&left), tree_path(&right)) {
                prop_assert_eq!(first == second, left == right);
            }
        }
    }

    #[test]
    fn usual_names_stay_and_odd_ones_are_written_out() {
        for (path, expected) in [
            ("MLmodel", "MLmodel"),
            (
                "data/date=2026-01-01/part 1.parquet",
                "data/date=2026-01-01/part 1.parquet",
            ),
            ("%2e%2e/%2F", "~252e~252e/~252F"),
            ("a#b?c;d~e", "a~23b~3Fc~3Bd~7Ee"),
            ("ü/€", "ü/~E2~82~AC"),
            (" a / b", "~20a~20/~20b"),
            (".artifact.uploading.x", "~2Eartifact.uploading.x"),
        ] {
            assert_eq!(stored(&path.parse().unwrap()).unwrap(), expected);
        }
        assert!(stored(&"#".repeat(86).parse().unwrap()).is_err());
        assert_eq!(tree_path("a~2"), None);
        assert_eq!(tree_path("a~41"), None);
        assert_eq!(encoded("1/a b/ü+"), "1/a%20b/%C3%BC%2B");
    }
}
