//! Signatures of Git commits.

use crate::attest::ssh::key::SshPublicKey;
use crate::attest::ssh::signature::{SshSignatureError, verify};

/// The namespace that Git signs for. Never accept it for a statement: a commit is not an approval.
pub const GIT_NAMESPACE: &str = "git";

/// Verifies the signature of a commit and returns the key that signed: `gpgsig` is the text of that header, `payload`
/// the commit without it, both as Git hands them out.
///
/// The dates in the payload are those that its author wrote; they decide nothing here.
///
/// # Errors
///
/// When the commit is signed with another tool than SSH, or when the signature does not fit.
pub fn verify_commit(gpgsig: &[u8], payload: &[u8]) -> Result<SshPublicKey, SshSignatureError> {
    verify(gpgsig, payload, GIT_NAMESPACE)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::attest::ssh::oracle::{Home, Kind};

    #[test]
    fn a_commit_that_git_signed_is_accepted_and_no_other() {
        let home = Home::new();
        for kind in Kind::ALL {
            let key = home.key(kind);
            let git = |arguments: &[&str]| {
                let mut command = Command::new("git");
                command.args(["-c", "gpg.format=ssh", "-c", "user.name=Ada"]);
                command.args(["-c", "user.email=ada@example.org", "-c"]);
                command.arg(format!("user.signingkey={}", key.display()));
                command
                    .env("GIT_CONFIG_GLOBAL", "/dev/null")
                    .arg("-C")
                    .arg(home.path());
                let output = command.args(arguments).output().unwrap();
                assert!(output.status.success(), "{output:?}");
                String::from_utf8(output.stdout).unwrap()
            };
            git(&["init", "-q"]);
            git(&["commit", "-q", "-S", "--allow-empty", "-m", "one\n\ntwo"]);
            let commit = git(&["cat-file", "commit", "HEAD"]);
            let (before, rest) = commit.split_once("gpgsig ").unwrap();
            let (signature, after) = rest.split_once("-----END SSH SIGNATURE-----\n").unwrap();
            let signature = format!("{signature}-----END SSH SIGNATURE-----").replace("\n ", "\n");
            // Git puts the header last; what is signed is the commit without it.
            let payload = format!("{before}{}", after.trim_start_matches(' '));
            let signer = verify_commit(signature.as_bytes(), payload.as_bytes()).unwrap();
            assert_eq!(signer, home.public_key(kind));
            let changed = payload.replace("two", "two ");
            assert!(verify_commit(signature.as_bytes(), changed.as_bytes()).is_err());
        }
    }

    #[test]
    fn signatures_of_other_tools_are_told_apart() {
        let pgp = b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----";
        assert_eq!(verify_commit(pgp, b""), Err(SshSignatureError::Armor));
    }
}
