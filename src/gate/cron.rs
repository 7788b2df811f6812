//! Cron patterns, so restricted that every search through them ends soon.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

/// The longest cron pattern, in bytes.
const MAX_CRON_BYTES: usize = 128;
/// Where the search for a first start begins; any date would do.
const SEARCH_START: DateTime = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);

/// Why a text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CronError {
    /// It does not have the form.
    Form,
    /// It matches no date.
    Never,
}

/// Reads a pattern of five fields.
///
/// # Errors
///
/// When it is not one, or matches no date.
pub(crate) fn parse_cron(text: &str) -> Result<Cron, CronError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" *,-/#".contains(&byte);
    // The parser takes `,` for a field that nothing matches, and then searches for a minute.
    let is_listed = |field: &str| field.split(',').all(|item| !item.is_empty());
    if text.len() > MAX_CRON_BYTES
        || !text.bytes().all(is_plain)
        || text.split_ascii_whitespace().count() != 5
        || !text.split_ascii_whitespace().all(is_listed)
    {
        return Err(CronError::Form);
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    let cron = parser.parse(text).map_err(|_| CronError::Form)?;
    if !has_times(&cron) {
        return Err(CronError::Never);
    }
    // Refused here, since the search for a date such as the 30th of February takes long before it gives up.
    match cron.find_next_occurrence(&SEARCH_START, true) {
        Ok(_) => Ok(cron),
        Err(_) => Err(CronError::Never),
    }
}

/// Whether some minute, hour and month match: without, a search walks through centuries second by second.
fn has_times(cron: &Cron) -> bool {
    let pattern = &cron.pattern;
    (0..60).any(|minute| pattern.minute_match(minute).unwrap_or(false))
        && (0..24).any(|hour| pattern.hour_match(hour).unwrap_or(false))
        && (1..=12).any(|month| pattern.month_match(month).unwrap_or(false))
}

#[cfg(test)]
mod tests {

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_that_would_be_searched_for_long_are_refused() {
        for (text, error) in [
            (", * * * *", CronError::Form),
            ("* 1,,2 * * *", CronError::Form),
            ("0 0 30 2 *", CronError::Never),
            ("0 0 31 2,4,6,9,11 *", CronError::Never),
            ("0 0 * * L", CronError::Never),
        ] {
            assert_eq!(parse_cron(text).unwrap_err(), error, "{text}");
        }
        for text in [
            "0 18 * * FRI",
            "*/5 8-18 * jan-mar 1-5",
            "0 0 29 2 *",
            "0 0 L * *",
            "0 0 * * FRI#2",
        ] {
            assert!(parse_cron(text).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_field_makes_parsing_panic(field in "[0-9A-Za-z*,/#-]{1,8}", text in ".{0,24}") {
            for cron in [
                text,
                format!("{field} * * * *"),
                format!("0 {field} * * *"),
                format!("0 0 {field} * *"),
                format!("0 0 * {field} *"),
                format!("0 0 * * {field}"),
            ] {
                drop(parse_cron(&cron));
            }
        }
    }
}
