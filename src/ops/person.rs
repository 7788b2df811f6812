//! The person at the keyboard: a key, and whose it is.

use std::path::PathBuf;

use crate::attest::ssh::sign;
use crate::context::Context;
use crate::engine::people::People;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::id::PrincipalName;
use crate::model::principal::KeyFingerprint;

/// A principal with a key to sign with.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub principal: PrincipalName,
    /// The key's fingerprint.
    pub fingerprint: KeyFingerprint,
    key: PathBuf,
}

impl Person {
    /// Finds out whose key the context names.
    ///
    /// # Errors
    ///
    /// When there is no key, or it is nobody's, or was revoked.
    pub fn of(context: &Context, people: &People) -> Result<Self> {
        let key = context.signing_key()?;
        let public = sign::read_public_key(&key).or_fail(FailureKind::Invalid)?;
        let fingerprint = public.fingerprint();
        let Some(principal) = people.owner(&fingerprint).cloned() else {
            let failure = Failure::new(
                FailureKind::Invalid,
                format!(
                    "the key `{}` ({fingerprint}) is nobody's in the trust root",
                    key.display()
                ),
            );
            return Err(failure.hint("an administrator adds it with `promote trust add-key NAME --key FILE`; or name another with `--signing-key`"));
        };
        if let Some(from) = people.revoked_from(&fingerprint) {
            let failure = Failure::new(
                FailureKind::Invalid,
                format!(
                    "the key `{}` ({fingerprint}) is revoked from entry {from} of the ledger on",
                    key.display()
                ),
            );
            return Err(failure.hint("sign with another key of yours; an administrator adds it with `promote trust add-key NAME --key FILE`"));
        }
        Ok(Self {
            principal,
            fingerprint,
            key,
        })
    }

    /// Signs bytes for a purpose.
    ///
    /// # Errors
    ///
    /// When `ssh-keygen` cannot sign.
    pub fn sign(&self, context: &Context, namespace: &str, message: &[u8]) -> Result<String> {
        sign::sign(&context.environment, &self.key, namespace, message)
            .or_fail(FailureKind::Invalid)
    }
}
