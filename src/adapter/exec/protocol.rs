//! What is said to a program and what it answers, as lines of JSON. `docs/adapters/exec.md` is the same for people.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::adapter::{AdapterErrorKind, Permission, Record, Written};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileListError, FileRecord, Sha256, TreeDigest};

/// The version of what is said here.
pub(super) const PROTOCOL: u32 = 1;

/// The one line that a program reads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The workspace, by its name.
    pub workspace: &'a str,
    /// What the manifest says under `settings`.
    pub settings: &'a BTreeMap<String, String>,
    /// What is asked.
    #[serde(flatten)]
    pub operation: Operation,
}

/// What is asked.
#[derive(Debug, Serialize)]
#[serde(
    tag = "operation",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub(super) enum Operation {
    /// All whole versions of these artifacts; of all when there are none.
    List { artifacts: Vec<String> },
    /// One version's record.
    Stat { version: String },
    /// The record of what an artifact's pointer holds.
    Current { artifact: String },
    /// The bytes of one file.
    Read { version: String, path: String },
    /// Write a version, all or nothing, only if absent.
    Write {
        version: String,
        digest: String,
        files: Vec<Sent>,
    },
    /// Move the pointer.
    Point {
        version: String,
        expected: Option<String>,
    },
    /// What the platform knows.
    Describe { version: String },
    /// Whether it can be relied on.
    Probe,
}

impl Operation {
    /// The method that asks.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Stat { .. } | Self::Current { .. } => "stat",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Point { .. } => "point",
            Self::Describe { .. } => "describe",
            Self::Probe => "probe",
        }
    }
}

/// A file to be written, and where its bytes are.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    pub path: String,
    pub size: u64,
    pub sha256: Sha256,
    /// A file of this machine, to be read only.
    pub from: PathBuf,
}

/// One line that a program prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Answer {
    /// One of the records of a list.
    Record(Told),
    /// The end of it, and what was asked for.
    Ok(Outcome),
    /// It did not work.
    Error(Failure),
}

/// What was asked for. Each operation has its field; the others are left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Outcome {
    /// Of `stat` and `current`; left out when there is none.
    pub record: Option<Told>,
    /// Of `read`: a file of this machine that has the bytes.
    pub file: Option<PathBuf>,
    /// Of `read`: how many bytes follow this line.
    pub bytes: Option<u64>,
    /// Of `write`.
    pub written: Option<Written>,
    /// Of `describe`.
    pub properties: BTreeMap<String, String>,
    /// Of `probe`: its name and version.
    pub server: Option<String>,
    /// Of `probe`: the server's time.
    pub clock: Option<jiff::Timestamp>,
    /// Of `probe`: what is needed, and whether it is allowed.
    pub permissions: BTreeMap<String, Permission>,
    /// Of `probe`: what it cannot do.
    pub limits: Vec<String>,
}

/// Why it did not work.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Failure {
    pub kind: AdapterErrorKind,
    pub message: String,
    /// Whether trying again can help.
    #[serde(default)]
    pub temporary: bool,
    /// How many seconds to wait before.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

/// A record as a program tells it: checked before it is believed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Told {
    version: VersionId,
    digest: TreeDigest,
    files: Vec<FileRecord>,
}

impl Told {
    pub(super) fn record(self) -> Result<Record, FileListError> {
        Ok(Record {
            version: self.version,
            digest: self.digest,
            files: FileList::new(self.files)?,
        })
    }
}
