//! What was measured, in one table.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;

/// What a line asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Ours takes at most so many times what the other takes.
    AtMost(f64),
    /// Ours takes less than so many times what the other takes.
    Below(f64),
    /// The other takes at least so many times what ours takes.
    Faster(f64),
    /// Nothing: the line explains another one.
    None,
}

/// What a line is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    /// Seconds.
    Time(f64),
    /// Bytes.
    Memory(f64),
}

impl Amount {
    const fn number(self) -> f64 {
        match self {
            Self::Time(number) | Self::Memory(number) => number,
        }
    }
}

impl From<Duration> for Amount {
    fn from(time: Duration) -> Self {
        Self::Time(time.as_secs_f64())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(seconds) if *seconds < 0.1 => write!(formatter, "{:.2} ms", seconds * 1e3),
            Self::Time(seconds) => write!(formatter, "{seconds:.3} s"),
            Self::Memory(bytes) => write!(formatter, "{:.1} MiB", bytes / f64::from(1 << 20)),
        }
    }
}

/// The lines so far.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<[String; 7]>);

impl Table {
    /// Tells who waits what is being measured.
    pub(crate) fn begin(&self, subject: &str) {
        say(&format!("measuring: {subject}"));
    }

    /// Adds a line: what was done, how ours did, and beside it who or what else, with how that did.
    pub(crate) fn add(
        &mut self,
        what: &str,
        ours: impl Into<Amount>,
        beside: &str,
        other: impl Into<Amount>,
        goal: Goal,
    ) {
        let (ours, other) = (ours.into(), other.into());
        let ratio = ours.number() / other.number();
        let speed = other.number() / ours.number();
        let (shown, asked, is_met) = match goal {
            Goal::AtMost(limit) => (ratio, format!("<= {limit}"), Some(ratio <= limit)),
            Goal::Below(limit) => (ratio, format!("< {limit}"), Some(ratio < limit)),
            Goal::Faster(limit) => (speed, format!(">= {limit} (speed)"), Some(speed >= limit)),
            Goal::None => (ratio, "-".to_owned(), None),
        };
        let met = is_met.map_or("-", |is_met| if is_met { "yes" } else { "NO" });
        let line = [
            what.to_owned(),
            ours.to_string(),
            beside.to_owned(),
            other.to_string(),
            format!("{shown:.3}"),
            asked,
            met.to_owned(),
        ];
        say(&line.join(" | "));
        self.0.push(line);
    }

    /// Prints everything, below what the machine is.
    pub(crate) fn print(&self, machine: &str) {
        let mut table = comfy_table::Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["what", "ours", "beside", "theirs", "ratio", "goal", "met"]);
        table.add_rows(&self.0);
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n{machine}\n\n{table}").unwrap();
    }
}

fn say(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").unwrap();
}
