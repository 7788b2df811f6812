//! How often to look.

use std::time::Duration;

use crate::controller::backoff::Backoff;

/// The shortest time between looks. Each is a connection to the remote.
const SHORTEST_POLL: Duration = Duration::from_secs(1);
/// The longest: who waits longer wants a job that runs at fixed times, not this.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 60 * 60);
/// As far apart as people who merged something are willing to wait, and far below what Git hosts count as abuse.
const POLL: Duration = Duration::from_secs(60);
/// Catches what no branch shows: a lease that ran out, a workspace that somebody changed, a freeze file's cron.
const FULL_PASS: Duration = Duration::from_secs(15 * 60);
/// A dropped connection is back within seconds. Five minutes keep an outage of hours from becoming thousands of log lines
/// and still end it soon after it is over.
const RETRY: Backoff = Backoff {
    shortest: Duration::from_secs(1),
    longest: Duration::from_secs(5 * 60),
};

/// How often to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    poll: Duration,
    full_pass: Duration,
    retry: Backoff,
}

/// A setting makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The time between looks is too short or too long.
    #[error("the time between looks must be between 1s and 24h, not {0:?}")]
    Poll(Duration),
}

impl WatchSettings {
    /// With this long between looks; a run at least every 15 minutes, or at every look when those are farther apart.
    ///
    /// # Errors
    ///
    /// When it is shorter than a second or longer than a day.
    pub fn every(poll: Duration) -> Result<Self, SettingsError> {
        if !(SHORTEST_POLL..=LONGEST_POLL).contains(&poll) {
            return Err(SettingsError::Poll(poll));
        }
        Ok(Self {
            poll,
            full_pass: FULL_PASS.max(poll),
            retry: RETRY,
        })
    }

    /// The time between looks.
    #[must_use]
    pub const fn poll(&self) -> Duration {
        self.poll
    }

    /// The longest time between runs.
    #[must_use]
    pub const fn full_pass(&self) -> Duration {
        self.full_pass
    }

    /// How failures that time can heal are tried again.
    #[must_use]
    pub const fn retry(&self) -> Backoff {
        self.retry
    }

    /// How a run is repeated that could not tell about some slots. Adapters have tried again by themselves, quickly; and an
    /// attempt leaves entries in the ledger. So this is slow.
    #[must_use]
    pub const fn unsettled(&self) -> Backoff {
        Backoff {
            shortest: self.poll,
            longest: self.full_pass,
        }
    }
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            poll: POLL,
            full_pass: FULL_PASS,
            retry: RETRY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_between_a_second_and_a_day_apart() {
        let every = |seconds| WatchSettings::every(Duration::from_secs(seconds));
        assert_eq!(every(60), Ok(WatchSettings::default()));
        assert_eq!(every(3600).unwrap().full_pass(), Duration::from_secs(3600));
        assert!(every(1).is_ok() && every(86_400).is_ok());
        assert!(every(0).is_err() && every(86_401).is_err());
    }
}
