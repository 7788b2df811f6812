//! What every adapter gets around it, whatever its kind.

mod checked;
mod dry_run;
mod retry;
mod timeout;
mod traced;

use std::sync::Arc;
use std::time::Duration;

pub use checked::Checked;
pub(in crate::adapter) use checked::{compare, precondition};
pub use dry_run::DryRun;
pub use retry::Retry;
pub use timeout::Timeout;
pub use traced::Traced;

use crate::adapter::Adapter;

/// Whether the workspace may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It may.
    Real,
    /// Writes and pointers are checked and not carried out.
    DryRun,
}

/// Who compares bytes that are read with the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadCheck {
    /// The layer, for versions whose record has passed through it.
    Layer,
    /// The caller. For those who hash anyway, as [`crate::adapter::transfer`] does: hashing twice takes twice as long.
    Caller,
}

/// How often and how fast to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// How often after the first time.
    pub times: usize,
    /// The first pause; each further one is twice as long, and a random part is added.
    pub first_pause: Duration,
    /// The longest pause. A workspace that asks for more is left alone: the error says how long.
    pub longest_pause: Duration,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutSettings {
    /// For one attempt, and for each piece of a stream.
    pub attempt: Duration,
    /// A write may take longer: a second more for so many bytes.
    pub slowest_bytes_per_second: u64,
    /// And a second more for so many files, which cost time however short they are.
    pub slowest_files_per_second: u64,
}

/// How the layers behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether the workspace may be changed.
    pub mode: Mode,
    /// Who compares bytes that are read with the record.
    pub read_check: ReadCheck,
    /// How often and how fast to try again.
    pub retry: RetrySettings,
    /// How long to wait.
    pub timeout: TimeoutSettings,
}

impl Default for Settings {
    /// Four more tries within about eight seconds ride out a restart or a failover. Thirty seconds without a sign of
    /// life is a dead line. A megabyte a second is slower than any workspace worth promoting to, and so are ten files.
    fn default() -> Self {
        Self {
            mode: Mode::Real,
            read_check: ReadCheck::Layer,
            retry: RetrySettings {
                times: 4,
                first_pause: Duration::from_millis(500),
                longest_pause: Duration::from_secs(30),
            },
            timeout: TimeoutSettings {
                attempt: Duration::from_secs(30),
                slowest_bytes_per_second: 1024 * 1024,
                slowest_files_per_second: 10,
            },
        }
    }
}

/// Puts all layers around an adapter, outermost first: traced, retry, timeout, dry run, checked.
///
/// The timeout lies inside the retry, one for each attempt: outside it would cut a retry short and lose its state.
#[must_use]
pub fn layered(adapter: Arc<dyn Adapter>, settings: &Settings) -> Arc<dyn Adapter> {
    let checked: Arc<dyn Adapter> = Arc::new(Checked::new(adapter, settings.read_check));
    let real: Arc<dyn Adapter> = match settings.mode {
        Mode::Real => checked,
        Mode::DryRun => Arc::new(DryRun::new(checked)),
    };
    let timed = Arc::new(Timeout::new(real, settings.timeout));
    let retried = Arc::new(Retry::new(timed, settings.retry));
    Arc::new(Traced::new(retried))
}

#[cfg(test)]
mod tests;
