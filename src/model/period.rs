//! Lengths of time as people write them: `90s`, `30m`, `48h`, `7d`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use crate::model::id::{IdError, text_type};

/// The longest period: ten years, so that sums with any sensible date stay in range.
const MAX_SECONDS: u64 = 10 * 365 * 86_400;

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(u64);

impl Period {
    /// A period of so many seconds, at most ten years.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds.min(MAX_SECONDS))
    }

    /// The length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The length as a duration that can be added to a timestamp.
    #[must_use]
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for Period {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::Form {
            what: "duration",
            text: text.chars().take(40).collect(),
            form: "numbers with `d`, `h`, `m` or `s`, such as `48h` or `1h30m`",
        };
        let mut seconds = 0_u64;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            let (number, tail) = rest.split_at_checked(digits).ok_or_else(error)?;
            let mut tail = tail.chars();
            let unit = tail
                .next()
                .and_then(|unit| UNITS.iter().find(|(name, _)| *name == unit))
                .ok_or_else(error)?;
            let number: u64 = number.parse().map_err(|_| error())?;
            seconds = number
                .checked_mul(unit.1)
                .and_then(|part| seconds.checked_add(part))
                .ok_or_else(error)?;
            rest = tail.as_str();
        }
        if text.is_empty() || seconds > MAX_SECONDS {
            Err(error())
        } else {
            Ok(Self(seconds))
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut text = String::new();
        for (unit, length) in UNITS {
            if rest >= length {
                text.push_str(&format!("{}{unit}", rest / length));
                rest %= length;
            }
        }
        formatter.pad(if text.is_empty() { "0s" } else { &text })
    }
}

text_type!(
    Period,
    "Period",
    "^([0-9]+[dhms])+$",
    "a length of time, such as `48h`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_print_what_they_parse() {
        for (text, printed) in [
            ("48h", "2d"),
            ("90m", "1h30m"),
            ("0s", "0s"),
            ("1d1s", "1d1s"),
        ] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), printed);
        }
        for text in [
            "",
            "h",
            "1",
            "-1h",
            "1.5h",
            "99999999999999999999d",
            "1000000d",
            "1w",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
