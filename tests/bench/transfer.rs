//! How fast a large artifact goes from one workspace to the next, verification included.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{ROUNDS, by_turns, process, time, warm, write_file};
use crate::organisation::Organisation;
use crate::table::{Amount, Goal, Table};

const NAME: &str = "wildlife/churn";

pub(crate) fn run(table: &mut Table) {
    let organisation = Organisation::new(false);
    let source = organisation.path("model.bin");
    let mut peak = 0.0_f64;
    let ours = |round: usize| {
        // A digest that qa holds already would not be copied again.
        write_file(&source, 1 << 30, u64::try_from(round).unwrap() + 1);
        let version = format!("1.{round}.0");
        organisation.register(NAME, &version, &source);
        organisation.promote(&["request", &format!("{NAME}@{version}"), "--to", "qa"]);
        let held = held(&organisation, "dev", &version);
        settle(&held);
        let start = Instant::now();
        let child = organisation
            .command(&["apply"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        peak = peak.max(watch(child));
        let time = start.elapsed();
        assert!(held_in_qa(&organisation, &version), "it was not promoted");
        time
    };
    let copy = organisation.path("copy.bin");
    let theirs = |_| {
        settle(&source);
        let time = copy_and_hash(&source, &copy, false);
        std::fs::remove_file(&copy).unwrap();
        time
    };
    let (ours, theirs) = by_turns(ROUNDS, ours, theirs);
    let beside = "cp, openssl dgst -sha256 of both";
    table.add(
        "apply of 1 GiB between directories, verified",
        ours,
        beside,
        theirs,
        Goal::AtMost(1.3),
    );
    settle(&source);
    let durable = copy_and_hash(&source, &copy, true);
    table.add(
        "the same: ours is on the disk when it ends",
        ours,
        "the same with `sync` after `cp`",
        durable,
        Goal::None,
    );
    table.add(
        "peak memory of that apply",
        Amount::Memory(peak),
        "64 MiB",
        Amount::Memory(f64::from(64 << 20)),
        Goal::Below(1.0),
    );
}

/// What others would do by hand.
fn copy_and_hash(source: &Path, copy: &Path, is_durable: bool) -> Duration {
    time(|| {
        process(Command::new("cp").arg(source).arg(copy));
        if is_durable {
            process(Command::new("sync").arg(copy));
        }
        process(
            Command::new("openssl")
                .args(["dgst", "-sha256"])
                .arg(source)
                .arg(copy),
        );
    })
}

/// Writes what is not yet on the disk, and reads the file into memory, so that no side pays for what came before.
fn settle(path: &Path) {
    process(&mut Command::new("sync"));
    warm(path);
}

fn held(organisation: &Organisation, workspace: &str, version: &str) -> PathBuf {
    organisation.path(&format!(
        "workspaces/{workspace}/wildlife/model/churn/{version}/content/model.bin"
    ))
}

fn held_in_qa(organisation: &Organisation, version: &str) -> bool {
    held(organisation, "qa", version).exists()
}

/// Waits for a process to end well, and returns the most memory that it held, in bytes. The kernel keeps that maximum, so
/// looking now and then is enough.
fn watch(mut child: Child) -> f64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        peak = kibibytes.map_or(peak, |kibibytes| kibibytes * 1024.0);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
