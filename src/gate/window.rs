//! The arithmetic of freeze windows: whether a moment is inside one, and when it ends.
//!
//! A recurring window starts where its cron pattern matches the wall clock of its time zone, and lasts a fixed time from
//! there, whatever the clocks do meanwhile. A start that falls into the hour that clocks skip happens when they have
//! skipped it; one in the hour that they repeat happens the first time.

use croner::Cron;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::gate::cron::{CronError, parse_cron};
use crate::manifest::freeze::{OnceSpec, RecurringSpec, WindowSpec};
use crate::model::period::Period;

/// The longest duration of a recurring window, in seconds: a year.
const MAX_DURATION_SECONDS: u64 = 366 * 86_400;
/// How much of a faulty text a message shows, in characters.
const MAX_SHOWN: usize = 128;
/// How many windows that touch are followed to find the end of them all. Bounds work; the end found after so many is
/// one at which to look again.
const MAX_MERGED: usize = 1_000;

/// A window that can be asked.
#[derive(Debug, Clone)]
pub struct Window(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Once {
        from: Timestamp,
        until: Timestamp,
    },
    Recurring {
        cron: Box<Cron>,
        duration: SignedDuration,
        zone: TimeZone,
    },
}

/// Why a window cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It is empty.
    #[error("the window ends at {until}, which is not after its start")]
    Empty {
        /// The end.
        until: Timestamp,
    },
    /// The pattern is not one.
    #[error("`{cron}` is not a cron pattern of five fields such as `0 18 * * FRI`")]
    Cron {
        /// The pattern.
        cron: String,
    },
    /// The pattern matches no date.
    #[error("`{cron}` never happens")]
    Never {
        /// The pattern.
        cron: String,
    },
    /// The duration is not one.
    #[error("`{duration}` is not a duration between `1m` and `366d`, such as `60h`")]
    Duration {
        /// The duration.
        duration: String,
    },
    /// The time zone is not known.
    #[error("`{time_zone}` is not a time zone; write its IANA name, such as `Europe/Berlin`")]
    TimeZone {
        /// The name.
        time_zone: String,
    },
    /// The starts around a moment cannot be computed.
    #[error("the starts of `{cron}` around {at} cannot be computed")]
    Range {
        /// The pattern.
        cron: String,
        /// The moment.
        at: Timestamp,
    },
}

impl Window {
    /// Reads a window.
    ///
    /// # Errors
    ///
    /// When a part of it is not what it must be, or the window would never happen.
    pub fn parse(spec: &WindowSpec) -> Result<Self, WindowError> {
        match spec {
            WindowSpec::Once(OnceSpec { from, until }) if from < until => Ok(Self(Kind::Once {
                from: *from,
                until: *until,
            })),
            WindowSpec::Once(OnceSpec { until, .. }) => Err(WindowError::Empty { until: *until }),
            WindowSpec::Recurring(spec) => parse_recurring(spec).map(Self),
        }
    }

    /// The first moment outside again, of the window that a moment is in; `None` when it is in none.
    ///
    /// # Errors
    ///
    /// When the moment is so far away that the calendar ends.
    pub fn end_at(&self, moment: Timestamp) -> Result<Option<Timestamp>, WindowError> {
        match &self.0 {
            Kind::Once { from, until } => {
                Ok((*from <= moment && moment < *until).then_some(*until))
            }
            Kind::Recurring {
                cron,
                duration,
                zone,
            } => {
                let range = || WindowError::Range {
                    cron: cron.as_str().to_owned(),
                    at: moment,
                };
                // A pattern that happens at all happens every 28 years or so; the search is bounded by that.
                let start = cron
                    .find_previous_occurrence(&moment.to_zoned(zone.clone()), true)
                    .map_err(|_| range())?
                    .timestamp();
                let end = start.checked_add(*duration).map_err(|_| range())?;
                Ok((moment < end).then_some(end))
            }
        }
    }

    /// The time zone that the window was written in.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        match &self.0 {
            Kind::Once { .. } => TimeZone::UTC,
            Kind::Recurring { zone, .. } => zone.clone(),
        }
    }
}

/// The first moment outside all windows, from a moment inside some of them; `None` when it is in none. Windows that
/// overlap or touch are followed to the end of the last.
///
/// # Errors
///
/// When the moment is so far away that the calendar ends.
pub fn merged_end(windows: &[Window], moment: Timestamp) -> Result<Option<Timestamp>, WindowError> {
    let mut end = None;
    for _ in 0..MAX_MERGED {
        let reached = end.unwrap_or(moment);
        let mut furthest = None;
        for window in windows {
            furthest = furthest.max(window.end_at(reached)?);
        }
        match furthest {
            Some(next) => end = Some(next),
            None => break,
        }
    }
    Ok(end)
}

fn parse_recurring(spec: &RecurringSpec) -> Result<Kind, WindowError> {
    let duration = spec
        .duration
        .parse::<Period>()
        .ok()
        .filter(|period| (60..=MAX_DURATION_SECONDS).contains(&period.seconds()));
    let duration = duration.ok_or_else(|| WindowError::Duration {
        duration: shown(&spec.duration),
    })?;
    let zone = TimeZoneDatabase::bundled().get(&spec.time_zone);
    let zone = zone.map_err(|_| WindowError::TimeZone {
        time_zone: shown(&spec.time_zone),
    })?;
    let cron = parse_cron(&spec.cron).map_err(|error| {
        let cron = shown(&spec.cron);
        match error {
            CronError::Form => WindowError::Cron { cron },
            CronError::Never => WindowError::Never { cron },
        }
    })?;
    Ok(Kind::Recurring {
        cron: Box::new(cron),
        duration: duration.duration(),
        zone,
    })
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::{AmbiguousOffset, AmbiguousZoned};
    use proptest::prelude::*;

    use super::*;

    fn recurring(cron: &str, duration: &str, time_zone: &str) -> WindowSpec {
        WindowSpec::Recurring(RecurringSpec {
            cron: cron.to_owned(),
            duration: duration.to_owned(),
            time_zone: time_zone.to_owned(),
        })
    }

    fn once(from: &str, until: &str) -> WindowSpec {
        WindowSpec::Once(OnceSpec {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        })
    }

    fn date_is_skipped(time: &AmbiguousZoned) -> bool {
        matches!(time.offset(), AmbiguousOffset::Gap { .. })
    }

    fn end(specs: &[WindowSpec], moment: &str) -> Option<String> {
        let windows: Vec<Window> = specs
            .iter()
            .map(|spec| Window::parse(spec).unwrap())
            .collect();
        let end = merged_end(&windows, moment.parse().unwrap()).unwrap();
        end.map(|end| end.to_string())
    }

    #[test]
    fn a_window_holds_its_first_moment_and_not_its_last() {
        let spec = [once("2026-12-24T00:00:00Z", "2026-12-27T00:00:00Z")];
        for (moment, expected) in [
            ("2026-12-23T23:59:59.999Z", None),
            ("2026-12-24T00:00:00Z", Some("2026-12-27T00:00:00Z")),
            ("2026-12-26T23:59:59.999Z", Some("2026-12-27T00:00:00Z")),
            ("2026-12-27T00:00:00Z", None),
        ] {
            assert_eq!(end(&spec, moment).as_deref(), expected, "{moment}");
        }
    }

    #[test]
    fn recurring_windows_follow_the_wall_clock_of_their_zone() {
        let weekend = [recurring("0 18 * * FRI", "62h", "Europe/Berlin")];
        let month_end = [recurring("0 0 L * *", "24h", "Asia/Kolkata")];
        for (spec, moment, expected) in [
            (&weekend, "2026-11-27T16:59:59Z", None),
            (
                &weekend,
                "2026-11-27T17:00:00Z",
                Some("2026-11-30T07:00:00Z"),
            ),
            (
                &weekend,
                "2026-11-30T06:59:59Z",
                Some("2026-11-30T07:00:00Z"),
            ),
            (&weekend, "2026-11-30T07:00:00Z", None),
            (
                &weekend,
                "2026-07-03T16:00:00Z",
                Some("2026-07-06T06:00:00Z"),
            ),
            (&month_end, "2026-11-29T18:29:59Z", None),
            (
                &month_end,
                "2026-11-29T18:30:00Z",
                Some("2026-11-30T18:30:00Z"),
            ),
        ] {
            assert_eq!(end(spec, moment).as_deref(), expected, "{moment}");
        }
    }

    #[test]
    fn a_start_in_a_skipped_hour_happens_when_the_clocks_have_skipped_it() {
        // Berlin skips from 02:00 to 03:00 at 01:00Z on 2026-03-29.
        let spec = [recurring("30 2 * * *", "1h", "Europe/Berlin")];
        for (moment, expected) in [
            ("2026-03-29T00:59:59Z", None),
            ("2026-03-29T01:00:00Z", Some("2026-03-29T02:00:00Z")),
            ("2026-03-29T01:59:59Z", Some("2026-03-29T02:00:00Z")),
            ("2026-03-29T02:00:00Z", None),
        ] {
            assert_eq!(end(&spec, moment).as_deref(), expected, "{moment}");
        }
        // The duration is time that passes: a window over the gap ends an hour later by the wall clock.
        let night = [recurring("0 22 28 3 *", "8h", "Europe/Berlin")];
        assert_eq!(
            end(&night, "2026-03-29T01:30:00Z").as_deref(),
            Some("2026-03-29T05:00:00Z")
        );
    }

    #[test]
    fn a_start_in_a_repeated_hour_happens_the_first_time() {
        // Berlin repeats 02:00 to 03:00 from 01:00Z on 2026-10-25.
        let spec = [recurring("30 2 * * *", "30m", "Europe/Berlin")];
        for (moment, expected) in [
            ("2026-10-25T00:29:59Z", None),
            ("2026-10-25T00:30:00Z", Some("2026-10-25T01:00:00Z")),
            ("2026-10-25T01:00:00Z", None),
            ("2026-10-25T01:30:00Z", None),
        ] {
            assert_eq!(end(&spec, moment).as_deref(), expected, "{moment}");
        }
    }

    #[test]
    fn windows_that_overlap_or_touch_end_together() {
        let specs = [
            once("2026-12-24T00:00:00Z", "2026-12-25T12:00:00Z"),
            once("2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z"),
            once("2026-12-26T00:00:00Z", "2026-12-27T00:00:00Z"),
            once("2026-12-27T00:00:01Z", "2026-12-28T00:00:00Z"),
            recurring("0 0 25 12 *", "1h", "UTC"),
        ];
        assert_eq!(
            end(&specs, "2026-12-24T00:00:00Z").as_deref(),
            Some("2026-12-27T00:00:00Z")
        );
        assert_eq!(end(&specs, "2026-12-27T00:00:00Z"), None);
    }

    #[test]
    fn a_freeze_without_end_is_followed_only_so_far() {
        let always = [recurring("* * * * *", "1m", "UTC")];
        assert_eq!(
            end(&always, "2026-01-01T00:00:30Z").as_deref(),
            Some("2026-01-01T16:40:00Z")
        );
    }

    #[test]
    fn windows_that_cannot_be_understood_are_refused() {
        let error = |spec| Window::parse(&spec).unwrap_err().to_string();
        let empty = once("2026-12-24T00:00:00Z", "2026-12-24T00:00:00Z");
        assert_eq!(
            error(empty),
            "the window ends at 2026-12-24T00:00:00Z, which is not after its start"
        );
        for cron in ["0 0 0 * * *", "@daily", "61 * * * *", ", * * * *"] {
            let message =
                format!("`{cron}` is not a cron pattern of five fields such as `0 18 * * FRI`");
            assert_eq!(error(recurring(cron, "1h", "UTC")), message);
        }
        assert_eq!(
            error(recurring("0 0 30 2 *", "1h", "UTC")),
            "`0 0 30 2 *` never happens"
        );
        for duration in ["0s", "59s", "367d", "1 h"] {
            let message =
                format!("`{duration}` is not a duration between `1m` and `366d`, such as `60h`");
            assert_eq!(error(recurring("0 0 * * *", duration, "UTC")), message);
        }
        for zone in ["Mars/Olympus", "../../etc/passwd", ""] {
            let message = format!(
                "`{zone}` is not a time zone; write its IANA name, such as `Europe/Berlin`"
            );
            assert_eq!(error(recurring("0 0 * * *", "1h", zone)), message);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Around a change of the clocks, the last start is the one that walking minute by minute finds.
        #[test]
        fn starts_agree_with_a_walk_through_the_minutes(
            minute in 0_i8..60, hour in 0_i8..5, offset in 0_i64..4_000,
            (zone, change) in prop::sample::select(vec![
                ("Europe/Berlin", "2026-03-28T00:00:00Z"),
                ("Europe/Berlin", "2026-10-24T00:00:00Z"),
                ("America/New_York", "2026-03-07T05:00:00Z"),
                ("Australia/Lord_Howe", "2026-04-03T12:00:00Z"),
                ("UTC", "2026-01-01T00:00:00Z"),
            ]),
        ) {
            let window = Window::parse(&recurring(&format!("{minute} {hour} * * *"), "2h", zone)).unwrap();
            let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
            let moment: Timestamp = change.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(offset);
            let expected = (0..120).rev().find_map(|minutes| {
                let start = moment - SignedDuration::from_mins(minutes);
                let local = start.to_zoned(zone.clone());
                let date = local.date().at(hour, minute, 0, 0);
                let ambiguous = zone.to_ambiguous_zoned(date);
                // `later` of a skipped time is as far after the gap as the time is in it; the gap's end is the
                // change of the clocks before that.
                let begins = if date_is_skipped(&ambiguous) {
                    let after = ambiguous.later().unwrap().timestamp() + SignedDuration::from_secs(1);
                    zone.preceding(after).next().unwrap().timestamp()
                } else {
                    ambiguous.earlier().unwrap().timestamp()
                };
                (begins == start).then(|| start + SignedDuration::from_hours(2))
            });
            prop_assert_eq!(window.end_at(moment).unwrap(), expected);
        }
    }
}
