//! The record of a version: a file beside its files in the same run, never among them.

use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::registry::Held;
use crate::adapter::{AdapterErrorKind, Record, Result, record_file};
use crate::model::digest::Sha256;
use crate::net::http;

/// Names the form of the file; another form gets another name.
pub(super) const FORMAT: &str = "promote.dev/mlflow-record/v1";
/// Where it is in the run.
pub(super) const PATH: &str = "promote/record.json";
/// The largest record read, in bytes: a million files with paths of usual length.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// The record of a version that we wrote, which has the hash that its tag says.
///
/// # Errors
///
/// `Corrupt` when it is missing or another.
pub(super) async fn load(call: Call<'_>, held: &Held) -> Result<Record> {
    let place = held.folder.join(PATH);
    let corrupt = |reason: String| {
        let message = format!("the record of `{}`, `{place}`: {reason}", held.version);
        call.error(AdapterErrorKind::Corrupt, message)
    };
    let answer = match call.download(&place).await {
        Err(error) if error.kind == AdapterErrorKind::NotFound => {
            return Err(corrupt("it is missing".to_owned()));
        }
        answer => answer?,
    };
    let bytes = http::body(answer, MAX_RECORD_BYTES).await;
    let bytes = bytes.map_err(|error| call.http(place.as_str(), error))?;
    if Sha256::of(&bytes) != held.record {
        let reason = format!(
            "its hash is not that of the tag `{}`",
            super::registry::RECORD
        );
        return Err(corrupt(reason));
    }
    let record = record_file::decode(FORMAT, &bytes, &held.version).map_err(corrupt)?;
    if record.digest != held.digest {
        let reason = format!(
            "its digest is not that of the tag `{}`",
            super::registry::DIGEST
        );
        return Err(corrupt(reason));
    }
    Ok(record)
}
