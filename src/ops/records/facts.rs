//! What the evidence adds to the entries: names, the facts of a decision, manifests.

use std::collections::BTreeMap;

use crate::engine::book::Book;
use crate::engine::evidence::Inputs;
use crate::engine::execute::version_of;
use crate::engine::record;
use crate::gate::counted::{Counted, counted};
use crate::gate::evidence::{Evidence, SignatureFacts};
use crate::manifest::dataset::Dataset;
use crate::manifest::layout::{Place, TRUST_ROOT_PATH, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::policy::GateSpec;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::{Adoption, Judgement};
use crate::model::id::{DatasetName, EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::label::Label;
use crate::model::lineage::Lineage;
use crate::model::principal::KeyFingerprint;
use crate::model::promotion::Promotion;
use crate::ops::history::Who;
use crate::ops::records::{DatasetRecord, Labels, LineageRecord, Request};

/// The evidence, with the trust root and the governed files that are in force where the walk is.
pub(super) struct Facts<'a> {
    book: &'a Book,
    root: Option<TrustRootSpec>,
    files: BTreeMap<TreePath, Sha256>,
    /// The labels of dataset manifests, by their SHA-256.
    labels: BTreeMap<Sha256, Option<Label>>,
}

/// What is known of one judgement.
#[derive(Default)]
pub(super) struct Known {
    pub(super) request: Request,
    pub(super) lineage: Option<LineageRecord>,
    pub(super) bytes: Option<u64>,
    pub(super) labels: Option<Labels>,
    pub(super) gaps: Vec<String>,
    pub(super) counted: Option<Counted>,
    held: BTreeMap<WorkspaceName, EnvironmentName>,
}

impl Known {
    /// The environment of a workspace that held the version.
    pub(super) fn environment_of(&self, workspace: &WorkspaceName) -> Option<EnvironmentName> {
        self.held.get(workspace).cloned()
    }
}

impl<'a> Facts<'a> {
    pub(super) const fn new(book: &'a Book) -> Self {
        Self {
            book,
            root: None,
            files: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    pub(super) fn adopt(&mut self, index: u64, adoption: &Adoption) {
        let path = record::evidence_path(adoption.root, "yaml");
        let bytes = self.book.evidence(index, adoption.root, &path).ok();
        let root = bytes.and_then(|bytes| {
            parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes).ok()
        });
        self.root = root.map(|document| document.value.spec);
        self.files = adoption.files.clone();
    }

    /// A person by the name that the trust root in force printed.
    pub(super) fn who(&self, principal: &PrincipalName, key: Option<&KeyFingerprint>) -> Who {
        let known = self.root.as_ref();
        let known = known.and_then(|root| root.principals.get(principal));
        Who {
            principal: principal.clone(),
            name: known.map_or_else(|| principal.to_string(), |known| known.name.clone()),
            key: key.cloned(),
        }
    }

    pub(super) fn of_judgement(&mut self, index: u64, judgement: &Judgement) -> Known {
        let mut known = Known::default();
        match self.inputs(index, judgement.inputs) {
            Ok(inputs) => {
                self.take_facts(&inputs.evidence, &mut known);
                let (promotion, facts) = (&inputs.promotion, &inputs.evidence);
                let policies: Vec<&[GateSpec]> =
                    inputs.policies.iter().map(Vec::as_slice).collect();
                known.counted = Some(counted(promotion, facts, &policies));
            }
            Err(reason) => known.gaps.push(reason),
        }
        let manifest = self.manifest_of(index, &judgement.promotion);
        match manifest {
            Ok(manifest) => {
                known.bytes = Some(manifest.size);
                let lineage = manifest.lineage.as_ref();
                known.lineage = lineage.map(|lineage| self.lineage(index, lineage));
            }
            Err(reason) => known.gaps.push(reason),
        }
        known
    }

    fn inputs(&self, index: u64, sha256: Sha256) -> Result<Inputs, String> {
        let path = record::evidence_path(sha256, "json");
        let bytes = self.book.evidence(index, sha256, &path);
        let bytes = bytes.map_err(|error| format!("the facts of the decision: {error}"))?;
        serde_json::from_slice(&bytes)
            .map_err(|_| format!("the facts of the decision: `evidence/{path}` cannot be read"))
    }

    fn take_facts(&self, facts: &Evidence, known: &mut Known) {
        for (environment, held) in &facts.held {
            let places = held
                .iter()
                .map(|held| (held.workspace.clone(), environment.clone()));
            known.held.extend(places);
        }
        known.labels = Some(Labels {
            version: facts.version.label.clone(),
            clearance: facts.target.clearance.clone(),
        });
        if facts.version.has_unknown_author {
            known
                .gaps
                .push("not all who made the version are known".to_owned());
        }
        let signer = |signature: &SignatureFacts| match signature {
            SignatureFacts::By(principal) => Some(self.who(principal, None)),
            SignatureFacts::Missing | SignatureFacts::Bad(_) => None,
        };
        let all = |people: &std::collections::BTreeSet<PrincipalName>| {
            people.iter().map(|who| self.who(who, None)).collect()
        };
        known.request = Request {
            release: None,
            commit: Some(facts.request.commit.clone()),
            release_signed_by: signer(&facts.request.release_signature),
            commit_signed_by: signer(&facts.request.commit_signature),
            committers: all(&facts.request.committers),
            authors: all(&facts.version.authors),
        };
    }

    fn manifest_of(&self, index: u64, promotion: &Promotion) -> Result<VersionSpec, String> {
        let id = version_of(promotion);
        let missing = || format!("the manifest of `{id}` is not there");
        let registrations = self.book.state().registrations.get(&id);
        let mut of_digest = registrations.into_iter().flatten().rev();
        let found = of_digest.find(|(_, known)| known.digest == promotion.digest);
        let sha256 = found.map(|(_, known)| known.manifest).ok_or_else(missing)?;
        let path = record::evidence_path(sha256, "yaml");
        let bytes = self.book.evidence(index, sha256, &path);
        let bytes = bytes.map_err(|_| missing())?;
        let place = Place::Version(id.clone());
        let document = parse_manifest::<ArtifactVersion>(&place, &path_of(&place), &bytes);
        Ok(document.map_err(|_| missing())?.value.spec)
    }

    fn lineage(&mut self, index: u64, lineage: &Lineage) -> LineageRecord {
        let datasets = lineage.read();
        LineageRecord {
            datasets: datasets.map(|name| self.dataset(index, name)).collect(),
            bases: lineage.bases.clone(),
            code: lineage.code.clone(),
            run: lineage.run.clone(),
        }
    }

    fn dataset(&mut self, index: u64, name: &DatasetName) -> DatasetRecord {
        let place = Place::Dataset(name.clone());
        let path = path_of(&place);
        let pinned = path.parse::<TreePath>().ok();
        let manifest = pinned.and_then(|path| self.files.get(&path).copied());
        let label = manifest.and_then(|sha256| {
            if let Some(known) = self.labels.get(&sha256) {
                return known.clone();
            }
            let evidence = record::evidence_path(sha256, "yaml");
            let bytes = self.book.evidence(index, sha256, &evidence).ok();
            let document =
                bytes.and_then(|bytes| parse_manifest::<Dataset>(&place, &path, &bytes).ok());
            let label = document.map(|document| document.value.spec.label);
            self.labels.insert(sha256, label.clone());
            label
        });
        DatasetRecord {
            name: name.clone(),
            label,
            manifest,
        }
    }
}
