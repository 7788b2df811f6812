//! Reads what a reference points to.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use crate::config::Environment;
use crate::config::process::{self, Limits, ProcessError, Terminal};
use crate::config::secret::{MAX_SECRET_BYTES, SecretError};
use crate::model::secret::{Place, SecretRef};
use crate::redact::Secret;

/// How long a command may take to print a secret.
const COMMAND_TIME: Duration = Duration::from_secs(30);

impl SecretRef {
    /// Reads the secret: at most 64 KiB, a command at most 30 seconds. Blocks.
    ///
    /// One line ending at the end is dropped, since editors and commands add it. A file of ours that others can read is
    /// refused, as OpenSSH does; a file of another owner is not ours to judge.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is empty, is too large, or lies open to others.
    pub fn load(&self, environment: &Environment) -> Result<Secret<Vec<u8>>, SecretError> {
        let mut bytes = match self.place() {
            Place::File(path) => self.read_file(path)?,
            Place::Variable(name) => environment
                .get(name)
                .map(|value| value.as_bytes().to_vec())
                .ok_or_else(|| SecretError::Unset {
                    reference: self.clone(),
                })?,
            Place::Command { program, arguments } => {
                self.run(environment, program, arguments, COMMAND_TIME)?
            }
        };
        if bytes.pop_if(|byte| *byte == b'\n').is_some() {
            bytes.pop_if(|byte| *byte == b'\r');
        }
        let reference = || self.clone();
        match bytes.len() {
            0 => Err(SecretError::Empty {
                reference: reference(),
            }),
            length if length > MAX_SECRET_BYTES => Err(SecretError::TooLarge {
                reference: reference(),
            }),
            _ => Ok(Secret::new(bytes)),
        }
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, SecretError> {
        let failed = |source| SecretError::Read {
            reference: self.clone(),
            source,
        };
        // Without NONBLOCK, opening a pipe would wait for a writer for ever.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let file = File::from(file.map_err(|error| failed(error.into()))?);
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(SecretError::NotAFile {
                reference: self.clone(),
            });
        }
        let mode = metadata.permissions().mode() & 0o7777;
        let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if is_ours && mode & 0o077 != 0 {
            return Err(SecretError::Exposed {
                reference: self.clone(),
                path: path.display().to_string(),
                mode,
            });
        }
        let limit = u64::try_from(MAX_SECRET_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        // Two more than the limit, so that a line ending can be dropped and one byte too many is still seen.
        let read = file.take(limit.saturating_add(3)).read_to_end(&mut bytes);
        read.map_err(failed)?;
        Ok(bytes)
    }

    fn run(
        &self,
        environment: &Environment,
        program: &str,
        arguments: &[String],
        time: Duration,
    ) -> Result<Vec<u8>, SecretError> {
        let mut command = environment.command(program);
        command.args(arguments);
        let limits = Limits {
            time,
            output_bytes: MAX_SECRET_BYTES + 2,
            terminal: Terminal::Detached,
        };
        let captured = process::run(command, limits).map_err(|source| match source {
            ProcessError::TooMuch { .. } => SecretError::TooLarge {
                reference: self.clone(),
            },
            source => SecretError::Process {
                reference: self.clone(),
                source,
            },
        })?;
        if !captured.status.success() {
            return Err(SecretError::Failed {
                reference: self.clone(),
                status: captured.status.to_string(),
            });
        }
        Ok(captured.stdout.expose().clone())
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests make files of their own"
)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;
    use crate::model::secret::SecretRefError;

    fn load(text: &str) -> Result<Vec<u8>, String> {
        let environment = Environment::from_iter([
            ("PATH", "/usr/bin:/bin"),
            ("TOKEN", "hunter2\n"),
            ("BLANK", ""),
        ]);
        let reference: SecretRef = text
            .parse()
            .map_err(|error: SecretRefError| error.to_string())?;
        let secret = reference.load(&environment);
        secret
            .map(|secret| secret.expose().clone())
            .map_err(|error| error.to_string())
    }

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let path = path.display().to_string();
        (folder, path)
    }

    #[test]
    fn all_three_places_are_read_and_lose_one_line_ending() {
        let (_folder, path) = file(b"hunter2\r\n", 0o600);
        for (reference, secret) in [
            (format!("file:{path}"), "hunter2"),
            ("env:TOKEN".to_owned(), "hunter2"),
            ("command:printf hunter2\\n\\n".to_owned(), "hunter2\n"),
            ("command:echo $TOKEN ; id".to_owned(), "$TOKEN ; id"),
        ] {
            assert_eq!(load(&reference).unwrap(), secret.as_bytes(), "{reference}");
        }
    }

    #[test]
    fn refusals_name_the_reference_and_never_the_secret() {
        for (reference, message) in [
            (
                "env:NOBODY",
                "the secret `env:NOBODY` is not set in the environment",
            ),
            ("env:BLANK", "the secret `env:BLANK` is empty"),
            ("file:/", "the secret `file:/` is not a regular file"),
            (
                "file:/nowhere/key",
                "the secret `file:/nowhere/key` cannot be read: No such file or directory (os error 2)",
            ),
            (
                "command:nobody-has-this",
                "the secret `command:nobody-has-this` cannot be read: the program `nobody-has-this` is not installed or not in `PATH`",
            ),
            (
                "command:ls /nowhere",
                "the command of the secret `command:ls /nowhere` failed (exit status: 2); run it by hand to see why",
            ),
            (
                "command:yes",
                "the secret `command:yes` has more than 65536 bytes",
            ),
            (
                "hunter2",
                "`…` is not a reference to a secret; write `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT…`",
            ),
            (
                "env:hunter-2",
                "`env:…` is not a reference to a secret; write `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT…`",
            ),
        ] {
            assert_eq!(load(reference).unwrap_err(), message);
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_way_out() {
        let (_folder, path) = file(b"hunter2", 0o640);
        assert_eq!(
            load(&format!("file:{path}")).unwrap_err(),
            format!(
                "the secret `file:{path}` has mode 0640, so that others can read it; run `chmod 600 '{path}'`"
            )
        );
    }

    #[test]
    fn the_largest_secret_is_read_and_one_byte_more_is_not() {
        for (length, is_read) in [(MAX_SECRET_BYTES, true), (MAX_SECRET_BYTES + 1, false)] {
            for ending in ["", "\n", "\r\n"] {
                let mut content = vec![b'x'; length];
                content.extend(ending.as_bytes());
                let (_folder, path) = file(&content, 0o400);
                assert_eq!(load(&format!("file:{path}")).is_ok(), is_read);
            }
        }
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe").display().to_string();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(load(&format!("file:{path}")).is_err());
    }

    #[test]
    fn a_command_is_ended_when_its_time_is_up() {
        let reference: SecretRef = "command:sleep 60".parse().unwrap();
        let outcome = reference.run(
            &Environment::from_process(),
            "sleep",
            &["60".to_owned()],
            Duration::from_millis(20),
        );
        assert!(matches!(
            outcome,
            Err(SecretError::Process {
                source: ProcessError::TimedOut { .. },
                ..
            })
        ));
    }
}
