//! What the tests read of the ledger without the program: its lines, from the branch or from a folder.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::organisation::Organisation;

/// The branch that holds the ledger unless a topology says otherwise.
pub(crate) const LEDGER: &str = "promote-ledger";

/// The events of the ledger on the branch of a repository, which may be bare.
#[track_caller]
pub(crate) fn events_of(repository: &Path) -> Vec<Value> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository);
    command.args(["show", &format!("{LEDGER}:ledger/entries/000.jsonl")]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    events_in(&String::from_utf8(output.stdout).unwrap())
}

/// The events of the organisation's ledger.
#[track_caller]
pub(crate) fn events(organisation: &Organisation) -> Vec<Value> {
    events_of(&organisation.repository())
}

/// The events in the lines of a file of entries.
pub(crate) fn events_in(lines: &str) -> Vec<Value> {
    let event = |line: &str| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        let body = STANDARD
            .decode(envelope["payload"].as_str().unwrap())
            .unwrap();
        let statement: Value = serde_json::from_slice(&body).unwrap();
        statement["predicate"]["entry"]["event"].clone()
    };
    lines.lines().map(event).collect()
}

/// The events of one type.
pub(crate) fn of_type<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

/// How often a version was brought to a workspace, as the ledger says.
pub(crate) fn successes(events: &[Value], version: &str, workspace: &str) -> usize {
    let is_it = |event: &&&Value| {
        event["outcome"] == "succeeded"
            && event["promotion"]["version"] == version
            && event["promotion"]["slot"]["workspace"] == workspace
    };
    of_type(events, "ended").iter().filter(is_it).count()
}
