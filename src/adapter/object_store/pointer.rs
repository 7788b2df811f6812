//! The pointer of an artifact: the object `current` beside its versions.

use ::object_store::{PutMode, UpdateVersion};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::adapter::layer::precondition;
use crate::adapter::object_store::answer::Cause;
use crate::adapter::object_store::session::Session;
use crate::adapter::object_store::{conditions, layout, record};
use crate::adapter::{AdapterErrorKind, Record, Result};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;

/// Names the form of the object; another form gets another name.
const FORMAT: &str = "promote.dev/object-pointer/v1";
/// The largest pointer read, in bytes.
const MAX_POINTER_BYTES: usize = 16 * 1024;

/// The object as it is in the bucket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    version: VersionId,
    digest: TreeDigest,
    /// The folder of the files, from that of the pointer.
    content: String,
}

/// What the pointer holds, and which version of the object that is.
#[derive(Debug)]
struct Held {
    record: Record,
    object: UpdateVersion,
}

/// The record that the pointer holds; `None` when there is no pointer.
pub(super) async fn load(session: &Session<'_>, artifact: &ArtifactId) -> Result<Option<Record>> {
    let held = held(session, artifact).await?;
    Ok(held.map(|held| held.record))
}

async fn held(session: &Session<'_>, artifact: &ArtifactId) -> Result<Option<Held>> {
    let key = session.layout().current(artifact);
    let key = key.map_err(|error| session.unnamed(error))?;
    let Some((bytes, object)) = session.bytes(&key, MAX_POINTER_BYTES).await? else {
        return Ok(None);
    };
    let corrupt =
        |reason: String| session.error(AdapterErrorKind::Corrupt, format!("`{key}`: {reason}"));
    let wire: Wire = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
    if wire.format != FORMAT {
        return Err(corrupt(format!("its format is not `{FORMAT}`")));
    }
    if wire.version.artifact != *artifact {
        return Err(corrupt(format!("it is of `{}`", wire.version.artifact)));
    }
    match record::load(session, &wire.version).await? {
        Some(record) if record.digest == wire.digest => Ok(Some(Held { record, object })),
        Some(record) => Err(corrupt(format!(
            "it says `{}` of `{}`, which has `{}`",
            wire.digest, wire.version, record.digest
        ))),
        None => Err(corrupt(format!(
            "it leads to `{}`, which is not there",
            wire.version
        ))),
    }
}

/// Moves the pointer when it holds `expected`.
pub(super) async fn point(
    session: &Session<'_>,
    version: &VersionId,
    expected: Option<TreeDigest>,
) -> Result<()> {
    let Some(target) = record::load(session, version).await? else {
        let message = format!("there is no `{version}` to point to");
        return Err(session.error(AdapterErrorKind::NotFound, message));
    };
    let conditions = conditions::find(session).await?;
    let held = held(session, &version.artifact).await?;
    if held
        .as_ref()
        .is_some_and(|held| held.record.version == *version)
    {
        return Ok(());
    }
    let record = held.as_ref().map(|held| &held.record);
    precondition(session.workspace(), record, version, expected)?;
    let key = session.layout().current(&version.artifact);
    let key = key.map_err(|error| session.unnamed(error))?;
    let mode = match held {
        None if conditions.create => PutMode::Create,
        Some(held) if conditions.update => PutMode::Update(held.object),
        Some(_) | None => PutMode::Overwrite,
    };
    let is_checked = conditions.atomic && mode != PutMode::Overwrite;
    match session.put(&key, encode(session, &target)?, mode).await? {
        Ok(_) if is_checked => Ok(()),
        // Whoever came at the same time may have moved it elsewhere.
        Ok(_) => lands(session, version).await,
        Err(failed) if failed.cause != Cause::Other => lands(session, version).await,
        Err(failed) => Err(session.failed(&key, failed)),
    }
}

/// Whether the pointer holds the version by now, whoever moved it there.
async fn lands(session: &Session<'_>, version: &VersionId) -> Result<()> {
    let held = load(session, &version.artifact).await?;
    if held.is_some_and(|held| held.version == *version) {
        return Ok(());
    }
    let message = format!(
        "the pointer of `{}` was moved by somebody else meanwhile",
        version.artifact
    );
    Err(session.error(AdapterErrorKind::Precondition, message))
}

fn encode(session: &Session<'_>, record: &Record) -> Result<Bytes> {
    let wire = Wire {
        format: FORMAT.to_owned(),
        version: record.version.clone(),
        digest: record.digest,
        content: format!(
            "{}/{}",
            record.version.version,
            layout::content_of(record.digest)
        ),
    };
    let encoded = serde_json::to_vec_pretty(&wire);
    let mut bytes = encoded.map_err(|error| {
        session
            .error(AdapterErrorKind::Unexpected, error.to_string())
            .caused_by(error)
    })?;
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}
