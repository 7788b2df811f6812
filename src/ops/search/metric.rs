//! What is asked of a metric: `accuracy>=0.9`, or its name alone.

use std::str::FromStr;

use serde::Serialize;

use crate::model::id::MetricName;

/// What is asked of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricAsk {
    /// The metric.
    pub name: MetricName,
    /// How it must compare, and with what; `None` to show it and ask nothing of it.
    pub bar: Option<(Comparison, f64)>,
}

/// How a metric compares with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
    /// `=`
    Equal,
}

/// The signs, longer ones first, so that `>=` is not read as `>`.
const SIGNS: [(&str, Comparison); 5] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
    ("=", Comparison::Equal),
];

impl MetricAsk {
    /// Whether the metric of a version is as asked. One that was not measured never is, nor is one that is no number.
    #[must_use]
    pub fn is_met(&self, measured: Option<f64>) -> bool {
        let Some((comparison, bar)) = self.bar else {
            return true;
        };
        measured.is_some_and(|measured| match comparison {
            Comparison::AtLeast => measured >= bar,
            Comparison::AtMost => measured <= bar,
            Comparison::Above => measured > bar,
            Comparison::Below => measured < bar,
            Comparison::Equal => measured.total_cmp(&bar).is_eq(),
        })
    }
}

impl FromStr for MetricAsk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is not `NAME>=NUMBER`, with one of `>=` `<=` `>` `<` `=`, or a name alone"
            )
        };
        let found = SIGNS
            .iter()
            .find_map(|(sign, comparison)| Some((text.split_once(sign)?, *comparison)));
        let (name, bar) = match found {
            None => (text, None),
            Some(((name, number), comparison)) => {
                let number: f64 = number.trim().parse().map_err(|_| refuse())?;
                if !number.is_finite() {
                    return Err(refuse());
                }
                (name.trim(), Some((comparison, number)))
            }
        };
        let name = name.parse().map_err(|_| refuse())?;
        Ok(Self { name, bar })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_asks_what_it_says_and_what_was_not_measured_never_passes() {
        let cases = [
            ("a>=0.5", [false, true, true]),
            ("a<=0.5", [true, true, false]),
            ("a>0.5", [false, false, true]),
            ("a<0.5", [true, false, false]),
            ("a = 0.5", [false, true, false]),
            ("a", [true, true, true]),
        ];
        for (text, expected) in cases {
            let ask: MetricAsk = text.parse().unwrap();
            let met = [0.4, 0.5, 0.6].map(|value| ask.is_met(Some(value)));
            assert_eq!(met, expected, "{text}");
            assert_eq!(ask.is_met(None), ask.bar.is_none(), "{text}");
            assert_eq!(ask.is_met(Some(f64::NAN)), ask.bar.is_none(), "{text}");
        }
        for text in [
            "", ">=1", "a>=", "a>=x", "a>=nan", "a>=inf", "a=>1", "a==1", "A>1", "a!1",
        ] {
            assert!(text.parse::<MetricAsk>().is_err(), "{text}");
        }
    }
}
