//! The files behind a decision: all of them are named, there, and unchanged, and the release really asks.

use std::collections::BTreeMap;

use crate::engine::audit::Auditor;
use crate::engine::audit::decision::{Reasons, demand};
use crate::engine::evidence::Inputs;
use crate::engine::execute::version_of;
use crate::engine::record;
use crate::engine::sources::sources;
use crate::gate::evidence::SignatureFacts;
use crate::manifest::layout::{Place, ReleaseId, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::release::Release;
use crate::model::approval::RELEASE_NAMESPACE;
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::{Judgement, SourceKind};
use crate::model::promotion::Promotion;

impl Auditor<'_> {
    /// Looks at everything that a decision says it was made from, and whether that is all.
    pub(super) fn check_sources(
        &mut self,
        index: u64,
        judgement: &Judgement,
        inputs: &Inputs,
    ) -> Reasons {
        let id = version_of(&inputs.promotion);
        let manifest = self.manifest_of(&id, inputs.evidence.version.manifest);
        let lineage = manifest
            .as_ref()
            .and_then(|manifest| manifest.lineage.as_ref());
        let all = sources(&self.state, inputs, judgement.inputs, lineage);
        let mut reasons = Reasons::new();
        demand(
            &mut reasons,
            all == judgement.sources,
            "what it was made from is not all that is named",
        );
        let mut files = BTreeMap::new();
        for source in &judgement.sources {
            let path = record::evidence_path(source.sha256, source.what.extension());
            match source.what {
                SourceKind::Release | SourceKind::ReleaseSignature => {
                    let bytes = self.evidence(index, source.sha256, &path);
                    files.extend(bytes.map(|bytes| (source.sha256, bytes)));
                }
                SourceKind::Facts
                | SourceKind::TrustRoot
                | SourceKind::TrustIndex
                | SourceKind::Policy
                | SourceKind::Manifest
                | SourceKind::OtherManifest
                | SourceKind::Topology
                | SourceKind::Workspace
                | SourceKind::Freeze
                | SourceKind::Dataset
                | SourceKind::Base
                | SourceKind::Champion
                | SourceKind::Approval
                | SourceKind::BadMark
                | SourceKind::Act
                | SourceKind::Attestation
                | SourceKind::Cosignature
                | SourceKind::Declaration => {
                    self.is_whole(index, source.sha256, &path);
                }
            }
        }
        reasons.extend(self.check_policy_files(inputs));
        reasons.extend(self.check_release(inputs, &files));
        reasons
    }

    /// The gates are those of the files that are named, and those files were adopted.
    fn check_policy_files(&self, inputs: &Inputs) -> Reasons {
        let environment = &inputs.promotion.environment;
        let path = path_of(&Place::Policy(environment.clone()));
        let Ok(path) = path.parse::<TreePath>() else {
            return Reasons::new();
        };
        let adopted = self.state.adoptions.iter().zip(&self.governed);
        let is_retrained = inputs.evidence.retrain.is_some();
        let pairs: Vec<_> = adopted
            .filter_map(|((_, adoption), governed)| {
                let policy = governed.policies.get(environment)?;
                Some((*adoption.files.get(&path)?, policy.gates_of(is_retrained)))
            })
            .collect();
        let is_adopted = |(file, gates): (&Sha256, &Vec<_>)| {
            pairs
                .iter()
                .any(|(known, of_file)| known == file && *of_file == gates.as_slice())
        };
        let mut reasons = Reasons::new();
        let named = inputs.policy_files.iter().zip(&inputs.policies);
        demand(
            &mut reasons,
            inputs.policy_files.len() == inputs.policies.len() && named.into_iter().all(is_adopted),
            "the policies that are named are not those that judged",
        );
        reasons
    }

    /// The release asks for this version in this environment, and whoever the facts say has signed it did.
    fn check_release(&self, inputs: &Inputs, files: &BTreeMap<Sha256, Vec<u8>>) -> Reasons {
        let promotion = &inputs.promotion;
        let Some(release) = files.get(&promotion.release) else {
            // That it is not there was told with the file.
            return Reasons::new();
        };
        let mut reasons = Reasons::new();
        demand(
            &mut reasons,
            asks_for(release, promotion),
            "the release asks for something else",
        );
        let signature = inputs
            .release_signature
            .and_then(|sha256| files.get(&sha256));
        let signature = signature.map(Vec::as_slice);
        let said = &inputs.evidence.request.release_signature;
        let again = self
            .people
            .judge(RELEASE_NAMESPACE, release, signature, self.state.size);
        let agrees = match (&again, said) {
            (SignatureFacts::By(again), SignatureFacts::By(said)) => again == said,
            (SignatureFacts::Missing, SignatureFacts::Missing)
            | (SignatureFacts::Bad(_), SignatureFacts::Bad(_)) => true,
            (SignatureFacts::By(_) | SignatureFacts::Missing | SignatureFacts::Bad(_), _) => false,
        };
        demand(&mut reasons, agrees, "who signed the release is misstated");
        reasons
    }
}

fn asks_for(release: &[u8], promotion: &Promotion) -> bool {
    let place = Place::Release(ReleaseId {
        environment: promotion.environment.clone(),
        artifact: promotion.slot.artifact.clone(),
    });
    let Ok(document) = parse_manifest::<Release>(&place, &path_of(&place), release) else {
        return false;
    };
    let spec = document.value.spec;
    let is_meant =
        spec.workspaces.is_empty() || spec.workspaces.contains(&promotion.slot.workspace);
    is_meant
        && spec.environment == promotion.environment
        && spec.artifact == promotion.slot.artifact
        && (spec.version, spec.digest) == (promotion.version.clone(), promotion.digest)
}
