//! Versions as they were read, in a form that is faster to read again than YAML: the text as it is, and what it says as JSON.
//!
//! Only what nothing was wrong with is kept. What is read back is what the text says, because nobody else writes it: whoever
//! keeps these bytes has to see to that.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::diagnostic::SourceFile;
use crate::manifest::layout::{Place, classify};
use crate::manifest::parsed::{Content, ParsedFile};
use crate::manifest::version::ArtifactVersion;
use crate::manifest::yaml::Document;
use crate::model::digest::{Checksums, Sha256};

/// How many parts a record has. It begins with their lengths, four bytes each, the lowest first.
const PARTS: usize = 4;
/// How long the lengths are, in bytes.
const LENGTHS: usize = PARTS * size_of::<u32>();

/// Begins every such file: what a program with another version, or with other rules of reading, has kept is not believed.
/// The schema of a version's manifest stands for those rules; the number is raised when they change without it.
static FORMAT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let schema = serde_json::to_vec(&schemars::schema_for!(ArtifactVersion)).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!("versions 2 of promote {version} {}\n", Sha256::of(&schema)).into_bytes()
});

/// Whether a file is one of a version that nothing is wrong with.
#[must_use]
pub fn is_kept(file: &ParsedFile) -> bool {
    let content = file.content.as_ref();
    file.diagnostics.is_empty()
        && content
            .is_some_and(|content| matches!(content, Content::Version(_) | Content::Checksums(_)))
}

/// Writes the files of versions among `files` that nothing is wrong with: path, name of the bytes, and the file. Of two with
/// one path the first counts.
#[must_use]
pub fn encode(files: &[(&str, String, &ParsedFile)]) -> Vec<u8> {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by_key(|(path, ..)| *path);
    sorted.dedup_by_key(|(path, ..)| *path);
    let records: Vec<Vec<u8>> = sorted
        .par_iter()
        .filter_map(|file| encode_one(file))
        .collect();
    let mut bytes = FORMAT.clone();
    bytes.extend(records.into_iter().flatten());
    bytes
}

/// The text of a file of a version; `None` for other files, and what something is wrong with.
#[must_use]
pub fn text_of(file: &ParsedFile) -> Option<Cow<'_, str>> {
    match file.content.as_ref().filter(|_| is_kept(file))? {
        Content::Version(document) => Some(Cow::Borrowed(&document.source.text)),
        Content::Checksums(checksums) => Some(Cow::Owned(checksums.to_string())),
        Content::Topology(_)
        | Content::Project(_)
        | Content::Workspace(_)
        | Content::Dataset(_)
        | Content::Artifact(_)
        | Content::Release(_)
        | Content::Policy(_)
        | Content::Freeze(_)
        | Content::TrustRoot(_)
        | Content::TrustIndex(_) => None,
    }
}

fn encode_one((path, oid, file): &(&str, String, &ParsedFile)) -> Option<Vec<u8>> {
    let text = text_of(file)?;
    let said = match &file.content {
        Some(Content::Version(document)) => serde_json::to_vec(&document.value).ok()?,
        // Checksum lines are their text.
        Some(_) | None => Vec::new(),
    };
    let parts: [&[u8]; PARTS] = [path.as_bytes(), oid.as_bytes(), text.as_bytes(), &said];
    let mut record = Vec::new();
    for part in parts {
        record.extend(u32::try_from(part.len()).ok()?.to_le_bytes());
    }
    record.extend(parts.concat());
    Some(record)
}

/// Files of versions that were kept, found by path. Each is read once somebody asks for it.
#[derive(Debug, Default)]
pub struct KeptVersions {
    bytes: Vec<u8>,
    /// Where the parts of each record are, by path: path, name of the bytes, text, and what it says.
    records: Vec<[Range<usize>; PARTS]>,
}

impl KeptVersions {
    /// Takes what [`encode`] wrote, which begins at `start`; nothing when another program wrote it, or a record is damaged.
    #[must_use]
    pub fn open(bytes: Vec<u8>, start: usize) -> Self {
        match records(&bytes, start) {
            Some(records) => Self { bytes, records },
            None => Self::default(),
        }
    }

    /// Whether nothing was kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The file at a path, if what was kept of it is of the bytes that Git has that name for.
    #[must_use]
    pub fn named(&self, path: &str, oid: &str) -> Option<ParsedFile> {
        let [_, kept, text, said] = self.find(path)?;
        let is_named = self.part(kept) == oid.as_bytes();
        is_named.then(|| self.read(path, text, said)).flatten()
    }

    /// The manifest of a version at a path, if what was kept of it is of these bytes. Checksum lines are read from the bytes
    /// in the same time.
    #[must_use]
    pub fn same(&self, path: &str, bytes: &[u8]) -> Option<ParsedFile> {
        let [_, _, text, said] = self.find(path)?;
        let is_same = !said.is_empty() && self.part(text) == bytes;
        is_same.then(|| self.read(path, text, said)).flatten()
    }

    fn find(&self, path: &str) -> Option<&[Range<usize>; PARTS]> {
        let path_of = |[path, ..]: &[Range<usize>; PARTS]| self.part(path);
        let found = self
            .records
            .binary_search_by_key(&path.as_bytes(), |record| path_of(record));
        self.records.get(found.ok()?)
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or(&[])
    }

    fn read(&self, path: &str, text: &Range<usize>, said: &Range<usize>) -> Option<ParsedFile> {
        let place = classify(path)?;
        let (text, said) = (std::str::from_utf8(self.part(text)).ok()?, self.part(said));
        let content = match (&place, said.is_empty()) {
            (Place::Version(_), false) => {
                let source = SourceFile {
                    path: path.to_owned(),
                    text: text.to_owned(),
                };
                let version: ArtifactVersion = serde_json::from_slice(said).ok()?;
                Content::Version(Arc::new(Document::new(Arc::new(source), version)))
            }
            (Place::Checksums(_), true) => {
                Content::Checksums(Arc::new(Checksums::parse(text).ok()?))
            }
            _ => return None,
        };
        Some(ParsedFile {
            place: Some(place),
            content: Some(content),
            diagnostics: Vec::new(),
        })
    }
}

/// Where the parts of all records are; `None` when they are not what [`encode`] writes.
fn records(bytes: &[u8], start: usize) -> Option<Vec<[Range<usize>; PARTS]>> {
    if !bytes.get(start..)?.starts_with(&FORMAT) {
        return None;
    }
    let mut at = start.checked_add(FORMAT.len())?;
    let mut records: Vec<[Range<usize>; PARTS]> = Vec::new();
    while at < bytes.len() {
        let lengths = bytes.get(at..at.checked_add(LENGTHS)?)?;
        at = at.checked_add(LENGTHS)?;
        let mut record = [const { 0..0 }; PARTS];
        for (part, length) in record
            .iter_mut()
            .zip(lengths.chunks_exact(size_of::<u32>()))
        {
            let length = u32::from_le_bytes(length.try_into().ok()?);
            let end = at.checked_add(usize::try_from(length).ok()?)?;
            *part = at..end;
            at = end;
        }
        let path = |[path, ..]: &[Range<usize>; PARTS]| bytes.get(path.clone());
        let is_sorted = records.last().is_none_or(|last| path(last) < path(&record));
        if at > bytes.len() || !is_sorted {
            return None;
        }
        records.push(record);
    }
    Some(records)
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

    const LINES: &str = "models/retail/churn/1.0.0.sha256";

    fn kept(files: &[(&str, &ParsedFile)]) -> KeptVersions {
        let rows: Vec<_> = files
            .iter()
            .map(|(path, file)| (*path, "oid".to_owned(), *file))
            .collect();
        let bytes = [b"seal\n", encode(&rows).as_slice()].concat();
        KeptVersions::open(bytes, 5)
    }

    #[test]
    fn what_is_read_back_is_what_was_kept() {
        let lines = format!("{}  a b\n{}  c\n", "0".repeat(64), "1".repeat(64));
        let checksums = read(LINES, &lines);
        for accuracy in ["0.1", "1e-7", "0.30000000000000004", "-0.0", "17"] {
            let text = manifest(accuracy);
            let version = read(PATH, &text);
            let kept = kept(&[(PATH, &version), (LINES, &checksums)]);
            let shown = |file: &ParsedFile| format!("{file:?}");
            for (path, file) in [(PATH, &version), (LINES, &checksums)] {
                assert_eq!(
                    shown(&kept.named(path, "oid").unwrap()),
                    shown(file),
                    "{path}"
                );
                assert!(kept.named(path, "other").is_none(), "{path}");
            }
            let same = kept.same(PATH, text.as_bytes()).unwrap();
            assert_eq!(shown(&same), shown(&version));
            assert!(kept.same(PATH, manifest("0.2").as_bytes()).is_none());
            assert!(kept.same(LINES, lines.as_bytes()).is_none());
            let other = PATH.replace("1.0.0", "1.0.1");
            assert!(kept.same(&other, text.as_bytes()).is_none());
            assert!(kept.named(&other, "oid").is_none());
        }
    }

    #[test]
    fn of_damaged_bytes_nothing_is_kept() {
        let version = read(PATH, &manifest("0.1"));
        let bytes = encode(&[(PATH, "oid".to_owned(), &version)]);
        assert!(!KeptVersions::open(bytes.clone(), 0).is_empty());
        assert!(KeptVersions::open(bytes.clone(), 1).is_empty());
        let header = FORMAT.len();
        for end in (0..bytes.len()).filter(|end| *end != header) {
            let cut = KeptVersions::open(bytes[..end].to_vec(), 0);
            assert!(cut.is_empty(), "cut at {end}");
        }
        let other = bytes.iter().map(|byte| byte ^ 1).collect();
        assert!(KeptVersions::open(other, 0).is_empty(), "another program's");
        let record = &bytes[header..];
        let twice = [&bytes, record].concat();
        assert!(KeptVersions::open(twice, 0).is_empty(), "not sorted");
        let mut endless = bytes[..header].to_vec();
        endless.extend([0xff; LENGTHS]);
        assert!(KeptVersions::open(endless, 0).is_empty());
    }

    #[test]
    fn what_something_is_wrong_with_is_not_kept() {
        let wrong = read(PATH, &manifest("0.1").replace("size: 3", "size: three"));
        let policy = "apiVersion: promote.dev/v1alpha1\nkind: Policy\nmetadata: {name: qa}\nspec: {gates: []}\n";
        let policy = read("policies/qa.yaml", policy);
        assert!(policy.content.is_some());
        assert!(kept(&[(PATH, &wrong), ("policies/qa.yaml", &policy)]).is_empty());
    }
}
