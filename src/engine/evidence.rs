//! The facts of one promotion, gathered for the gates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::attest::ssh::commit::GIT_NAMESPACE;
use crate::engine::Engine;
use crate::engine::acts;
use crate::engine::attestations;
use crate::engine::error::EngineError;
use crate::engine::inbox::MAX_STATEMENT_BYTES;
use crate::engine::people::People;
use crate::engine::pipelines;
use crate::engine::record;
use crate::engine::registrations::is_disowned;
use crate::engine::witness::rests_on;
use crate::engine::world::World;
use serde::{Deserialize, Serialize};

use crate::gate::RULES_VERSION;
use crate::gate::decide::decide;
use crate::gate::evidence::{
    ApprovalFacts, CardFacts, ChampionFacts, Evidence, HeldFacts, MarkedBadFacts, RequestFacts,
    SignatureFacts, VersionFacts, WitnessFacts,
};
use crate::gate::policy::policy_digest;
use crate::gate::witnessed;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::manifest::layout::{Place, path_of, path_of_release, path_of_signature};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::policy::{GateSpec, Policy, PolicySpec, RollbackSpec};
use crate::model::approval::{ApprovalDecision, RELEASE_NAMESPACE};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::event::{Adoption, Receipt, Said, SourceKind};
use crate::model::id::{DatasetName, EnvironmentName, MetricName, PrincipalName, WorkspaceName};
use crate::model::lineage::Lineage;
use crate::model::promotion::{Direction, Promotion, PromotionId};
use crate::model::verdict::Decision;
use crate::plan::desired::{Target, holds};
use crate::plan::state::{Registered, State};

/// The gates that judge a promotion: those in force, and those that were in force before its release was committed, so
/// that nobody can loosen a policy and use it in one go.
#[derive(Debug, Clone)]
pub struct Policies {
    in_force: Option<(Sha256, PolicySpec)>,
    before: Option<(Sha256, PolicySpec)>,
    /// Whether a pipeline made the version where it is to be released.
    is_retrained: bool,
}

impl Policies {
    fn gates(&self) -> Vec<&[GateSpec]> {
        self.all()
            .map(|policy| policy.gates_of(self.is_retrained))
            .collect()
    }

    fn all(&self) -> impl Iterator<Item = &PolicySpec> {
        let all = self.in_force.iter().chain(&self.before);
        all.map(|(_, policy)| policy)
    }

    /// The SHA-256 of each file.
    fn files(&self) -> Vec<Sha256> {
        let all = self.in_force.iter().chain(&self.before);
        all.map(|(file, _)| *file).collect()
    }

    /// What is asked of going back: of two policies that judge, the stricter in every point; nothing of its own when one
    /// of them says nothing of it.
    fn rollback(&self) -> Option<RollbackSpec> {
        stricter(self.all().map(|policy| policy.rollback.as_ref()))
    }
}

/// Of what several policies say of going back, the stricter in every point.
pub(crate) fn stricter<'a>(
    all: impl Iterator<Item = Option<&'a RollbackSpec>>,
) -> Option<RollbackSpec> {
    let all = all.collect::<Option<Vec<_>>>()?;
    all.into_iter().cloned().reduce(|mut joined, other| {
        for (group, needed) in other.quorum {
            let most = joined.quorum.entry(group).or_insert(needed);
            *most = needed.max(*most);
        }
        joined.during_freeze &= other.during_freeze;
        joined
    })
}

/// Whether all of some policies say by which gates a model is let in that was made in their environment.
pub(crate) fn is_foreseen<'a>(mut policies: impl Iterator<Item = &'a PolicySpec>) -> bool {
    let first = policies.next();
    first.is_some_and(|first| first.retrain.is_some())
        && policies.all(|policy| policy.retrain.is_some())
}

/// A promotion with the facts and what the gates say of them.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The promotion.
    pub promotion: Promotion,
    /// The facts.
    pub evidence: Evidence,
    /// What the gates say.
    pub decision: Decision,
    /// The gates of each policy that judged.
    pub policies: Vec<Vec<GateSpec>>,
    /// The bundles of the attestations that were judged.
    pub bundles: BTreeMap<Sha256, Vec<u8>>,
    /// The SHA-256 of the file of each.
    pub policy_files: Vec<Sha256>,
    /// The release file that asks, and its signature, when they are there.
    pub release: ReleaseFiles,
}

/// A release file and the signature beside it.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFiles {
    /// The bytes of the file; empty when it is not there.
    pub file: Vec<u8>,
    /// The bytes of its signature.
    pub signature: Option<Vec<u8>>,
}

/// What a decision was made from, as it is kept in the evidence: with these and the rules of that version anyone can
/// decide again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    /// The version of the rules.
    pub rules_version: u32,
    /// The promotion.
    pub promotion: Promotion,
    /// The gates of each policy that judged.
    pub policies: Vec<Vec<GateSpec>>,
    /// The SHA-256 of the file of each.
    #[serde(default)]
    pub policy_files: Vec<Sha256>,
    /// The SHA-256 of the signature beside the release file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_signature: Option<Sha256>,
    /// The facts.
    pub evidence: Evidence,
}

impl Judged {
    /// What it was made from.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        Inputs {
            rules_version: RULES_VERSION,
            promotion: self.promotion.clone(),
            policies: self.policies.clone(),
            policy_files: self.policy_files.clone(),
            release_signature: self.release.signature.as_deref().map(Sha256::of),
            evidence: self.evidence.clone(),
        }
    }
}

impl ReleaseFiles {
    fn read(world: &World, path: &str) -> Result<Self, EngineError> {
        let file = world.head.read(path, MAX_MANIFEST_BYTES)?;
        let signature = path_of_signature(path);
        Ok(Self {
            file: file.unwrap_or_default(),
            signature: world.head.read(&signature, MAX_STATEMENT_BYTES)?,
        })
    }

    /// Where they are kept in the evidence. What is not there has no place.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let kept = |kind: SourceKind, bytes: &Vec<u8>| {
            let path = record::evidence_path(Sha256::of(bytes), kind.extension());
            (path, bytes.clone())
        };
        let file = Some(&self.file).filter(|file| !file.is_empty());
        let file = file.map(|file| kept(SourceKind::Release, file));
        let signature = self.signature.as_ref();
        let signature = signature.map(|signature| kept(SourceKind::ReleaseSignature, signature));
        file.into_iter().chain(signature)
    }
}

impl Engine {
    /// Judges a promotion. `plan`, `explain`, `apply` and `approve` all come here.
    ///
    /// # Errors
    ///
    /// When facts cannot be read.
    pub fn judge(&self, world: &World, promotion: Promotion) -> Result<Judged, EngineError> {
        let release_path = path_of_release(&promotion.environment, &promotion.slot.artifact);
        let mut policies = self.policies(world, &promotion.environment, &release_path)?;
        let retrain = pipelines::retrained(world, &promotion, is_foreseen(policies.all()));
        policies.is_retrained = retrain.is_some();
        let release = ReleaseFiles::read(world, &release_path)?;
        let asked = (release_path.as_str(), &release);
        let mut evidence = self.evidence(world, &promotion, &policies, asked)?;
        let (attestations, bundles) =
            attestations::observe(world, &evidence.version.id, promotion.digest)?;
        evidence.attestations = attestations;
        evidence.retrain = retrain;
        let decision = decide(&promotion, &evidence, &policies.gates());
        let policy_files = policies.files();
        let policies = policies
            .gates()
            .into_iter()
            .map(<[GateSpec]>::to_vec)
            .collect();
        Ok(Judged {
            policy_files,
            release,
            promotion,
            evidence,
            decision,
            policies,
            bundles,
        })
    }

    fn policies(
        &self,
        world: &World,
        environment: &EnvironmentName,
        release_path: &str,
    ) -> Result<Policies, EngineError> {
        let path = path_of(&Place::Policy(environment.clone()));
        let pinned = world.state().adoption();
        let pinned =
            pinned.and_then(|adoption| adoption.files.get(&path.parse::<TreePath>().ok()?));
        let in_force = world
            .manifests
            .policies
            .get(environment)
            // What is not adopted yet has no pin; then nothing is decided.
            .map(|document| {
                let file = pinned.copied().unwrap_or_else(|| Sha256::of(b""));
                (file, document.value.spec.clone())
            });
        let before = match self.adoption_before(world, release_path)? {
            Some(adoption) => self.policy_of(adoption, environment)?,
            None => None,
        };
        Ok(Policies {
            in_force,
            before,
            is_retrained: false,
        })
    }

    /// The adoption that was in force when the release was committed, if another is in force now.
    fn adoption_before<'w>(
        &self,
        world: &'w World,
        release_path: &str,
    ) -> Result<Option<(u64, &'w Adoption)>, EngineError> {
        let adoptions = &world.state().adoptions;
        if adoptions.len() < 2 {
            return Ok(None);
        }
        let Some(release) = self.release_commit(world, release_path)? else {
            return Ok(None);
        };
        let newest = adoptions.len() - 1;
        for (number, (index, adoption)) in adoptions.iter().enumerate().rev() {
            let commit = adoption.commit.parse().map_err(|_| {
                EngineError::Internal(format!("`{}` is not a commit", adoption.commit))
            })?;
            if commit != release.id && self.repository.is_ancestor(commit, release.id)? {
                return Ok((number != newest).then_some((*index, adoption)));
            }
        }
        Ok(None)
    }

    /// The policy of an environment as an adoption pinned it.
    fn policy_of(
        &self,
        adoption: (u64, &Adoption),
        environment: &EnvironmentName,
    ) -> Result<Option<(Sha256, PolicySpec)>, EngineError> {
        let place = Place::Policy(environment.clone());
        let path = path_of(&place);
        let Some(pin) = path
            .parse::<TreePath>()
            .ok()
            .and_then(|path| adoption.1.files.get(&path).copied())
        else {
            return Ok(None);
        };
        let bytes = self.adopted_bytes(adoption, &path, pin)?;
        let document =
            parse_manifest::<Policy>(&place, &path, &bytes).map_err(EngineError::Invalid)?;
        Ok(Some((pin, document.value.spec)))
    }

    fn evidence(
        &self,
        world: &World,
        promotion: &Promotion,
        policies: &Policies,
        asked: (&str, &ReleaseFiles),
    ) -> Result<Evidence, EngineError> {
        let rollback = match promotion.direction {
            Direction::Rollback => policies.rollback(),
            Direction::Forward => None,
        };
        let mut version = version_facts(world, promotion);
        let target = world.workspace(&promotion.slot.workspace).cloned();
        let target = target.ok_or_else(|| {
            EngineError::Internal(format!(
                "there is no workspace `{}`",
                promotion.slot.workspace
            ))
        })?;
        let freezes = world.manifests.freezes.iter().filter(|(_, freeze)| {
            let environments = &freeze.value.spec.environments;
            environments.contains(&promotion.environment)
        });
        let acts = acts::facts(
            world.state(),
            &world.people,
            &world.manifests.topology.value.spec,
            promotion,
            (version.label.as_ref(), &target),
        );
        if acts.declassifications.is_empty() {
            // Nothing is held against it.
            version.basis = None;
        }
        Ok(Evidence {
            now: world.pending.now(),
            ledger: world.ledger.clone(),
            policy: policy_digest(&policies.gates(), rollback.as_ref()),
            rollback,
            groups: world.people.groups().clone(),
            approvals: approvals(world.state(), &world.people, &promotion.id),
            inbox: world.inbox,
            held: held(world.state(), &world.targets, promotion),
            freezes: freezes
                .map(|(name, freeze)| (name.clone(), freeze.value.spec.clone()))
                .collect(),
            champion: promotion.replaces.map(|digest| ChampionFacts {
                digest,
                metrics: metrics_of(world, digest),
            }),
            marked_bad: marked_bad(world.state(), &world.people, promotion.digest),
            attestations: Vec::new(),
            request: self.request_facts(world, asked, promotion)?,
            acts,
            bypass: acts::stricter_bypass(policies.all()),
            lifters: acts::lifters(policies.all()),
            witnessed: witness_facts(world, promotion, policies),
            pipeline: pipelines::facts(world, promotion),
            retrain: None,
            needs: pipelines::needs_of(world, promotion),
            version,
            target,
        })
    }

    fn request_facts(
        &self,
        world: &World,
        (release_path, release): (&str, &ReleaseFiles),
        promotion: &Promotion,
    ) -> Result<RequestFacts, EngineError> {
        // These are not in the ledger themselves; they count as what the decision is recorded at.
        let at = world.state().size;
        let commit = self.release_commit(world, release_path)?;
        let commit_signature = match commit.as_ref().and_then(|commit| commit.signature.as_ref()) {
            Some(signature) => world.people.judge(
                GIT_NAMESPACE,
                &signature.payload,
                Some(signature.signature.as_bytes()),
                at,
            ),
            None => SignatureFacts::Missing,
        };
        let authors = self.authors_of(world, promotion)?;
        Ok(RequestFacts {
            commit: commit
                .map(|commit| commit.id.to_string())
                .unwrap_or_default(),
            commit_signature,
            release_signature: world.people.judge(
                RELEASE_NAMESPACE,
                &release.file,
                release.signature.as_deref(),
                at,
            ),
            committers: world.people.with_emails(&authors),
        })
    }
}

/// What witnesses say, if a gate asks.
fn witness_facts(
    world: &World,
    promotion: &Promotion,
    policies: &Policies,
) -> Option<WitnessFacts> {
    let cosigned = world.cosigned.as_ref()?;
    asks_witnesses(&policies.gates()).then(|| WitnessFacts {
        needed: rests_on(world.state(), promotion),
        ..cosigned.facts.clone()
    })
}

/// Whether a gate asks what witnesses say.
pub(crate) fn asks_witnesses(policies: &[&[GateSpec]]) -> bool {
    let mut gates = policies.iter().copied().flatten();
    gates.any(|spec| spec.gate == witnessed::NAME)
}

fn version_facts(world: &World, promotion: &Promotion) -> VersionFacts {
    let id = VersionId {
        artifact: promotion.slot.artifact.clone(),
        version: promotion.version.clone(),
    };
    let manifest = world.manifests.versions.get(&id);
    let spec = manifest.map(|version| &version.document.value.spec);
    let card = card(
        spec.and_then(|spec| spec.card.as_ref()),
        manifest.map_or(&[], |version| version.files()),
    );
    let (authors, has_unknown_author) = authors(world.state(), &world.people, promotion.digest);
    VersionFacts {
        manifest: world
            .manifest_hashes
            .get(&id)
            .copied()
            .unwrap_or_else(|| Sha256::of(b"")),
        label: world
            .labels
            .get(promotion.digest)
            .map(|known| known.label.clone()),
        basis: world.labels.get(promotion.digest).map(|known| known.basis),
        lineage_gaps: gaps(world, &id),
        metrics: spec.map(|spec| spec.metrics.clone()).unwrap_or_default(),
        card,
        authors,
        has_unknown_author,
        id,
    }
}

/// Whether a version has the model card that its manifest names.
pub(crate) fn card(named: Option<&TreePath>, files: &[(TreePath, Sha256)]) -> CardFacts {
    match named {
        None => CardFacts::Missing,
        Some(card) if files.iter().any(|(path, _)| path == card) => CardFacts::Present,
        Some(_) => CardFacts::Dangling,
    }
}

/// Everyone who registered the digest under any name, so that nobody launders authorship by registering it again.
///
/// Whose key was revoked by then may not have done it: still barred, and somebody unknown besides.
pub(crate) fn authors(
    state: &State,
    people: &People,
    digest: TreeDigest,
) -> (BTreeSet<PrincipalName>, bool) {
    let known: Vec<&Registered> = state.registrations_of(digest).collect();
    let is_unknown = |(index, registration): &&Registered| {
        registration.producer.is_none() || is_disowned(people, *index, registration)
    };
    let has_unknown = known.is_empty() || known.iter().any(is_unknown);
    let producers = known
        .into_iter()
        .filter_map(|(_, registration)| registration.producer.clone());
    (producers.collect(), has_unknown)
}

fn gaps(world: &World, id: &VersionId) -> Vec<String> {
    let Some(version) = world.manifests.versions.get(id) else {
        return vec![format!("`{id}` has no manifest")];
    };
    lineage_gaps(
        version.document.value.spec.lineage.as_ref(),
        &|name| world.manifests.datasets.contains_key(name),
        &|digest| world.labels.get(digest).is_some(),
    )
}

/// What is missing in a lineage, in words.
pub(crate) fn lineage_gaps(
    lineage: Option<&Lineage>,
    is_declared: &dyn Fn(&DatasetName) -> bool,
    is_registered: &dyn Fn(TreeDigest) -> bool,
) -> Vec<String> {
    let Some(lineage) = lineage else {
        return vec!["the manifest has no `lineage`".to_owned()];
    };
    let mut gaps = Vec::new();
    if lineage.names_no_data() {
        gaps.push("the lineage names no dataset and no base".to_owned());
    }
    let unclaimed = lineage.unknown.iter();
    gaps.extend(unclaimed.map(|address| format!("`{address}` is of no dataset")));
    let unknown = lineage.read().filter(|name| !is_declared(name));
    gaps.extend(unknown.map(|name| format!("dataset `{name}` is not declared")));
    let bases = lineage
        .bases
        .iter()
        .filter(|base| !is_registered(base.digest));
    gaps.extend(bases.map(|base| format!("base `{}` is not registered", base.version)));
    if lineage.code.is_none() {
        gaps.push("the lineage names no code commit".to_owned());
    }
    gaps
}

/// What was said about a promotion, as far as the ledger has received it. A rejection by a key that was revoked by then
/// is left out; an approval stays to be seen, and does not count.
pub(crate) fn approvals(
    state: &State,
    people: &People,
    promotion: &PromotionId,
) -> Vec<ApprovalFacts> {
    let Some(known) = state.promotions.get(promotion) else {
        return Vec::new();
    };
    let facts = |(received_at, receipt): &(jiff::Timestamp, Receipt)| {
        let is_revoked = is_revoked(state, people, receipt);
        match &receipt.said {
            Said::Approval(approval)
                if is_revoked && approval.decision != ApprovalDecision::Approve =>
            {
                None
            }
            Said::Approval(approval) => Some(ApprovalFacts {
                approval: approval.as_ref().clone(),
                statement: receipt.statement,
                signer: receipt.signer.clone(),
                key: receipt.key.clone(),
                received_at: *received_at,
                groups_at_receipt: receipt.groups.clone(),
                key_is_trusted: !is_revoked && people.owner(&receipt.key) == Some(&receipt.signer),
            }),
            Said::MarkBad(_) | Said::Act(_) => None,
        }
    };
    known.statements.iter().filter_map(facts).collect()
}

/// Who said that a digest is bad.
pub(crate) fn marked_bad(
    state: &State,
    people: &People,
    digest: TreeDigest,
) -> Vec<MarkedBadFacts> {
    let said = state.marked_bad.get(&digest).into_iter().flatten();
    let said = said.filter(|(index, receipt)| !people.is_revoked(&receipt.key, *index));
    said.filter_map(|(_, receipt)| match &receipt.said {
        Said::MarkBad(mark) => Some(MarkedBadFacts {
            principal: receipt.signer.clone(),
            reason: mark.reason.clone(),
        }),
        Said::Approval(_) | Said::Act(_) => None,
    })
    .collect()
}

/// Whether the key of a statement was revoked as of its receipt.
pub(crate) fn is_revoked(state: &State, people: &People, receipt: &Receipt) -> bool {
    let index = state.index_of(receipt).unwrap_or(u64::MAX);
    people.is_revoked(&receipt.key, index)
}

/// Where the digest is held, by environment.
pub(crate) fn held(
    state: &State,
    targets: &BTreeMap<WorkspaceName, Target>,
    promotion: &Promotion,
) -> BTreeMap<EnvironmentName, Vec<HeldFacts>> {
    let id = VersionId {
        artifact: promotion.slot.artifact.clone(),
        version: promotion.version.clone(),
    };
    let mut held: BTreeMap<EnvironmentName, Vec<HeldFacts>> = BTreeMap::new();
    for (name, target) in targets {
        if !holds(state, name, &id, promotion.digest) {
            continue;
        }
        let slot = crate::model::workspace::Slot {
            workspace: name.clone(),
            artifact: promotion.slot.artifact.clone(),
        };
        let state = state.slot(&slot);
        let since = state
            .held
            .filter(|held| held.digest == promotion.digest)
            .map(|held| held.since);
        let is_verified = state.ever_held.contains(&promotion.digest);
        held.entry(target.facts.environment.clone())
            .or_default()
            .push(HeldFacts {
                workspace: name.clone(),
                since,
                is_verified,
            });
    }
    held
}

fn metrics_of(world: &World, digest: TreeDigest) -> Option<BTreeMap<MetricName, f64>> {
    let mut all = world
        .manifests
        .versions
        .values()
        .map(|version| Arc::clone(&version.document));
    all.find(|document| document.value.spec.digest == digest)
        .map(|document| document.value.spec.metrics.clone())
}
