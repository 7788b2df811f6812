//! Why files on disk have no digest.

use std::io;

use rustix::fs::FileType;

use crate::model::digest::{FileListError, MAX_FILES, PathError};
use crate::redact::printable;

/// Why files on disk have no digest. Of several reasons, the one whose path sorts first.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A symbolic link, which other stores cannot hold and which may lead anywhere.
    #[error(
        "`{path}` is a symbolic link, which cannot be part of an artifact; replace it by what it points to"
    )]
    Symlink {
        /// Where.
        path: String,
    },
    /// Neither a file nor a folder.
    #[error("`{path}` is a {what}, which cannot be part of an artifact")]
    Special {
        /// Where.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// A name that is not UTF-8.
    #[error("`{path}` has a name that is not UTF-8")]
    NotUtf8 {
        /// Where, with replacement characters.
        path: String,
    },
    /// A name that other stores cannot hold.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Too many folders inside each other.
    #[error("`{path}` lies more than 64 folders deep")]
    TooDeep {
        /// Where.
        path: String,
    },
    /// More entries than an artifact may have.
    #[error("there are more than {MAX_FILES} files and folders")]
    TooMany,
    /// Somebody wrote to a file while it was read.
    #[error("`{path}` changed while it was read; try again when nothing writes to it")]
    Changed {
        /// Which file.
        path: String,
    },
    /// The system refused.
    #[error("`{path}` cannot be read")]
    Read {
        /// Which file or folder.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// The files do not make one tree.
    #[error(transparent)]
    Files(#[from] FileListError),
}

impl TreeError {
    pub(crate) fn read(path: &str, source: io::Error) -> Self {
        let path = if path.is_empty() { "." } else { path };
        Self::Read {
            path: printable(path),
            source,
        }
    }

    pub(crate) fn not_a_file(path: &str, kind: FileType) -> Self {
        let path = printable(path);
        let what = match kind {
            FileType::Symlink => return Self::Symlink { path },
            FileType::Fifo => "named pipe",
            FileType::Socket => "socket",
            FileType::CharacterDevice | FileType::BlockDevice => "device",
            FileType::RegularFile | FileType::Directory | FileType::Unknown => "special file",
        };
        Self::Special { path, what }
    }

    /// The path that the error is about; empty when it is about the whole tree.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Symlink { path }
            | Self::Special { path, .. }
            | Self::NotUtf8 { path }
            | Self::TooDeep { path }
            | Self::Changed { path }
            | Self::Read { path, .. }
            | Self::Path(PathError { path, .. }) => path,
            Self::TooMany | Self::Files(_) => "",
        }
    }
}
