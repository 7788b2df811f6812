//! The signatures of people, as files.

use std::collections::BTreeMap;

use promote::engine::people::People;
use promote::model::approval::{
    APPROVAL_NAMESPACE, MANIFEST_NAMESPACE, RELEASE_NAMESPACE, TRUST_NAMESPACE,
};

use super::{Spoilt, Tally, flipped};

/// Every byte of every signature of the evidence, held against the keys of people alone: what else records its digest is
/// not asked. White space around a signature, and other ends of its lines, mean nothing.
pub(super) fn every_signature(spoilt: &Spoilt, files: &BTreeMap<String, Vec<u8>>) {
    let people = People::of(&spoilt.root());
    let mut bytes = Tally::new("bytes of signatures, by the keys of people");
    let mut spaces = Tally::new("white space around signatures, by the keys of people");
    let mut seen = 0;
    for (path, signature) in files.iter().filter(|(path, _)| path.ends_with(".sig")) {
        // A file is followed by the fingerprint of the key that signed it; the signature of a release by nothing.
        let signed = path.trim_end_matches(".sig").rsplit_once('.');
        let Some(message) = signed.and_then(|(file, _)| files.get(file)) else {
            continue;
        };
        let namespaces = [
            APPROVAL_NAMESPACE,
            MANIFEST_NAMESPACE,
            RELEASE_NAMESPACE,
            TRUST_NAMESPACE,
        ];
        let verify = |namespace: &str, armored: &[u8]| -> Vec<String> {
            let found = people.verify(namespace, message, armored, 0);
            found.err().iter().map(ToString::to_string).collect()
        };
        let is_right = |namespace: &&&str| verify(namespace, signature).is_empty();
        let Some(namespace) = namespaces.iter().find(is_right) else {
            panic!("{path} is no good signature");
        };
        seen += 1;
        let is_of_signature = |reason: &str| reason.contains("SSH") || reason.contains("key");
        for at in 0..signature.len() {
            let reasons = verify(namespace, &flipped(signature, at, 1));
            bytes.add(|| format!("{path}, byte {at}"), &reasons, is_of_signature);
        }
        let text = String::from_utf8(signature.clone()).unwrap();
        for (what, changed) in [
            ("white space before it", format!(" \n\t{text}")),
            ("white space behind it", format!("{text}\n \n")),
            ("no newline behind it", text.trim_end().to_owned()),
            ("lines that end as on Windows", text.replace('\n', "\r\n")),
            ("something else before it", format!("x{text}")),
            ("something else behind it", format!("{text}x")),
            ("it twice", format!("{text}{text}")),
            ("it without its end", text.replace("-----END", "----END")),
        ] {
            let reasons = verify(namespace, changed.as_bytes());
            spaces.add(|| what.to_owned(), &reasons, is_of_signature);
        }
    }
    bytes.expect(300 * seen, &[]);
    let inert = [
        "lines that end as on Windows",
        "no newline behind it",
        "white space before it",
        "white space behind it",
    ];
    spaces.expect(8 * 50, &inert);
}
