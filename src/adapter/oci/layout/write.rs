//! Writing into a layout: blobs as they come, names last.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::adapter::Result;
use crate::adapter::oci::document::{self, Blob, Document};
use crate::adapter::oci::layout::index::{Name, NameList};
use crate::adapter::oci::layout::{Layout, WORK, blobs};
use crate::adapter::oci::store::Source;
use crate::adapter::oci::stream::checked;
use crate::adapter::pump::wanted;
use crate::fs::beneath;
use crate::fs::durable::{self, LockFile};
use crate::model::digest::Sha256;

/// How long the lock is waited for. It is held while a file of names is written.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Sets a name when it names what is expected, under the lock and after everything else is durable.
pub(super) fn set_name(
    root: &Path,
    name: &Name,
    document: &Document,
    expected: Option<Sha256>,
) -> io::Result<bool> {
    durable::create_dir_all_durable(root)?;
    durable::create_dir_all(&root.join(WORK))?;
    let folder = beneath::open_directory(root)?;
    durable::sync_file_system(&File::from(folder))?;
    let lock = LockFile::acquire(&root.join(WORK).join("lock"), LOCK_PATIENCE)?;
    let mut names = NameList::load(root)?;
    let held = names.get(name)?;
    let held = held.map(|descriptor| descriptor.digest);
    if held != expected.map(document::digest) {
        return Ok(false);
    }
    names.set(name, document.descriptor())?;
    names.save(root)?;
    drop(lock);
    Ok(true)
}

/// Keeps a blob.
pub(super) async fn put_blob(
    layout: &Layout,
    operation: &'static str,
    blob: Blob,
    source: Source<'_>,
) -> Result<()> {
    let scratch = layout.scratch(operation).await?;
    let (waiter, wanted) = wanted();
    let what = format!("writing `{}`", blob.sha256);
    let written = match source {
        Source::Memory(bytes) => {
            let bytes = bytes.clone();
            let write = move |root: &Path| blobs::write(root, &scratch, &bytes);
            layout.blocking(operation, &what, write).await
        }
        Source::File(content, file) => {
            if let Some(path) = content.local_path(&file.path) {
                let copy = move |root: &Path| blobs::copy(root, &scratch, blob, &path, &wanted);
                layout.blocking(operation, &what, copy).await
            } else {
                let opened = content.open(&file.path).await;
                let stream = opened.map_err(|error| layout.failed(operation, &what, error))?;
                let (stream, fault) = checked(stream, blob, file.path.as_str());
                let write =
                    move |root: &Path| blobs::write_stream(root, &scratch, blob, stream, wanted);
                let written = layout.blocking(operation, &what, write).await;
                match fault.take() {
                    Some((kind, message)) => Err(layout.reporter.error(kind, operation, message)),
                    None => written,
                }
            }
        }
    };
    drop(waiter);
    written
}
