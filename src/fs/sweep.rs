//! Every file below a directory with its hash, whatever it is called and whoever put it there.
//!
//! Unlike the digest of a tree nothing is refused: links and special files are passed over, and what cannot be read is
//! reported and does not stop the rest.

use std::io;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Dir, FileType};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::fs::beneath::{Parents, open_directory, open_directory_in};
use crate::fs::walk::kind_of;
use crate::model::digest::Sha256;

/// The most files and folders that one sweep looks at.
pub const MAX_ENTRIES: usize = 5_000_000;
/// The most folders inside each other. Each level holds one handle open.
const MAX_DEPTH: usize = 128;
const BUFFER_BYTES: usize = 256 * 1024;

/// One file as it was found.
#[derive(Debug)]
pub struct Swept {
    /// Where it is, below the directory. What is not UTF-8 in it is replaced.
    pub path: String,
    /// The hash of its bytes, or why they could not be read.
    pub content: io::Result<Sha256>,
}

/// Looks at every file below a directory; nothing when it is not there.
///
/// # Errors
///
/// When there are more than [`MAX_ENTRIES`], or the directory itself cannot be read.
pub fn sweep(root: &Path, visit: &mut dyn FnMut(Swept)) -> io::Result<()> {
    let root = match open_directory(root) {
        Ok(root) => root,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut sweep = Sweep {
        visit,
        seen: 0,
        buffer: vec![0; BUFFER_BYTES],
    };
    sweep.folder(&root, "", 0)
}

struct Sweep<'a> {
    visit: &'a mut dyn FnMut(Swept),
    seen: usize,
    buffer: Vec<u8>,
}

impl Sweep<'_> {
    fn folder(&mut self, folder: &OwnedFd, path: &str, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            self.unread(path, "folders nest too deep".to_owned());
            return Ok(());
        }
        let entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error.into()),
            Err(error) => {
                self.unread(path, error.to_string());
                return Ok(());
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unread(path, error.to_string());
                    continue;
                }
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                let message = format!("there are more than {MAX_ENTRIES} files and folders");
                return Err(io::Error::other(message));
            }
            let separator = if path.is_empty() { "" } else { "/" };
            let below = format!("{path}{separator}{}", name.to_string_lossy());
            match kind_of(folder, &entry) {
                Ok(FileType::Directory) => match open_directory_in(folder.as_fd(), name) {
                    Ok(inner) => self.folder(&inner, &below, depth + 1)?,
                    Err(error) => self.unread(&below, error.to_string()),
                },
                Ok(FileType::RegularFile) => {
                    let content = match name.to_str() {
                        Ok(name) => self.hash(folder, name),
                        Err(_) => Err(io::Error::other("its name is not UTF-8")),
                    };
                    (self.visit)(Swept {
                        path: below,
                        content,
                    });
                }
                Ok(_) => {}
                Err(error) => self.unread(&below, error.to_string()),
            }
        }
        Ok(())
    }

    fn hash(&mut self, folder: &OwnedFd, name: &str) -> io::Result<Sha256> {
        let mut file = Parents::new(folder.as_fd()).open_file(name)?;
        let mut hasher = Hasher::new();
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(Sha256::from_bytes(hasher.finalize().into())),
                Ok(count) => hasher.update(self.buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn unread(&mut self, path: &str, why: String) {
        (self.visit)(Swept {
            path: path.to_owned(),
            content: Err(io::Error::other(why)),
        });
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn all(root: &Path) -> BTreeMap<String, Option<Sha256>> {
        let mut found = BTreeMap::new();
        let mut visit = |swept: Swept| {
            found.insert(swept.path, swept.content.ok());
        };
        sweep(root, &mut visit).unwrap();
        found
    }

    #[test]
    fn every_file_is_found_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join(".hidden/deep")).unwrap();
        std::fs::write(root.join(".hidden/deep/a b"), "x").unwrap();
        std::fs::write(root.join("empty"), "").unwrap();
        std::fs::write(folder.path().join("outside"), "secret").unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        std::os::unix::fs::symlink("../outside", root.join("link")).unwrap();
        std::fs::write(root.join(std::ffi::OsStr::from_bytes(b"bad\xff")), "y").unwrap();
        let expected = BTreeMap::from([
            (".hidden/deep/a b".to_owned(), Some(Sha256::of(b"x"))),
            ("bad\u{fffd}".to_owned(), None),
            ("empty".to_owned(), Some(Sha256::of(b""))),
        ]);
        assert_eq!(all(&root), expected);
        assert_eq!(all(&folder.path().join("missing")), BTreeMap::new());
    }
}
