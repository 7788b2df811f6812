//! One file of the repository, read by itself.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::diagnostic::{Diagnostic, Loc, SourceFile, did_you_mean};
use crate::manifest::API_VERSION;
use crate::manifest::artifact::Artifact;
use crate::manifest::dataset::Dataset;
use crate::manifest::freeze::Freeze;
use crate::manifest::kind::{KINDS, REQUIRED_FIELDS, find_kind, kind_name_at};
use crate::manifest::layout::{Place, classify, explain_unexpected};
use crate::manifest::policy::Policy;
use crate::manifest::project::Project;
use crate::manifest::release::Release;
use crate::manifest::topology::Topology;
use crate::manifest::trust_index::TrustIndex;
use crate::manifest::trust_root::TrustRoot;
use crate::manifest::version::ArtifactVersion;
use crate::manifest::workspace::Workspace;
use crate::manifest::yaml::{Document, Node, Value, deserialize, parse, source_file};
use crate::model::digest::{Checksums, FileListError};

/// The largest file of checksum lines, in bytes: some 600,000 files.
pub const MAX_CHECKSUMS_BYTES: usize = 64 << 20;

/// A file after it was read by itself. It depends on path and bytes alone, so it can be kept by both.
#[derive(Debug, Clone)]
pub struct ParsedFile {
    /// What it is by its path; `None` for a file that should not be there.
    pub place: Option<Place>,
    /// What it says; `None` when it could not be read, or is not read here, as signatures are.
    pub content: Option<Content>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a file says.
#[derive(Debug, Clone)]
pub enum Content {
    /// The topology.
    Topology(Arc<Document<Topology>>),
    /// A project.
    Project(Arc<Document<Project>>),
    /// A workspace.
    Workspace(Arc<Document<Workspace>>),
    /// A dataset.
    Dataset(Arc<Document<Dataset>>),
    /// An artifact.
    Artifact(Arc<Document<Artifact>>),
    /// A version.
    Version(Arc<Document<ArtifactVersion>>),
    /// The checksum lines of a version.
    Checksums(Arc<Checksums>),
    /// A release.
    Release(Arc<Document<Release>>),
    /// A policy.
    Policy(Arc<Document<Policy>>),
    /// A freeze.
    Freeze(Arc<Document<Freeze>>),
    /// The trust root.
    TrustRoot(Arc<Document<TrustRoot>>),
    /// The trust index.
    TrustIndex(Arc<Document<TrustIndex>>),
}

/// Reads one file; `None` when it is not ours.
#[must_use]
pub fn parse_file(path: &str, bytes: &[u8]) -> Option<ParsedFile> {
    let Some(place) = classify(path) else {
        let hint = explain_unexpected(path)?;
        let problem = Diagnostic::error(
            "unexpected-file",
            whole_file(path),
            "this file would be ignored where it stands",
        );
        return Some(ParsedFile {
            place: None,
            content: None,
            diagnostics: vec![problem.hint(hint)],
        });
    };
    let (content, diagnostics) = match &place {
        Place::Topology => manifest(&place, path, bytes, Content::Topology),
        Place::Project(_) => manifest(&place, path, bytes, Content::Project),
        Place::Workspace(_) => manifest(&place, path, bytes, Content::Workspace),
        Place::Dataset(_) => manifest(&place, path, bytes, Content::Dataset),
        Place::Artifact(_) => manifest(&place, path, bytes, Content::Artifact),
        Place::Version(_) => manifest(&place, path, bytes, Content::Version),
        Place::Checksums(_) => checksums(path, bytes),
        Place::Release(_) => manifest(&place, path, bytes, Content::Release),
        Place::Policy(_) => manifest(&place, path, bytes, Content::Policy),
        Place::Freeze(_) => manifest(&place, path, bytes, Content::Freeze),
        Place::TrustRoot => manifest(&place, path, bytes, Content::TrustRoot),
        Place::TrustIndex => manifest(&place, path, bytes, Content::TrustIndex),
        Place::VersionSignature(_)
        | Place::Attestation(..)
        | Place::ReleaseSignature(_)
        | Place::TrustRootSignature(_)
        | Place::TrustIndexSignature(_)
        | Place::AllowedSigners => (None, Vec::new()),
    };
    Some(ParsedFile {
        place: Some(place),
        content,
        diagnostics,
    })
}

/// Reads the manifest of a place as a document of its type, whatever the repository says around it.
///
/// # Errors
///
/// All that is wrong with it.
pub fn parse_manifest<T: DeserializeOwned>(
    place: &Place,
    path: &str,
    bytes: &[u8],
) -> Result<Document<T>, Vec<Diagnostic>> {
    match read_manifest(place, path, bytes) {
        (Some(document), problems) if problems.is_empty() => Ok(document),
        (_, problems) => Err(problems),
    }
}

fn manifest<T: DeserializeOwned>(
    place: &Place,
    path: &str,
    bytes: &[u8],
    content: fn(Arc<Document<T>>) -> Content,
) -> (Option<Content>, Vec<Diagnostic>) {
    let (document, problems) = read_manifest(place, path, bytes);
    (document.map(Arc::new).map(content), problems)
}

fn read_manifest<T: DeserializeOwned>(
    place: &Place,
    path: &str,
    bytes: &[u8],
) -> (Option<Document<T>>, Vec<Diagnostic>) {
    let read = source_file(path, bytes).and_then(|source| Ok((parse(&source)?, source)));
    let (tree, source) = match read {
        Ok(read) => read,
        Err(problems) => return (None, problems),
    };
    let mut problems = match check_header(&source, &tree, place) {
        Header::Readable(problems) => problems,
        Header::Foreign(problem) => return (None, vec![*problem]),
    };
    let (value, found) = deserialize(&source, &tree, &REQUIRED_FIELDS);
    problems.extend(found);
    (value.map(|value| Document::new(source, value)), problems)
}

/// What the first two fields of a manifest say about the rest.
enum Header {
    /// The rest can be read as what the place asks for.
    Readable(Vec<Diagnostic>),
    /// The rest is something else; what could be said about it would mislead.
    Foreign(Box<Diagnostic>),
}

fn check_header(source: &Arc<SourceFile>, tree: &Node, place: &Place) -> Header {
    let expected = kind_name_at(place).unwrap_or("");
    let text = |field: &str| {
        let (_, node) = tree.field(field)?;
        let Value::Text(text) = node.value() else {
            return None;
        };
        let loc = Loc {
            file: Arc::clone(source),
            span: node.span(),
        };
        Some((text.as_str(), loc))
    };
    if let Some((version, loc)) = text("apiVersion")
        && version != API_VERSION
    {
        let message = format!("this program does not know the format `{version}`");
        let problem = Diagnostic::error("unknown-format", loc, message);
        return Header::Foreign(Box::new(
            problem.hint(format!("write `apiVersion: {API_VERSION}`")),
        ));
    }
    let Some((kind, loc)) = text("kind").filter(|(kind, _)| *kind != expected) else {
        return Header::Readable(Vec::new());
    };
    if let Some(kind) = find_kind(kind) {
        let message = format!(
            "a {} does not belong here; this is the path of a {expected}",
            kind.name
        );
        let problem = Diagnostic::error("wrong-place", loc, message);
        return Header::Foreign(Box::new(
            problem.hint(format!("a {} stands at {}", kind.name, kind.path)),
        ));
    }
    let message = format!("there is no kind `{kind}`");
    let meant = did_you_mean(kind, KINDS.iter().map(|kind| kind.name)).unwrap_or(expected);
    let problem =
        Diagnostic::error("unknown-kind", loc, message).hint(format!("did you mean `{meant}`?"));
    if meant == expected {
        Header::Readable(vec![problem])
    } else {
        Header::Foreign(Box::new(problem))
    }
}

fn checksums(path: &str, bytes: &[u8]) -> (Option<Content>, Vec<Diagnostic>) {
    let refuse = |message: String| {
        let problem = Diagnostic::error("checksums", whole_file(path), message);
        (
            None,
            vec![problem.hint("write them again with `promote register`")],
        )
    };
    if bytes.len() > MAX_CHECKSUMS_BYTES {
        return refuse(format!(
            "the file has more than {MAX_CHECKSUMS_BYTES} bytes"
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse("the file is not UTF-8".to_owned());
    };
    match Checksums::parse(text) {
        Ok(checksums) => (Some(Content::Checksums(Arc::new(checksums))), Vec::new()),
        Err(FileListError::Empty) => refuse("the file has no lines".to_owned()),
        Err(error) => refuse(error.to_string()),
    }
}

/// A place for what concerns a file as a whole, or one that is not there.
pub(crate) fn whole_file(path: &str) -> Loc {
    let file = SourceFile {
        path: path.to_owned(),
        text: String::new(),
    };
    Loc {
        file: Arc::new(file),
        span: 0..0,
    }
}
