//! Files on their way into a container: in pieces, a few at a time, compared with the record as they go.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::azure_ml::blob::Put;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::{AdapterError, AdapterErrorKind, ByteStream, Content, Record, Result};
use crate::model::digest::{FileRecord, Sha256};
use crate::net::http;

/// How many files travel at once, and how many pieces of one. With the piece that is being filled this bounds memory to
/// 48 MiB for files of up to 200 GiB.
const FILES_AT_ONCE: usize = 4;
const PIECES_AT_ONCE: usize = 2;
/// The size of a piece, in bytes. A file of one piece is written in one request.
const PIECE_BYTES: u64 = 4 * 1024 * 1024;
/// The most pieces that a blob can have.
const MAX_PIECES: u64 = 50_000;

/// The longest name of a blob, in characters, and the most parts that it has.
const MAX_NAME: usize = 1024;
const MAX_PARTS: usize = 254;

/// Writes all files of a record. Those of them that are there already have to have the same bytes.
pub(super) async fn upload(
    call: Call<'_>,
    place: &Place,
    record: &Record,
    content: &dyn Content,
) -> Result<()> {
    for file in record.files.records() {
        let blob = place.blob(file.path.as_str());
        if blob.chars().count() > MAX_NAME || blob.split('/').count() > MAX_PARTS {
            let message = format!(
                "`{}`: with its folder the name of the blob has more than {MAX_NAME} characters or {MAX_PARTS} parts",
                file.path
            );
            return Err(call.error(AdapterErrorKind::Unsupported, message));
        }
    }
    let mut files = record.files.records().iter();
    let mut under_way = FuturesUnordered::new();
    loop {
        let free = FILES_AT_ONCE.saturating_sub(under_way.len());
        for file in files.by_ref().take(free) {
            under_way.push(upload_file(call, place, file, content));
        }
        match under_way.next().await {
            Some(uploaded) => uploaded?,
            None => return Ok(()),
        }
    }
}

async fn upload_file(
    call: Call<'_>,
    place: &Place,
    file: &FileRecord,
    content: &dyn Content,
) -> Result<()> {
    let blob = place.blob(file.path.as_str());
    let opened = content.open(&file.path).await;
    let stream = opened.map_err(|error| broken(call, file, error))?;
    let mut pieces = Pieces::new(stream, file);
    let failed = |error| broken(call, file, error);
    let first = pieces.next().await.map_err(failed)?.unwrap_or_default();
    let put = if pieces.is_over() {
        pieces.compare(call)?;
        place.container.put(call, &blob, first).await?
    } else {
        let count = send_pieces(call, place, &blob, first, &mut pieces).await?;
        pieces.compare(call)?;
        place.container.commit(call, &blob, count).await?
    };
    match put {
        Put::Created => Ok(()),
        Put::Exists => same(call, place, &blob, file).await,
    }
}

/// Sends a file of several pieces; how many there were.
async fn send_pieces(
    call: Call<'_>,
    place: &Place,
    blob: &str,
    first: Bytes,
    pieces: &mut Pieces<'_>,
) -> Result<u32> {
    let mut under_way = FuturesUnordered::new();
    let mut piece = Some(first);
    let mut count: u32 = 0;
    while let Some(bytes) = piece {
        under_way.push(place.container.put_block(call, blob, count, bytes));
        count = count.saturating_add(1);
        if under_way.len() >= PIECES_AT_ONCE
            && let Some(sent) = under_way.next().await
        {
            sent?;
        }
        let next = pieces.next().await;
        piece = next.map_err(|error| broken(call, pieces.file, error))?;
    }
    while let Some(sent) = under_way.next().await {
        sent?;
    }
    Ok(count)
}

/// Writes one small file of our own. One that is there already has to be the same.
pub(super) async fn upload_bytes(
    call: Call<'_>,
    place: &Place,
    path: &str,
    bytes: Vec<u8>,
) -> Result<()> {
    let blob = place.blob(path);
    let sha256 = Sha256::of(&bytes);
    match place.container.put(call, &blob, Bytes::from(bytes)).await? {
        Put::Created => Ok(()),
        Put::Exists => {
            let found = hash(call, place, &blob).await?;
            if found.is_some_and(|(found, _)| found == sha256) {
                return Ok(());
            }
            Err(other(call, &blob))
        }
    }
}

/// Whether a blob that is there has the bytes of a file: a write that was cut may have left it.
async fn same(call: Call<'_>, place: &Place, blob: &str, file: &FileRecord) -> Result<()> {
    let found = hash(call, place, blob).await?;
    if found == Some((file.sha256, file.size)) {
        return Ok(());
    }
    Err(other(call, blob))
}

fn other(call: Call<'_>, blob: &str) -> AdapterError {
    let message = format!(
        "the blob `{blob}` is there with other bytes, which promote does not write over; find out who put it there, and delete it"
    );
    call.error(AdapterErrorKind::AlreadyExists, message)
}

/// The hash and the size of a blob as it is now; `None` when there is none.
pub(super) async fn hash(
    call: Call<'_>,
    place: &Place,
    blob: &str,
) -> Result<Option<(Sha256, u64)>> {
    let Some(response) = place.container.get(call, blob).await? else {
        return Ok(None);
    };
    let mut stream = http::stream(response);
    let mut hasher = Hasher::new();
    let mut size: u64 = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| {
            let message = format!("the blob `{blob}`: {error}");
            call.temporary(AdapterErrorKind::Unexpected, message)
        })?;
        hasher.update(&piece);
        size = size.saturating_add(length(&piece));
    }
    let found = Sha256::from_bytes(hasher.finalize().into());
    Ok(Some((found, size)))
}

/// A stream cut into pieces of one size, hashed on the way.
struct Pieces<'a> {
    stream: ByteStream,
    file: &'a FileRecord,
    hasher: Hasher,
    size: u64,
    buffer: BytesMut,
    piece: usize,
    is_ended: bool,
}

impl<'a> Pieces<'a> {
    fn new(stream: ByteStream, file: &'a FileRecord) -> Self {
        let piece = PIECE_BYTES.max(file.size.div_ceil(MAX_PIECES));
        Self {
            stream,
            file,
            hasher: Hasher::new(),
            size: 0,
            buffer: BytesMut::new(),
            piece: usize::try_from(piece).unwrap_or(usize::MAX),
            is_ended: false,
        }
    }

    /// Whether there is no further piece.
    fn is_over(&self) -> bool {
        self.is_ended && self.buffer.is_empty()
    }

    /// The next piece; only the last is shorter. A stream that is longer than the file is broken off.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        // One byte more than a piece, so that a piece that is the last is known to be.
        while !self.is_ended && self.buffer.len() <= self.piece {
            match self.stream.next().await.transpose()? {
                Some(chunk) => {
                    self.hasher.update(&chunk);
                    self.size = self.size.saturating_add(length(&chunk));
                    if self.size > self.file.size {
                        let longer = "it is longer than recorded";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, longer));
                    }
                    self.buffer.extend_from_slice(&chunk);
                }
                None => self.is_ended = true,
            }
        }
        let length = self.buffer.len().min(self.piece);
        Ok((length > 0).then(|| self.buffer.split_to(length).freeze()))
    }

    /// Compares what came with the record.
    fn compare(&self, call: Call<'_>) -> Result<()> {
        let found = Sha256::from_bytes(self.hasher.clone().finalize().into());
        if found == self.file.sha256 && self.size == self.file.size {
            return Ok(());
        }
        let message = format!("`{}` does not have the recorded bytes", self.file.path);
        Err(call.corrupt(message))
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// What a stream that broke means.
pub(super) fn broken(call: Call<'_>, file: &FileRecord, error: io::Error) -> AdapterError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => AdapterErrorKind::Corrupt,
        _ => AdapterErrorKind::Unexpected,
    };
    let message = format!("`{}`: {error}", file.path);
    call.error(kind, message).caused_by(error)
}
