//! Hashing found files on all processors.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256 as Hasher};

use crate::fs::beneath::{Parents, Stamp};
use crate::fs::cache::DigestCache;
use crate::fs::tree::{Options, Progress, TreeError};
use crate::fs::walk::Found;
use crate::model::digest::Sha256;

/// How much is read at once, in bytes. It stays in the processor's cache between reading and hashing; more is not faster.
const BUFFER_BYTES: usize = 256 * 1024;
/// Files from this size on are started first, so that no thread is left alone with the largest one at the end.
const LARGE_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Below this many bytes in all, starting threads costs more than they save.
const PARALLEL_FROM_BYTES: u64 = 1024 * 1024;

/// What the threads share: which file is next, and what came out.
struct Work<'a> {
    root: BorrowedFd<'a>,
    found: &'a [Found],
    order: &'a [usize],
    next: AtomicUsize,
    problem: Mutex<Option<TreeError>>,
    options: &'a Options<'a>,
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
    let work = Work {
        root,
        found,
        order: &order,
        next: AtomicUsize::new(0),
        problem: Mutex::new(None),
        options,
    };
    let threads = thread_count(options.threads).min(order.len()).max(1);
    let done = if threads == 1 || bytes < PARALLEL_FROM_BYTES {
        vec![work.run()]
    } else {
        match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.broadcast(|_| work.run()),
            // Where no thread can be started, this one does it alone.
            Err(_) => vec![work.run()],
        }
    };
    if let Some(problem) = work
        .problem
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        return Err(problem);
    }
    for (index, hash) in done.into_iter().flatten() {
        if let Some(place) = hashes.get_mut(index) {
            *place = Some(hash);
        }
    }
    Ok(hashes.into_iter().flatten().collect())
}

fn known(file: &Found, options: &Options<'_>) -> Option<Sha256> {
    let hash = options.cache?.get(&file.stamp)?;
    if let Some(progress) = options.progress {
        progress.advance(file.stamp.size);
    }
    Some(hash)
}

fn thread_count(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        wanted => wanted,
    }
}

impl Work<'_> {
    /// Takes files until none are left. Goes on after a problem, so that the first by path is the one reported.
    fn run(&self) -> Vec<(usize, Sha256)> {
        let mut parents = Parents::new(self.root);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut done = Vec::new();
        loop {
            let position = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(index) = self.order.get(position) else {
                return done;
            };
            let Some(file) = self.found.get(*index) else {
                return done;
            };
            match self.hash(&mut parents, &mut buffer, file) {
                Ok(hash) => done.push((*index, hash)),
                Err(problem) => self.note(problem),
            }
        }
    }

    fn hash(
        &self,
        parents: &mut Parents<'_>,
        buffer: &mut [u8],
        found: &Found,
    ) -> Result<Sha256, TreeError> {
        let path = found.path.as_str();
        let failed = |source| TreeError::read(path, source);
        let changed = || TreeError::Changed {
            path: path.to_owned(),
        };
        let started = self.options.cache.map(DigestCache::now);
        let file = parents.open_file(path).map_err(failed)?;
        if Stamp::of_file(&file).map_err(failed)? != found.stamp {
            return Err(changed());
        }
        let hash = hash_file(&file, found.stamp.size, buffer, self.options.progress)
            .map_err(failed)?
            .ok_or_else(changed)?;
        if Stamp::of_file(&file).map_err(failed)? != found.stamp {
            return Err(changed());
        }
        if let (Some(cache), Some(started)) = (self.options.cache, started) {
            cache.insert(&found.stamp, hash, started);
        }
        Ok(hash)
    }

    fn note(&self, problem: TreeError) {
        let mut first = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if first
            .as_ref()
            .is_none_or(|first| problem.path() < first.path())
        {
            *first = Some(problem);
        }
    }
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
