//! Windows of freezes can be computed.

use croner::parser::{CronParser, Seconds, Year};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::{Facts, item};
use crate::diagnostic::Diagnostic;
use crate::manifest::freeze::{Freeze, RecurringSpec, WindowSpec};
use crate::manifest::yaml::Document;

/// The longest window that comes back.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for document in facts.repository.freezes.values() {
        for name in &document.value.spec.environments {
            found.extend(facts.environment(name, || item(document, "/spec/environments", name)));
        }
        for (index, window) in document.value.spec.windows.iter().enumerate() {
            match window {
                WindowSpec::Once(once) if once.from >= once.until => {
                    let loc = document.at(&format!("/spec/windows/{index}/once/until"));
                    found.push(Diagnostic::error(
                        "empty-window",
                        loc,
                        "the window ends before it starts",
                    ));
                }
                WindowSpec::Once(_) => {}
                WindowSpec::Recurring(recurring) => {
                    found.extend(check_recurring(document, index, recurring));
                }
            }
        }
    }
    found
}

fn check_recurring(
    document: &Document<Freeze>,
    index: usize,
    window: &RecurringSpec,
) -> Vec<Diagnostic> {
    let at = |field: &str| document.at(&format!("/spec/windows/{index}/recurring/{field}"));
    let mut found = Vec::new();
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    if let Err(error) = parser.parse(&window.cron) {
        let message = format!(
            "`{}` is not a cron pattern of five fields: {}",
            window.cron,
            error.to_string().trim_end_matches('.').to_lowercase()
        );
        found.push(
            Diagnostic::error("invalid-cron", at("cron"), message)
                .hint("minute, hour, day of month, month, day of week, such as `0 18 * * 5`"),
        );
    }
    match window.duration.parse::<SignedDuration>() {
        Ok(duration) if duration > SignedDuration::ZERO && duration <= MAX_DURATION => {}
        Ok(_) => found.push(Diagnostic::error(
            "invalid-duration",
            at("duration"),
            "a window lasts more than nothing and at most a year",
        )),
        Err(_) => {
            let message = format!("`{}` is not a duration", window.duration);
            found.push(
                Diagnostic::error("invalid-duration", at("duration"), message)
                    .hint("write hours and minutes, such as `60h` or `1h 30m`"),
            );
        }
    }
    if TimeZone::get(&window.time_zone).is_err() {
        let message = format!("there is no time zone `{}`", window.time_zone);
        found.push(
            Diagnostic::error("unknown-time-zone", at("timeZone"), message)
                .hint("write an IANA name, such as `Europe/Berlin`"),
        );
    }
    found
}
