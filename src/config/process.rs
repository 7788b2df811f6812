//! Runs another program to its end, bounded in time and output.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::redact::{Secret, printable};

/// How often a running program is looked at. Short beside what a person notices, long beside what a look costs.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Whether the program may talk to the person at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// It inherits standard input and may ask, such as for a passphrase.
    Shared,
    /// It reads nothing, and is ended together with every program it started.
    Detached,
}

/// What a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After this time it is killed.
    pub time: Duration,
    /// The most it may write to each of its outputs, in bytes.
    pub output_bytes: usize,
    /// Whether it may talk to the person.
    pub terminal: Terminal,
}

/// What a program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output, which may be a secret.
    pub stdout: Secret<Vec<u8>>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// The last line of standard error that says something; empty when there is none.
    #[must_use]
    pub fn last_error_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        let bounded: String = last.unwrap_or_default().chars().take(300).collect();
        printable(&bounded)
    }
}

/// Why a program could not be run to its end. Names the program alone, never its arguments or output.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("the program `{program}` is not installed or not in `PATH`")]
    NotFound {
        /// The program.
        program: String,
    },
    /// It could not be started or watched.
    #[error("the program `{program}` could not be run: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("the program `{program}` was ended after {seconds} seconds")]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// It wrote too much and was killed.
    #[error("the program `{program}` wrote more than {limit} bytes")]
    TooMuch {
        /// The program.
        program: String,
        /// The limit.
        limit: usize,
    },
}

/// Runs a program and keeps what it writes. Blocks until it has ended.
///
/// # Errors
///
/// When it cannot be started, exceeds a limit, or cannot be watched. A program that ends with a failure is no error here.
pub fn run(mut command: Command, limits: Limits) -> Result<Captured, ProcessError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if limits.terminal == Terminal::Detached {
        command.stdin(Stdio::null()).process_group(0);
    }
    let child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ProcessError::NotFound {
            program: program.clone(),
        },
        _ => ProcessError::Run {
            program: program.clone(),
            source,
        },
    })?;
    let mut running = Running { child, limits };
    let outcome = running.finish(&program);
    if outcome.is_err() {
        running.kill();
    }
    outcome
}

/// A started program.
struct Running {
    child: Child,
    limits: Limits,
}

/// One of the two outputs, read to its end.
struct Output {
    is_stderr: bool,
    bytes: io::Result<Vec<u8>>,
}

impl Running {
    fn finish(&mut self, program: &str) -> Result<Captured, ProcessError> {
        let (sender, outputs) = mpsc::channel();
        let limit = self.limits.output_bytes;
        read_in_background(self.child.stdout.take(), false, limit, &sender);
        read_in_background(self.child.stderr.take(), true, limit, &sender);
        drop(sender);
        let failed = |source| ProcessError::Run {
            program: program.to_owned(),
            source,
        };
        let deadline = Instant::now() + self.limits.time;
        let (mut stdout, mut stderr) = (None, None);
        loop {
            if let Some(output) = next_output(&outputs) {
                let bytes = output.bytes.map_err(failed)?;
                if bytes.len() > limit {
                    return Err(ProcessError::TooMuch {
                        program: program.to_owned(),
                        limit,
                    });
                }
                *(if output.is_stderr {
                    &mut stderr
                } else {
                    &mut stdout
                }) = Some(bytes);
            }
            let status = self.child.try_wait().map_err(failed)?;
            match (status, stdout.take(), stderr.take()) {
                (Some(status), Some(stdout), Some(stderr)) => {
                    return Ok(Captured {
                        status,
                        stdout: Secret::new(stdout),
                        stderr,
                    });
                }
                (_, so_far, errors_so_far) => (stdout, stderr) = (so_far, errors_so_far),
            }
            if Instant::now() >= deadline {
                return Err(ProcessError::TimedOut {
                    program: program.to_owned(),
                    seconds: self.limits.time.as_secs(),
                });
            }
        }
    }

    /// Ends the program. What fails here had ended before.
    fn kill(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Terminal::Detached, Some(group)) = (self.limits.terminal, group) {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Waits for the next output, at most one interval. Also paces the loop when both outputs have ended.
fn next_output(outputs: &Receiver<Output>) -> Option<Output> {
    match outputs.recv_timeout(POLL_INTERVAL) {
        Ok(output) => Some(output),
        Err(mpsc::RecvTimeoutError::Timeout) => None,
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            thread::sleep(POLL_INTERVAL);
            None
        }
    }
}

/// Reads an output to its end, or to one byte past the limit.
fn read_in_background<R: Read + Send + 'static>(
    output: Option<R>,
    is_stderr: bool,
    limit: usize,
    sender: &Sender<Output>,
) {
    let Some(output) = output else { return };
    let sender = sender.clone();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let bytes = output.take(limit).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens any more when the time was up.
        sender.send(Output { is_stderr, bytes }).ok();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn shell(script: &str, time: Duration) -> Result<Captured, ProcessError> {
        let mut command = Environment::from_process().command("sh");
        command.args(["-c", script]);
        let limits = Limits {
            time,
            output_bytes: 10,
            terminal: Terminal::Detached,
        };
        run(command, limits)
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn both_outputs_and_the_status_are_kept() {
        let captured = shell("printf out; printf 'a\\nb\\n\\n' >&2; exit 3", LONG).unwrap();
        assert_eq!(captured.stdout.expose(), b"out");
        assert_eq!(captured.last_error_line(), "b");
        assert_eq!(captured.status.code(), Some(3));
    }

    #[test]
    fn a_program_past_a_limit_is_ended() {
        let started = Instant::now();
        for (script, time, message) in [
            (
                "sleep 60 & sleep 60",
                Duration::from_millis(50),
                "the program `sh` was ended after 0 seconds",
            ),
            (
                "exec >&- 2>&-; exec sleep 60",
                Duration::from_millis(50),
                "the program `sh` was ended after 0 seconds",
            ),
            ("yes", LONG, "the program `sh` wrote more than 10 bytes"),
            ("yes >&2", LONG, "the program `sh` wrote more than 10 bytes"),
        ] {
            assert_eq!(shell(script, time).unwrap_err().to_string(), message);
        }
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn what_a_detached_program_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        let pipe = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        let script = format!("exec 3>'{}'; sleep 60 & wait", path.display());
        assert!(shell(&script, Duration::from_millis(300)).is_err());
        // The pipe is at its end once nobody holds it open for writing.
        let started = Instant::now();
        let mut pipe = std::fs::File::from(pipe);
        while pipe.read(&mut [0]).is_err() {
            assert!(started.elapsed() < LONG, "the background program lives on");
            thread::yield_now();
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let limits = Limits {
            time: LONG,
            output_bytes: 1,
            terminal: Terminal::Detached,
        };
        let command = Environment::from_iter([("PATH", "/nowhere")]).command("ssh-keygen");
        assert_eq!(
            run(command, limits).unwrap_err().to_string(),
            "the program `ssh-keygen` is not installed or not in `PATH`"
        );
    }
}
