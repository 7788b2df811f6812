//! Bytes on their way into a store, compared with their hash.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::oci::document::Blob;
use crate::adapter::{AdapterErrorKind, ByteStream};
use crate::model::digest::Sha256;

/// What was wrong with bytes that somebody else took. The sender's own error says only that the sending failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<(AdapterErrorKind, String)>>>);

impl Fault {
    pub(super) fn take(&self) -> Option<(AdapterErrorKind, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, kind: AdapterErrorKind, message: String) {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *fault = Some((kind, message));
    }
}

/// A stream that is being compared. One piece is held back, so that the last one goes on only when all are right.
struct Checked {
    stream: ByteStream,
    blob: Blob,
    name: String,
    fault: Fault,
    held_back: Option<Bytes>,
    hasher: Hasher,
    size: u64,
}

impl Checked {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Option<Self>)> {
        loop {
            match self.stream.next().await {
                Some(Ok(piece)) => {
                    let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    self.size = self.size.saturating_add(length);
                    if self.size > self.blob.size {
                        return Some((Err(self.differs()), None));
                    }
                    self.hasher.update(&piece);
                    if let Some(before) = self.held_back.replace(piece) {
                        return Some((Ok(before), Some(self)));
                    }
                }
                Some(Err(error)) => {
                    let kind = match error.kind() {
                        io::ErrorKind::InvalidData => AdapterErrorKind::Corrupt,
                        _ => AdapterErrorKind::Unexpected,
                    };
                    self.fault.set(kind, format!("`{}`: {error}", self.name));
                    return Some((Err(error), None));
                }
                None => {
                    let found = Sha256::from_bytes(self.hasher.clone().finalize().into());
                    if found != self.blob.sha256 || self.size != self.blob.size {
                        return Some((Err(self.differs()), None));
                    }
                    return self.held_back.map(|last| (Ok(last), None));
                }
            }
        }
    }

    fn differs(&self) -> io::Error {
        let message = format!("`{}` does not have the recorded bytes", self.name);
        self.fault.set(AdapterErrorKind::Corrupt, message.clone());
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

/// The same bytes, with an error before the last of them when they are not those of the blob. `name` is for messages.
pub(super) fn checked(stream: ByteStream, blob: Blob, name: &str) -> (ByteStream, Fault) {
    let fault = Fault::default();
    let checked = Checked {
        stream,
        blob,
        name: name.to_owned(),
        fault: fault.clone(),
        held_back: None,
        hasher: Hasher::new(),
        size: 0,
    };
    let stream = stream::unfold(Some(checked), |state| async move { state?.next().await });
    (stream.boxed(), fault)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    async fn taken(pieces: &[&'static [u8]], blob: Blob) -> (Vec<u8>, Option<AdapterErrorKind>) {
        let pieces: Vec<io::Result<Bytes>> = pieces
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece)))
            .collect();
        let (mut stream, fault) = checked(stream::iter(pieces).boxed(), blob, "a");
        let mut taken = Vec::new();
        while let Ok(Some(piece)) = stream.try_next().await {
            taken.extend_from_slice(&piece);
        }
        (taken, fault.take().map(|(kind, _)| kind))
    }

    #[tokio::test]
    async fn wrong_bytes_never_pass_whole() {
        let blob = Blob::of(b"one two");
        let corrupt = Some(AdapterErrorKind::Corrupt);
        assert_eq!(
            taken(&[b"one ", b"two"], blob).await,
            (b"one two".to_vec(), None)
        );
        assert_eq!(
            taken(&[b"one ", b"twx"], blob).await,
            (b"one ".to_vec(), corrupt)
        );
        assert_eq!(taken(&[b"one "], blob).await, (Vec::new(), corrupt));
        assert_eq!(
            taken(&[b"one two", b"!"], blob).await,
            (Vec::new(), corrupt)
        );
        assert_eq!(taken(&[], blob).await, (Vec::new(), corrupt));
        assert_eq!(taken(&[], Blob::of(b"")).await, (Vec::new(), None));
    }
}
