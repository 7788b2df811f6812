//! How long it takes until the program says anything.

use std::process::Command;
use std::time::Duration;

use crate::measure::{by_turns, process};
use crate::table::{Amount, Goal, Table};

pub(crate) fn run(table: &mut Table) {
    let ours = |_| process(Command::new(env!("CARGO_BIN_EXE_promote")).arg("--version"));
    let theirs = |_| process(Command::new("git").arg("--version"));
    let (ours, theirs) = by_turns(21, ours, theirs);
    table.add(
        "process start to `--version`",
        ours,
        "10 ms",
        Duration::from_millis(10),
        Goal::Below(1.0),
    );
    table.add(
        "process start to `--version`",
        ours,
        "git --version",
        Amount::from(theirs),
        Goal::None,
    );
}
