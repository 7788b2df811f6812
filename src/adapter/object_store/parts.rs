//! Long files, in parts. The store makes an object of them only when all are there and it is told so; what is given up
//! before that is given up there too, for parts that lie about cost money.

use std::collections::BTreeMap;

use ::object_store::PutPayload;
use ::object_store::multipart::PartId;
use ::object_store::path::Path;
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::adapter::object_store::answer::Failed;
use crate::adapter::object_store::connect::Connected;
use crate::adapter::object_store::line::Body;
use crate::adapter::object_store::session::{Session, ask};
use crate::adapter::object_store::upload::{Budget, PART_BYTES, Source};
use crate::adapter::{AdapterErrorKind, Content, Result};
use crate::model::digest::FileRecord;

/// The most parts of one object: S3 and Google take 10,000, Azure five times as many.
const MAX_PARTS: u64 = 9_000;
/// The largest part, in bytes: four at once have to fit into the memory that is lent.
const MAX_PART_BYTES: u64 = 4 * PART_BYTES;

/// An upload that has begun. Dropped before its end, it is given up.
struct Begun {
    connected: Connected,
    path: Path,
    id: Option<String>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (connected, path) = (self.connected.clone(), self.path.clone());
        // Nobody waits for it: the failure that led here is what counts.
        drop(runtime.spawn(async move {
            let abort = connected.bucket.abort_multipart(&path, &id);
            drop(ask(Body::Whole, abort).await);
        }));
    }
}

pub(super) async fn upload(
    session: &Session<'_>,
    content: &dyn Content,
    file: &FileRecord,
    key: &str,
    budget: &Budget,
) -> Result<()> {
    let part_bytes = part_bytes(file.size).ok_or_else(|| {
        let message = format!(
            "`{}` has {} bytes, which is too long for a bucket",
            file.path, file.size
        );
        session.error(AdapterErrorKind::Unsupported, message)
    })?;
    let path = session.key(key)?;
    let create = session.connected.bucket.create_multipart(&path);
    let id = ask(Body::Whole, create).await;
    let id = id.map_err(|failed| session.failed(key, failed))?;
    let mut begun = Begun {
        connected: session.connected.clone(),
        path: path.clone(),
        id: Some(id.clone()),
    };
    let parts = send(
        session,
        content,
        file,
        key,
        (&path, &id),
        (budget, part_bytes),
    )
    .await?;
    let complete = session
        .connected
        .bucket
        .complete_multipart(&path, &id, parts);
    let completed = ask(Body::Whole, complete).await;
    completed.map_err(|failed| session.failed(key, failed))?;
    begun.id = None;
    let found = session.head(key).await?.map(|object| object.size);
    if found == Some(file.size) {
        return Ok(());
    }
    let found = found.map_or_else(|| "none".to_owned(), |size| size.to_string());
    let message = format!(
        "`{key}` has {found} of {} bytes after all parts were sent",
        file.size
    );
    Err(session.error(AdapterErrorKind::Corrupt, message))
}

/// How long parts have to be, so that there are not too many.
fn part_bytes(size: u64) -> Option<u64> {
    let wanted = size.div_ceil(MAX_PARTS).next_multiple_of(1024 * 1024);
    (wanted <= MAX_PART_BYTES).then(|| wanted.max(PART_BYTES))
}

async fn send(
    session: &Session<'_>,
    content: &dyn Content,
    file: &FileRecord,
    key: &str,
    (path, id): (&Path, &String),
    (budget, part_bytes): (&Budget, u64),
) -> Result<Vec<PartId>> {
    let mut source = Source::open(session, content, file).await?;
    let mut tasks: JoinSet<(usize, std::result::Result<PartId, Failed>)> = JoinSet::new();
    let mut done = BTreeMap::new();
    let mut rest = Bytes::new();
    let mut is_end = false;
    let mut index = 0;
    while !is_end {
        let permit = budget.take(part_bytes).await;
        let pieces;
        (pieces, is_end) = fill(&mut source, &mut rest, part_bytes).await?;
        if pieces.is_empty() {
            break;
        }
        let (connected, path, id) = (session.connected.clone(), path.clone(), id.clone());
        tasks.spawn(async move {
            let payload = PutPayload::from_iter(pieces);
            let part = connected.bucket.put_part(&path, &id, index, payload);
            let part = ask(Body::Whole, part).await;
            drop(permit);
            (index, part)
        });
        index += 1;
        while let Some(ended) = tasks.try_join_next() {
            let (index, part) = ended.map_err(|error| ended_early(session, error))?;
            done.insert(index, part.map_err(|failed| session.failed(key, failed))?);
        }
    }
    while let Some(ended) = tasks.join_next().await {
        let (index, part) = ended.map_err(|error| ended_early(session, error))?;
        done.insert(index, part.map_err(|failed| session.failed(key, failed))?);
    }
    Ok(done.into_values().collect())
}

fn ended_early(
    session: &Session<'_>,
    error: tokio::task::JoinError,
) -> crate::adapter::AdapterError {
    session
        .error(AdapterErrorKind::Unexpected, "the work was ended")
        .caused_by(error)
}

/// The pieces of one part, and whether it is the last: all but the last have the same length, as some stores want it.
async fn fill(
    source: &mut Source<'_>,
    rest: &mut Bytes,
    part_bytes: u64,
) -> Result<(Vec<Bytes>, bool)> {
    let mut wanted = usize::try_from(part_bytes).unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    loop {
        let piece = if rest.is_empty() {
            match source.next().await? {
                Some(piece) => piece,
                None => return Ok((pieces, true)),
            }
        } else {
            std::mem::take(rest)
        };
        if piece.len() > wanted {
            let mut piece = piece;
            pieces.push(piece.split_to(wanted));
            *rest = piece;
            return Ok((pieces, false));
        }
        wanted -= piece.len();
        if !piece.is_empty() {
            pieces.push(piece);
        }
        if wanted == 0 {
            return Ok((pieces, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_long_enough_that_there_are_not_too_many() {
        let gib = 1024 * 1024 * 1024;
        assert_eq!(part_bytes(PART_BYTES + 1), Some(PART_BYTES));
        assert_eq!(part_bytes(100 * gib), Some(12 * 1024 * 1024));
        assert!(part_bytes(280 * gib).is_some_and(|part| part <= MAX_PART_BYTES));
        assert_eq!(part_bytes(300 * gib), None);
    }
}
