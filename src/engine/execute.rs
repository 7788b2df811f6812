//! One attempt at one promotion: stage, write the intent, write, read back, point, write the outcome.

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::adapter::transfer;
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ErrorStatus, Locator, NativePlace, Record,
};
use crate::attest::random::random_bytes;
use crate::engine::attestations;
use crate::engine::carry::{Carried, common_provider};
use crate::engine::error::EngineError;
use crate::engine::evidence::Judged;
use crate::engine::pipelines;
use crate::engine::record;
use crate::engine::sources::{lineage_of, sources};
use crate::engine::world::World;
use crate::engine::{Engine, Step};
use crate::fs::durable::{self, LockFile};
use crate::fs::staging::StagedTree;
use crate::gate::RULES_VERSION;
use crate::ledger::store::StoreError;
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::{Entry, Event, Intent, Judgement, Outcome};
use crate::model::id::AttemptId;
use crate::model::promotion::{OutcomeKind, Promotion};
use crate::model::verdict::{Decision, GateResult, Verdict};

/// How long nobody else touches an attempt, plus a second for each so many bytes.
const LEASE: SignedDuration = SignedDuration::from_mins(15);
const LEASE_BYTES_PER_SECOND: u64 = 4 << 20;
/// How often an outcome is appended again when others are faster. It depends on nothing they write.
const APPEND_TRIES: usize = 20;

/// The bytes of a promotion, ready to be written.
#[derive(Debug)]
pub enum Staged {
    /// Read from the source, hashed, and ours alone.
    Bytes(StagedTree, Record),
    /// At the source, from where the target's provider copies them.
    Native(NativePlace, Record),
    /// The target has them already.
    OwnCopy(Record),
}

/// Why there are no bytes to write.
#[derive(Debug)]
pub enum NotStaged {
    /// The source has others than were asked for: the answer is no.
    Refused(Decision),
    /// It could not be told.
    Unknown(Decision),
}

/// How an attempt went.
#[derive(Debug)]
pub enum Attempted {
    /// It ended, and the ledger says how.
    Ended(Box<Outcome>),
    /// Somebody else changed the ledger first: look again, and decide again.
    Overtaken,
}

impl Engine {
    /// Reads the bytes of a promotion into the staging area, hashing what is read. Only these bytes move on.
    ///
    /// # Errors
    ///
    /// When staging itself cannot be used. What the source says is in the answer.
    pub async fn stage(
        &self,
        world: &World,
        judged: &Judged,
    ) -> Result<Result<Staged, NotStaged>, EngineError> {
        let promotion = &judged.promotion;
        let Some(from) = &promotion.from else {
            return Ok(Err(NotStaged::Refused(with_digest_gate(
                &judged.decision,
                Verdict::deny("no workspace has the bytes"),
            ))));
        };
        let version = version_of(promotion);
        let source = self.adapter(world, from)?;
        let record = match source.stat(Locator::Version(&version)).await {
            Ok(Some(record)) if record.digest == promotion.digest => record,
            Ok(Some(_)) => {
                return Ok(Err(refused(
                    judged,
                    "the source holds other bytes under this version",
                )));
            }
            Ok(None) => {
                return Ok(Err(refused(
                    judged,
                    "the source does not have this version",
                )));
            }
            Err(error) => return Ok(Err(not_staged(judged, &error))),
        };
        if *from == promotion.slot.workspace {
            return Ok(Ok(Staged::OwnCopy(record)));
        }
        let target = self.adapter(world, &promotion.slot.workspace)?;
        if let Some(place) = common_provider(source.as_ref(), target.as_ref(), &version) {
            return Ok(Ok(Staged::Native(place, record)));
        }
        let fetched = self
            .fetch(world, &promotion.slot.workspace, source.as_ref(), &record)
            .await?;
        self.watcher.reached(Step::Staged);
        Ok(fetched
            .map(|tree| Staged::Bytes(tree, record))
            .map_err(|error| not_staged(judged, &error)))
    }

    /// Records the decision and the intent, and makes the target hold the bytes.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written: then nothing more is done, and the next run finds out what was.
    pub async fn attempt(
        &mut self,
        mut world: World,
        judged: Judged,
        staged: Staged,
    ) -> Result<Attempted, EngineError> {
        let attempt = self.new_attempt()?;
        let lock = self.lock_attempt(&attempt)?;
        let promotion = judged.promotion.clone();
        let size = staged.record().files.total_size();
        let decision = push_judgement(&mut world, &judged)?;
        let lease_until = lease(&world, size);
        world.pending.push(Event::Intended(Intent {
            promotion: promotion.clone(),
            attempt: attempt.clone(),
            decision,
            lease_until,
        }))?;
        if !self.record(&mut world)? {
            return Ok(Attempted::Overtaken);
        }
        self.watcher.reached(Step::Intended);
        let outcome = self.act(&world, &promotion, &attempt, staged).await?;
        self.record_outcome(&outcome)?;
        self.watcher.reached(Step::Ended);
        drop(lock);
        self.forget_attempt(&attempt);
        Ok(Attempted::Ended(Box::new(outcome)))
    }

    /// Write, read back, point. Whatever happens, the answer is an outcome; an error means that we may not say one.
    async fn act(
        &mut self,
        world: &World,
        promotion: &Promotion,
        attempt: &AttemptId,
        staged: Staged,
    ) -> Result<Outcome, EngineError> {
        let target = self.adapter(world, &promotion.slot.workspace)?;
        let mut outcome = begin_outcome(promotion, attempt, staged.record());
        outcome.pointer_before = match target
            .stat(Locator::Current(&promotion.slot.artifact))
            .await
        {
            Ok(current) => current.map(|record| record.digest),
            Err(error) => return Ok(ended(outcome, &error)),
        };
        outcome.pointer_after = outcome.pointer_before;
        let version = version_of(promotion);
        let record = staged.record().clone();
        self.check_lease(promotion, attempt)?;
        match self
            .carry(world, promotion, target.as_ref(), &staged)
            .await?
        {
            Carried::Nothing => {}
            Carried::Written => self.watcher.reached(Step::Written),
            Carried::Denied(reason) => return Ok(failed(outcome, &reason)),
            Carried::Failed(error) => return Ok(ended(outcome, &error)),
        }
        self.progress.begin(
            &format!("verifying {version} in {}", promotion.slot.workspace),
            Some(record.files.total_size()),
        );
        let read_back = transfer::verify(target.as_ref(), &version, &record.files).await;
        self.progress.end();
        match read_back {
            Ok(digest) => outcome.read_back = Some(digest),
            Err(error) => return Ok(ended(outcome, &error)),
        }
        self.watcher.reached(Step::ReadBack);
        self.check_lease(promotion, attempt)?;
        self.point(target.as_ref(), promotion, outcome).await
    }

    async fn point(
        &self,
        target: &dyn Adapter,
        promotion: &Promotion,
        mut outcome: Outcome,
    ) -> Result<Outcome, EngineError> {
        let version = version_of(promotion);
        match target.point(&version, promotion.replaces).await {
            Ok(()) => {
                outcome.pointer_after = Some(promotion.digest);
                self.watcher.reached(Step::Pointed);
                Ok(outcome)
            }
            Err(error) => Ok(ended(outcome, &error)),
        }
    }

    /// An attempt whose lease ran out, or that somebody took over, may neither write nor point nor append.
    fn check_lease(
        &mut self,
        promotion: &Promotion,
        attempt: &AttemptId,
    ) -> Result<(), EngineError> {
        self.book_mut()?.refresh()?;
        let state = self.book()?.state();
        let live = state
            .promotions
            .get(&promotion.id)
            .and_then(|known| known.live.as_ref());
        let now = state
            .time
            .map_or_else(|| self.clock.now(), |time| time.max(self.clock.now()));
        match live {
            Some(live) if live.attempt == *attempt && now < live.lease_until => Ok(()),
            Some(live) if live.attempt == *attempt => {
                Err(EngineError::LeaseOver(promotion.id.short()))
            }
            Some(_) | None => Err(EngineError::TakenOver(promotion.id.short())),
        }
    }

    /// Appends an outcome; others may append meanwhile, which changes nothing about it, unless they took the attempt over.
    pub(crate) fn record_outcome(&mut self, outcome: &Outcome) -> Result<(), EngineError> {
        for _ in 0..APPEND_TRIES {
            self.book_mut()?.refresh()?;
            let state = self.book()?.state().clone();
            let known = state.promotions.get(&outcome.promotion.id);
            let live = known.and_then(|known| known.live.as_ref());
            if live.is_none_or(|live| live.attempt != outcome.attempt) {
                return Err(EngineError::TakenOver(outcome.promotion.id.short()));
            }
            let commit = state.commit.clone().unwrap_or_default();
            let mut pending =
                crate::engine::pending::Pending::new(state, self.clock.now(), commit, self.name()?);
            pending.push(Event::Ended(outcome.clone()))?;
            if self.append(pending)? {
                return Ok(());
            }
        }
        Err(EngineError::Log(StoreError::Conflict.into()))
    }

    /// Appends everything that is pending in a world. False: not all of it was, because somebody else was faster or another
    /// trust root was adopted. Then look again.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn record(&mut self, world: &mut World) -> Result<bool, EngineError> {
        let pending = world.pending.clone();
        if pending.is_empty() {
            return Ok(true);
        }
        self.append(pending)
    }

    /// Seals and appends. False: not all of it, as for [`Engine::record`].
    pub(crate) fn append(
        &mut self,
        pending: crate::engine::pending::Pending,
    ) -> Result<bool, EngineError> {
        let key = self.keys.as_ref().ok_or(EngineError::NoKeys)?;
        let is_whole = pending.is_whole();
        let (entries, evidence) = pending.into_entries();
        if let Some(expiry) = self.book()?.expiry() {
            let lets = |entry: &Entry| expiry.lets(&entry.event, entry.recorded_at);
            if !entries.iter().all(lets) {
                return Err(EngineError::Expired(expiry));
            }
        }
        let lines = entries
            .iter()
            .map(|entry| record::seal(entry, key))
            .collect::<Result<Vec<_>, _>>()?;
        // INVARIANT: nothing is appended that a reader would not believe; one such line would spoil the whole ledger.
        if let Some(root) = self.book()?.root() {
            let engines = crate::engine::book::trusted_engines(root);
            for line in &lines {
                record::open(line, &engines)?;
            }
        }
        match self.book_mut()?.log_mut().append(lines, evidence) {
            Ok(_) => {
                self.book_mut()?.refresh()?;
                self.remember();
                Ok(is_whole)
            }
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn new_attempt(&self) -> Result<AttemptId, EngineError> {
        let random =
            random_bytes::<10>().map_err(|error| EngineError::Internal(error.to_string()))?;
        Ok(AttemptId::new(
            u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0),
            random,
        ))
    }

    /// A lock that says on this machine that the attempt is alive: a dead process cannot hold one.
    pub(crate) fn lock_attempt(&self, attempt: &AttemptId) -> Result<LockFile, EngineError> {
        let path = self.attempt_path(attempt);
        let failed = |source| EngineError::File {
            path: path.display().to_string(),
            source,
        };
        durable::create_dir_all(&self.places.state.join("attempts")).map_err(failed)?;
        let lock = LockFile::try_acquire(&path).map_err(failed)?;
        lock.ok_or_else(|| EngineError::Internal(format!("attempt {attempt} is locked already")))
    }

    /// Whether the attempt was made on this machine by a process that is gone.
    pub(crate) fn is_dead_here(&self, attempt: &AttemptId) -> bool {
        let path = self.attempt_path(attempt);
        durable::exists(&path) && LockFile::try_acquire(&path).is_ok_and(|lock| lock.is_some())
    }

    pub(crate) fn forget_attempt(&self, attempt: &AttemptId) {
        // A file that stays is harmless: its attempt has ended.
        drop(durable::remove_file(&self.attempt_path(attempt)));
    }

    fn attempt_path(&self, attempt: &AttemptId) -> PathBuf {
        self.places
            .state
            .join("attempts")
            .join(format!("{attempt}.lock"))
    }
}

impl Staged {
    pub(crate) const fn record(&self) -> &Record {
        match self {
            Self::Bytes(_, record) | Self::Native(_, record) | Self::OwnCopy(record) => record,
        }
    }
}

/// Adds the judgement to what will be recorded, with its facts as evidence; returns the index it will have.
pub(crate) fn push_judgement(world: &mut World, judged: &Judged) -> Result<u64, EngineError> {
    let index = world.pending.state().size;
    let inputs = judged.inputs();
    let bytes =
        serde_json::to_vec(&inputs).map_err(|error| EngineError::Internal(error.to_string()))?;
    let sha256 = Sha256::of(&bytes);
    let sources = sources(
        world.state(),
        &inputs,
        sha256,
        lineage_of(world, &judged.promotion),
    );
    world
        .pending
        .add_evidence(record::evidence_path(sha256, "json"), bytes);
    for (sha256, bundle) in &judged.bundles {
        let path = record::evidence_path(*sha256, attestations::EXTENSION);
        world.pending.add_evidence(path, bundle.clone());
    }
    // What witnesses said is on a branch that changes, so it is kept with the decision.
    let facts = judged.evidence.witnessed.iter();
    for said in facts.flat_map(|facts| facts.witnesses.values().flatten()) {
        let note = world
            .cosigned
            .as_ref()
            .and_then(|cosigned| cosigned.notes.get(&said.note));
        let note = note.cloned().unwrap_or_default();
        let path = record::evidence_path(said.note, "note");
        world.pending.add_evidence(path, note);
    }
    for (path, bytes) in pipelines::evidence(world, judged) {
        world.pending.add_evidence(path, bytes);
    }
    for (path, bytes) in judged.release.evidence() {
        world.pending.add_evidence(path, bytes);
    }
    world.pending.push(Event::Decided(Judgement {
        promotion: judged.promotion.clone(),
        inputs: sha256,
        attestations: judged.bundles.keys().copied().collect(),
        policy: judged.evidence.policy,
        decision: judged.decision.clone(),
        rules_version: RULES_VERSION,
        sources,
    }))?;
    Ok(index)
}

pub(crate) fn lease(world: &World, bytes: u64) -> jiff::Timestamp {
    let more =
        SignedDuration::from_secs(i64::try_from(bytes / LEASE_BYTES_PER_SECOND).unwrap_or(0));
    world
        .pending
        .now()
        .saturating_add(LEASE + more)
        .unwrap_or(jiff::Timestamp::MAX)
}

/// The version that a promotion brings.
#[must_use]
pub fn version_of(promotion: &Promotion) -> VersionId {
    VersionId {
        artifact: promotion.slot.artifact.clone(),
        version: promotion.version.clone(),
    }
}

fn begin_outcome(promotion: &Promotion, attempt: &AttemptId, record: &Record) -> Outcome {
    Outcome {
        promotion: promotion.clone(),
        attempt: attempt.clone(),
        outcome: OutcomeKind::Succeeded,
        reason: None,
        read_back: None,
        bytes: Some(record.files.total_size()),
        pointer_before: None,
        pointer_after: None,
    }
}

fn failed(outcome: Outcome, reason: &str) -> Outcome {
    Outcome {
        outcome: OutcomeKind::Failed,
        reason: Some(reason.to_owned()),
        ..outcome
    }
}

/// The outcome that an adapter's error means: "no" is a failure, "could not tell" an error.
fn ended(outcome: Outcome, error: &AdapterError) -> Outcome {
    let kind = if is_refusal(error) {
        OutcomeKind::Failed
    } else {
        OutcomeKind::Errored
    };
    Outcome {
        outcome: kind,
        reason: Some(error.to_string()),
        ..outcome
    }
}

fn is_refusal(error: &AdapterError) -> bool {
    let says_no = match error.kind {
        AdapterErrorKind::AlreadyExists
        | AdapterErrorKind::Precondition
        | AdapterErrorKind::Corrupt => true,
        AdapterErrorKind::PermissionDenied | AdapterErrorKind::Unsupported => true,
        AdapterErrorKind::NotFound
        | AdapterErrorKind::RateLimited
        | AdapterErrorKind::Unexpected => false,
    };
    says_no && error.status == ErrorStatus::Permanent
}

fn refused(judged: &Judged, reason: &str) -> NotStaged {
    NotStaged::Refused(with_digest_gate(&judged.decision, Verdict::deny(reason)))
}

fn not_staged(judged: &Judged, error: &AdapterError) -> NotStaged {
    if is_refusal(error) {
        refused(judged, &error.to_string())
    } else {
        NotStaged::Unknown(with_digest_gate(
            &judged.decision,
            Verdict::unavailable(error.to_string()),
        ))
    }
}

/// The decision with the answer of the one gate that needs the bytes themselves.
fn with_digest_gate(decision: &Decision, verdict: Verdict) -> Decision {
    let mut gates = decision.gates.clone();
    gates.push(GateResult {
        gate: "digest".to_owned(),
        verdict,
    });
    Decision {
        overridden: decision.overridden.clone(),
        ..Decision::of(gates)
    }
}

/// The digest that the pointer of the promotion's slot holds, as the workspace says.
pub(crate) async fn pointer(
    target: &dyn Adapter,
    promotion: &Promotion,
) -> Result<Option<TreeDigest>, AdapterError> {
    Ok(target
        .stat(Locator::Current(&promotion.slot.artifact))
        .await?
        .map(|record| record.digest))
}
