//! MD5, for tools that name bytes by it. It proves nothing against somebody who wants two files to look alike; the SHA-256
//! that is checked along with it does.

use std::io;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;

use md5::Md5;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::fs::beneath;
use crate::model::digest::{Sha256, TreePath};

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// The MD5 of bytes, in lowercase hex.
#[must_use]
pub fn md5_of(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// The MD5 of a file below a folder, in lowercase hex, as long as its SHA-256 is the one that is expected.
///
/// # Errors
///
/// `InvalidData` when the file has changed; others when it cannot be read.
pub fn md5_of_file(root: &Path, path: &TreePath, expected: Sha256) -> io::Result<String> {
    let root = beneath::open_directory(root)?;
    let mut file = beneath::open_file_beneath(root.as_fd(), path.as_str())?;
    let (mut md5, mut sha256) = (Md5::new(), Hasher::new());
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        md5.update(read);
        sha256.update(read);
    }
    if Sha256::from_bytes(sha256.finalize().into()) != expected {
        let message = format!("`{path}` changed while it was read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(hex::encode(md5.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_md5_is_that_of_rfc_1321_and_only_of_the_expected_bytes() {
        assert_eq!(md5_of(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_of(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        let folder = tempfile::tempdir().unwrap();
        crate::fs::durable::write_atomic(&folder.path().join("a"), b"abc").unwrap();
        let path: TreePath = "a".parse().unwrap();
        let good = md5_of_file(folder.path(), &path, Sha256::of(b"abc")).unwrap();
        assert_eq!(good, "900150983cd24fb0d6963f7d28e17f72");
        let error = md5_of_file(folder.path(), &path, Sha256::of(b"abd")).unwrap_err();
        assert_eq!(error.to_string(), "`a` changed while it was read");
    }
}
