//! Copies within one provider: the store is told to copy, and no byte passes through here. Who asked proves the bytes by
//! reading them back.

use ::object_store::{CopyMode, CopyOptions};
use futures_util::stream::{self, TryStreamExt as _};

use crate::adapter::object_store::line::Body;
use crate::adapter::object_store::session::{Session, ask};
use crate::adapter::object_store::{ObjectStoreAdapter, layout, write};
use crate::adapter::{AdapterError, AdapterErrorKind, NativePlace, Record, Result, Written};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::FileRecord;
use crate::model::platform::{BucketProvider, HttpAddress};

/// The longest object that S3 copies in one request, in bytes: 5 GiB. The other providers take it too.
const MAX_COPY_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// How many objects are copied at once.
const COPIES_AT_ONCE: usize = 16;

/// Where a version is: the bucket, a slash, and the version's folder.
pub(super) fn place(adapter: &ObjectStoreAdapter, version: &VersionId) -> Option<NativePlace> {
    let folder = adapter.layout.version(version).ok()?;
    Some(NativePlace {
        provider: provider(adapter),
        place: format!("{}/{folder}", adapter.spec.url.bucket()),
    })
}

/// Who can copy within itself: all buckets of one S3, all containers of one account.
fn provider(adapter: &ObjectStoreAdapter) -> String {
    let url = &adapter.spec.url;
    let endpoint = adapter
        .spec
        .endpoint
        .as_ref()
        .map_or("", HttpAddress::as_str);
    let kind = match url.provider() {
        BucketProvider::S3 => "s3",
        BucketProvider::Azure => "azure",
        BucketProvider::Gcs => "gcs",
    };
    format!("{kind} {endpoint} {}", url.account().unwrap_or_default())
}

pub(super) async fn copy(
    session: &Session<'_>,
    permit: &FlowPermit,
    record: &Record,
    from: &NativePlace,
) -> Result<Written> {
    let unsupported = |why: &str| {
        let message = format!("it cannot copy from `{}`: {why}", from.place);
        session.error(AdapterErrorKind::Unsupported, message)
    };
    if from.provider != provider(session.adapter) {
        return Err(unsupported("that is another provider"));
    }
    let Some((bucket, folder)) = from.place.split_once('/') else {
        return Err(unsupported("that is no place in a bucket"));
    };
    let is_same = bucket == session.adapter.spec.url.bucket();
    if !is_same && session.connected.s3.is_none() {
        return Err(unsupported("only S3 copies between buckets"));
    }
    let long = record.files.records().iter();
    if let Some(long) = long.clone().find(|file| file.size > MAX_COPY_BYTES) {
        return Err(unsupported(&format!("`{}` has more than 5 GiB", long.path)));
    }
    let Some((target, conditions)) = write::begin(session, permit, record).await? else {
        return Ok(Written::Unchanged);
    };
    let source = format!("{folder}{}", layout::content_of(record.digest));
    let bucket = (!is_same).then_some(bucket);
    let files = stream::iter(long.map(Ok::<_, AdapterError>));
    let (source, target) = (source.as_str(), target.as_str());
    let each = |file| copy_file(session, file, (bucket, source), target);
    files.try_for_each_concurrent(COPIES_AT_ONCE, each).await?;
    write::finish(session, record, conditions).await
}

async fn copy_file(
    session: &Session<'_>,
    file: &FileRecord,
    (bucket, source): (Option<&str>, &str),
    target: &str,
) -> Result<()> {
    let from = format!("{source}{}", file.path);
    let to = session.key(&format!("{target}{}", file.path))?;
    let copied = match (bucket, &session.connected.s3) {
        (Some(bucket), Some(s3)) => ask(Body::Whole, s3.copy(bucket, &from, &to)).await,
        _ => {
            let options = CopyOptions {
                mode: CopyMode::Overwrite,
                ..CopyOptions::default()
            };
            let from = session.key(&from)?;
            let copy = session.connected.bucket.copy_opts(&from, &to, options);
            ask(Body::Whole, copy).await
        }
    };
    copied.map_err(|failed| {
        // The credentials are for this workspace: they need not reach the other.
        let is_closed = failed.is_refusal() || failed.kind() == AdapterErrorKind::NotFound;
        let mut error = session.failed(&from, failed);
        if is_closed {
            error.kind = AdapterErrorKind::Unsupported;
        }
        error
    })
}
