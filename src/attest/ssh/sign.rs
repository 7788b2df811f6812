//! Signing and making keys with `ssh-keygen`, as Git does: so private keys stay with their agent or in their hardware.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::attest::ssh::key::{SshKeyError, SshPublicKey};
use crate::attest::ssh::signature::{MAX_SIGNATURE_BYTES, SshSignatureError, verify};
use crate::config::Environment;
use crate::config::process::{self, Captured, Limits, ProcessError, Terminal};

/// How long signing may take: people look for a key and touch it, or type a passphrase.
const SIGN_TIME: Duration = Duration::from_secs(120);
/// How long making a key may take.
const GENERATE_TIME: Duration = Duration::from_secs(30);
/// The most that `ssh-keygen` may print, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// The largest public key file read, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 16 * 1024;

/// Why nothing was signed, or no key was read or made.
#[derive(Debug, thiserror::Error)]
pub enum SshSignError {
    /// There is no such key file.
    #[error("there is no SSH key `{path}`; make one with `ssh-keygen -t ed25519 -f '{path}'`")]
    NoKey {
        /// The file.
        path: String,
    },
    /// The public key is not beside the private one.
    #[error(
        "the public key `{path}.pub` is missing; write it with `ssh-keygen -y -f '{path}' > '{path}.pub'`"
    )]
    NoPublicKey {
        /// The private key's file.
        path: String,
    },
    /// The public key file holds no key that may sign.
    #[error("`{path}`: {source}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        source: SshKeyError,
    },
    /// There is a file where the new key would go.
    #[error("`{path}` exists already, and a key is never overwritten")]
    Exists {
        /// The file.
        path: String,
    },
    /// `ssh-keygen` is not there.
    #[error(
        "signing needs `ssh-keygen`, which is not in `PATH`; install OpenSSH's client programs"
    )]
    NotInstalled,
    /// `ssh-keygen` could not be run to its end.
    #[error("`ssh-keygen` with key `{path}`: {source}")]
    Process {
        /// The key file.
        path: String,
        /// Why.
        source: ProcessError,
    },
    /// `ssh-keygen` refused.
    #[error("`ssh-keygen` could not use key `{path}`: {reason}")]
    Refused {
        /// The key file.
        path: String,
        /// Its last line on standard error.
        reason: String,
    },
    /// `ssh-keygen` refused a public key: no agent holds its private key.
    #[error(
        "`ssh-keygen` could not sign for the public key `{path}`: {reason}; hand its private key to the agent with `ssh-add`"
    )]
    NotInAgent {
        /// The public key file.
        path: String,
        /// Its last line on standard error.
        reason: String,
    },
    /// What came back is not a good signature.
    #[error("what `ssh-keygen` made with key `{path}` cannot be verified: {source}")]
    Unverified {
        /// The key file.
        path: String,
        /// Why.
        source: SshSignatureError,
    },
    /// A file could not be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Signs bytes and returns the armored signature, which was verified.
///
/// `key` is the file of a private key, or that of a public key whose private part an agent holds (`SSH_AUTH_SOCK` in the
/// environment). Blocks for at most two minutes: a passphrase is asked for at the terminal, a hardware key waits for a
/// touch and says nothing, so tell the person before (see [`SshPublicKey::needs_touch`]).
///
/// # Errors
///
/// When `ssh-keygen` is missing, does not know the key, is refused a passphrase or touch, or is out of time.
pub fn sign(
    environment: &Environment,
    key: &Path,
    namespace: &str,
    message: &[u8],
) -> Result<String, SshSignError> {
    if !key.exists() {
        return Err(SshSignError::NoKey { path: shown(key) });
    }
    // Only a message in a file leaves standard input to the passphrase. Git does the same.
    let folder = tempfile::tempdir()
        .map_err(|source| file_error(Path::new("the temporary folder"), source))?;
    let message_path = folder.path().join("message");
    write_new(&message_path, message).map_err(|source| file_error(&message_path, source))?;
    let mut command = environment.command("ssh-keygen");
    command.args(["-Y", "sign", "-n", namespace, "-f"]);
    command.arg(key).arg(&message_path);
    run(command, key, SIGN_TIME, Terminal::Shared)?;
    let signature_path = folder.path().join("message.sig");
    let limit = u64::try_from(MAX_SIGNATURE_BYTES).unwrap_or(u64::MAX);
    let armored = read_bounded(&signature_path, limit)
        .map_err(|source| file_error(&signature_path, source))?;
    let unverified = |source| SshSignError::Unverified {
        path: shown(key),
        source,
    };
    verify(armored.as_bytes(), message, namespace).map_err(unverified)?;
    Ok(armored)
}

/// Reads the public key of a key file: the file itself when it ends in `.pub`, else the `.pub` file beside it.
///
/// # Errors
///
/// When there is none, or when it is not one that may sign.
pub fn read_public_key(path: &Path) -> Result<SshPublicKey, SshSignError> {
    let is_public = is_public(path);
    let public_path = match is_public {
        true => path.to_owned(),
        false => with_pub(path),
    };
    let line = read_bounded(&public_path, MAX_KEY_FILE_BYTES).map_err(|source| {
        match (source.kind(), is_public || !path.exists()) {
            (io::ErrorKind::NotFound, true) => SshSignError::NoKey { path: shown(path) },
            (io::ErrorKind::NotFound, false) => SshSignError::NoPublicKey { path: shown(path) },
            _ => file_error(&public_path, source),
        }
    })?;
    line.parse().map_err(|source| SshSignError::Key {
        path: shown(&public_path),
        source,
    })
}

/// Makes an Ed25519 key without a passphrase and writes it to `path` and `path.pub`: for demonstrations, not for people.
///
/// # Errors
///
/// When `ssh-keygen` is missing, or when there is a file already.
pub fn generate(
    environment: &Environment,
    path: &Path,
    comment: &str,
) -> Result<SshPublicKey, SshSignError> {
    for file in [path.to_owned(), with_pub(path)] {
        if file.exists() {
            return Err(SshSignError::Exists { path: shown(&file) });
        }
    }
    let mut command = environment.command("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]);
    command.arg(path);
    run(command, path, GENERATE_TIME, Terminal::Detached)?;
    read_public_key(path)
}

fn run(
    command: std::process::Command,
    key: &Path,
    time: Duration,
    terminal: Terminal,
) -> Result<Captured, SshSignError> {
    let limits = Limits {
        time,
        output_bytes: MAX_OUTPUT_BYTES,
        terminal,
    };
    let captured = process::run(command, limits).map_err(|source| match source {
        ProcessError::NotFound { .. } => SshSignError::NotInstalled,
        source => SshSignError::Process {
            path: shown(key),
            source,
        },
    })?;
    if captured.status.success() {
        return Ok(captured);
    }
    let reason = match captured.last_error_line() {
        line if line.is_empty() => captured.status.to_string(),
        line => line,
    };
    let path = shown(key);
    Err(match is_public(key) {
        true => SshSignError::NotInAgent { path, reason },
        false => SshSignError::Refused { path, reason },
    })
}

fn is_public(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "pub")
}

fn with_pub(path: &Path) -> PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    PathBuf::from(public)
}

fn shown(path: &Path) -> String {
    crate::redact::printable(&path.display().to_string())
}

fn file_error(path: &Path, source: io::Error) -> SshSignError {
    SshSignError::File {
        path: shown(path),
        source,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file in a folder of its own for `ssh-keygen`, which nothing else reads"
)]
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create(path)?.write_all(bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "key files lie where people keep them, not in what `fs` watches over"
)]
fn read_bounded(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    let mut file = File::open(path)?.take(limit);
    file.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests make files of their own"
)]
mod tests {
    use std::fs;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::attest::ssh::oracle::{Home, Kind, NAMESPACE, make_key};

    /// An agent that ends with the test.
    struct Agent(Child);

    impl Drop for Agent {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    /// Starts an agent in the foreground and waits until it answers.
    fn start_agent(socket: &Path) -> Agent {
        let mut command = Command::new("ssh-agent");
        command
            .arg("-D")
            .arg("-a")
            .arg(socket)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It prints its variables once the socket is there.
        let mut first = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut first)
            .unwrap();
        Agent(child)
    }

    #[test]
    fn a_public_key_signs_through_the_agent_that_holds_its_private_key() {
        let home = Home::new();
        let private = home.key(Kind::Ed25519);
        let public = home.path().join("Ed25519.pub");
        let socket = home.path().join("agent");
        let _agent = start_agent(&socket);
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(&private).env("SSH_AUTH_SOCK", &socket);
        assert!(add.status().unwrap().success());
        fs::remove_file(&private).unwrap();
        let environment = |socket: &Path| {
            Environment::from_iter([
                ("PATH", "/usr/bin:/bin"),
                ("SSH_AUTH_SOCK", socket.to_str().unwrap()),
            ])
        };
        let signature = sign(&environment(&socket), &public, NAMESPACE, b"promote").unwrap();
        let signer = verify(signature.as_bytes(), b"promote", NAMESPACE).unwrap();
        assert_eq!(signer, read_public_key(&public).unwrap());
        let nobody = home.path().join("nobody");
        let refused = sign(&environment(&nobody), &public, NAMESPACE, b"promote");
        assert!(
            matches!(refused, Err(SshSignError::NotInAgent { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn refusals_say_what_to_do() {
        let home = Home::new();
        let key = home.key(Kind::Ed25519);
        let nothing = Environment::from_iter([("PATH", "/nowhere")]);
        let environment = Environment::from_process();
        assert_eq!(
            sign(&nothing, &key, NAMESPACE, b"")
                .unwrap_err()
                .to_string(),
            "signing needs `ssh-keygen`, which is not in `PATH`; install OpenSSH's client programs"
        );
        assert_eq!(
            sign(&environment, Path::new("/nowhere/key"), NAMESPACE, b"")
                .unwrap_err()
                .to_string(),
            "there is no SSH key `/nowhere/key`; make one with `ssh-keygen -t ed25519 -f '/nowhere/key'`"
        );
        let other = home.path().join("other");
        fs::write(&other, "not a key").unwrap();
        fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let other_text = other.display();
        // The words are those of `ssh-keygen`, which differ between its versions.
        let refused = sign(&environment, &other, NAMESPACE, b"").unwrap_err();
        assert!(matches!(refused, SshSignError::Refused { reason, .. } if !reason.is_empty()));
        assert_eq!(
            read_public_key(&other).unwrap_err().to_string(),
            format!(
                "the public key `{other_text}.pub` is missing; write it with `ssh-keygen -y -f '{other_text}' > '{other_text}.pub'`"
            )
        );
    }

    #[test]
    fn a_generated_key_signs_and_is_never_overwritten() {
        let home = Home::new();
        let environment = Environment::from_process();
        let path = home.path().join("demo");
        let key = generate(&environment, &path, "Ada").unwrap();
        let signature = sign(&environment, &path, NAMESPACE, b"promote").unwrap();
        assert_eq!(verify(signature.as_bytes(), b"promote", NAMESPACE), Ok(key));
        let again = generate(&environment, &path, "Ben");
        assert!(matches!(again, Err(SshSignError::Exists { .. })));
        assert!(
            fs::read_to_string(home.path().join("demo.pub"))
                .unwrap()
                .ends_with(" Ada\n")
        );
    }

    #[test]
    fn a_passphrase_is_asked_for_through_the_environment_given() {
        let home = Home::new();
        let key = home.path().join("locked");
        make_key(&key, &["-t", "ed25519"], "open sesame");
        let askpass = home.path().join("askpass");
        fs::write(&askpass, "#!/bin/sh\necho open sesame\n").unwrap();
        fs::set_permissions(
            &askpass,
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
        let environment = Environment::from_iter([
            ("PATH", "/usr/bin:/bin"),
            ("SSH_ASKPASS", askpass.to_str().unwrap()),
            ("SSH_ASKPASS_REQUIRE", "force"),
        ]);
        assert!(sign(&environment, &key, NAMESPACE, b"promote").is_ok());
    }
}
