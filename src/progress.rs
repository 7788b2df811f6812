//! Progress of long work, as the code that does it sees it. The terminal draws it; tests and machines ignore it.

use std::fmt::Debug;

/// Hears how long work goes on.
pub trait Progress: Debug + Send + Sync {
    /// A step begins, with the number of bytes it will move when that is known.
    fn begin(&self, what: &str, total_bytes: Option<u64>);
    /// So many more bytes were moved.
    fn advance(&self, bytes: u64);
    /// The step is over.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}
