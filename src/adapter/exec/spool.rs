//! Bytes as files of this machine, for a program to read.

use std::io;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256 as Hasher};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_blocking;

use crate::adapter::exec::protocol::Sent;
use crate::adapter::{ByteStream, Content, Record};
use crate::model::digest::{FileRecord, Sha256};

/// Every file of a record with where its bytes are. What is not a file of this machine yet becomes one in a folder that
/// lives as long as the second part of the answer, and is hashed on the way.
pub(super) async fn spool(
    record: &Record,
    content: &dyn Content,
) -> io::Result<(Vec<Sent>, Option<TempDir>)> {
    let mut folder = None;
    let mut sent = Vec::new();
    for (number, file) in record.files.records().iter().enumerate() {
        let from = match content.local_path(&file.path) {
            Some(path) => path,
            None => {
                let folder = match &folder {
                    Some(folder) => folder,
                    None => {
                        let made = spawn_blocking(tempfile::tempdir).await;
                        folder.insert(made.map_err(io::Error::other)??)
                    }
                };
                let path = folder.path().join(number.to_string());
                keep(content.open(&file.path).await?, &path, file).await?;
                path
            }
        };
        sent.push(Sent {
            path: file.path.to_string(),
            size: file.size,
            sha256: file.sha256,
            from,
        });
    }
    Ok((sent, folder))
}

async fn keep(
    mut stream: ByteStream,
    path: &std::path::Path,
    expected: &FileRecord,
) -> io::Result<()> {
    let mut file = tokio::fs::File::create_new(path).await?;
    let mut hasher = Hasher::new();
    let mut size: u64 = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if size > expected.size {
            return Err(differs(expected));
        }
        hasher.update(&piece);
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    let found = Sha256::from_bytes(hasher.finalize().into());
    if found == expected.sha256 && size == expected.size {
        Ok(())
    } else {
        Err(differs(expected))
    }
}

fn differs(expected: &FileRecord) -> io::Error {
    let message = format!("`{}` does not have the recorded bytes", expected.path);
    io::Error::new(io::ErrorKind::InvalidData, message)
}
