//! How long to leave something alone that failed.

use std::time::Duration;

/// Pauses that double with each failure in a row, up to a limit. The upper half of each is random, so that engines that
/// failed together do not come back together. Whoever counts failures begins again after a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The shortest pause.
    pub shortest: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row, at least one: between `shortest` and `longest`. `random` is any number,
    /// all equally likely.
    #[must_use]
    pub fn pause(self, failures: u32, random: u32) -> Duration {
        // Thirty-one doublings of a nanosecond are two seconds, of a second a lifetime: more would only overflow.
        let doublings = failures.saturating_sub(1).min(31);
        let least = self
            .shortest
            .saturating_mul(1 << doublings)
            .min(self.longest / 2)
            .max(self.shortest.min(self.longest));
        let most = least.saturating_mul(2).min(self.longest);
        least.saturating_add(part(most.saturating_sub(least), random))
    }
}

/// The part of a duration that a number is of all numbers.
fn part(whole: Duration, of: u32) -> Duration {
    let nanoseconds = (whole.as_nanos() * u128::from(of)) >> u32::BITS;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECONDS_TO_MINUTES: Backoff = Backoff {
        shortest: Duration::from_secs(1),
        longest: Duration::from_secs(300),
    };

    #[test]
    fn pauses_double_up_to_the_limit() {
        let least = |failures| SECONDS_TO_MINUTES.pause(failures, 0).as_secs();
        let most = |failures| {
            SECONDS_TO_MINUTES
                .pause(failures, u32::MAX)
                .as_millis()
                .div_ceil(1000)
        };
        let all = [1, 2, 3, 4, 8, 9, 100, u32::MAX];
        assert_eq!(all.map(least), [1, 2, 4, 8, 128, 150, 150, 150]);
        assert_eq!(all.map(most), [2, 4, 8, 16, 256, 300, 300, 300]);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_bounds(
            shortest in 0_u64..10_000, more in 0_u64..1_000_000, failures: u32, random: u32,
        ) {
            let backoff = Backoff {
                shortest: Duration::from_millis(shortest),
                longest: Duration::from_millis(shortest + more),
            };
            let pause = backoff.pause(failures, random);
            prop_assert!(pause >= backoff.shortest && pause <= backoff.longest);
            prop_assert!(pause >= backoff.pause(failures, 0));
            prop_assert!(backoff.pause(failures.saturating_add(1), random) >= pause);
        }
    }
}
