//! Writing a version: build it aside, make it durable, let it appear.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Mode;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::admit::admit;
use crate::adapter::directory::{DirectoryAdapter, layout, record};
use crate::adapter::pump::{Wanted, wanted};
use crate::adapter::record_file;
use crate::adapter::{
    AdapterError, AdapterErrorKind, ByteStream, Content, ErrorStatus, Record, Result, Written,
};
use crate::flow::permit::FlowPermit;
use crate::fs::beneath::{self, Parents};
use crate::fs::durable::{self, WriteBack};
use crate::fs::scratch::{Scratch, ScratchArea};
use crate::fs::tree::{self, TreeError};
use crate::model::digest::{FileRecord, Sha256};

/// Files are read-only for everybody; folders are as usual.
const FILE_MODE: Mode = Mode::from_raw_mode(0o444);
/// Up to so many files each has its own `fsync`; beyond, one call for the file system is faster.
const SYNC_EACH: usize = 64;

/// A version that is being built. What was taken from its owner and has not become a version goes back when this is
/// dropped, so that the write can be tried again.
#[derive(Debug)]
struct Build {
    scratch: Scratch,
    taken_from: Option<PathBuf>,
}

impl Build {
    fn content(&self) -> PathBuf {
        self.scratch.path().join(layout::CONTENT)
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        if let Some(owner) = &self.taken_from {
            // After success the content has left the folder, and there is nothing to move.
            drop(durable::rename_noreplace(&self.content(), owner));
        }
    }
}

pub(super) async fn write(
    adapter: &DirectoryAdapter,
    permit: &FlowPermit,
    record: &Record,
    content: &dyn Content,
) -> Result<Written> {
    admit(adapter.workspace.as_str(), permit, record)?;
    let record = Arc::new(record.clone());
    let (waiter, wanted) = wanted();
    let (known, tree) = (Arc::clone(&record), content.movable_tree());
    let begun = adapter.blocking("write", move |adapter| begin(adapter, &known, tree));
    let Some(build) = begun.await? else {
        return Ok(Written::Unchanged);
    };
    let build = match build.taken_from {
        Some(_) => build,
        None => copy(adapter, build, &record, content, &wanted).await?,
    };
    let finish = move |adapter: &DirectoryAdapter| finish(adapter, &build, &record, &wanted);
    let result = adapter.blocking("write", finish).await;
    drop(waiter);
    result
}

/// Whether the version is there already: the same, another, or not. The same may have come from a writer who has not
/// yet made its name durable.
fn existing(adapter: &DirectoryAdapter, record: &Record) -> Result<Option<Written>> {
    match record::load(adapter, "write", &record.version)? {
        None => Ok(None),
        Some(held) if held.digest == record.digest => {
            let parent = adapter
                .root
                .join(layout::artifact(&record.version.artifact));
            durable::sync_dir(&parent).map_err(|error| adapter.failed("write", &parent, error))?;
            Ok(Some(Written::Unchanged))
        }
        Some(held) => {
            let message = format!(
                "`{}` is there with digest `{}`",
                record.version, held.digest
            );
            Err(adapter.error(AdapterErrorKind::AlreadyExists, "write", message))
        }
    }
}

/// A fresh folder to build in; `None` when the version is there already. A tree that was given away is moved in.
fn begin(
    adapter: &DirectoryAdapter,
    record: &Record,
    tree: Option<PathBuf>,
) -> Result<Option<Build>> {
    if existing(adapter, record)?.is_some() {
        return Ok(None);
    }
    let work = adapter.root.join(layout::WORK);
    let made = durable::create_dir_all_durable(&adapter.root)
        .and_then(|()| durable::create_dir_all(&work))
        .and_then(|()| ScratchArea::open(&work.join("tmp")))
        .and_then(|area| area.create("write."));
    let scratch = made.map_err(|error| adapter.failed("write", &work, error))?;
    let mut build = Build {
        scratch,
        taken_from: None,
    };
    if let Some(tree) = tree {
        match durable::rename_noreplace(&tree, &build.content()) {
            Ok(()) => build.taken_from = Some(tree),
            // On another file system it has to be copied.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            Err(error) => return Err(not_taken(adapter, &tree, error)),
        }
    }
    Ok(Some(build))
}

/// A tree that is not there may still be with an attempt that was given up and is about to put it back.
fn not_taken(adapter: &DirectoryAdapter, tree: &Path, error: io::Error) -> AdapterError {
    let is_away = error.kind() == io::ErrorKind::NotFound;
    let failed = adapter.failed("write", tree, error);
    AdapterError {
        kind: AdapterErrorKind::Unexpected,
        status: if is_away {
            ErrorStatus::Temporary
        } else {
            failed.status
        },
        ..failed
    }
}

/// Copies all files into the folder, local ones within the kernel, others as they stream in.
///
/// The thread that works has the build: were it removed when this future is dropped, the thread could make its folder
/// once more.
async fn copy(
    adapter: &DirectoryAdapter,
    mut build: Build,
    record: &Record,
    content: &dyn Content,
    wanted: &Wanted,
) -> Result<Build> {
    let root = build.content();
    let mut local = Vec::new();
    for file in record.files.records() {
        let target = root.join(file.path.as_str());
        if let Some(source) = content.local_path(&file.path) {
            local.push((source, target, file.clone()));
            continue;
        }
        let stream = content
            .open(&file.path)
            .await
            .map_err(|error| adapter.failed("write", &target, error))?;
        let (file, mut wanted) = (file.clone(), wanted.clone());
        let work = move |adapter: &DirectoryAdapter| {
            write_stream(stream, &target, &file, &mut wanted)
                .map_err(|error| adapter.failed("write", &target, error))?;
            Ok(build)
        };
        build = adapter.blocking("write", work).await?;
    }
    let wanted = wanted.clone();
    let work = move |adapter: &DirectoryAdapter| {
        for (source, target, file) in local {
            copy_file(&source, &target, &file, &wanted)
                .map_err(|error| adapter.failed("write", &target, error))?;
        }
        Ok(build)
    };
    adapter.blocking("write", work).await
}

fn create(target: &Path) -> io::Result<File> {
    if let Some(parent) = target.parent() {
        durable::create_dir_all(parent)?;
    }
    File::options().write(true).create_new(true).open(target)
}

fn copy_file(source: &Path, target: &Path, file: &FileRecord, wanted: &Wanted) -> io::Result<()> {
    wanted.check()?;
    let source = beneath::open_file(source)?;
    let copied = durable::copy_reflink_or_bytes(&source, &create(target)?, &|| wanted.is_wanted())?;
    check_length(copied, file.size)
}

fn write_stream(
    mut stream: ByteStream,
    target: &Path,
    file: &FileRecord,
    wanted: &mut Wanted,
) -> io::Result<()> {
    let mut output = create(target)?;
    let mut write_back = WriteBack::default();
    let mut hasher = Hasher::new();
    let mut written: u64 = 0;
    while let Some(chunk) = wanted.next(&mut stream)? {
        written = written.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if written > file.size {
            break;
        }
        hasher.update(&chunk);
        output.write_all(&chunk)?;
        write_back.advance(&output, written);
    }
    check_length(written, file.size)?;
    if Sha256::from_bytes(hasher.finalize().into()) != file.sha256 {
        let message = "the bytes do not have the recorded hash";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(())
}

fn check_length(found: u64, expected: u64) -> io::Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!("the bytes are not the {expected} that were recorded");
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

/// Makes what was built durable and lets it appear.
fn finish(
    adapter: &DirectoryAdapter,
    build: &Build,
    record: &Record,
    wanted: &Wanted,
) -> Result<Written> {
    let folder = build.scratch.path();
    let failed = |error| adapter.failed("write", folder, error);
    check_names(adapter, &build.content(), record)?;
    let encoded = record_file::encode(record::FORMAT, record);
    let sealed = encoded.and_then(|bytes| seal(folder, record, &bytes));
    sealed.map_err(failed)?;
    wanted.check().map_err(failed)?;
    let target = adapter.root.join(layout::version(&record.version));
    let parent = adapter
        .root
        .join(layout::artifact(&record.version.artifact));
    let moved = durable::create_dir_all_durable(&parent)
        .and_then(|()| durable::rename_noreplace(folder, &target));
    match moved {
        Ok(()) => durable::sync_dir(&parent)
            .map(|()| Written::Created)
            .map_err(|error| adapter.failed("write", &parent, error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Another writer was faster.
            match existing(adapter, record)? {
                Some(written) => Ok(written),
                None => Err(adapter.failed("write", &target, error)),
            }
        }
        Err(error) => Err(adapter.failed("write", &target, error)),
    }
}

/// Checks that the folder holds the files of the record and no others. What their bytes are, reading back proves.
fn check_names(adapter: &DirectoryAdapter, content: &Path, record: &Record) -> Result<()> {
    let found = tree::list_sizes(content).map_err(|error| {
        // A disk that cannot be read says nothing about what is on it.
        if let TreeError::Read { path, source } = error {
            return adapter.failed("write", &content.join(path), source);
        }
        let message = format!("`{}`: {error}", content.display());
        adapter
            .error(AdapterErrorKind::Corrupt, "write", message)
            .caused_by(error)
    })?;
    let expected = record.files.records().iter();
    let expected = expected.map(|file| (&file.path, file.size));
    if found.iter().map(|(path, size)| (path, *size)).eq(expected) {
        return Ok(());
    }
    let message = format!("the bytes are not the files of `{}`", record.version);
    Err(adapter.error(AdapterErrorKind::Corrupt, "write", message))
}

/// Makes files read-only, writes the record, and makes everything durable.
fn seal(folder: &Path, record: &Record, record_bytes: &[u8]) -> io::Result<()> {
    let files = record.files.records();
    let syncs_each = files.len() <= SYNC_EACH;
    let root = beneath::open_directory(&folder.join(layout::CONTENT))?;
    let mut parents = Parents::new(root.as_fd());
    for file in files {
        let file = parents.open_file(file.path.as_str())?;
        rustix::fs::fchmod(&file, FILE_MODE)?;
        if syncs_each {
            file.sync_all()?;
        }
    }
    let mut written = create(&folder.join(layout::RECORD))?;
    written.write_all(record_bytes)?;
    rustix::fs::fchmod(&written, FILE_MODE)?;
    if !syncs_each {
        return durable::sync_file_system(&written);
    }
    written.sync_all()?;
    for path in folders(record) {
        durable::sync_dir(&folder.join(layout::CONTENT).join(path))?;
    }
    durable::sync_dir(folder)
}

/// All folders of the tree, itself among them as the empty path.
fn folders(record: &Record) -> BTreeSet<PathBuf> {
    let files = record.files.records().iter();
    let above = files.flat_map(|file| Path::new(file.path.as_str()).ancestors().skip(1));
    above.map(Path::to_owned).collect()
}
