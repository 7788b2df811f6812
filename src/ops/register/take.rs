//! What others put on a platform is brought here, so that it can be registered like any other folder.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::adapter::foreign::Foreign;
use crate::adapter::pump::wanted;
use crate::adapter::{AdapterError, AdapterErrorKind, ByteStream};
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::fs::scratch::Scratch;
use crate::manifest::foreign::find_format;
use crate::model::digest::{MAX_FILES, TreePath};
use crate::ops::register::RegisterRequest;
use crate::ops::register::failure::{adapter_failure, no_workspace};
use crate::progress::Progress;

/// How many files are written at once.
const FILES_AT_ONCE: usize = 4;
/// The most bytes of all files together: a server may send without an end.
const MAX_BYTES: u64 = 1 << 40;
/// The tag of a version with the address that it was taken from.
const TAKEN_FROM: &str = "taken-from";
/// The folder of the files, below that of what was brought here.
const FILES: &str = "files";

/// What was brought here. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Taken {
    _scratch: Scratch,
    /// The request for it as it is here.
    pub(super) request: RegisterRequest,
}

/// The address on a platform that is to be registered; `None` for a path. It begins with a word and a colon.
fn address(from: &Path) -> Option<&str> {
    let text = from.to_str()?;
    let (scheme, _) = text.split_once(':')?;
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_address = scheme.len() > 1 && scheme.bytes().all(is_word) && !durable::exists(from);
    is_address.then_some(text)
}

/// Brings here what a request names by its address on the platform of the workspace; `None` when it names a path.
///
/// # Errors
///
/// When there is no such workspace or address, the platform cannot be asked, or there is no room.
pub(super) async fn take(context: &Context, request: &RegisterRequest) -> Result<Option<Taken>> {
    let Some(address) = address(&request.from) else {
        return Ok(None);
    };
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    if world.workspace(&request.workspace).is_none() {
        return Err(no_workspace(&world, &request.workspace));
    }
    let adapter = engine.adapter(&world, &request.workspace)?;
    let area = engine.scratch_area("taken");
    let scratch = area.and_then(|area| area.create("taken."));
    let scratch = scratch.or_fail(FailureKind::Unavailable)?;
    let foreign = adapter.foreign(address).await;
    let foreign = foreign.map_err(|error| refused(&error))?;
    let mut request = request.clone();
    for document in &foreign.told {
        let path = scratch.path().join(format!("{}.json", document.format));
        durable::write_private(&path, &document.bytes).or_fail(FailureKind::Unavailable)?;
        let format = find_format(document.format);
        request.told_by.files.push((path, format));
    }
    let address = address.to_owned();
    context.progress.begin(&format!("taking {address}"), None);
    let saved = save(context.progress.as_ref(), foreign, &scratch, MAX_BYTES).await;
    context.progress.end();
    saved?;
    request.from = scratch.path().join(FILES);
    request.tags.insert(TAKEN_FROM.to_owned(), address);
    Ok(Some(Taken {
        _scratch: scratch,
        request,
    }))
}

/// The address is wrong when there is nothing, or nothing that could be taken: asking again does not help.
fn refused(error: &AdapterError) -> Failure {
    match error.kind {
        AdapterErrorKind::NotFound | AdapterErrorKind::Unsupported => {
            Failure::of(FailureKind::Invalid, error)
        }
        AdapterErrorKind::AlreadyExists
        | AdapterErrorKind::Precondition
        | AdapterErrorKind::PermissionDenied
        | AdapterErrorKind::RateLimited
        | AdapterErrorKind::Corrupt
        | AdapterErrorKind::Unexpected => adapter_failure(error),
    }
}

/// Writes all files, of at most `limit` bytes together.
async fn save(
    progress: &dyn Progress,
    foreign: Foreign<'_>,
    scratch: &Scratch,
    limit: u64,
) -> Result<()> {
    let left = Arc::new(AtomicU64::new(limit));
    let files = foreign.files.map_err(|error| adapter_failure(&error));
    let numbered = files.zip(stream::iter(1_usize..)).map(|(file, count)| {
        let file = file?;
        if count > MAX_FILES {
            let message = format!("there are more than {MAX_FILES} files");
            return Err(Failure::new(FailureKind::Invalid, message));
        }
        Ok(file)
    });
    let save = |(path, bytes): (TreePath, ByteStream)| {
        let left = Arc::clone(&left);
        async move {
            let saved = save_file(scratch, &path, bytes, left).await;
            let size = saved.map_err(|error| {
                let failure = Failure::of(FailureKind::Unavailable, &error);
                failure.during(format!("`{path}` cannot be brought here"))
            })?;
            progress.advance(size);
            Ok(())
        }
    };
    numbered.try_for_each_concurrent(FILES_AT_ONCE, save).await
}

/// Writes a file of the folder, as long as bytes are left. Returns its size in bytes.
async fn save_file(
    scratch: &Scratch,
    path: &TreePath,
    mut bytes: ByteStream,
    left: Arc<AtomicU64>,
) -> io::Result<u64> {
    let mut file = scratch.create_file(FILES, path)?;
    let (waiter, mut wanted) = wanted();
    let write = move || -> io::Result<u64> {
        let mut size: u64 = 0;
        while let Some(piece) = wanted.next(&mut bytes)? {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            let less = |left: u64| left.checked_sub(length);
            if left.fetch_update(Relaxed, Relaxed, less).is_err() {
                return Err(io::Error::other("all files together are too long"));
            }
            file.write_all(&piece)?;
            size = size.saturating_add(length);
        }
        Ok(size)
    };
    let written = tokio::task::spawn_blocking(write).await;
    drop(waiter);
    written.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::fs::scratch::ScratchArea;
    use crate::progress::Silent;

    #[test]
    fn addresses_are_no_paths() {
        for text in [
            "models:/churn/3",
            "runs:/abc/model",
            "s3://b/p",
            "oci:a/b:1",
        ] {
            assert_eq!(address(Path::new(text)), Some(text));
        }
        for path in [
            "out/",
            "./models:/churn",
            "/a:b",
            "C:/models",
            "model.onnx",
            "",
        ] {
            assert_eq!(address(Path::new(path)), None, "{path}");
        }
    }

    /// So many files without an end, each piece of a kibibyte.
    fn endless(names: &[&str]) -> Foreign<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let file = |name: String| {
            let bytes = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1024]))).boxed();
            Ok((name.parse().unwrap(), bytes))
        };
        Foreign {
            files: stream::iter(names.into_iter().map(file)).boxed(),
            told: Vec::new(),
        }
    }

    /// Why at most 10 KiB of endless files are not taken, with the folder that they went to.
    async fn refused(names: &[&str]) -> (String, Scratch, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let scratch = ScratchArea::open(directory.path()).unwrap();
        let scratch = scratch.create("taken.").unwrap();
        let saved = save(&Silent, endless(names), &scratch, 10 * 1024).await;
        (saved.unwrap_err().to_string(), scratch, directory)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_sends_without_an_end_is_cut_off() {
        let (error, scratch, _directory) = refused(&["a", "b"]).await;
        assert!(error.contains("cannot be brought here"), "{error}");
        let written = |name: &str| {
            let path = scratch.path().join(FILES).join(name);
            durable::read_bounded(&path, 1 << 20)
                .unwrap_or_default()
                .len()
        };
        assert!(written("a") + written("b") <= 10 * 1024);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_that_comes_twice_is_refused() {
        let (error, ..) = refused(&["a", "a"]).await;
        assert!(error.contains("`a` cannot be brought here"), "{error}");
    }
}
