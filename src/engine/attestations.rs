//! Attestations of a version: bundles beside its manifest, and whether an attester of the trust root has signed them about
//! exactly its files.

use std::collections::{BTreeMap, BTreeSet};

use crate::attest::bundle::{self, MAX_BUNDLE_BYTES};
use crate::attest::engine_key::EnginePublicKey;
use crate::attest::model_signing;
use crate::engine::error::EngineError;
use crate::engine::world::World;
use crate::gate::evidence::{AttestationFacts, AttestationFinding};
use crate::git::error::GitError;
use crate::manifest::layout::path_of_attestation;
use crate::manifest::trust_root::TrustRootSpec;
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::id::AttesterName;

/// What bundles of a version end in, among the evidence.
pub const EXTENSION: &str = "sigstore.json";

/// The attesters of a trust root, with their keys.
#[derive(Debug, Clone, Default)]
pub struct Attesters(Vec<(AttesterName, EnginePublicKey)>);

impl Attesters {
    /// Reads the keys. A key that two attesters have, or that is an engine's, is nobody's.
    #[must_use]
    pub fn of(root: &TrustRootSpec) -> Self {
        let key = |text: &str| EnginePublicKey::from_pem(text).ok();
        let mut seen: BTreeSet<EnginePublicKey> = root
            .engines
            .values()
            .filter_map(|engine| key(&engine.key))
            .collect();
        let mut shared = seen.clone();
        let all = root
            .attesters
            .iter()
            .filter_map(|(name, attester)| Some((name.clone(), key(&attester.key)?)));
        let mut all: Vec<_> = all.collect();
        shared.extend(
            all.iter()
                .filter(|(_, key)| !seen.insert(*key))
                .map(|(_, key)| *key),
        );
        all.retain(|(_, key)| !shared.contains(key));
        Self(all)
    }

    /// Whose key it is.
    #[must_use]
    pub fn owner(&self, key: &EnginePublicKey) -> Option<&AttesterName> {
        let mut all = self.0.iter();
        all.find(|(_, known)| known == key).map(|(name, _)| name)
    }

    /// What a bundle is to a version with these files.
    #[must_use]
    pub fn judge(
        &self,
        bytes: &[u8],
        digest: TreeDigest,
        files: &[(TreePath, Sha256)],
    ) -> AttestationFinding {
        let verified = match bundle::open(bytes, &self.0) {
            Ok(verified) => verified,
            Err(error) => return AttestationFinding::Bad(error.to_string()),
        };
        // A bundle has one signature, and a key one attester.
        let Some(signer) = verified.signers.into_iter().next() else {
            return AttestationFinding::Bad("nobody signed it".to_owned());
        };
        match model_signing::check(verified.bytes.body(), digest, files) {
            Ok(predicate_type) => AttestationFinding::Good {
                predicate_type,
                signer,
            },
            Err(error) => AttestationFinding::Bad(error.to_string()),
        }
    }
}

/// What was found beside a version: the facts, and the bytes of the bundles that were read.
pub type Observed = (Vec<AttestationFacts>, BTreeMap<Sha256, Vec<u8>>);

/// The attestations of a version as the head has them, and the bytes of those that were read.
///
/// # Errors
///
/// When the head cannot be read.
pub fn observe(world: &World, id: &VersionId, digest: TreeDigest) -> Result<Observed, EngineError> {
    let (mut facts, mut bundles) = (Vec::new(), BTreeMap::new());
    let Some(names) = world.manifests.attestations.get(id) else {
        return Ok((facts, bundles));
    };
    let version = world.manifests.versions.get(id);
    let files = version.map_or(&[][..], |version| version.files());
    let attesters = Attesters::of(&world.root);
    for name in names {
        let bytes = match world
            .head
            .read(&path_of_attestation(id, name), MAX_BUNDLE_BYTES)
        {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            // Whoever can push a large file must not be able to stop everything else.
            Err(error @ GitError::TooLarge { .. }) => {
                facts.push(AttestationFacts {
                    name: name.clone(),
                    bundle: None,
                    found: AttestationFinding::Bad(error.to_string()),
                });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let sha256 = Sha256::of(&bytes);
        facts.push(AttestationFacts {
            name: name.clone(),
            bundle: Some(sha256),
            found: attesters.judge(&bytes, digest, files),
        });
        bundles.insert(sha256, bytes);
    }
    Ok((facts, bundles))
}
