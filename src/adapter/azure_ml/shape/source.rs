//! The small files of a version that say what it is: before it is written out of the staging area, later out of the store.

use bytes::BytesMut;
use futures_util::StreamExt as _;

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::shape::{Fields, Reason};
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::azure_ml::upload::broken;
use crate::adapter::{ByteStream, Content, Record, Result};
use crate::diagnostic::yaml::{Bounds, MAX_MANIFEST_BYTES, parse_within, source_file};
use crate::model::digest::{FileRecord, Sha256, TreePath};
use crate::net::http;

/// The most files at the top that are looked at, and the most bytes of one.
const MAX_TEXTS: usize = 16;
const MAX_BYTES: usize = MAX_MANIFEST_BYTES;
const BOUNDS: Bounds = Bounds {
    max_nodes: 20_000,
    one: "a YAML file of Azure Machine Learning",
    many: "YAML files of Azure Machine Learning",
};

/// Where the files are.
#[derive(Debug, Clone, Copy)]
pub(in crate::adapter::azure_ml) enum Source<'a> {
    /// In the staging area.
    Staged(&'a dyn Content),
    /// In the folder of a version.
    Held(&'a Place),
}

/// A YAML file at the top of a version.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) path: TreePath,
    /// Its fields, or why it is no mapping of ours.
    pub(super) content: std::result::Result<Fields, Reason>,
}

/// The YAML files at the top of a version, those with preferred names first.
pub(super) async fn texts(
    call: Call<'_>,
    record: &Record,
    source: &Source<'_>,
    preferred: &[&str],
) -> Result<Vec<Text>> {
    let files = record.files.records().iter();
    let mut files: Vec<&FileRecord> = files.filter(|file| is_text(file.path.as_str())).collect();
    files.sort_by_key(|file| !preferred.contains(&file.path.as_str()));
    let mut texts = Vec::new();
    for file in files.into_iter().take(MAX_TEXTS) {
        let content = match bytes(call, file, source).await? {
            Ok(bytes) => parse(file.path.as_str(), &bytes),
            Err(reason) => Err(reason),
        };
        texts.push(Text {
            path: file.path.clone(),
            content,
        });
    }
    Ok(texts)
}

fn is_text(path: &str) -> bool {
    !path.contains('/') && (path.ends_with(".yaml") || path.ends_with(".yml"))
}

/// The fields of a YAML file.
pub(super) fn parse(path: &str, bytes: &[u8]) -> std::result::Result<Fields, Reason> {
    let parsed = source_file(path, bytes).and_then(|source| parse_within(&source, &BOUNDS));
    let root = parsed.map_err(|problems| match problems.first() {
        Some(problem) => format!(
            "line {}: {}",
            problem.loc.line_and_column().0,
            problem.message
        ),
        None => "it is no YAML".to_owned(),
    })?;
    match root.to_json() {
        serde_json::Value::Object(fields) => Ok(fields),
        _ => Err("it is no mapping".to_owned()),
    }
}

/// The bytes of a file as the record has them. Other bytes are `Corrupt`; too many are a reason.
pub(super) async fn bytes(
    call: Call<'_>,
    file: &FileRecord,
    source: &Source<'_>,
) -> Result<std::result::Result<Vec<u8>, Reason>> {
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    if file.size > limit {
        return Ok(Err(format!("it has more than {MAX_BYTES} bytes")));
    }
    let other = || call.corrupt(format!("`{}` does not have the recorded bytes", file.path));
    let mut stream = open(call, file, source).await?.ok_or_else(other)?;
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| broken(call, file, error))?;
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_BYTES {
            return Err(other());
        }
    }
    if Sha256::of(&bytes) != file.sha256 {
        return Err(other());
    }
    Ok(Ok(bytes.to_vec()))
}

async fn open(
    call: Call<'_>,
    file: &FileRecord,
    source: &Source<'_>,
) -> Result<Option<ByteStream>> {
    match source {
        Source::Staged(content) => {
            let opened = content.open(&file.path).await;
            opened.map(Some).map_err(|error| broken(call, file, error))
        }
        Source::Held(place) => {
            let blob = place.blob(file.path.as_str());
            let response = place.container.get(call, &blob).await?;
            Ok(response.map(http::stream))
        }
    }
}
