//! The digest of files on disk: find them, hash them on all processors, notice when they change meanwhile.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType};

use crate::fs::beneath::{Stamp, open_directory};
use crate::fs::cache::DigestCache;
use crate::fs::hashing::{Found, hash_all, look_at, thread_count};
pub use crate::fs::tree_error::TreeError;
use crate::fs::walk::walk;
use crate::model::digest::{FileList, FileRecord, TreePath};
use crate::redact::printable;

/// Is told how far the hashing is. Called from several threads.
pub trait Progress: Sync {
    /// How many bytes there are in all. Called once, first.
    fn begin(&self, total: u64);

    /// That so many more bytes are done.
    fn advance(&self, bytes: u64);
}

/// How to hash a tree.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Where digests of unchanged files are remembered.
    pub cache: Option<&'a DigestCache>,
    /// How many threads hash; 0 for as many as there are processors.
    pub threads: usize,
    /// Who is told how far it is.
    pub progress: Option<&'a dyn Progress>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("Options");
        fields.field("cache", &self.cache.is_some());
        fields
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Hashes all files of a directory, or one file, which is a tree of one under its own name.
///
/// Follows no symbolic link and holds no more than a buffer for each thread. Takes as long as SHA-256 needs on all
/// processors; blocks, so call it where that is allowed.
///
/// # Errors
///
/// When the tree holds what an artifact cannot hold, when a file changes meanwhile, or when something cannot be read.
pub fn hash_tree(root: &Path, options: &Options<'_>) -> Result<FileList, TreeError> {
    let (directory, found) = find(root, options.threads)?;
    if let Some(progress) = options.progress {
        progress.begin(found.iter().map(|file| file.stamp.size).sum());
    }
    let hashes = hash_all(directory.as_fd(), &found, options)?;
    let records = found.into_iter().zip(hashes);
    let records = records.map(|(file, sha256)| FileRecord {
        path: file.path,
        size: file.stamp.size,
        sha256,
    });
    Ok(FileList::new(records.collect())?)
}

/// The paths and sizes of all files of a directory, sorted, without reading them. Refuses what [`hash_tree`] refuses.
///
/// # Errors
///
/// When the tree holds what an artifact cannot hold or cannot be read.
pub fn list_sizes(root: &Path) -> Result<Vec<(TreePath, u64)>, TreeError> {
    let (_, found) = find(root, 0)?;
    let sizes = found.into_iter().map(|file| (file.path, file.stamp.size));
    Ok(sizes.collect())
}

/// The folder that paths are relative to, and the files in it.
fn find(root: &Path, threads: usize) -> Result<(OwnedFd, Vec<Found>), TreeError> {
    let shown = root.to_string_lossy();
    let failed = |source: io::Error| TreeError::read(&shown, source);
    let stat = rustix::fs::statat(CWD, root, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| failed(errno.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let directory = open_directory(root).map_err(failed)?;
            // The root itself may have been swapped for a link between the two calls.
            let opened = rustix::fs::fstat(&directory).map_err(|errno| failed(errno.into()))?;
            if (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino) {
                return Err(TreeError::Changed {
                    path: printable(&shown),
                });
            }
            let threads = thread_count(threads);
            let paths = walk(directory.as_fd(), threads)?;
            let found = look_at(directory.as_fd(), paths, threads)?;
            Ok((directory, found))
        }
        FileType::RegularFile => {
            let name = root.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| TreeError::NotUtf8 {
                path: printable(&shown),
            })?;
            let parent = root
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let parent =
                open_directory(parent.unwrap_or_else(|| Path::new("."))).map_err(failed)?;
            let found = Found {
                path: name.parse()?,
                stamp: Stamp::of(&stat),
            };
            Ok((parent, vec![found]))
        }
        other => Err(TreeError::not_a_file(&shown, other)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::clock::{Clock as _, ManualClock, SystemClock};

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        directory
    }

    fn refusal(root: &Path) -> String {
        hash_tree(root, &Options::default())
            .unwrap_err()
            .to_string()
    }

    #[derive(Default)]
    struct Counted {
        total: AtomicU64,
        done: AtomicU64,
    }

    impl Progress for Counted {
        fn begin(&self, total: u64) {
            self.total.store(total, Ordering::SeqCst);
        }

        fn advance(&self, bytes: u64) {
            self.done.fetch_add(bytes, Ordering::SeqCst);
        }
    }

    #[test]
    fn coreutils_compute_the_same_digest() {
        let large = vec![3; 2_000_000];
        let files: &[(&str, &[u8])] = &[
            ("b/x", b"1"),
            ("b.c", b""),
            ("ü/ö ä", b"2"),
            ("large", &large),
            ("B/y", b"3"),
        ];
        let directory = tree(files);
        let progress = Counted::default();
        let options = Options {
            progress: Some(&progress),
            threads: 3,
            ..Options::default()
        };
        let list = hash_tree(directory.path(), &options).unwrap();
        let script =
            "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(directory.path())
            .output()
            .unwrap();
        let expected = String::from_utf8(output.stdout).unwrap();
        assert_eq!(format!("{}  -\n", list.digest().sha256()), expected);
        assert_eq!(progress.total.into_inner(), 2_000_003);
        assert_eq!(progress.done.into_inner(), 2_000_003);
    }

    #[test]
    fn a_file_is_a_tree_of_one() {
        let directory = tree(&[("model.onnx", b"x")]);
        let one = hash_tree(&directory.path().join("model.onnx"), &Options::default()).unwrap();
        let all = hash_tree(directory.path(), &Options::default()).unwrap();
        assert_eq!(one, all);
    }

    #[test]
    fn what_is_no_file_is_refused_and_the_first_path_is_named() {
        let directory = tree(&[("m/a", b""), ("z/a", b"")]);
        let path = |name: &str| directory.path().join(name);
        assert!(
            Command::new("mkfifo")
                .arg(path("z/pipe"))
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(
            refusal(directory.path()),
            "`z/pipe` is a named pipe, which cannot be part of an artifact"
        );
        let _socket = std::os::unix::net::UnixListener::bind(path("y")).unwrap();
        assert_eq!(
            refusal(directory.path()),
            "`y` is a socket, which cannot be part of an artifact"
        );
        std::os::unix::fs::symlink("a", path("m/link")).unwrap();
        let message = "`m/link` is a symbolic link, which cannot be part of an artifact; replace it by what it points to";
        assert_eq!(refusal(directory.path()), message);
        std::fs::write(path("c\nd"), "").unwrap();
        std::fs::write(
            directory.path().join(std::ffi::OsStr::from_bytes(b"b\xff")),
            "",
        )
        .unwrap();
        assert_eq!(
            refusal(directory.path()),
            "`b\u{fffd}` has a name that is not UTF-8"
        );
        std::fs::create_dir(path(".git")).unwrap();
        assert_eq!(
            refusal(directory.path()),
            "`.git` cannot be part of an artifact: a top-level `.git` would be read as a repository"
        );
    }

    #[test]
    fn a_root_that_is_a_link_is_refused_and_hard_links_are_not() {
        let directory = tree(&[("tree/a", b"x")]);
        let root = directory.path().join("tree");
        std::os::unix::fs::symlink(&root, directory.path().join("link")).unwrap();
        assert!(matches!(
            hash_tree(&directory.path().join("link"), &Options::default()),
            Err(TreeError::Symlink { .. })
        ));
        std::fs::hard_link(root.join("a"), root.join("b")).unwrap();
        assert_eq!(
            hash_tree(&root, &Options::default())
                .unwrap()
                .records()
                .len(),
            2
        );
    }

    #[test]
    fn depth_is_bounded_and_empty_is_refused() {
        let deep = format!("{}file", "d/".repeat(64));
        let directory = tree(&[(&deep, b"")]);
        assert!(matches!(
            hash_tree(directory.path(), &Options::default()),
            Err(TreeError::TooDeep { .. })
        ));
        let fits = tree(&[(deep.strip_prefix("d/").unwrap(), b"")]);
        assert!(hash_tree(fits.path(), &Options::default()).is_ok());
        let empty = tree(&[]);
        assert_eq!(refusal(empty.path()), "there are no files");
        assert!(matches!(
            hash_tree(&empty.path().join("missing"), &Options::default()),
            Err(TreeError::Read { .. })
        ));
    }

    #[test]
    fn a_file_that_changes_while_it_is_hashed_is_an_error() {
        struct Writer(std::path::PathBuf);
        impl Progress for Writer {
            fn begin(&self, _: u64) {}
            fn advance(&self, _: u64) {
                // Neither the length nor, on its own, the time need differ: any write moves the time of change.
                let file = std::fs::File::options().write(true).open(&self.0).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            }
        }
        let directory = tree(&[("a", b"x")]);
        let writer = Writer(directory.path().join("a"));
        let options = Options {
            progress: Some(&writer),
            ..Options::default()
        };
        let error = hash_tree(directory.path(), &options).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a` changed while it was read; try again when nothing writes to it"
        );
    }

    #[test]
    fn the_cache_serves_only_what_has_settled() {
        let directory = tree(&[("a", b"x"), ("b", b"y")]);
        let store = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let cache = DigestCache::load(store.path(), Arc::clone(&clock) as _);
        let options = Options {
            cache: Some(&cache),
            ..Options::default()
        };
        let stamp = |name: &str| {
            let file = std::fs::File::open(directory.path().join(name)).unwrap();
            Stamp::of_file(&file).unwrap()
        };
        let first = hash_tree(directory.path(), &options).unwrap();
        assert_eq!(cache.get(&stamp("a")), None);
        clock.advance(10);
        assert_eq!(hash_tree(directory.path(), &options).unwrap(), first);
        assert!(cache.get(&stamp("a")).is_some());
        assert_eq!(hash_tree(directory.path(), &options).unwrap(), first);
        std::fs::write(directory.path().join("a"), "z").unwrap();
        assert_ne!(hash_tree(directory.path(), &options).unwrap(), first);
    }
}
