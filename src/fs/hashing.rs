//! Looking at files and hashing them, on all processors.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256 as Hasher};

use crate::fs::beneath::{Parents, Stamp};
use crate::fs::cache::DigestCache;
use crate::fs::tree::{Options, Progress, TreeError};
use crate::model::digest::{Sha256, TreePath};

/// How much is read at once, in bytes. It stays in the processor's cache between reading and hashing; more is not
/// faster.
const BUFFER_BYTES: usize = 256 * 1024;
/// Files from this size on are started first, so that no thread is left alone with the largest one at the end.
const LARGE_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Below this many bytes in all, starting threads costs more than they save.
const PARALLEL_FROM_BYTES: u64 = 1024 * 1024;
/// Below this many files, starting threads to look at them costs more than they save.
const PARALLEL_FROM_FILES: usize = 256;

/// A regular file as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it is in the tree.
    pub(crate) path: TreePath,
    /// What it looked like.
    pub(crate) stamp: Stamp,
}

/// What one thread keeps from file to file.
pub(crate) struct Worker<'a> {
    parents: Parents<'a>,
    buffer: Vec<u8>,
}

/// The stamps of files, in their order.
pub(crate) fn look_at(
    root: BorrowedFd<'_>,
    paths: Vec<TreePath>,
    threads: usize,
) -> Result<Vec<Found>, TreeError> {
    let order: Vec<usize> = (0..paths.len()).collect();
    let threads = match threads {
        threads if paths.len() >= PARALLEL_FROM_FILES => threads,
        _ => 1,
    };
    let mut stamps = on_threads(threads, root, &order, |worker, index| {
        let path = paths.get(index).map_or("", TreePath::as_str);
        match worker.parents.stamp(path) {
            Ok(Ok(stamp)) => Ok(stamp),
            Ok(Err(other)) => Err(TreeError::not_a_file(path, other)),
            Err(source) => Err(TreeError::read(path, source)),
        }
    })?;
    stamps.sort_unstable_by_key(|(index, _)| *index);
    let found = paths.into_iter().zip(stamps);
    Ok(found
        .map(|(path, (_, stamp))| Found { path, stamp })
        .collect())
}

/// The hashes of all files, in their order.
pub(crate) fn hash_all(
    root: BorrowedFd<'_>,
    found: &[Found],
    options: &Options<'_>,
) -> Result<Vec<Sha256>, TreeError> {
    let mut hashes: Vec<Option<Sha256>> = found.iter().map(|file| known(file, options)).collect();
    let missing = |(index, hash): (usize, &Option<Sha256>)| hash.is_none().then_some(index);
    let mut order: Vec<usize> = hashes.iter().enumerate().filter_map(missing).collect();
    let size = |index: &usize| found.get(*index).map_or(0, |file| file.stamp.size);
    order.sort_by_key(|index| {
        let size = size(index);
        std::cmp::Reverse(if size >= LARGE_FILE_BYTES { size } else { 0 })
    });
    let bytes: u64 = order.iter().map(size).sum();
    let threads = match bytes {
        bytes if bytes >= PARALLEL_FROM_BYTES => thread_count(options.threads),
        _ => 1,
    };
    let hashed = on_threads(threads, root, &order, |worker, index| {
        let file = found.get(index).ok_or(TreeError::TooMany)?;
        hash_found(worker, file, options)
    })?;
    for (index, hash) in hashed {
        if let Some(place) = hashes.get_mut(index) {
            *place = Some(hash);
        }
    }
    Ok(hashes.into_iter().flatten().collect())
}

/// How many threads there are to be.
pub(crate) fn thread_count(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        wanted => wanted,
    }
}

fn known(file: &Found, options: &Options<'_>) -> Option<Sha256> {
    let hash = options.cache?.get(&file.stamp)?;
    if let Some(progress) = options.progress {
        progress.advance(file.stamp.size);
    }
    Some(hash)
}

/// Does the task for each number of `order`, handing them out one by one. Goes on after a problem, so that the first
/// by path is the one reported.
pub(crate) fn on_threads<T: Send>(
    threads: usize,
    root: BorrowedFd<'_>,
    order: &[usize],
    task: impl Fn(&mut Worker<'_>, usize) -> Result<T, TreeError> + Sync,
) -> Result<Vec<(usize, T)>, TreeError> {
    let next = AtomicUsize::new(0);
    let problem = Mutex::new(None);
    let work = || {
        let mut worker = Worker {
            parents: Parents::new(root),
            buffer: Vec::new(),
        };
        let mut done = Vec::new();
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            match task(&mut worker, *index) {
                Ok(value) => done.push((*index, value)),
                Err(found) => note(&problem, found),
            }
        }
        done
    };
    let threads = threads.min(order.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let done = match (threads > 1).then(|| pool.build()) {
        Some(Ok(pool)) => pool.broadcast(|_| work()),
        // Where no thread can be started, this one does it alone.
        Some(Err(_)) | None => vec![work()],
    };
    match problem.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(problem) => Err(problem),
        None => Ok(done.into_iter().flatten().collect()),
    }
}

fn note(problem: &Mutex<Option<TreeError>>, found: TreeError) {
    let mut first = problem.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = first
        .as_ref()
        .is_none_or(|first| found.path() < first.path());
    if is_first {
        *first = Some(found);
    }
}

fn hash_found(
    worker: &mut Worker<'_>,
    found: &Found,
    options: &Options<'_>,
) -> Result<Sha256, TreeError> {
    let path = found.path.as_str();
    let failed = |source| TreeError::read(path, source);
    let changed = || TreeError::Changed {
        path: path.to_owned(),
    };
    let started = options.cache.map(DigestCache::now);
    let file = worker.parents.open_file(path).map_err(failed)?;
    if Stamp::of_file(&file).map_err(failed)? != found.stamp {
        return Err(changed());
    }
    worker.buffer.resize(BUFFER_BYTES, 0);
    let size = found.stamp.size;
    let hash = hash_file(&file, size, &mut worker.buffer, options.progress);
    let hash = hash.map_err(failed)?.ok_or_else(changed)?;
    if Stamp::of_file(&file).map_err(failed)? != found.stamp {
        return Err(changed());
    }
    if let (Some(cache), Some(started)) = (options.cache, started) {
        cache.insert(&found.stamp, hash, started);
    }
    Ok(hash)
}

/// Hashes exactly `size` bytes; `None` when the file ends before. Whether it grew, its stamp tells for less than
/// another read does.
fn hash_file(
    mut file: &File,
    size: u64,
    buffer: &mut [u8],
    progress: Option<&dyn Progress>,
) -> io::Result<Option<Sha256>> {
    let mut hasher = Hasher::new();
    let mut left = size;
    while left > 0 {
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = match file.read(buffer.get_mut(..wanted).unwrap_or_default()) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..count).unwrap_or_default());
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        left = left.saturating_sub(count);
        if let Some(progress) = progress {
            progress.advance(count);
        }
    }
    Ok(Some(Sha256::from_bytes(hasher.finalize().into())))
}
