//! Reading the files of a version.

use std::io;
use std::os::fd::AsFd as _;

use crate::adapter::content::{read_chunk, stream_from};
use crate::adapter::directory::{DirectoryAdapter, layout};
use crate::adapter::{ByteStream, Result};
use crate::fs::beneath;
use crate::model::artifact::VersionId;
use crate::model::digest::TreePath;

pub(super) async fn read(
    adapter: &DirectoryAdapter,
    version: &VersionId,
    path: &TreePath,
) -> Result<ByteStream> {
    let inner = format!("{}/{}/{path}", layout::version(version), layout::CONTENT);
    let open = move |adapter: &DirectoryAdapter| {
        let root = beneath::open_directory(&adapter.root)?;
        let file = beneath::open_file_beneath(root.as_fd(), &inner)?;
        let first = read_chunk(&file)?;
        Ok::<_, io::Error>((file, first))
    };
    let shown = adapter
        .root
        .join(layout::version(version))
        .join(layout::CONTENT)
        .join(path.as_str());
    let opened = adapter.blocking("read", move |adapter| {
        open(adapter).map_err(|error| adapter.failed("read", &shown, error))
    });
    let (file, first) = opened.await?;
    Ok(stream_from(file, first))
}
