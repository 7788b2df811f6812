//! Whose key is it: from signatures to principals, as the trust root knows them.

use std::collections::{BTreeMap, BTreeSet};

use crate::attest::ssh::key::SshPublicKey;
use crate::attest::ssh::signature;
use crate::gate::evidence::SignatureFacts;
use crate::manifest::trust_root::TrustRootSpec;
use crate::model::id::{GroupName, PrincipalName};
use crate::model::principal::KeyFingerprint;

/// The principals of a trust root, by key and by address.
#[derive(Debug, Clone, Default)]
pub struct People {
    by_key: BTreeMap<KeyFingerprint, PrincipalName>,
    by_email: BTreeMap<String, BTreeSet<PrincipalName>>,
    groups: BTreeMap<GroupName, BTreeSet<PrincipalName>>,
    revoked: BTreeMap<KeyFingerprint, u64>,
}

/// A signature that is good, of somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub principal: PrincipalName,
    /// With which key.
    pub key: KeyFingerprint,
}

/// A signature that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// It is not good.
    #[error("the signature is not good: {0}")]
    Bad(String),
    /// It is good, and nobody known has the key.
    #[error("the key {0} is nobody's in `trust/root.yaml`")]
    Unknown(KeyFingerprint),
    /// It is good, and the key counts no longer.
    #[error("the key {key} is revoked from entry {from} of the ledger on")]
    Revoked {
        /// The key.
        key: KeyFingerprint,
        /// The first entry that it does not count for.
        from: u64,
    },
}

#[cfg(test)]
impl People {
    /// People whose keys and groups are given, for tests without keys.
    pub(crate) fn for_tests(
        by_key: BTreeMap<KeyFingerprint, PrincipalName>,
        groups: BTreeMap<GroupName, BTreeSet<PrincipalName>>,
    ) -> Self {
        Self {
            by_key,
            groups,
            ..Self::default()
        }
    }
}

impl People {
    /// Reads the principals. A key that two principals have is nobody's: it would count twice.
    #[must_use]
    pub fn of(root: &TrustRootSpec) -> Self {
        let mut people = Self {
            groups: root.groups.clone(),
            revoked: root
                .revoked
                .iter()
                .map(|(key, revocation)| (key.clone(), revocation.from))
                .collect(),
            ..Self::default()
        };
        let mut shared = BTreeSet::new();
        for (name, principal) in &root.principals {
            for key in principal
                .keys
                .iter()
                .filter_map(|key| key.parse::<SshPublicKey>().ok())
            {
                let owner = people.by_key.insert(key.fingerprint(), name.clone());
                if owner.is_some_and(|owner| owner != *name) {
                    shared.insert(key.fingerprint());
                }
            }
            for email in &principal.emails {
                people
                    .by_email
                    .entry(email.to_lowercase())
                    .or_default()
                    .insert(name.clone());
            }
        }
        people.by_key.retain(|key, _| !shared.contains(key));
        people
    }

    /// Verifies an SSH signature that is recorded at an index of the ledger, and says whose it is.
    ///
    /// # Errors
    ///
    /// When it is not good, or its key is nobody's, or no longer counts there.
    pub fn verify(
        &self,
        namespace: &str,
        message: &[u8],
        armored: &[u8],
        at: u64,
    ) -> Result<Signer, SignerError> {
        let key = signature::verify(armored, message, namespace)
            .map_err(|error| SignerError::Bad(error.to_string()))?;
        let key = key.fingerprint();
        let Some(principal) = self.by_key.get(&key) else {
            return Err(SignerError::Unknown(key));
        };
        match self.revoked_from(&key) {
            Some(from) if self.is_revoked(&key, at) => Err(SignerError::Revoked { key, from }),
            Some(_) | None => Ok(Signer {
                principal: principal.clone(),
                key,
            }),
        }
    }

    /// The same, as a fact for gates; `None` for the signature means there is none.
    #[must_use]
    pub fn judge(
        &self,
        namespace: &str,
        message: &[u8],
        armored: Option<&[u8]>,
        at: u64,
    ) -> SignatureFacts {
        let Some(armored) = armored else {
            return SignatureFacts::Missing;
        };
        match self.verify(namespace, message, armored, at) {
            Ok(signer) => SignatureFacts::By(signer.principal),
            Err(error) => SignatureFacts::Bad(error.to_string()),
        }
    }

    /// Whether what a key signed, and was recorded at an index of the ledger, does not count. The one rule of
    /// revocation: taking statements, deciding and verifying all ask here.
    #[must_use]
    pub fn is_revoked(&self, key: &KeyFingerprint, at: u64) -> bool {
        self.revoked_from(key).is_some_and(|from| at >= from)
    }

    /// The first index of the ledger that a key does not count for.
    #[must_use]
    pub fn revoked_from(&self, key: &KeyFingerprint) -> Option<u64> {
        self.revoked.get(key).copied()
    }

    /// Whose key it is, revoked or not.
    #[must_use]
    pub fn owner(&self, key: &KeyFingerprint) -> Option<&PrincipalName> {
        self.by_key.get(key)
    }

    /// The keys of a principal.
    #[must_use]
    pub fn keys_of(&self, principal: &PrincipalName) -> Vec<KeyFingerprint> {
        let keys = self.by_key.iter();
        keys.filter(|(_, owner)| *owner == principal)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Everyone who has one of the addresses.
    #[must_use]
    pub fn with_emails<'a>(
        &self,
        emails: impl IntoIterator<Item = &'a String>,
    ) -> BTreeSet<PrincipalName> {
        emails
            .into_iter()
            .filter_map(|email| self.by_email.get(&email.to_lowercase()))
            .flatten()
            .cloned()
            .collect()
    }

    /// The groups with their members.
    #[must_use]
    pub const fn groups(&self) -> &BTreeMap<GroupName, BTreeSet<PrincipalName>> {
        &self.groups
    }

    /// The groups that a principal is in.
    #[must_use]
    pub fn groups_of(&self, principal: &PrincipalName) -> BTreeSet<GroupName> {
        let has = |members: &BTreeSet<PrincipalName>| members.contains(principal);
        self.groups
            .iter()
            .filter(|(_, members)| has(members))
            .map(|(name, _)| name.clone())
            .collect()
    }
}
