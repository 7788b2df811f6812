//! What a file of another tool tells about an artifact, in words that all formats share.

use std::collections::BTreeMap;

use crate::diagnostic::Loc;
use crate::manifest::address::Address;
use crate::model::artifact::ArtifactKind;

/// What a file tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// What the artifact was made from.
    pub inputs: Vec<Input>,
    /// The commit of the code that ran.
    pub code: Option<Placed<Code>>,
    /// The run that made it.
    pub run: Option<Placed<Run>>,
    /// What bytes should be.
    pub digests: Vec<StatedDigest>,
    /// What the file says that the artifact is, if it says so.
    pub described: Option<Described>,
    /// What the file does not tell although it could, for people.
    pub notes: Vec<Placed<String>>,
}

/// An artifact as another tool describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name.
    pub name: Option<Placed<String>>,
    /// Its version, as it is written.
    pub version: Option<Placed<String>>,
    /// Where its bytes are: a path from the file's folder, or an address.
    pub path: Option<Placed<String>>,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Paths of its parts from the file's folder: code, and files of steps and environments.
    pub parts: Vec<Placed<String>>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub loc: Loc,
}

/// Something that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What for.
    pub role: Role,
    /// Where it is.
    pub address: Address,
    /// Words that the file marks it with, such as `restricted`.
    pub classes: Vec<String>,
    /// Where the file says so.
    pub loc: Loc,
}

/// What an input is, which decides what it means that nobody knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Data: unknown, it may be anything.
    Data,
    /// A model: it holds what it was trained on, so unknown it may be anything too.
    Model,
    /// Code, an environment or a component: it holds no data.
    Tool,
}

/// A commit of code. Files often name no repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The repository's address.
    pub repository: Option<String>,
    /// The commit, as it is written.
    pub commit: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Whose name it is: two names of one platform are of two runs.
    pub platform: &'static str,
    /// Its name.
    pub id: String,
}

/// What the bytes of a path are, by the file's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedDigest {
    /// The path, from the file's folder.
    pub path: String,
    /// The digest.
    pub digest: ForeignDigest,
    /// Where the file says so.
    pub loc: Loc,
}

/// A digest in another tool's form, in lowercase hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignDigest {
    /// The SHA-256 of a file.
    Sha256(String),
    /// The MD5 of a file.
    Md5(String),
    /// DVC's digest of a folder: the MD5 of a list of its files with their MD5s.
    DvcFolder(String),
}
