//! `record.json`: what a version is, as it was written. It is written last, and alone makes a version visible.

use ::object_store::PutMode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::adapter::layer::compare;
use crate::adapter::object_store::answer::Cause;
use crate::adapter::object_store::conditions::Conditions;
use crate::adapter::object_store::layout;
use crate::adapter::object_store::session::Session;
use crate::adapter::{AdapterError, AdapterErrorKind, Record, Result, Written};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, TreeDigest};

/// Names the form of the object; another form gets another name.
const FORMAT: &str = "promote.dev/object-record/v1";
/// The largest record read, in bytes: a million files with paths of usual length.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// The object as it is in the bucket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    version: VersionId,
    digest: TreeDigest,
    /// The folder of the files, from that of the record.
    content: String,
    files: Vec<FileRecord>,
}

/// The bytes of the object.
fn encode(record: &Record) -> serde_json::Result<Bytes> {
    let wire = Wire {
        format: FORMAT.to_owned(),
        version: record.version.clone(),
        digest: record.digest,
        content: layout::content_of(record.digest),
        files: record.files.records().to_vec(),
    };
    let mut bytes = serde_json::to_vec_pretty(&wire)?;
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}

fn decode(bytes: &[u8], version: &VersionId) -> std::result::Result<Record, String> {
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if wire.format != FORMAT {
        return Err(format!("its format is not `{FORMAT}`"));
    }
    if wire.version != *version {
        return Err(format!("it is the record of `{}`", wire.version));
    }
    let files = FileList::new(wire.files).map_err(|error| error.to_string())?;
    if files.digest() != wire.digest {
        return Err("its files do not have its digest".to_owned());
    }
    if wire.content != layout::content_of(wire.digest) {
        return Err("its files are not in the folder of its digest".to_owned());
    }
    Ok(Record {
        version: wire.version,
        digest: wire.digest,
        files,
    })
}

/// The version that a record speaks of, whichever it is.
pub(super) async fn spoken_of(session: &Session<'_>, key: &str) -> Result<Option<VersionId>> {
    #[derive(Deserialize)]
    struct Only {
        version: VersionId,
    }
    let found = session.bytes(key, MAX_RECORD_BYTES).await?;
    let only = found.and_then(|(bytes, _)| serde_json::from_slice::<Only>(&bytes).ok());
    Ok(only.map(|only| only.version))
}

/// The record of a version; `None` when there is none. One that is not whole is `Corrupt`: we write no such object, so
/// somebody changed it.
pub(super) async fn load(session: &Session<'_>, version: &VersionId) -> Result<Option<Record>> {
    let key = session.layout().record(version);
    let key = key.map_err(|error| session.unnamed(error))?;
    let Some((bytes, _)) = session.bytes(&key, MAX_RECORD_BYTES).await? else {
        return Ok(None);
    };
    let wanted = version.clone();
    let decoded = spawn_blocking(move || decode(&bytes, &wanted)).await;
    let decoded = decoded.unwrap_or_else(|error| Err(error.to_string()));
    let record = decoded.map_err(|reason| {
        let message = format!("`{key}`: {reason}");
        session.error(AdapterErrorKind::Corrupt, message)
    })?;
    session.adapter.remember(version, record.digest);
    Ok(Some(record))
}

/// Makes a version visible, if no other is.
pub(super) async fn publish(
    session: &Session<'_>,
    record: &Record,
    conditions: Conditions,
) -> Result<Written> {
    let key = session.layout().record(&record.version);
    let key = key.map_err(|error| session.unnamed(error))?;
    let bytes = encode(record);
    let bytes = bytes.map_err(|error| {
        session
            .error(AdapterErrorKind::Unexpected, format!("`{key}`: {error}"))
            .caused_by(error)
    })?;
    let mode = if conditions.create {
        PutMode::Create
    } else {
        PutMode::Overwrite
    };
    let put = session.put(&key, bytes, mode).await?;
    let held = match put {
        Ok(_) if conditions.decides_creation() => None,
        // Somebody else may have written at the same time: what is there now is what counts.
        Ok(_) => match load(session, &record.version).await? {
            Some(held) if held.digest == record.digest => None,
            Some(held) => Some(held),
            None => return Err(vanished(session, &key)),
        },
        Err(failed) if failed.cause == Cause::Condition => {
            match load(session, &record.version).await? {
                Some(held) => Some(held),
                None => return Err(vanished(session, &key)),
            }
        }
        Err(failed) => return Err(session.failed(&key, failed)),
    };
    let written = compare(session.workspace(), held.as_ref(), record)?;
    session.adapter.remember(&record.version, record.digest);
    Ok(written)
}

/// Two at once can end with neither.
fn vanished(session: &Session<'_>, key: &str) -> AdapterError {
    let message = format!("`{key}` was written by somebody else and is not there any more");
    let kind = AdapterErrorKind::Unexpected;
    AdapterError::temporary(kind, session.workspace(), session.operation, message)
}
