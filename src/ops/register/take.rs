//! What others put on a platform is brought here, so that it can be registered like any other folder.

use std::io::{self, Write as _};
use std::path::PathBuf;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::adapter::ByteStream;
use crate::adapter::foreign::Foreign;
use crate::adapter::pump::wanted;
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::fs::scratch::Scratch;
use crate::manifest::foreign::{Format, find_format};
use crate::model::digest::{MAX_FILES, TreePath};
use crate::model::id::WorkspaceName;
use crate::ops::register::failure::{adapter_failure, no_workspace};

/// How many files are written at once.
const FILES_AT_ONCE: usize = 4;

/// What was brought here. Dropping it removes it.
#[derive(Debug)]
pub struct Taken {
    scratch: Scratch,
    /// What the platform told of how it was made, each with its format.
    pub told: Vec<(PathBuf, Option<&'static Format>)>,
}

impl Taken {
    /// The folder with its files.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().join("files")
    }
}

/// Whether what `--from` says is an address on a platform and no path: it begins with a word and a colon.
#[must_use]
pub fn is_address(from: &str) -> bool {
    let scheme = from.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    scheme.len() > 1 && scheme.bytes().all(is_word) && !durable::exists(from.as_ref())
}

/// Brings the files of an address on the platform of a workspace here.
///
/// # Errors
///
/// When there is no such workspace or address, the platform cannot be asked, or there is no room.
pub async fn take(context: &Context, workspace: &WorkspaceName, address: &str) -> Result<Taken> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    if world.workspace(workspace).is_none() {
        return Err(no_workspace(&world, workspace));
    }
    let adapter = engine.adapter(&world, workspace)?;
    let area = engine.scratch_area("taken");
    let scratch = area.and_then(|area| area.create("taken."));
    let scratch = scratch.or_fail(FailureKind::Unavailable)?;
    let foreign = adapter.foreign(address).await;
    let foreign = foreign.map_err(|error| adapter_failure(&error))?;
    let mut told = Vec::new();
    for document in &foreign.told {
        let path = scratch.path().join(format!("{}.json", document.format));
        durable::write_private(&path, &document.bytes).or_fail(FailureKind::Unavailable)?;
        told.push((path, find_format(document.format)));
    }
    context.progress.begin(&format!("taking {address}"), None);
    let saved = save(context, foreign, &scratch).await;
    context.progress.end();
    saved?;
    Ok(Taken { scratch, told })
}

async fn save(context: &Context, foreign: Foreign<'_>, scratch: &Scratch) -> Result<()> {
    let files = foreign.files.map_err(|error| adapter_failure(&error));
    let numbered = files.zip(stream::iter(1_usize..)).map(|(file, count)| {
        let file = file?;
        if count > MAX_FILES {
            let message = format!("there are more than {MAX_FILES} files");
            return Err(Failure::new(FailureKind::Invalid, message));
        }
        Ok(file)
    });
    let save = |(path, bytes): (TreePath, ByteStream)| async move {
        let saved = save_file(scratch, &path, bytes).await;
        let size = saved.map_err(|error| {
            let failure = Failure::of(FailureKind::Unavailable, &error);
            failure.during(format!("`{path}` cannot be brought here"))
        })?;
        context.progress.advance(size);
        Ok(())
    };
    numbered.try_for_each_concurrent(FILES_AT_ONCE, save).await
}

/// Writes a file of the folder. Returns its size in bytes.
async fn save_file(scratch: &Scratch, path: &TreePath, mut bytes: ByteStream) -> io::Result<u64> {
    let mut file = scratch.create_file("files", path)?;
    let (waiter, mut wanted) = wanted();
    let write = move || -> io::Result<u64> {
        let mut size: u64 = 0;
        while let Some(piece) = wanted.next(&mut bytes)? {
            file.write_all(&piece)?;
            size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Ok(size)
    };
    let written = tokio::task::spawn_blocking(write).await;
    drop(waiter);
    written.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_no_paths() {
        for address in [
            "models:/churn/3",
            "runs:/abc/model",
            "s3://b/p",
            "oci:a/b:1",
        ] {
            assert!(is_address(address), "{address}");
        }
        for path in [
            "out/",
            "./models:/churn",
            "/a:b",
            "C:/models",
            "model.onnx",
            "",
        ] {
            assert!(!is_address(path), "{path}");
        }
    }
}
