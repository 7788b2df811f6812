//! `promote trust add-attester`.

use std::path::PathBuf;

use crate::attest::engine_key::EnginePublicKey;
use crate::context::Context;
use crate::engine::people::People;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::layout::TRUST_ROOT_PATH;
use crate::manifest::trust_root::AttesterSpec;
use crate::model::id::AttesterName;
use crate::ops::trust::files::{cannot_use, read_root, remove_stale_signatures, work_tree, write};

/// The largest file of a public key, in bytes.
const MAX_KEY_BYTES: usize = 4096;

/// An attester to add, or to give another key.
#[derive(Debug, Clone)]
pub struct NewAttester {
    /// The attester.
    pub attester: AttesterName,
    /// The file with the ECDSA P-256 public key in PEM.
    pub key: PathBuf,
}

/// Adds an attester to `trust/root.yaml` in the work tree, or gives it another key. It counts once it is signed.
///
/// # Errors
///
/// When the file holds no such key, the key has another owner, or `trust/root.yaml` cannot be written.
pub fn add_attester(context: &Context, new: &NewAttester) -> Result<Vec<String>> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    let text = durable::read_bounded(&new.key, MAX_KEY_BYTES)
        .map_err(|error| cannot_use(&new.key, &error))?;
    let key =
        EnginePublicKey::from_pem(&String::from_utf8_lossy(&text)).or_fail(FailureKind::Invalid)?;
    let is_it = |pem: &str| EnginePublicKey::from_pem(pem).is_ok_and(|known| known == key);
    let spec = &mut root.spec;
    let engine = spec
        .engines
        .iter()
        .find(|(_, engine)| is_it(&engine.key))
        .map(|(name, _)| format!("engine `{name}`"));
    let attester = spec
        .attesters
        .iter()
        .find(|(name, attester)| **name != new.attester && is_it(&attester.key))
        .map(|(name, _)| format!("attester `{name}`"));
    if let Some(owner) = engine.or(attester) {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("the key is that of {owner}; an attester has its own"),
        ));
    }
    spec.attesters
        .insert(new.attester.clone(), AttesterSpec { key: key.to_pem() });
    spec.version += 1;
    let text = serde_yaml::to_string(&root).or_fail(FailureKind::Internal)?;
    write(&tree, TRUST_ROOT_PATH, text.as_bytes())?;
    let mut written = vec![TRUST_ROOT_PATH.to_owned()];
    written.extend(remove_stale_signatures(
        &tree,
        &root.spec,
        &People::of(&root.spec),
        TRUST_ROOT_PATH,
        text.as_bytes(),
    )?);
    Ok(written)
}
