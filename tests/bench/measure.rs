//! Taking times, fairly.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How often each side runs, by turns, so that a busy minute hits both.
pub(crate) const ROUNDS: usize = 5;

/// A folder for what is measured, on the disk that the project is built on.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The time that something takes.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let done = work();
    let time = start.elapsed();
    drop(done);
    time
}

/// Lets the disk finish what was written before, so that nobody pays for what others wrote.
pub(crate) fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

/// The middle one of some times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median times of two that take turns.
pub(crate) fn by_turns(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Duration,
    mut theirs: impl FnMut(usize) -> Duration,
) -> (Duration, Duration) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        left.push(ours(round));
        right.push(theirs(round));
    }
    (median(left), median(right))
}

/// The time of a whole process that has to succeed.
pub(crate) fn process(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    time(|| assert!(command.status().unwrap().success(), "{command:?}"))
}

/// The time of a whole process that has to succeed; `limit` when it has not ended by then and was stopped.
pub(crate) fn process_within(limit: Duration, command: &Command) -> Duration {
    let mut bounded = Command::new("timeout");
    bounded.arg(limit.as_secs().to_string());
    bounded.arg(command.get_program()).args(command.get_args());
    bounded.stdin(Stdio::null()).stdout(Stdio::null());
    let mut code = None;
    let taken = time(|| code = bounded.status().unwrap().code());
    match code {
        Some(0) => taken,
        // What `timeout` says when it had to stop it.
        Some(124) => limit,
        _ => panic!("{command:?}"),
    }
}

/// A file that no file system and no processor finds a shortcut for; others for other seeds.
pub(crate) fn write_file(path: &Path, bytes: u64, seed: u64) {
    let mut file = File::create(path).unwrap();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut left = bytes;
    let mut block = vec![0; 1 << 16];
    while left > 0 {
        for chunk in block.chunks_exact_mut(8) {
            // xorshift64 (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.copy_from_slice(&state.to_le_bytes());
        }
        let count = left.min(1 << 16);
        file.write_all(block.get(..usize::try_from(count).unwrap()).unwrap())
            .unwrap();
        left -= count;
    }
}

/// Reads a file once, so that no side pays for the disk.
pub(crate) fn warm(path: &Path) {
    std::io::copy(&mut File::open(path).unwrap(), &mut std::io::sink()).unwrap();
}
