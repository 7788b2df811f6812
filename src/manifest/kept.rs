//! Versions as they were read, in a form that is faster to read again than YAML: one line of JSON each.
//!
//! Only what nothing was wrong with is kept. What is read back is what the text says, because nobody else writes it: whoever
//! keeps these lines has to see to that.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::diagnostic::SourceFile;
use crate::manifest::layout::{Place, classify};
use crate::manifest::parsed::{Content, ParsedFile};
use crate::manifest::version::ArtifactVersion;
use crate::manifest::yaml::Document;
use crate::model::digest::{Checksums, Sha256};

/// Begins every such file: what a program with another version, or with other rules of reading, has kept is not believed.
/// The schema of a version's manifest stands for those rules; the number is raised when they change without it.
fn format() -> Vec<u8> {
    let schema = serde_json::to_vec(&schemars::schema_for!(ArtifactVersion)).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!("versions 1 of promote {version} {}\n", Sha256::of(&schema)).into_bytes()
}

/// A file of a version: its path, the name that Git has for its bytes, its text, and what that says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    path: Cow<'a, str>,
    oid: Cow<'a, str>,
    text: Cow<'a, str>,
    /// Of checksum lines there is none: they are their text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, ArtifactVersion>>,
}

/// A file of a version that was kept.
#[derive(Debug)]
pub struct KeptVersion {
    /// Its path.
    pub path: String,
    /// The name that Git has for its bytes.
    pub oid: String,
    /// What it says.
    pub file: ParsedFile,
}

/// Whether a file is one of a version that nothing is wrong with.
#[must_use]
pub fn is_kept(file: &ParsedFile) -> bool {
    let content = file.content.as_ref();
    file.diagnostics.is_empty()
        && content
            .is_some_and(|content| matches!(content, Content::Version(_) | Content::Checksums(_)))
}

/// Writes the files of versions among `files` that nothing is wrong with: path, name of the bytes, and the file.
#[must_use]
pub fn encode(files: &[(&str, String, &ParsedFile)]) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = files.par_iter().filter_map(encode_one).collect();
    let mut bytes = format();
    for line in lines {
        bytes.extend(line);
        bytes.push(b'\n');
    }
    bytes
}

fn encode_one((path, oid, file): &(&str, String, &ParsedFile)) -> Option<Vec<u8>> {
    let (text, version) = match file.content.as_ref().filter(|_| is_kept(file))? {
        Content::Version(document) => (
            Cow::Borrowed(document.source.text.as_str()),
            Some(Cow::Borrowed(&document.value)),
        ),
        Content::Checksums(checksums) => (Cow::Owned(checksums.to_string()), None),
        Content::Topology(_)
        | Content::Project(_)
        | Content::Workspace(_)
        | Content::Dataset(_)
        | Content::Artifact(_)
        | Content::Release(_)
        | Content::Policy(_)
        | Content::Freeze(_)
        | Content::TrustRoot(_)
        | Content::TrustIndex(_) => return None,
    };
    let line = Line {
        path: Cow::Borrowed(path),
        oid: Cow::Borrowed(oid),
        text,
        version,
    };
    serde_json::to_vec(&line).ok()
}

/// Reads what [`encode`] wrote; nothing when another program wrote it, or a line is damaged.
#[must_use]
pub fn decode(bytes: &[u8]) -> Vec<KeptVersion> {
    let Some(rest) = bytes.strip_prefix(format().as_slice()) else {
        return Vec::new();
    };
    let lines: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    let lines = lines.into_par_iter().filter(|line| !line.is_empty());
    let all: Option<Vec<_>> = lines.map(decode_one).collect();
    all.unwrap_or_default()
}

fn decode_one(line: &[u8]) -> Option<KeptVersion> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let path = line.path.into_owned();
    let place = classify(&path)?;
    let content = match (&place, line.version) {
        (Place::Version(_), Some(version)) => {
            let source = SourceFile {
                path: path.clone(),
                text: line.text.into_owned(),
            };
            let document = Document::new(Arc::new(source), version.into_owned());
            Content::Version(Arc::new(document))
        }
        (Place::Checksums(_), None) => {
            Content::Checksums(Arc::new(Checksums::parse(&line.text).ok()?))
        }
        _ => return None,
    };
    Some(KeptVersion {
        path,
        oid: line.oid.into_owned(),
        file: ParsedFile {
            place: Some(place),
            content: Some(content),
            diagnostics: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parsed::parse_file;

    const PATH: &str = "models/retail/churn/1.0.0.yaml";

    fn manifest(accuracy: &str) -> String {
        format!(
            "apiVersion: promote.dev/v1alpha1\nkind: ModelVersion\nmetadata: {{name: churn}}\nspec:\n  project: retail\n  version: 1.0.0\n  digest: dirhash1:{}\n  size: 3\n  workspace: dev\n  lineage: {{datasets: [a], unknown: ['s3://x']}}\n  metrics: {{accuracy: {accuracy}}}\n  tags: {{a: \"b\\nc\"}}\n",
            "a".repeat(64)
        )
    }

    fn read(path: &str, text: &str) -> ParsedFile {
        parse_file(path, text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_read_back_is_what_was_kept() {
        let lines = format!("{}  a b\n{}  c\n", "0".repeat(64), "1".repeat(64));
        let texts = ["0.1", "1e-7", "0.30000000000000004", "-0.0", "17"];
        let mut files: Vec<(&str, ParsedFile)> = texts
            .iter()
            .map(|accuracy| (PATH, read(PATH, &manifest(accuracy))))
            .collect();
        files.push((
            "models/retail/churn/1.0.0.sha256",
            read("models/retail/churn/1.0.0.sha256", &lines),
        ));
        let rows: Vec<_> = files
            .iter()
            .map(|(path, file)| (*path, "oid".to_owned(), file))
            .collect();
        let bytes = encode(&rows);
        let back = decode(&bytes);
        assert_eq!(back.len(), files.len());
        for (kept, (path, file)) in back.iter().zip(&files) {
            assert_eq!((kept.path.as_str(), kept.oid.as_str()), (*path, "oid"));
            assert_eq!(format!("{:?}", kept.file), format!("{file:?}"));
        }
        assert!(decode(&bytes[1..]).is_empty(), "another program's");
        assert!(decode(&bytes[..bytes.len() - 9]).is_empty(), "cut");
    }

    #[test]
    fn what_something_is_wrong_with_is_not_kept() {
        let wrong = read(PATH, &manifest("0.1").replace("size: 3", "size: three"));
        let policy = "apiVersion: promote.dev/v1alpha1\nkind: Policy\nmetadata: {name: qa}\nspec: {gates: []}\n";
        let policy = read("policies/qa.yaml", policy);
        assert!(policy.content.is_some());
        let rows = [
            (PATH, String::new(), &wrong),
            ("policies/qa.yaml", String::new(), &policy),
        ];
        assert!(decode(&encode(&rows)).is_empty());
    }
}
