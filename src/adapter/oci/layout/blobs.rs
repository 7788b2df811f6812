//! The files of a layout: each is named by its hash, and appears whole.

use std::fs::File;
use std::io;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::ByteStream;
use crate::adapter::oci::document::Blob;
use crate::adapter::pump::Wanted;
use crate::fs::beneath;
use crate::fs::durable::{self, WriteBack};
use crate::fs::scratch::Scratch;
use crate::model::digest::Sha256;

/// Where blobs are.
pub(in crate::adapter::oci) const FOLDER: &str = "blobs/sha256";
/// The most blobs of one layout.
const MAX_BLOBS: usize = 2_000_000;
/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// The path of a blob below the layout.
fn inner(sha256: Sha256) -> String {
    format!("{FOLDER}/{sha256}")
}

/// Opens a blob, following no link.
pub(super) fn open(root: &Path, sha256: Sha256) -> io::Result<File> {
    let root = beneath::open_directory(root)?;
    beneath::open_file_beneath(root.as_fd(), &inner(sha256))
}

/// The bytes of a short blob.
pub(super) fn read(root: &Path, sha256: Sha256, limit: usize) -> io::Result<Vec<u8>> {
    durable::read_file_bounded(&open(root, sha256)?, limit)
}

/// Whether a blob is there with the bytes of its name: a power cut may have left others under it.
pub(super) fn has(root: &Path, blob: Blob, wanted: &Wanted) -> io::Result<bool> {
    let mut file = match open(root, blob.sha256) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() != blob.size {
        return Ok(false);
    }
    let mut hasher = Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        wanted.check()?;
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        hasher.update(piece.get(..length).unwrap_or_default());
    }
    Ok(Sha256::from_bytes(hasher.finalize().into()) == blob.sha256)
}

/// A new file in the scratch folder, for a blob. Two tasks may write the same blob at once.
fn create(scratch: &Scratch, sha256: Sha256) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = scratch.path().join(format!("{sha256}.{number}"));
    let file = File::options().write(true).create_new(true).open(&path)?;
    Ok((file, path))
}

/// Lets a blob appear.
fn publish(root: &Path, path: &Path, sha256: Sha256) -> io::Result<()> {
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o444))?;
    durable::create_dir_all(&root.join(FOLDER))?;
    durable::rename(path, &root.join(inner(sha256)))
}

/// Keeps bytes of memory.
pub(super) fn write(root: &Path, scratch: &Scratch, bytes: &[u8]) -> io::Result<()> {
    let sha256 = Sha256::of(bytes);
    let (mut file, path) = create(scratch, sha256)?;
    file.write_all(bytes)?;
    publish(root, &path, sha256)
}

/// Keeps what streams in, which has been compared with its hash.
pub(super) fn write_stream(
    root: &Path,
    scratch: &Scratch,
    blob: Blob,
    mut stream: ByteStream,
    mut wanted: Wanted,
) -> io::Result<()> {
    let (mut file, path) = create(scratch, blob.sha256)?;
    let mut write_back = WriteBack::default();
    let mut written: u64 = 0;
    while let Some(piece) = wanted.next(&mut stream)? {
        file.write_all(&piece)?;
        written = written.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        write_back.advance(&file, written);
    }
    publish(root, &path, blob.sha256)
}

/// Keeps a file that nobody else writes to. Reading back is what proves its bytes.
pub(super) fn copy(
    root: &Path,
    scratch: &Scratch,
    blob: Blob,
    from: &Path,
    wanted: &Wanted,
) -> io::Result<()> {
    let source = beneath::open_file(from)?;
    let (file, path) = create(scratch, blob.sha256)?;
    let copied = durable::copy_reflink_or_bytes(&source, &file, &|| wanted.is_wanted())?;
    if copied != blob.size {
        let message = format!("the bytes are not the {} that were recorded", blob.size);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    publish(root, &path, blob.sha256)
}

/// All blobs that there are, with their lengths; names that are no hash are passed over.
pub(super) fn all(root: &Path) -> io::Result<Vec<Blob>> {
    let names = match durable::read_dir_names(&root.join(FOLDER), MAX_BLOBS) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut blobs = Vec::new();
    for sha256 in names.iter().filter_map(|name| name.parse().ok()) {
        let size = open(root, sha256).and_then(|file| file.metadata());
        // What cannot be opened is told when it is read.
        let size = size.map_or(0, |metadata| metadata.len());
        blobs.push(Blob { sha256, size });
    }
    Ok(blobs)
}
