//! `trust/root.yaml`: who may sign what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{
    AttesterName, EngineName, EnvironmentName, GroupName, PrincipalName, RoleName, TopologyName,
};
use crate::model::principal::KeyFingerprint;

/// The manifest of the trust root.
pub type TrustRoot = Manifest<TopologyName, TrustRootSpec>;

/// Who may sign what. Signed by a threshold of the role `root`; a later version by that of the one before it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustRootSpec {
    /// Grows by one with each change.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// From when on nothing is done under it.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// The people and machines that sign.
    pub principals: BTreeMap<PrincipalName, PrincipalSpec>,
    /// Principals by what they do.
    pub groups: BTreeMap<GroupName, BTreeSet<PrincipalName>>,
    /// Who signs which governed files. `root` signs this file.
    pub roles: BTreeMap<RoleName, RoleSpec>,
    /// The engines, each with the environments it may act for.
    pub engines: BTreeMap<EngineName, EngineSpec>,
    /// The machines that sign attestations about versions, such as a training pipeline or a scanner. Policies name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attesters: BTreeMap<AttesterName, AttesterSpec>,
    /// The ledger.
    pub ledger: LedgerTrustSpec,
    /// Keys of principals that were lost, by fingerprint. A revocation is never taken back: the person takes another key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<KeyFingerprint, RevocationSpec>,
}

/// A person or machine that signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrincipalSpec {
    /// The name as it is printed.
    pub name: String,
    /// SSH public keys, each `<algorithm> <base64>`. Several keys are still one person.
    #[schemars(length(min = 1, max = 16))]
    pub keys: Vec<String>,
    /// Addresses in Git commits that are this principal's. They never grant anything; they only bar from approving.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
}

/// Who signs which governed files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSpec {
    /// How many of them must sign.
    #[schemars(range(min = 1))]
    pub threshold: u32,
    /// The groups whose members sign.
    #[schemars(length(min = 1))]
    pub groups: BTreeSet<GroupName>,
    /// The governed files: exact paths, or a folder ending in `/`. The longest match decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// An engine's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EngineSpec {
    /// The ECDSA P-256 public key in PEM.
    pub key: String,
    /// The environments it may act for.
    #[schemars(length(min = 1))]
    pub environments: BTreeSet<EnvironmentName>,
}

/// An attester's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttesterSpec {
    /// The ECDSA P-256 public key in PEM.
    pub key: String,
}

/// Since when a key counts no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationSpec {
    /// The index in the ledger from which on nothing that the key signed counts. What was recorded before stays valid.
    pub from: u64,
    /// Why, in words.
    pub reason: String,
}

/// What is trusted about the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerTrustSpec {
    /// The verifier key of the log, as C2SP signed notes write it: `<origin>+<hash>+<base64>`.
    pub key: String,
    /// The keys of witnesses that cosign it, in the same form. One name is one witness.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub witnesses: BTreeSet<String>,
}
