//! Versions that the ledger does not know: who signed them, and how they are recorded.

use std::borrow::Cow;

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use crate::engine::error::EngineError;
use crate::engine::inbox::MAX_STATEMENT_BYTES;
use crate::engine::known::par_entries;
use crate::engine::pending::Pending;
use crate::engine::people::{People, Signer};
use crate::engine::record;
use crate::engine::registrations::{Hashes, Known, NEW, Versions};
use crate::engine::world::{MAX_FILE_BYTES, workspace_facts};
use crate::flow::closure::Labels;
use crate::flow::declassification::Lowered;
use crate::flow::permit::check_label;
use crate::git::snapshot::Snapshot;
use crate::manifest::layout::{path_of_checksums, path_of_signature};
use crate::manifest::repository::{RegisteredVersion, Repository};
use crate::model::approval::MANIFEST_NAMESPACE;
use crate::model::artifact::VersionId;
use crate::model::digest::Sha256;
use crate::model::event::{Event, Registration as Registered, SignatureRef};
use crate::plan::state::State;

/// A version that the ledger does not know, with who signed it and the signature file.
pub(super) struct Fresh {
    id: VersionId,
    producer: Option<Producer>,
}

/// The versions that the ledger does not know, with who signed each, and what is known of them.
pub(super) fn find_fresh<'a>(
    head: &Snapshot,
    manifests: &'a Repository,
    hashes: &Hashes,
    people: &People,
    state: &State,
) -> Result<(Vec<Fresh>, Versions<'a>), EngineError> {
    let is_new = |(id, version): &'a (VersionId, RegisteredVersion)| {
        let manifest = *hashes.get(id)?;
        let mut registered = state.registrations.get(id).into_iter().flatten();
        let is_known = registered.any(|(_, registered)| registered.manifest == manifest);
        (!is_known).then_some((id, version, manifest))
    };
    let all = par_entries(&manifests.versions);
    let fresh: Vec<_> = all.filter_map(is_new).collect();
    let producers = producers(head, &fresh, people, state.size)?;
    let (mut signed, mut known) = (Vec::new(), Versions::new());
    for ((id, version, manifest), producer) in fresh.into_iter().zip(producers) {
        let files = version.files().iter().map(|(_, sha256)| *sha256).collect();
        let spec = Cow::Borrowed(&version.document.value.spec);
        known.insert(
            (id.clone(), manifest),
            Known {
                spec,
                files,
                is_signed: producer.is_some(),
                recorded: None,
                order: NEW,
            },
        );
        signed.push(Fresh {
            id: id.clone(),
            producer,
        });
    }
    Ok((signed, known))
}

/// Who signed a manifest, with the signature file.
type Producer = (Signer, Vec<u8>);

/// Who signed each manifest. A signature that is bad or nobody's is as good as none.
fn producers(
    head: &Snapshot,
    versions: &[(&VersionId, &RegisteredVersion, Sha256)],
    people: &People,
    at: u64,
) -> Result<Vec<Option<Producer>>, EngineError> {
    let read = |version: &RegisteredVersion| {
        let path = path_of_signature(&version.document.source.path);
        head.read(&path, MAX_STATEMENT_BYTES)
    };
    let signatures: Vec<_> = versions
        .iter()
        .map(|(_, version, _)| read(version))
        .collect::<Result<_, _>>()?;
    let verify = |((_, version, _), signature): (&(_, &RegisteredVersion, _), Option<Vec<u8>>)| {
        let signature = signature?;
        let text = version.document.source.text.as_bytes();
        let signer = people.verify(MANIFEST_NAMESPACE, text, &signature, at);
        Some((signer.ok()?, signature))
    };
    let pairs = versions.par_iter().zip(signatures);
    Ok(pairs.map(verify).collect())
}

/// Records a version, with its manifest, its checksums and its signature as evidence.
pub(super) fn record_fresh(
    head: &Snapshot,
    manifests: &Repository,
    labels: &Labels,
    fresh: Fresh,
    pending: &mut Pending,
) -> Result<(), EngineError> {
    let Fresh { id, producer } = fresh;
    let Some(version) = manifests.versions.get(&id) else {
        return Ok(());
    };
    let spec = &version.document.value.spec;
    let Some(known) = labels.get(spec.digest) else {
        return Ok(());
    };
    let Some(workspace) = manifests.workspaces.get(&spec.workspace) else {
        return Ok(());
    };
    let facts = workspace_facts(&spec.workspace, &workspace.value.spec);
    let text = version.document.source.text.as_bytes();
    let manifest = Sha256::of(text);
    pending.add_evidence(record::evidence_path(manifest, "yaml"), text.to_vec());
    let checksums = head
        .read(&path_of_checksums(&id), MAX_FILE_BYTES)?
        .unwrap_or_default();
    pending.add_evidence(
        record::evidence_path(spec.digest.sha256(), "sha256"),
        checksums,
    );
    let (producer, signature) = match producer {
        Some((signer, bytes)) => {
            let sha256 = Sha256::of(&bytes);
            pending.add_evidence(record::signature_path(manifest, "yaml", &signer.key), bytes);
            let signature = SignatureRef {
                sha256,
                key: signer.key,
            };
            (Some(signer.principal), Some(signature))
        }
        None => (None, None),
    };
    pending.push(Event::Registered(Registered {
        version: id,
        digest: spec.digest,
        manifest,
        workspace: spec.workspace.clone(),
        environment: workspace.value.spec.environment.clone(),
        producer,
        signature,
        label: known.label.clone(),
        violation: check_label(&known.label, &Lowered::nothing(), &facts)
            .err()
            .map(|denial| denial.to_string()),
    }))?;
    Ok(())
}
