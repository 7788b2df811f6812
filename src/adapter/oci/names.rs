//! Versions as tags.

use semver::Version;

/// The longest tag (distribution specification 1.1, "Pulling manifests").
const MAX_TAG_BYTES: usize = 128;

/// The tag of a version: itself, with `_` for the `+` that tags cannot hold. A version holds no `_`, so nothing is lost.
/// `None` when it is too long.
pub(super) fn tag_of(version: &Version) -> Option<String> {
    let tag = version.to_string().replace('+', "_");
    (tag.len() <= MAX_TAG_BYTES).then_some(tag)
}

/// The version that a tag is of.
pub(super) fn version_of(tag: &str) -> Option<Version> {
    if tag.contains('+') || tag.len() > MAX_TAG_BYTES {
        return None;
    }
    tag.replacen('_', "+", 1).parse().ok()
}

/// Whether a text is a tag: letters, digits, `_`, and after the first `.` and `-` too (distribution specification 1.1, "Pulling
/// manifests").
pub(super) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= MAX_TAG_BYTES
        && bytes.next().is_some_and(is_word)
        && bytes.all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_survive_as_tags() {
        for text in ["1.2.0", "1.0.0-rc.1", "1.0.0+build.5", "1.0.0-a-b+c-d.e"] {
            let version: Version = text.parse().unwrap();
            let tag = tag_of(&version).unwrap();
            assert!(!tag.contains('+'));
            assert_eq!(version_of(&tag), Some(version));
        }
        for tag in [
            "current",
            "latest",
            "1.0",
            "1.0.0+x",
            "sha256-00",
            "1.0.0_a_b",
        ] {
            assert_eq!(version_of(tag), None, "{tag}");
        }
        let long: Version = format!("1.0.0-{}", "a".repeat(123)).parse().unwrap();
        assert_eq!(tag_of(&long), None);
    }

    #[test]
    fn a_tag_leads_nowhere_else() {
        for tag in ["1.0.0_x", "_", "current", "sha256-0", &"a".repeat(128)] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in [
            "",
            ".a",
            "-a",
            "a/b",
            "../x",
            "a?b",
            "a b",
            "é",
            &"a".repeat(129),
        ] {
            assert!(!is_tag(tag), "{tag}");
        }
    }
}
