//! One call of the adapter: the bucket, and how its errors are told.

use ::object_store::path::Path;
use ::object_store::{
    GetOptions, GetResult, ObjectMeta, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::adapter::object_store::ObjectStoreAdapter;
use crate::adapter::object_store::answer::{Cause, Failed};
use crate::adapter::object_store::connect::Connected;
use crate::adapter::object_store::layout::{Layout, MAX_KEY_BYTES, MAX_KEY_PARTS};
use crate::adapter::object_store::line::{Body, Heard, broken};
use crate::adapter::{AdapterError, AdapterErrorKind, Result};
use crate::model::platform::NameError;

/// One call of the adapter.
#[derive(Debug)]
pub(super) struct Session<'a> {
    /// Whose call it is.
    pub(super) adapter: &'a ObjectStoreAdapter,
    /// The bucket.
    pub(super) connected: Connected,
    /// The method, for errors.
    pub(super) operation: &'static str,
}

/// Sends a request and hears what the server says.
pub(super) async fn ask<T>(
    body: Body,
    request: impl Future<Output = ::object_store::Result<T>>,
) -> std::result::Result<T, Failed> {
    let (outcome, heard) = Heard::during(body, request).await;
    outcome.map_err(|error| Failed::of(&error, &heard))
}

/// Puts an object.
pub(super) async fn put(
    connected: Connected,
    key: Path,
    payload: PutPayload,
    mode: PutMode,
) -> std::result::Result<UpdateVersion, Failed> {
    let options = PutOptions::from(mode);
    let put = connected.bucket.put_opts(&key, payload, options);
    let put = ask(Body::Whole, put).await?;
    Ok(UpdateVersion {
        e_tag: put.e_tag,
        version: put.version,
    })
}

impl Session<'_> {
    /// The names of objects.
    pub(super) const fn layout(&self) -> &Layout {
        &self.adapter.layout
    }

    /// The name of the workspace.
    pub(super) fn workspace(&self) -> &str {
        self.adapter.workspace.as_str()
    }

    /// An error of this call.
    pub(super) fn error(&self, kind: AdapterErrorKind, message: impl Into<String>) -> AdapterError {
        AdapterError::permanent(kind, self.workspace(), self.operation, message)
    }

    /// What a request on something came to. Credentials that are refused are read anew for the next call.
    pub(super) fn failed(&self, what: &str, failed: Failed) -> AdapterError {
        if failed.is_refusal() {
            self.adapter.disconnect();
        }
        let is_line = failed.is_line();
        let secrets = self.connected.secrets();
        let mut error = failed.error(self.workspace(), self.operation, what, &secrets);
        if is_line && self.connected.asks_machine {
            error.message.push_str(
                "; there are no credentials in the environment, so this machine was asked who it is",
            );
        }
        error
    }

    /// An artifact cannot have this name here.
    pub(super) fn unnamed(&self, error: NameError) -> AdapterError {
        self.error(AdapterErrorKind::Unsupported, error.to_string())
            .caused_by(error)
    }

    /// The name of an object that all three providers take.
    pub(super) fn key(&self, key: &str) -> Result<Path> {
        let parts = key.split('/').count();
        let parsed = Path::parse(key).ok().filter(|path| path.as_ref() == key);
        let Some(path) = parsed.filter(|_| key.len() <= MAX_KEY_BYTES && parts <= MAX_KEY_PARTS)
        else {
            let start: String = key.chars().take(200).collect();
            let message = format!(
                "`{start}` cannot be the name of an object: it has at most {MAX_KEY_BYTES} bytes and {MAX_KEY_PARTS} parts, none empty"
            );
            return Err(self.error(AdapterErrorKind::Unsupported, message));
        };
        Ok(path)
    }

    /// An object as it comes, with what the store says of it; `None` when it is not there.
    pub(super) async fn get(&self, key: &str, options: GetOptions) -> Result<Option<GetResult>> {
        let path = self.key(key)?;
        let get = self.connected.bucket.get_opts(&path, options);
        match ask(Body::Stream, get).await {
            Ok(found) => Ok(Some(found)),
            Err(failed) if failed.cause == Cause::Absent => Ok(None),
            Err(failed) => Err(self.failed(key, failed)),
        }
    }

    /// What the store says of an object; `None` when it is not there.
    pub(super) async fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        Ok(self.get(key, options).await?.map(|found| found.meta))
    }

    /// A short object whole; `None` when it is not there.
    pub(super) async fn bytes(
        &self,
        key: &str,
        limit: usize,
    ) -> Result<Option<(Vec<u8>, UpdateVersion)>> {
        let Some(found) = self.get(key, GetOptions::default()).await? else {
            return Ok(None);
        };
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let mut pieces = found.into_stream();
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                let cause = broken(&error);
                let message = format!("`{key}`: {cause}");
                let kind = AdapterErrorKind::Unexpected;
                AdapterError::temporary(kind, self.workspace(), self.operation, message)
            })?;
            if whole.len().saturating_add(piece.len()) > limit {
                let message = format!("`{key}` has more than {limit} bytes");
                return Err(self.error(AdapterErrorKind::Corrupt, message));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Some((whole, version)))
    }

    /// Puts a short object.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
    ) -> Result<std::result::Result<UpdateVersion, Failed>> {
        let path = self.key(key)?;
        Ok(put(self.connected.clone(), path, bytes.into(), mode).await)
    }
}
