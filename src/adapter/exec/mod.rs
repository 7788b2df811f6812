//! Programs of others as adapters: each call runs the program once, tells it one line of JSON, and reads its answer.
//!
//! What the program says is believed no more than what a server says: records are checked, bytes are hashed by whoever reads
//! them, and a write is proved by reading back. It sees the variables that its manifest names, and no others.

mod program;
mod protocol;
mod spool;

use std::io;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::task::spawn_blocking;

use crate::adapter::admit::admit;
use crate::adapter::content::stream_file;
use crate::adapter::exec::program::Call;
use crate::adapter::exec::protocol::{Answer, Operation, PROTOCOL, Request, Told};
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description, Info,
    Locator, Probe, Record, Result, Selector, Written,
};
use crate::config::Environment;
use crate::flow::permit::FlowPermit;
use crate::fs::beneath;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::WorkspaceName;
use crate::model::platform::ExecSpec;
use crate::redact::Secret;

/// The variables that every program sees, if they are set.
const PASSED_ON: [&str; 7] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
];
/// The most records of one list.
const MAX_RECORDS: usize = 100_000;
/// How many bytes of a stream travel at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// A program that speaks for a platform.
#[derive(Debug, Clone)]
pub struct ExecAdapter {
    workspace: WorkspaceName,
    spec: ExecSpec,
    environment: Environment,
}

impl ExecAdapter {
    /// A workspace behind a program. Nothing is run yet.
    #[must_use]
    pub const fn new(workspace: WorkspaceName, spec: ExecSpec, environment: Environment) -> Self {
        Self {
            workspace,
            spec,
            environment,
        }
    }

    fn error(
        &self,
        kind: AdapterErrorKind,
        operation: &'static str,
        message: impl Into<String>,
    ) -> AdapterError {
        AdapterError::permanent(kind, self.workspace.as_str(), operation, message)
    }

    async fn call(&self, operation: Operation) -> Result<Call> {
        let method = operation.method();
        let request = Request {
            protocol: PROTOCOL,
            workspace: self.workspace.as_str(),
            settings: &self.spec.settings,
            operation,
        };
        let mut line = serde_json::to_vec(&request)
            .map_err(|error| self.error(AdapterErrorKind::Unexpected, method, error.to_string()))?;
        line.push(b'\n');
        let adapter = self.clone();
        let prepared = spawn_blocking(move || adapter.command(method)).await;
        let (command, secrets) = prepared.map_err(|error| {
            self.error(AdapterErrorKind::Unexpected, method, error.to_string())
        })??;
        Call::start(command, line, self.workspace.as_str(), method, secrets).await
    }

    /// The command with its variables. Reads secrets, so it may block.
    fn command(&self, method: &'static str) -> Result<(Command, Vec<Secret<Vec<u8>>>)> {
        let Some((program, arguments)) = self.spec.command.split_first() else {
            let message = "the manifest names no program";
            return Err(self.error(AdapterErrorKind::Unsupported, method, message));
        };
        let mut command = self.environment.command(program);
        command.args(arguments).env_clear();
        for name in PASSED_ON {
            if let Some(value) = self.environment.get(name) {
                command.env(name, value);
            }
        }
        let mut secrets = Vec::new();
        for (name, reference) in &self.spec.secrets {
            let secret = reference.load(&self.environment).map_err(|error| {
                let kind = AdapterErrorKind::PermissionDenied;
                self.error(kind, method, error.to_string())
            })?;
            let Ok(value) = std::str::from_utf8(secret.expose()) else {
                let message = format!("the secret `{reference}` is not text");
                return Err(self.error(AdapterErrorKind::PermissionDenied, method, message));
            };
            command.env(name, value);
            secrets.push(secret);
        }
        Ok((Command::from(command), secrets))
    }

    fn checked(&self, told: Told, method: &'static str) -> Result<Record> {
        told.record()
            .map_err(|error| self.error(AdapterErrorKind::Corrupt, method, error.to_string()))
    }

    async fn stat(&self, operation: Operation) -> Result<Option<Record>> {
        let mut call = self.call(operation).await?;
        let told = call.outcome().await?.record;
        call.finish().await?;
        told.map(|told| self.checked(told, "stat")).transpose()
    }

    async fn list(&self, selector: Selector) -> Result<BoxStream<'_, Result<Record>>> {
        let artifacts = selector.artifacts.iter().map(ToString::to_string);
        let artifacts = artifacts.collect();
        let mut call = self.call(Operation::List { artifacts }).await?;
        let mut records = Vec::new();
        loop {
            match call.answer().await? {
                Answer::Record(told) => records.push(self.checked(told, "list")?),
                Answer::Ok(_) => break,
                Answer::Error(failure) => return Err(call.refused(&failure)),
            }
            if records.len() > MAX_RECORDS {
                return Err(call.error(&format!("it lists more than {MAX_RECORDS} versions")));
            }
        }
        call.finish().await?;
        if !selector.artifacts.is_empty() {
            records.retain(|record| selector.artifacts.contains(&record.version.artifact));
        }
        records.sort_by(|left, right| left.version.cmp(&right.version));
        Ok(stream::iter(records.into_iter().map(Ok)).boxed())
    }

    async fn read(&self, version: &VersionId, path: &TreePath) -> Result<ByteStream> {
        let operation = Operation::Read {
            version: version.to_string(),
            path: path.to_string(),
        };
        let mut call = self.call(operation).await?;
        let outcome = call.outcome().await?;
        match (outcome.file, outcome.bytes) {
            (Some(file), None) => {
                let shown = file.display().to_string();
                let failed = |error: io::Error| call.error(&format!("`{shown}`: {error}"));
                let opened = spawn_blocking(move || beneath::open_file(&file)).await;
                let opened = opened.map_err(io::Error::other).and_then(|opened| opened);
                let stream = stream_file(opened.map_err(failed)?).await.map_err(failed)?;
                call.finish().await?;
                Ok(stream)
            }
            (None, Some(bytes)) => Ok(streamed(call, bytes)),
            (Some(_), Some(_)) | (None, None) => {
                Err(call.error("it gave neither a file nor a number of bytes, or both"))
            }
        }
    }

    async fn write(&self, record: &Record, content: &dyn Content) -> Result<Written> {
        let spooled = spool::spool(record, content).await;
        let (files, spool) = spooled.map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::InvalidData => AdapterErrorKind::Corrupt,
                _ => AdapterErrorKind::Unexpected,
            };
            self.error(kind, "write", error.to_string())
                .caused_by(error)
        })?;
        let operation = Operation::Write {
            version: record.version.to_string(),
            digest: record.digest.to_string(),
            files,
        };
        let mut call = self.call(operation).await?;
        let written = call.outcome().await?.written;
        call.finish().await?;
        drop(spool);
        written.ok_or_else(|| call.error("it does not say whether it wrote"))
    }
}

/// The bytes that follow the answer. An error when there are fewer, or when the program ends badly after them.
fn streamed(call: Call, bytes: u64) -> ByteStream {
    let pieces = stream::unfold(Some((call, bytes)), |state| async move {
        let (mut call, left) = state?;
        if left == 0 {
            return match call.finish().await {
                Ok(()) => None,
                Err(error) => Some((Err(io::Error::other(error.to_string())), None)),
            };
        }
        let mut piece = Vec::new();
        let limit = left.min(PIECE_BYTES);
        let read = (&mut call.output).take(limit).read_to_end(&mut piece).await;
        match read {
            Ok(0) => {
                let kind = io::ErrorKind::UnexpectedEof;
                let message = "the program ended before the bytes did";
                Some((Err(io::Error::new(kind, message)), None))
            }
            Ok(read) => {
                let read = u64::try_from(read).unwrap_or(left);
                Some((
                    Ok(Bytes::from(piece)),
                    Some((call, left.saturating_sub(read))),
                ))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    pieces.boxed()
}

impl Adapter for ExecAdapter {
    fn info(&self) -> Info {
        Info {
            workspace: self.workspace.to_string(),
            kind: "exec",
            location: self.spec.command.join(" "),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: self.spec.create_only,
            compare_and_set: self.spec.compare_and_set,
            immutable: false,
        }
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(Self::list(self, selector))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        let operation = match locator {
            Locator::Version(version) => Operation::Stat {
                version: version.to_string(),
            },
            Locator::Current(artifact) => Operation::Current {
                artifact: artifact.to_string(),
            },
        };
        Box::pin(Self::stat(self, operation))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(Self::read(self, version, path))
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            admit(self.workspace.as_str(), permit, record)?;
            Self::write(self, record, content).await
        })
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let operation = Operation::Point {
                version: version.to_string(),
                expected: expected.map(|digest| digest.to_string()),
            };
            let mut call = self.call(operation).await?;
            call.outcome().await?;
            call.finish().await
        })
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(async move {
            let version = version.to_string();
            let mut call = self.call(Operation::Describe { version }).await?;
            let properties = call.outcome().await?.properties;
            call.finish().await?;
            Ok(Description { properties })
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(async move {
            let mut call = self.call(Operation::Probe).await?;
            let outcome = call.outcome().await?;
            call.finish().await?;
            Ok(Probe {
                server: outcome.server,
                clock: outcome.clock,
                permissions: outcome.permissions,
                limits: outcome.limits,
            })
        })
    }
}
