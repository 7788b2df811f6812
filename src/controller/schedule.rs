//! When to look next, and why. Pure: all times are spans from now, so that a clock that is set cannot stall anything.

use std::fmt;
use std::time::Duration;

use crate::controller::settings::WatchSettings;

/// Why something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was just started.
    Start,
    /// Something failed, or could not be told, and is tried again.
    Retry,
    /// A moment has come that can change an answer: the end of a soak, a freeze or a window.
    Wake,
    /// The last run is long ago.
    FullPass,
    /// It is time to look at the branches.
    Poll,
    /// A branch was moved by somebody else.
    Changed,
}

impl Reason {
    /// The word for the reason.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Retry => "retry",
            Self::Wake => "wake",
            Self::FullPass => "full-pass",
            Self::Poll => "poll",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

/// What is tried again, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How long from now.
    pub after: Duration,
    /// What may be done until then.
    pub until_then: UntilThen,
}

/// What may be done until something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UntilThen {
    /// Everything: only some slots are concerned, or only somebody's push can help, which a look would show.
    Look,
    /// Nothing: the remote itself failed, or any run would.
    LeaveAlone,
}

/// Where things stand, seen from now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Situation {
    /// How long ago the last look was; `None` before the first.
    pub since_look: Option<Duration>,
    /// How long ago the last run ended, well or not; `None` before the first.
    pub since_run: Option<Duration>,
    /// How long until time alone can change an answer, if it can; zero when it could have meanwhile.
    pub until_wake: Option<Duration>,
    /// What is to be tried again.
    pub retry: Option<Retry>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// How long from now; zero for at once.
    pub after: Duration,
    /// Why.
    pub why: Reason,
}

/// What to do next. Of things due at the same time, the one that leads to a run for sure.
#[must_use]
pub fn next(settings: &WatchSettings, situation: &Situation) -> Next {
    let due = |every: Duration, since: Option<Duration>, why| Next {
        after: since.map_or(Duration::ZERO, |since| every.saturating_sub(since)),
        why,
    };
    let retry = situation.retry.map(|retry| Next {
        after: retry.after,
        why: Reason::Retry,
    });
    let is_left_alone = situation
        .retry
        .is_some_and(|retry| retry.until_then == UntilThen::LeaveAlone);
    if let (true, Some(retry)) = (is_left_alone, retry) {
        return retry;
    }
    let Some(since_run) = situation.since_run else {
        return Next {
            after: Duration::ZERO,
            why: Reason::Start,
        };
    };
    let wake = situation.until_wake.map(|after| Next {
        after,
        why: Reason::Wake,
    });
    let poll = due(settings.poll(), situation.since_look, Reason::Poll);
    let full_pass = due(settings.full_pass(), Some(since_run), Reason::FullPass);
    [retry, wake, Some(full_pass)]
        .into_iter()
        .flatten()
        .fold(poll, |first, other| {
            if other.after <= first.after {
                other
            } else {
                first
            }
        })
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn check(situation: Situation, after: u64, why: Reason) {
        let after = Duration::from_secs(after);
        assert_eq!(
            next(&WatchSettings::default(), &situation),
            Next { after, why }
        );
    }

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    fn calm() -> Situation {
        Situation {
            since_look: seconds(10),
            since_run: seconds(10),
            ..Situation::default()
        }
    }

    fn retry(after: u64, until_then: UntilThen) -> Option<Retry> {
        let after = Duration::from_secs(after);
        Some(Retry { after, until_then })
    }

    #[test]
    fn the_first_thing_due_comes_first() {
        check(Situation::default(), 0, Reason::Start);
        check(calm(), 50, Reason::Poll);
        let wake = |until_wake| Situation {
            until_wake,
            ..calm()
        };
        check(wake(seconds(7)), 7, Reason::Wake);
        check(wake(seconds(0)), 0, Reason::Wake);
        check(wake(seconds(50)), 50, Reason::Wake);
        check(wake(seconds(1 << 40)), 50, Reason::Poll);
        let since_run = seconds(895);
        check(
            Situation {
                since_run,
                ..calm()
            },
            5,
            Reason::FullPass,
        );
        let since_look = seconds(90);
        check(
            Situation {
                since_look,
                ..calm()
            },
            0,
            Reason::Poll,
        );
    }

    #[test]
    fn what_failed_is_left_alone_unless_a_look_can_help() {
        let with = |retry| Situation {
            retry,
            until_wake: seconds(3),
            ..calm()
        };
        check(with(retry(200, UntilThen::LeaveAlone)), 200, Reason::Retry);
        check(with(retry(200, UntilThen::Look)), 3, Reason::Wake);
        check(with(retry(2, UntilThen::Look)), 2, Reason::Retry);
        let never_run = Situation {
            retry: retry(4, UntilThen::LeaveAlone),
            ..Situation::default()
        };
        check(never_run, 4, Reason::Retry);
    }

    fn any_span() -> impl Strategy<Value = Option<Duration>> {
        option::of(any::<u32>().prop_map(|millis| Duration::from_millis(u64::from(millis))))
    }

    proptest! {
        #[test]
        fn a_look_is_never_farther_away_than_the_interval_unless_something_is_left_alone(
            since_look in any_span(), since_run in any_span(), until_wake in any_span(), after in any_span(),
        ) {
            let retry = after.map(|after| Retry { after, until_then: UntilThen::Look });
            let situation = Situation { since_look, since_run, until_wake, retry };
            let settings = WatchSettings::default();
            let found = next(&settings, &situation);
            prop_assert!(found.after <= settings.poll());
            prop_assert!(until_wake.is_none_or(|until_wake| found.after <= until_wake));
        }
    }
}
