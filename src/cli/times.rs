//! Times as people type them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time, or the first moment of a day.
pub(crate) fn parse_start(text: &str) -> Result<Timestamp, String> {
    match day_of(text) {
        Some(day) => midnight(day).ok_or_else(|| no_time(text)),
        None => text.parse().map_err(|_| no_time(text)),
    }
}

/// A time, or the last moment of a day.
pub(crate) fn parse_end(text: &str) -> Result<Timestamp, String> {
    let Some(day) = day_of(text) else {
        return parse_start(text);
    };
    let next = day.tomorrow().ok().and_then(midnight);
    let last = next.and_then(|next| next.checked_sub(SignedDuration::from_nanos(1)).ok());
    last.ok_or_else(|| no_time(text))
}

/// A time, as the first and last moment of itself; or a day, as those of all of it.
pub(crate) fn parse_span(text: &str) -> Result<(Timestamp, Timestamp), String> {
    Ok((parse_start(text)?, parse_end(text)?))
}

/// A day without a time. Dates are read from longer texts too, so the length decides.
fn day_of(text: &str) -> Option<Date> {
    (text.len() == "2026-09-01".len()).then(|| text.parse().ok())?
}

fn midnight(day: Date) -> Option<Timestamp> {
    let zoned = day.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

fn no_time(text: &str) -> String {
    format!("`{text}` is no time; write it like 2026-09-01T08:00:00Z or 2026-09-01")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_it() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(parse_start("2026-09-01"), Ok(time("2026-09-01T00:00:00Z")));
        assert_eq!(
            parse_end("2026-09-01"),
            Ok(time("2026-09-01T23:59:59.999999999Z"))
        );
        assert_eq!(
            parse_end("2026-09-01T08:00:00Z"),
            Ok(time("2026-09-01T08:00:00Z"))
        );
        let moment = time("2026-09-01T08:00:00Z");
        assert_eq!(parse_span("2026-09-01T08:00:00Z"), Ok((moment, moment)));
        let (first, last) = parse_span("2026-09-01").unwrap();
        assert!(first < moment && moment < last);
        for text in ["yesterday", "2026-13-01", "2026-09-01T08:00", ""] {
            assert!(
                parse_start(text).is_err() && parse_end(text).is_err(),
                "{text}"
            );
        }
    }
}
