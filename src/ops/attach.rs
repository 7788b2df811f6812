//! Attestations that `promote register` makes or takes along: checked before anything is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::attest::bundle::{self, MAX_BUNDLE_BYTES};
use crate::attest::engine_key::EngineKey;
use crate::attest::model_signing::{self, SIGNATURE_TYPE};
use crate::context::Context;
use crate::engine::attestations::Attesters;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::gate::evidence::AttestationFinding;
use crate::manifest::layout::path_of_attestation;
use crate::model::artifact::VersionId;
use crate::model::attestation::AttestationName;
use crate::model::digest::{FileList, Sha256, TreeDigest, TreePath};
use crate::model::id::AttesterName;
use crate::model::secret::SecretRef;

/// The attestations to put beside a version.
#[derive(Debug, Clone, Default)]
pub struct Attachments {
    /// The private key that signs the files of the version.
    pub sign: Option<SecretRef>,
    /// Bundles that were made elsewhere, by name.
    pub bundles: BTreeMap<AttestationName, PathBuf>,
}

/// Attestations that are good and not yet in the repository.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// The bundles by name.
    pub(super) bundles: BTreeMap<AttestationName, Vec<u8>>,
    /// What may surprise.
    pub(super) warnings: Vec<String>,
}

/// The version that is attested.
struct Subject<'a> {
    world: &'a World,
    attesters: Attesters,
    version: &'a VersionId,
    digest: TreeDigest,
    files: Vec<(TreePath, Sha256)>,
}

/// Signs, reads and checks what is to be attached.
///
/// # Errors
///
/// When a key cannot sign, a bundle is not good, or there is another attestation of that name already.
pub(super) fn prepare(
    context: &Context,
    world: &World,
    version: &VersionId,
    files: &FileList,
    asked: &Attachments,
) -> Result<Attached> {
    let records = files.records().iter();
    let subject = Subject {
        world,
        attesters: Attesters::of(&world.root),
        version,
        digest: files.digest(),
        files: records
            .map(|record| (record.path.clone(), record.sha256))
            .collect(),
    };
    let mut attached = Attached::default();
    for (name, path) in &asked.bundles {
        let bytes = read(&subject, name, path)?;
        match existing(&subject, name)? {
            Some(known) if known == bytes => {}
            Some(_) => return Err(taken(&subject, name)),
            None => drop(attached.bundles.insert(name.clone(), bytes)),
        }
    }
    if let Some(reference) = &asked.sign {
        let key = reference
            .load(&context.environment)
            .or_fail(FailureKind::Invalid)?;
        let key = EngineKey::from_pem(&key).or_fail(FailureKind::Invalid)?;
        sign(&subject, &key, &mut attached)?;
    }
    Ok(attached)
}

/// A bundle that was made elsewhere. One whose key nobody knows cannot be told from one that was changed.
fn read(subject: &Subject<'_>, name: &AttestationName, path: &Path) -> Result<Vec<u8>> {
    let bytes = durable::read_bounded(path, MAX_BUNDLE_BYTES)
        .map_err(|error| Failure::of(FailureKind::Invalid, &error))
        .map_err(|failure| failure.during(format!("`{}` cannot be read", path.display())))?;
    match subject
        .attesters
        .judge(&bytes, subject.digest, &subject.files)
    {
        AttestationFinding::Good { .. } => Ok(bytes),
        AttestationFinding::Bad(why) => {
            let message = format!(
                "attestation `{name}` in `{}` is not good: {why}",
                path.display()
            );
            Err(Failure::new(FailureKind::Invalid, message).hint(
                "it has to be about exactly these files, and signed by an attester of `trust/root.yaml` (`promote trust add-attester`)",
            ))
        }
    }
}

fn sign(subject: &Subject<'_>, key: &EngineKey, attached: &mut Attached) -> Result<()> {
    let name = AttestationName::model_signing();
    let owner = subject.attesters.owner(key.public_key());
    if owner.is_none() {
        attached.warnings.push(
            "the signing key is no attester's in `trust/root.yaml`, so no gate counts its signature; add it with `promote trust add-attester`".to_owned(),
        );
    }
    if let Some(known) = existing(subject, &name)? {
        // A signature is another one each time, so the same key has signed already when it has signed the same.
        return match subject
            .attesters
            .judge(&known, subject.digest, &subject.files)
        {
            AttestationFinding::Good {
                predicate_type,
                signer,
            } if predicate_type == SIGNATURE_TYPE && is_owner(owner, &signer) => Ok(()),
            AttestationFinding::Good { .. } | AttestationFinding::Bad(_) => {
                Err(taken(subject, &name))
            }
        };
    }
    let statement = model_signing::statement(&subject.version.to_string(), &subject.files)
        .or_fail(FailureKind::Internal)?;
    let bytes = bundle::seal(&statement, key).or_fail(FailureKind::Invalid)?;
    match attached.bundles.insert(name.clone(), bytes) {
        Some(_) => Err(Failure::new(
            FailureKind::Usage,
            format!("`--sign` and `--attestation` both make attestation `{name}`"),
        )
        .hint("name the other with `--attestation NAME=FILE`")),
        None => Ok(()),
    }
}

fn is_owner(owner: Option<&AttesterName>, signer: &AttesterName) -> bool {
    owner == Some(signer)
}

fn existing(subject: &Subject<'_>, name: &AttestationName) -> Result<Option<Vec<u8>>> {
    let path = path_of_attestation(subject.version, name);
    subject
        .world
        .head
        .read(&path, MAX_BUNDLE_BYTES)
        .or_fail(FailureKind::Invalid)
}

fn taken(subject: &Subject<'_>, name: &AttestationName) -> Failure {
    let message = format!(
        "`{}` has another attestation `{name}` already",
        subject.version
    );
    Failure::new(FailureKind::Conflict, message).hint(
        "give it another name with `--attestation NAME=FILE`, or remove the file that is there",
    )
}
