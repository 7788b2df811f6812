//! Writing a version: its files first, each checked on the way, and the record last.
//!
//! Files lie in a folder named after the digest of all of them. So two writers with other bytes under one version never
//! meet: each fills a folder of its own, and the record, which only one can create, says which folder counts. What a
//! torn write left is the start of the same bytes, and is written again.

use crate::adapter::admit::admit;
use crate::adapter::layer::compare;
use crate::adapter::object_store::conditions::{self, Conditions};
use crate::adapter::object_store::session::Session;
use crate::adapter::object_store::{layout, pages, record, upload};
use crate::adapter::{AdapterErrorKind, Content, Record, Result, Written};
use crate::flow::permit::FlowPermit;

/// The most folders of files that are looked at below one version.
const MAX_FOLDERS: usize = 1000;

pub(super) async fn write(
    session: &Session<'_>,
    permit: &FlowPermit,
    record: &Record,
    content: &dyn Content,
) -> Result<Written> {
    let Some((folder, conditions)) = begin(session, permit, record).await? else {
        return Ok(Written::Unchanged);
    };
    upload::files(session, record, content, &folder).await?;
    finish(session, record, conditions).await
}

/// Where the files go, and what the store keeps to; `None` when the version is there already.
pub(super) async fn begin(
    session: &Session<'_>,
    permit: &FlowPermit,
    record: &Record,
) -> Result<Option<(String, Conditions)>> {
    admit(session.workspace(), permit, record)?;
    let held = record::load(session, &record.version).await?;
    if compare(session.workspace(), held.as_ref(), record)? == Written::Unchanged {
        return Ok(None);
    }
    let folder = session.layout().content(&record.version, record.digest);
    let folder = folder.map_err(|error| session.unnamed(error))?;
    for file in record.files.records() {
        session.key(&format!("{folder}{}", file.path))?;
    }
    Ok(Some((folder, conditions::find(session).await?)))
}

/// Makes the version visible.
pub(super) async fn finish(
    session: &Session<'_>,
    record: &Record,
    conditions: Conditions,
) -> Result<Written> {
    if !conditions.decides_creation() {
        alone(session, record).await?;
        let held = record::load(session, &record.version).await?;
        if compare(session.workspace(), held.as_ref(), record)? == Written::Unchanged {
            return Ok(Written::Unchanged);
        }
    }
    record::publish(session, record, conditions).await
}

/// Checks that nobody writes other bytes under the version, where the store would let the later record overwrite the
/// earlier: each writer fills its folder before it looks for others, so of two at least one sees the other.
async fn alone(session: &Session<'_>, record: &Record) -> Result<()> {
    let version = session.layout().version(&record.version);
    let version = version.map_err(|error| session.unnamed(error))?;
    let ours = format!("{version}{}", layout::content_of(record.digest));
    let parent = format!("{version}{}/", layout::CONTENT);
    let folders = pages::folders(session, &parent, MAX_FOLDERS).await?;
    let Some(other) = folders.into_iter().find(|folder| *folder != ours) else {
        return Ok(());
    };
    let message = format!(
        "`{other}` holds other bytes for `{}`, and this store does not say who was first; if nobody is writing them, delete that folder",
        record.version
    );
    Err(session.error(AdapterErrorKind::AlreadyExists, message))
}
