//! The signals that ask a process to end.

use std::fmt;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that asks to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// `SIGTERM`: a service manager, a container runtime.
    Terminate,
    /// `SIGINT`: somebody pressed Ctrl-C.
    Interrupt,
}

impl fmt::Display for StopSignal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        })
    }
}

/// Catches the signals that ask to end, from now until the process ends: the system no longer acts on them by itself, not
/// even once this is dropped. So ask again after the first, and end without ceremony at the second.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Begins to catch them. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ends at the next signal. Several of a kind that come at once may count as one.
    pub async fn next(&mut self) -> StopSignal {
        // `recv` gives `None` only when there can be no more signals; both then wait for ever, as without signals.
        tokio::select! {
            Some(()) = self.terminate.recv() => StopSignal::Terminate,
            Some(()) = self.interrupt.recv() => StopSignal::Interrupt,
            else => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal as Raised, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn both_signals_are_caught_one_after_the_other() {
        let mut signals = StopSignals::catch().unwrap();
        kill_process(getpid(), Raised::TERM).unwrap();
        assert_eq!(signals.next().await, StopSignal::Terminate);
        kill_process(getpid(), Raised::INT).unwrap();
        assert_eq!(signals.next().await, StopSignal::Interrupt);
    }
}
