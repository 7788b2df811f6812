//! Versions of the penguin model that differ in a note, as many as a test needs, and promotions that are ready to run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::organisation::{Answer, Organisation, answer};

/// The model that the tests promote.
pub(crate) const MODEL: &str = "wildlife/penguin-species";

/// The folder of the real model with one more file in it.
pub(crate) fn variant(organisation: &Organisation, version: &str) -> PathBuf {
    let folder = organisation.path(&format!("made/{version}"));
    copy(&Organisation::model("penguin-species/1.0.0"), &folder);
    std::fs::write(folder.join("notes.txt"), format!("{version}\n")).unwrap();
    folder
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Registers a variant as that version of the model in dev.
#[track_caller]
pub(crate) fn register(organisation: &Organisation, version: &str) {
    let from = variant(organisation, version);
    let answer = organisation.register(MODEL, version, &from, "dev", "penguins-sample");
    answer.expect_code(0);
}

/// Registers a variant, asks for it in qa, and has it approved: the next run promotes it.
#[track_caller]
pub(crate) fn make_ready(organisation: &Organisation, version: &str) {
    register(organisation, version);
    let version = format!("{MODEL}@{version}");
    organisation.request(&version, "qa").expect_code(0);
    organisation.approve("rita", "qa");
}

/// One run of the engine, ended by `kill -9` right after a step.
#[track_caller]
pub(crate) fn apply_killed_after(organisation: &Organisation, step: &str) {
    let mut command = organisation.command("ada");
    command.env("PROMOTE_TEST_KILL_AFTER", step).arg("apply");
    answer(&mut command).expect_code(-1);
}

/// A run with a bound on the size of each file that it writes, in KiB: what a full disk answers, for one process.
pub(crate) fn with_file_limit(command: &Command, kibibytes: u64) -> Answer {
    let mut shell = Command::new("bash");
    // The signal that comes with the limit is ignored, so that writes fail as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"");
    shell
        .args(["-c", &script, "bash"])
        .arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    let set = |(name, value): (_, Option<_>)| Some((name, value?));
    shell.envs(command.get_envs().filter_map(set));
    answer(&mut shell)
}
