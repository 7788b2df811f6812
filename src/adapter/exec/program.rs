//! One call of a program: what it is told, what it prints, and its end.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::adapter::exec::protocol::{Answer, Failure, Outcome};
use crate::adapter::{AdapterError, AdapterErrorKind, ErrorStatus, Result};
use crate::redact::{Secret, printable};

/// The longest line, in bytes: a record of a hundred thousand files.
const MAX_LINE_BYTES: u64 = 32 << 20;
/// How much of what it prints for people is kept, in bytes.
const MAX_STDERR_BYTES: u64 = 64 * 1024;
/// How much of it is shown, in bytes.
const SHOWN_BYTES: usize = 300;

/// A program that runs. It ends, with all that it started, when this is dropped.
#[derive(Debug)]
pub(super) struct Call {
    child: Child,
    pub(super) output: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    workspace: String,
    method: &'static str,
    secrets: Vec<Secret<Vec<u8>>>,
}

impl Call {
    /// Starts a program and tells it one line.
    pub(super) async fn start(
        mut command: Command,
        line: Vec<u8>,
        workspace: &str,
        method: &'static str,
        secrets: Vec<Secret<Vec<u8>>>,
    ) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let message = format!("the program cannot be run: {error}");
            let kind = AdapterErrorKind::Unexpected;
            AdapterError::permanent(kind, workspace, method, message).caused_by(error)
        };
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else {
            return Err(failed(std::io::Error::other("it has no pipes")));
        };
        let stderr = child.stderr.take().map(|stderr| tokio::spawn(kept(stderr)));
        let call = Self {
            child,
            output: BufReader::new(output),
            stderr,
            workspace: workspace.to_owned(),
            method,
            secrets,
        };
        // A program that ends without reading says why in another way.
        if input.write_all(&line).await.is_ok() {
            input.shutdown().await.ok();
        }
        Ok(call)
    }

    /// The next line that it prints.
    pub(super) async fn answer(&mut self) -> Result<Answer> {
        let mut line = Vec::new();
        let read = (&mut self.output)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await;
        let length = read.map_err(|error| self.error(&error.to_string()))?;
        if length == 0 {
            return Err(self.ended().await);
        }
        if line.last() != Some(&b'\n') {
            return Err(self.error("it printed a line without an end"));
        }
        serde_json::from_slice(&line)
            .map_err(|error| self.error(&format!("it printed a line that is no answer: {error}")))
    }

    /// The last line, of an operation that has one.
    pub(super) async fn outcome(&mut self) -> Result<Outcome> {
        match self.answer().await? {
            Answer::Ok(outcome) => Ok(outcome),
            Answer::Error(failure) => Err(self.refused(&failure)),
            Answer::Record(_) => Err(self.error("it printed a record that nobody asked for")),
        }
    }

    /// Waits for its end, which has to be a good one.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let ended = self.child.wait().await;
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(_) | Err(_) => Err(self.ended().await),
        }
    }

    /// What the program says is wrong.
    pub(super) fn refused(&self, failure: &Failure) -> AdapterError {
        let message = self.clean(&failure.message);
        let workspace = self.workspace.as_str();
        let error = AdapterError::permanent(failure.kind, workspace, self.method, message);
        AdapterError {
            status: if failure.temporary {
                ErrorStatus::Temporary
            } else {
                ErrorStatus::Permanent
            },
            retry_after: failure.retry_after.map(std::time::Duration::from_secs),
            ..error
        }
    }

    /// The program does not do what it should.
    pub(super) fn error(&self, message: &str) -> AdapterError {
        let kind = AdapterErrorKind::Unexpected;
        let message = format!("the program failed: {}", self.clean(message));
        AdapterError::permanent(kind, self.workspace.as_str(), self.method, message)
    }

    /// It ended without an answer, or badly after one.
    async fn ended(&mut self) -> AdapterError {
        let status = self.child.wait().await;
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = match self.stderr.take() {
            Some(stderr) => stderr.await.unwrap_or_default(),
            None => Vec::new(),
        };
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        let message = match last {
            Some(last) => format!("it ended with {status}: {last}"),
            None => format!("it ended with {status}"),
        };
        self.error(&message)
    }

    /// A text of the program, without the secrets that it was given, short, and safe to print.
    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let secret = String::from_utf8_lossy(secret.expose());
            text = text.replace(secret.as_ref(), "…");
        }
        let end = text.floor_char_boundary(SHOWN_BYTES);
        printable(text.get(..end).unwrap_or_default())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself.
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
    }
}

async fn kept(stderr: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut limited = stderr.take(MAX_STDERR_BYTES);
    limited.read_to_end(&mut kept).await.ok();
    // The rest is read and dropped, so that the program is not stopped by a full pipe.
    tokio::io::copy(&mut limited.into_inner(), &mut tokio::io::sink())
        .await
        .ok();
    kept
}
