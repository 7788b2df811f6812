//! Reading what a reference to a secret points to.

mod load;

use std::io;

use crate::config::process::ProcessError;
use crate::model::secret::SecretRef;

/// The largest secret, in bytes. Keys and tokens are far smaller.
const MAX_SECRET_BYTES: usize = 64 * 1024;

/// Why a secret cannot be read. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret `{reference}` cannot be read: {source}")]
    Read {
        /// The reference.
        reference: SecretRef,
        /// Why.
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("the secret `{reference}` is not a regular file")]
    NotAFile {
        /// The reference.
        reference: SecretRef,
    },
    /// Others than its owner may read the file.
    #[error(
        "the secret `{reference}` has mode {mode:04o}, so that others can read it; run `chmod 600 '{path}'`"
    )]
    Exposed {
        /// The reference.
        reference: SecretRef,
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The variable is not set.
    #[error("the secret `{reference}` is not set in the environment")]
    Unset {
        /// The reference.
        reference: SecretRef,
    },
    /// The command could not be run to its end.
    #[error("the secret `{reference}` cannot be read: {source}")]
    Process {
        /// The reference.
        reference: SecretRef,
        /// Why.
        source: ProcessError,
    },
    /// The command ended with a failure. What it printed is not shown, since it may hold the secret.
    #[error("the command of the secret `{reference}` failed ({status}); run it by hand to see why")]
    Failed {
        /// The reference.
        reference: SecretRef,
        /// How it ended.
        status: String,
    },
    /// There is nothing in it.
    #[error("the secret `{reference}` is empty")]
    Empty {
        /// The reference.
        reference: SecretRef,
    },
    /// It is too large to be a key or a token.
    #[error("the secret `{reference}` has more than {MAX_SECRET_BYTES} bytes")]
    TooLarge {
        /// The reference.
        reference: SecretRef,
    },
}
