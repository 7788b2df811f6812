//! A progress bar on standard error, when a person is looking.

use std::fmt;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::Progress;

/// Draws a bar with bytes, speed and time left; on something else than a terminal it draws nothing.
#[derive(Default)]
pub struct Bar {
    bar: Mutex<Option<ProgressBar>>,
}

impl fmt::Debug for Bar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bar")
    }
}

impl Bar {
    fn set(&self, bar: Option<ProgressBar>) {
        let mut current = self
            .bar
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(old) = current.take() {
            old.finish_and_clear();
        }
        *current = bar;
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, total_bytes: Option<u64>) {
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.set_message(what.to_owned());
        self.set(Some(bar));
    }

    fn advance(&self, bytes: u64) {
        let current = self
            .bar
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = current.as_ref() {
            bar.inc(bytes);
        }
    }

    fn end(&self) {
        self.set(None);
    }
}
