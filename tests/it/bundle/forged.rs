//! Bundles that somebody changed on the way.

use std::path::PathBuf;

use crate::bundle::layout::Members;
use crate::bundle::{Sent, penguins, refused, show};
use crate::organisation::Organisation;

/// Writes a changed bundle beside the good one.
fn changed(organisation: &Organisation, bytes: &[u8]) -> PathBuf {
    let path = organisation.path("changed.bundle.tar");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The reason that a bundle is refused for.
#[track_caller]
fn reason(organisation: &Organisation, bytes: &[u8], key: &str) -> String {
    let path = changed(organisation, bytes);
    let answer = show(&path, Some(key)).expect_code(1);
    let failure: serde_json::Value = serde_json::from_str(&answer.stderr).unwrap();
    let message = failure["message"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.all()));
    let start = format!("`{}` does not hold: ", path.display());
    message.strip_prefix(&start).unwrap_or(message).to_owned()
}

/// A header with another field, and the right sum.
fn with_field(bytes: &[u8], header: usize, at: usize, field: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[header + at..header + at + field.len()].copy_from_slice(field);
    bytes[header + 148..header + 156].copy_from_slice(b"        ");
    let sum: u32 = bytes[header..header + 512]
        .iter()
        .map(|byte| u32::from(*byte))
        .sum();
    bytes[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

#[test]
fn no_byte_of_a_bundle_can_be_changed() {
    let (sender, sent) = penguins();
    let good = std::fs::read(&sent.file).unwrap();
    let members = Members::read(&good);
    let mut at = 0;
    for (path, bytes) in &members.0 {
        let start = at + 512;
        // The first, the middle and the last byte of each.
        for place in [
            start,
            start + bytes.len() / 2,
            (start + bytes.len()).saturating_sub(1),
        ] {
            if bytes.is_empty() {
                continue;
            }
            let mut flipped = good.clone();
            flipped[place] ^= 1;
            let why = reason(&sender, &flipped, &sent.key);
            if path.starts_with("blobs/") {
                assert_eq!(why, format!("`{path}` does not have the bytes of its name"));
            }
        }
        at += 512 + bytes.len().next_multiple_of(512);
    }
    // Headers and padding too: a prime number of bytes apart, so that each place of a block is met.
    for place in (0..good.len()).step_by(1_021) {
        let mut flipped = good.clone();
        flipped[place] ^= 0x10;
        reason(&sender, &flipped, &sent.key);
    }
    for length in [
        0,
        100,
        512,
        good.len() / 2,
        good.len() - 512,
        good.len() - 1,
    ] {
        let why = reason(&sender, &good[..length], &sent.key);
        assert!(why.ends_with("it ends early"), "{length}: {why}");
    }
}

#[test]
fn archives_that_say_more_than_files_are_refused() {
    let (sender, sent) = penguins();
    let good = std::fs::read(&sent.file).unwrap();
    let members = Members::read(&good);
    let because = |bytes: &[u8]| reason(&sender, bytes, &sent.key);

    let mut more = members.clone();
    more.0.push(("more".to_owned(), b"x".to_vec()));
    assert_eq!(because(&more.write()), "it has `more`, which nothing lists");

    let mut twice = members.clone();
    twice.0.insert(2, members.0[1].clone());
    assert_eq!(because(&twice.write()), "it has `index.json` twice");

    let mut up = members.clone();
    up.0[2].0 = "../../etc/passwd".to_owned();
    let due = &members.0[2].0;
    assert_eq!(
        because(&up.write()),
        format!("it has `../../etc/passwd` where `{due}` is due")
    );

    let mut swapped = members.clone();
    swapped.0.swap(2, 3);
    let found = &members.0[3].0;
    assert_eq!(
        because(&swapped.write()),
        format!("it has `{found}` where `{due}` is due")
    );

    let link = with_field(&good, 0, 156, b"2");
    assert_eq!(
        because(&link),
        "at byte 512: `oci-layout` is a link or another special file"
    );
    let huge = with_field(&good, 1024, 124, b"77777777777");
    assert_eq!(because(&huge), "`index.json` is too large");
    let third = 1024 + 512 + members.0[1].1.len().next_multiple_of(512);
    let huge = with_field(&good, third, 124, b"77777777777");
    let size = members.0[2].1.len();
    assert_eq!(
        because(&huge),
        format!("`{due}` has 8589934591 bytes, and {size} are listed")
    );
    let owned = with_field(&good, 0, 265, b"root");
    assert_eq!(
        because(&owned),
        "at byte 512: the header of `oci-layout` is not one of a plain file without times and owners"
    );
}

#[test]
fn what_is_attached_is_what_the_ledger_has_even_when_all_hashes_are_made_right() {
    let (sender, sent) = penguins();
    let good = std::fs::read(&sent.file).unwrap();
    let members = Members::read(&good);
    let attached = members.attached();
    let because = |forged: &Members| reason(&sender, &forged.write(), &sent.key);
    // Putting it together again is not what is noticed.
    let same = members.forged(b"nothing", b"nothing").write();
    assert!(same == good);

    let mut tried = 0;
    for (path, bytes) in &attached {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (from, to) = if path.ends_with(".tlog-proof") {
            ("\nindex ", "\nindex 1")
        } else if path.ends_with(".sig") {
            ("SIGNATURE", "SIGNATURE ")
        } else if path.ends_with(".json") {
            ("{", "{ ")
        } else if path.ends_with(".sha256") {
            ("  ", "   ")
        } else {
            ("\n", "\n\n")
        };
        let forged = members.forged(bytes, text.replacen(from, to, 1).as_bytes());
        // What the ledger does not name is for people alone.
        let is_named = attached
            .iter()
            .any(|(other, same)| other.starts_with("evidence/") && same == bytes);
        if !is_named && !path.starts_with("ledger/") {
            continue;
        }
        tried += 1;
        let why = because(&forged);
        let expected = if path.starts_with("ledger/") {
            why.starts_with(&format!("`{path}`: "))
        } else {
            why.contains("is not what entry ")
                || why.contains("lists other files")
                || why.contains("names another digest")
        };
        assert!(expected, "{path}: {why}");
    }
    assert!(tried > 15, "{tried}");
}

#[test]
fn nobody_says_more_with_the_signature_of_another_and_no_evidence_is_left_out() {
    let (sender, sent) = penguins();
    let members = Members::read(&std::fs::read(&sent.file).unwrap());
    let attached = members.attached();
    let because = |forged: &Members| reason(&sender, &forged.write(), &sent.key);
    // An approval that says more than rita said, with her signature.
    let statement = attached.iter().find(|(path, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        path.ends_with(".json") && text.contains("https://promote.dev/promotion-approval/v1")
    });
    let (path, statement) = statement.unwrap();
    let text = String::from_utf8_lossy(statement).replace("\"approve\"", "\"reject\"");
    let why = because(&members.forged(statement, text.as_bytes()));
    assert!(
        why.starts_with(&format!("`{path}` is not what entry ")),
        "{why}"
    );
    // One file of the evidence less, or one more: the manifest names it, and nothing else does.
    let manifest = members.manifests();
    let evidence = members.blob(&manifest[4]).to_vec();
    let text = String::from_utf8(evidence.clone()).unwrap();
    let start = text.find("\"layers\":[").unwrap() + "\"layers\":[".len();
    let end = start + text[start..].find("}},").unwrap() + 3;
    let less = format!("{}{}", &text[..start], &text[end..]);
    let why = because(&members.forged(&evidence, less.as_bytes()));
    assert!(
        why.contains("is missing") || why.contains("is due") || why.contains("nothing lists"),
        "{why}"
    );
}

#[test]
fn a_ledger_is_believed_under_the_key_that_was_named_and_no_other() {
    let (sender, sent) = penguins();
    let other = Organisation::new();
    let root = std::fs::read_to_string(other.repository().join("trust/root.yaml")).unwrap();
    let key = root
        .lines()
        .find_map(|line| line.trim().strip_prefix("key: "));
    let key = root
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_prefix("key: "))
        .find(|text| text.matches('+').count() >= 2)
        .or(key)
        .unwrap()
        .trim_matches(['"', '\'']);
    let why = reason(&sender, &std::fs::read(&sent.file).unwrap(), key);
    assert!(
        why.starts_with("`ledger/0.tlog-proof`: its checkpoint: "),
        "{why}"
    );
    let stranger = Sent {
        file: sent.file.clone(),
        key: key.to_owned(),
    };
    refused(
        &other,
        &stranger,
        "dev",
        1,
        "`ledger/0.tlog-proof`: its checkpoint: ",
    );
    // And a bundle that was changed leaves nothing behind.
    let mut bytes = std::fs::read(&sent.file).unwrap();
    let last = bytes.len() - 1024 - 200;
    let at = (0..=last).rev().find(|at| bytes[*at] != 0).unwrap();
    bytes[at] ^= 1;
    let damaged = Sent {
        file: changed(&sender, &bytes),
        key: sent.key,
    };
    refused(
        &other,
        &damaged,
        "dev",
        1,
        "does not have the bytes of its name",
    );
}
