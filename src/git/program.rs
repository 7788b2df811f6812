//! Runs the `git` program: bounded in time and output, without prompts, without hooks.

use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::git::address::without_credentials;
use crate::git::error::GitError;
use crate::redact::printable;

/// How long one call may take unless told otherwise: long enough to fetch a large history over a slow line.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// The most that is read of standard output, in bytes: some ten thousand branches.
const MAX_OUTPUT: usize = 1 << 20;
/// How much of standard error is kept, in bytes; the end, where the reason is.
const MAX_MESSAGES: usize = 64 << 10;
/// How long to wait for the end of standard error once `git` has ended: a shared SSH connection that `git` left
/// behind keeps it open for hours.
const GRACE: Duration = Duration::from_millis(250);

/// Variables that would point `git` at another repository than the one meant; set when we are run by a hook.
const REPOSITORY_VARIABLES: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];
/// Variables that make `git` write headers, with tokens in them, where we expect messages.
const TRACE_VARIABLES: [&str; 5] = [
    "GIT_CURL_VERBOSE",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_SETUP",
];

/// How the `git` program is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitProgram {
    /// The program.
    pub program: PathBuf,
    /// How long one call may take; then it and all that it started are killed.
    pub deadline: Duration,
    /// Variables in addition to those of this process, such as `GIT_SSH_COMMAND`.
    pub environment: Vec<(String, String)>,
}

impl Default for GitProgram {
    fn default() -> Self {
        Self {
            program: PathBuf::from("git"),
            deadline: DEADLINE,
            environment: Vec::new(),
        }
    }
}

/// What a call of `git` left behind.
#[derive(Debug)]
pub(super) struct Output {
    /// Whether it ended with exit code 0.
    pub(super) is_success: bool,
    /// What it wrote for us.
    pub(super) text: String,
    /// What it wrote for people, without credentials.
    pub(super) messages: String,
}

impl Output {
    /// Why it failed: the lines that say so, in one.
    pub(super) fn reason(&self) -> String {
        let says_why = |line: &&str| {
            ["fatal:", "error:", "remote:", "ssh:"]
                .iter()
                .any(|start| line.starts_with(start))
        };
        let mut lines: Vec<&str> = self
            .messages
            .lines()
            .map(str::trim_end)
            .filter(says_why)
            .collect();
        if lines.is_empty() {
            lines = self.messages.lines().rev().take(1).collect();
        }
        let text: String = lines.join("; ").chars().take(500).collect();
        match text.trim() {
            "" => "`git` gave no reason".to_owned(),
            text => printable(text),
        }
    }
}

/// Why a call did not end by itself.
#[derive(Debug)]
pub(super) enum RunError {
    /// It took longer than the deadline.
    Deadline(Duration),
    /// It could not be run or watched.
    Failed(String),
}

impl RunError {
    /// The error for a call that talks to a remote.
    pub(super) fn about(self, remote: &str) -> GitError {
        match self {
            Self::Deadline(deadline) => GitError::Unavailable {
                remote: remote.to_owned(),
                reason: format!("no answer within {} s", deadline.as_secs_f64()),
            },
            Self::Failed(reason) => GitError::Program { reason },
        }
    }
}

impl GitProgram {
    /// Runs `git` for a repository and waits for it.
    pub(super) fn run(
        &self,
        git_directory: &Path,
        folder: &Path,
        arguments: &[String],
    ) -> Result<Output, RunError> {
        let mut command = self.command(folder);
        command.env("GIT_DIR", git_directory).args(arguments);
        let failed = |error: std::io::Error| {
            RunError::Failed(format!("`{}`: {error}", self.program.display()))
        };
        let mut child = command.spawn().map_err(failed)?;
        let process = Pid::from_child(&child);
        let watched = watch(&mut child, process).map_err(failed);
        let ended = watched.and_then(|watched| {
            let ended = watched.exit.recv_timeout(self.deadline);
            ended.map_err(|_| RunError::Deadline(self.deadline))?;
            Ok(watched)
        });
        if ended.is_err() {
            // The process has not been waited for, so its number cannot belong to another one yet. It may be gone.
            let _ = kill_process_group(process, Signal::KILL);
        }
        let status = child.wait().map_err(failed)?;
        collect(&ended?, status, self.deadline)
    }

    /// A call that asks nothing, runs no hook of the repository and no foreign transport.
    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        for variable in REPOSITORY_VARIABLES.iter().chain(&TRACE_VARIABLES) {
            command.env_remove(variable);
        }
        command
            .current_dir(folder)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            // Without it `ssh` stops when it asks a terminal that belongs to somebody else's process group.
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(["-c", "core.fsmonitor=false"])
            .args(["-c", "protocol.ext.allow=never"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }
}

/// A running call: its end, and its two outputs.
struct Watched {
    exit: Receiver<()>,
    output: Pipe,
    messages: Pipe,
}

/// What was read from a pipe so far.
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Pipe {
    /// What was read, once the pipe is closed or after `patience`.
    fn take(&self, patience: Duration) -> (String, bool) {
        let is_whole = self.end.recv_timeout(patience).is_ok();
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&std::mem::take(&mut *bytes)).into_owned();
        (text, is_whole)
    }
}

/// Which part of an output is kept when it is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Start,
    End,
}

/// Starts to read the outputs and to wait for the end, which it leaves for [`Child::wait`] to collect.
fn watch(child: &mut Child, process: Pid) -> std::io::Result<Watched> {
    let output = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    let messages = child.stderr.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    // One byte more than is accepted shows that there is too much.
    let output = drain(output, MAX_OUTPUT + 1, Keep::Start)?;
    let messages = drain(messages, MAX_MESSAGES, Keep::End)?;
    let (ended, exit) = channel();
    std::thread::Builder::new().spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(process), options)
            .is_err_and(|error| error == rustix::io::Errno::INTR)
        {}
        // Nobody listens any more when the deadline has passed.
        let _ = ended.send(());
    })?;
    Ok(Watched {
        exit,
        output,
        messages,
    })
}

/// Reads a pipe to its end on a thread of its own, and keeps at most `limit` bytes.
fn drain(mut pipe: impl Read + Send + 'static, limit: usize, keep: Keep) -> std::io::Result<Pipe> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (closed, end) = channel();
    let shared = Arc::clone(&bytes);
    std::thread::Builder::new().spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
            let excess = kept.len().saturating_sub(limit);
            match keep {
                Keep::Start => kept.truncate(limit),
                Keep::End => drop(kept.drain(..excess)),
            }
        }
        let _ = closed.send(());
    })?;
    Ok(Pipe { bytes, end })
}

/// Puts together what an ended call said.
fn collect(watched: &Watched, status: ExitStatus, deadline: Duration) -> Result<Output, RunError> {
    let (text, is_whole) = watched.output.take(deadline);
    let (messages, _) = watched.messages.take(GRACE);
    if !is_whole || text.len() > MAX_OUTPUT {
        let reason = format!("it wrote more than {MAX_OUTPUT} bytes, or did not stop");
        return Err(RunError::Failed(reason));
    }
    Ok(Output {
        is_success: status.success(),
        text,
        messages: without_credentials(&messages),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, deadline: Duration) -> Result<Output, RunError> {
        // The alias makes `git` run a shell, whose children are in the same process group.
        let program = GitProgram {
            deadline,
            ..GitProgram::default()
        };
        let alias = format!("alias.x=!{script}");
        program.run(
            Path::new("/nonexistent"),
            Path::new("/"),
            &["-c".to_owned(), alias, "x".to_owned()],
        )
    }

    #[test]
    fn a_call_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        // It ends when the last process that can write has ended; left alone, that takes ten minutes.
        let reader = Command::new("timeout")
            .args(["30", "cat"])
            .arg(&fifo)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let script = format!(
            "sh -c 'exec >{}; echo started; exec sleep 600'; true #",
            fifo.display()
        );
        let error = shell(&script, Duration::from_secs(3)).unwrap_err();
        assert!(matches!(error, RunError::Deadline(_)), "{error:?}");
        let read = reader.wait_with_output().unwrap();
        assert!(
            read.status.success(),
            "the child was killed before the time was up"
        );
        assert_eq!(read.stdout, b"started\n");
    }

    #[test]
    fn output_beyond_the_bound_is_an_error_and_messages_keep_their_end() {
        let long = Duration::from_secs(60);
        let error = shell("head -c 2000000 /dev/zero #", long).unwrap_err();
        assert!(matches!(error, RunError::Failed(_)), "{error:?}");
        let script =
            "head -c 200000 /dev/zero >&2; echo >&2; echo 'fatal: https://a:b@c/d' >&2; false #";
        let output = shell(script, long).unwrap();
        assert!(!output.is_success);
        assert_eq!(output.reason(), "fatal: https://***@c/d");
    }

    #[test]
    fn a_process_left_behind_does_not_hold_the_answer_back() {
        let started = std::time::Instant::now();
        let script = "echo done; sleep 20 >/dev/null & #";
        let output = shell(script, Duration::from_secs(60)).unwrap();
        assert_eq!(output.text, "done\n");
        assert!(started.elapsed() < Duration::from_secs(15));
    }
}
