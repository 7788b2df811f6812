//! What Azure takes for a name, and for a tag.
//!
//! Source: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules> and
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>.

use std::collections::BTreeMap;

use super::Estate;

/// The most tags of one resource.
const MAX_TAGS: usize = 50;
/// The longest name of a tag, and the longest value, in characters.
const MAX_TAG_KEY: usize = 512;
const MAX_TAG_VALUE: usize = 256;

/// What of some resources Azure will refuse, one line each.
pub(super) fn problems(estate: &Estate) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, group) in &estate.resource_groups {
        if !is_group(name) {
            found.push(format!("`{}` is no name for a resource group: 1 to 90 letters, digits, `_`, `-`, `.`, `(`, `)`, no `.` at the end", one_line(name)));
        }
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            found.push(format!(
                "`{}` and `{}` are one resource group to Azure",
                one_line(other),
                one_line(name)
            ));
        }
        found.extend(tags(
            &format!("resource group `{}`", one_line(name)),
            &group.tags,
        ));
    }
    for (name, workspace) in &estate.workspaces {
        if !is_workspace(name.as_str()) {
            found.push(format!("`{name}` is no name for a workspace: 3 to 33 letters, digits, `_` and `-`, a letter or digit first"));
        }
        found.extend(tags(&format!("workspace `{name}`"), &workspace.tags));
    }
    found
}

fn is_group(name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-.()".contains(c);
    (1..=90).contains(&name.chars().count()) && name.chars().all(is_part) && !name.ends_with('.')
}

fn is_workspace(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (3..=33).contains(&name.len()) && name.chars().all(is_part) && is_first
}

fn tags(of: &str, tags: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    if tags.len() > MAX_TAGS {
        found.push(format!(
            "{of} has {} tags, and Azure takes {MAX_TAGS}",
            tags.len()
        ));
    }
    for (key, value) in tags {
        let is_key = !key.is_empty()
            && key.chars().count() <= MAX_TAG_KEY
            && !key
                .chars()
                .any(|c| c.is_control() || "<>%&\\?/".contains(c));
        if !is_key {
            found.push(format!(
                "{of} has the tag `{}`, whose name Azure does not take",
                one_line(key)
            ));
        }
        if value.chars().count() > MAX_TAG_VALUE || value.chars().any(char::is_control) {
            found.push(format!(
                "{of} has the tag `{}`, whose value Azure does not take",
                one_line(key)
            ));
        }
    }
    found
}

/// Text as part of a line of a comment: nothing in it ends the line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let ends = matches!(character, '\u{2028}' | '\u{2029}' | '\u{85}');
        if character.is_control() || ends {
            line.extend(character.escape_unicode());
        } else {
            line.push(character);
        }
    }
    crate::redact::printable(&line)
}

/// Whether a character of a string may stand there as it is; others are written by their number.
pub(super) fn shows(character: char) -> bool {
    character.is_ascii() && !character.is_control() || character.is_alphanumeric()
}
