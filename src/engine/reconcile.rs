//! One run: make workspaces hold what Git asks for, as far as the gates allow.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::evidence::Judged;
use crate::engine::execute::{Attempted, NotStaged, push_judgement};
use crate::engine::trust::TrustProblem;
use crate::engine::world::World;
use crate::ledger::store::StoreError;
use crate::model::digest::TreeDigest;
use crate::model::event::Outcome;
use crate::model::id::EnvironmentName;
use crate::model::promotion::{OutcomeKind, Promotion, PromotionId};
use crate::model::verdict::{Decision, DecisionResult};
use crate::model::workspace::Slot;
use crate::plan::desired::Change;

/// How often a run looks again because others were faster.
const MAX_ROUNDS: usize = 1_000;

/// What became of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotReport {
    /// The slot.
    pub slot: Slot,
    /// Its environment.
    pub environment: EnvironmentName,
    /// The version that it should hold.
    pub version: semver::Version,
    /// The digest of that version.
    pub digest: TreeDigest,
    /// Where it stands.
    pub status: SlotStatus,
    /// The promotion, unless nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,
    /// What the gates said, when they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What stood in the way, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a slot stands after a run, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotStatus {
    /// It held the version before the run.
    UpToDate,
    /// It holds it now.
    Promoted,
    /// It would be promoted.
    Ready,
    /// Something is missing that can still come.
    Waiting,
    /// Another engine is at work on it.
    AtWork,
    /// Something could not be told.
    Unavailable,
    /// A gate said no.
    Denied,
    /// We could not tell how the attempt ended; the next run tries again.
    Errored,
    /// The workspace said no.
    Failed,
}

/// What a run did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The slots that Git asks something of.
    pub slots: Vec<SlotReport>,
    /// Attempts of earlier runs that this one found the end of.
    pub recovered: Vec<Outcome>,
    /// The number of entries in the ledger after the run.
    pub ledger_size: u64,
    /// Why governed files of the head are not in force, if they are not.
    pub not_adopted: Vec<String>,
    /// Files of the head that are passed over.
    #[serde(skip)]
    pub ignored: Vec<Diagnostic>,
    /// When it is worth looking again, if time alone can change something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<Timestamp>,
}

impl RunReport {
    /// The worst that any slot came to.
    #[must_use]
    pub fn worst(&self) -> SlotStatus {
        self.slots
            .iter()
            .map(|slot| slot.status)
            .max()
            .unwrap_or(SlotStatus::UpToDate)
    }
}

impl Engine {
    /// Acts until nothing more is allowed, or until told to stop (see [`Engine::stopped_by`]). `only` limits it to some environments; none means all that the engine's key may
    /// act for.
    ///
    /// # Errors
    ///
    /// When the ledger or the repository cannot be read or written. What a workspace or a gate says is in the report.
    pub async fn reconcile(
        &mut self,
        only: &BTreeSet<EnvironmentName>,
    ) -> Result<RunReport, EngineError> {
        let mut world = self.observe()?;
        if world.expiry.is_past(world.pending.now()) {
            return Err(EngineError::Expired(world.expiry));
        }
        if self.is_replaced(&world) {
            return self.retire(world);
        }
        let allowed = self.allowed_environments(&world, only)?;
        if !self.record(&mut world)? {
            world = self.observe()?;
        }
        let is_ours = |promotion: &Promotion| allowed.contains(&promotion.environment);
        let mut world = self.observe_again(world)?;
        let recovered = self.recover(&mut world, &is_ours).await?;
        let mut done: Vec<SlotReport> = Vec::new();
        let mut tried: BTreeSet<PromotionId> = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            world = self.observe()?;
            let changes = world.changes();
            let next = if self.is_stopped() {
                None
            } else {
                self.next_allowed(&world, &changes, &allowed, &tried)?
            };
            let Some(judged) = next else {
                return self.finish(world, &allowed, done, recovered);
            };
            match self.promote(world, judged).await? {
                Round::Done(report) => {
                    tried.extend(
                        report
                            .promotion
                            .as_ref()
                            .map(|promotion| promotion.id.clone()),
                    );
                    done.push(*report);
                }
                Round::LookAgain => {}
            }
        }
        Err(EngineError::Internal(
            "the ledger changes faster than it can be read".to_owned(),
        ))
    }

    /// Whether the trust root that is about to be adopted knows this engine no longer, and the one in force does.
    fn is_replaced(&self, world: &World) -> bool {
        let engines = crate::engine::book::trusted_engines(&world.root);
        self.identity().is_some_and(|own| {
            let mut others = engines.iter();
            !others.any(|engine| engine.key == own.key)
        })
    }

    /// Adopts the trust root that ends this engine's part, as its last act.
    fn retire(&mut self, mut world: World) -> Result<RunReport, EngineError> {
        self.record(&mut world)?;
        if self.identity().is_some() {
            // Somebody else was faster; what is to be adopted may be another root by now.
            return Err(EngineError::Log(StoreError::Conflict.into()));
        }
        let world = self.observe()?;
        let run = self.survey(&world, Vec::new())?.run;
        Ok(RunReport {
            slots: Vec::new(),
            wake_at: None,
            ..run
        })
    }

    fn observe_again(&mut self, world: World) -> Result<World, EngineError> {
        if world.pending.is_empty() {
            Ok(world)
        } else {
            self.observe()
        }
    }

    /// The environments that this run acts for: asked for, and permitted to the engine's key.
    fn allowed_environments(
        &self,
        world: &World,
        only: &BTreeSet<EnvironmentName>,
    ) -> Result<BTreeSet<EnvironmentName>, EngineError> {
        let key = self.keys.as_ref().ok_or(EngineError::NoKeys)?.public_key();
        let engines = crate::engine::book::trusted_engines(&world.root);
        let Some(identity) = engines.into_iter().find(|engine| engine.key == *key) else {
            return Err(EngineError::UnknownEngine {
                fingerprint: key.fingerprint(),
            });
        };
        // What this run records first is read under the root that was in force before.
        if self.book()?.root().is_some() && self.identity().is_none() {
            return Err(EngineError::NotYetTrusted {
                fingerprint: key.fingerprint(),
            });
        }
        if let Some(environment) = only
            .iter()
            .find(|name| world.environments.rank(name).is_none())
        {
            return Err(EngineError::NoEnvironment(environment.to_string()));
        }
        if let Some(environment) = only
            .iter()
            .find(|name| !identity.environments.contains(*name))
        {
            return Err(EngineError::NotAllowed {
                engine: identity.name.to_string(),
                environment: environment.to_string(),
            });
        }
        Ok(if only.is_empty() {
            identity.environments
        } else {
            only.clone()
        })
    }

    fn next_allowed(
        &self,
        world: &World,
        changes: &[Change],
        allowed: &BTreeSet<EnvironmentName>,
        tried: &BTreeSet<PromotionId>,
    ) -> Result<Option<Judged>, EngineError> {
        for change in changes {
            let Change::Promote(promotion) = change else {
                continue;
            };
            let is_busy = world.state().slot(&promotion.slot).live.is_some();
            if is_busy || tried.contains(&promotion.id) || !allowed.contains(&promotion.environment)
            {
                continue;
            }
            let judged = self.judge(world, promotion.clone())?;
            if judged.decision.result == DecisionResult::Allow {
                return Ok(Some(judged));
            }
        }
        Ok(None)
    }

    /// Stages, looks afresh, judges again, and acts.
    async fn promote(&mut self, world: World, judged: Judged) -> Result<Round, EngineError> {
        let staged = match self.stage(&world, &judged).await? {
            Ok(staged) => staged,
            Err(NotStaged::Refused(decision)) => return self.refuse(world, judged, decision),
            Err(NotStaged::Unknown(decision)) => {
                return Ok(Round::done(
                    &judged.promotion,
                    SlotStatus::Unavailable,
                    Some(decision),
                    None,
                ));
            }
        };
        if self.is_stopped() {
            return Ok(Round::LookAgain);
        }
        // Reading may have taken long: what was true then may not be now.
        let world = self.observe()?;
        let still_wanted = world.changes().into_iter().any(|change| matches!(&change, Change::Promote(promotion) if *promotion == judged.promotion));
        let again = self.judge(&world, judged.promotion.clone())?;
        // Another engine may have begun meanwhile.
        let is_busy = world.state().slot(&judged.promotion.slot).live.is_some();
        if is_busy || !still_wanted || again.decision.result != DecisionResult::Allow {
            return Ok(Round::LookAgain);
        }
        match self.attempt(world, again, staged).await? {
            Attempted::Overtaken => Ok(Round::LookAgain),
            Attempted::Ended(outcome) => {
                let status = match outcome.outcome {
                    OutcomeKind::Succeeded => SlotStatus::Promoted,
                    OutcomeKind::Failed => SlotStatus::Failed,
                    OutcomeKind::Errored => SlotStatus::Errored,
                };
                Ok(Round::done(
                    &outcome.promotion,
                    status,
                    None,
                    outcome.reason.clone(),
                ))
            }
        }
    }

    /// Records that the bytes are not what was asked for.
    fn refuse(
        &mut self,
        mut world: World,
        judged: Judged,
        decision: Decision,
    ) -> Result<Round, EngineError> {
        let judged = Judged { decision, ..judged };
        if is_news(&world, &judged) {
            push_judgement(&mut world, &judged)?;
            if !self.record(&mut world)? {
                return Ok(Round::LookAgain);
            }
        }
        Ok(Round::done(
            &judged.promotion,
            SlotStatus::Denied,
            Some(judged.decision),
            None,
        ))
    }

    /// Records denials, and reports on every slot.
    fn finish(
        &mut self,
        mut world: World,
        allowed: &BTreeSet<EnvironmentName>,
        done: Vec<SlotReport>,
        recovered: Vec<Outcome>,
    ) -> Result<RunReport, EngineError> {
        let mut report = self.survey(&world, done)?;
        let denied: Vec<Judged> = report
            .judged
            .iter()
            .filter(|judged| judged.decision.result == DecisionResult::Deny)
            .cloned()
            .collect();
        for judged in denied
            .iter()
            .filter(|judged| allowed.contains(&judged.promotion.environment))
        {
            if is_news(&world, judged) {
                push_judgement(&mut world, judged)?;
            }
        }
        if !self.record(&mut world)? {
            tracing::debug!("the ledger grew meanwhile; the next run records the denials");
        }
        report
            .run
            .slots
            .retain(|slot| allowed.contains(&slot.environment));
        report.run.recovered = recovered;
        report.run.ledger_size = self.book()?.state().size;
        Ok(report.run)
    }

    /// Where every slot stands, with what a run has done to some of them.
    ///
    /// # Errors
    ///
    /// When facts cannot be read.
    pub fn survey(&self, world: &World, done: Vec<SlotReport>) -> Result<Survey, EngineError> {
        let acted = done.iter();
        let acted = acted.filter(|known| known.status != SlotStatus::UpToDate);
        let acted: BTreeSet<Slot> = acted.map(|known| known.slot.clone()).collect();
        let mut slots = done;
        let mut all = Vec::new();
        let changes = world.changes().into_iter();
        for change in changes.filter(|change| !acted.contains(change.slot())) {
            slots.push(match change {
                Change::UpToDate {
                    slot,
                    environment,
                    version,
                    digest,
                } => SlotReport {
                    slot,
                    environment,
                    version,
                    digest,
                    status: SlotStatus::UpToDate,
                    promotion: None,
                    decision: None,
                    reason: None,
                },
                Change::Failed(promotion) => {
                    let reason = "its last attempt failed; a new release tries again".to_owned();
                    slot_report(&promotion, SlotStatus::Failed, None, Some(reason))
                }
                Change::Promote(promotion) => {
                    let judged = self.judge(world, promotion)?;
                    all.push(judged.clone());
                    self.stand(world, judged)
                }
            });
        }
        // The end of a lease too: from then on an attempt that its engine left may be taken over.
        let leases = world.state().live_attempts().map(|live| live.lease_until);
        let wake_at = slots
            .iter()
            .filter_map(|slot| slot.decision.as_ref()?.wake_at())
            .chain(leases)
            .min();
        let not_adopted = world
            .not_adopted
            .iter()
            .map(TrustProblem::to_string)
            .collect();
        let run = RunReport {
            slots,
            recovered: Vec::new(),
            ledger_size: world.state().size,
            not_adopted,
            ignored: world.ignored.clone(),
            wake_at,
        };
        Ok(Survey { run, judged: all })
    }

    fn stand(&self, world: &World, judged: Judged) -> SlotReport {
        let live = world
            .state()
            .promotions
            .get(&judged.promotion.id)
            .and_then(|known| known.live.as_ref());
        if let Some(live) = live {
            let reason = format!(
                "engine `{}` is at work on it; from {} on another may take over",
                live.engine, live.lease_until
            );
            return slot_report(&judged.promotion, SlotStatus::AtWork, None, Some(reason));
        }
        let status = match judged.decision.result {
            DecisionResult::Allow => SlotStatus::Ready,
            DecisionResult::Wait => SlotStatus::Waiting,
            DecisionResult::Unavailable => SlotStatus::Unavailable,
            DecisionResult::Deny => SlotStatus::Denied,
        };
        slot_report(&judged.promotion, status, Some(judged.decision), None)
    }
}

/// Where every slot stands, and the judgements that say so.
#[derive(Debug)]
pub struct Survey {
    /// The report.
    pub run: RunReport,
    /// Every promotion that is to be made, judged.
    pub judged: Vec<Judged>,
}

/// What one round of a run came to.
enum Round {
    Done(Box<SlotReport>),
    LookAgain,
}

impl Round {
    fn done(
        promotion: &Promotion,
        status: SlotStatus,
        decision: Option<Decision>,
        reason: Option<String>,
    ) -> Self {
        Self::Done(Box::new(slot_report(promotion, status, decision, reason)))
    }
}

fn slot_report(
    promotion: &Promotion,
    status: SlotStatus,
    decision: Option<Decision>,
    reason: Option<String>,
) -> SlotReport {
    SlotReport {
        slot: promotion.slot.clone(),
        environment: promotion.environment.clone(),
        version: promotion.version.clone(),
        digest: promotion.digest,
        status,
        promotion: Some(promotion.clone()),
        decision,
        reason,
    }
}

/// Whether the ledger does not have this very judgement as its last word yet. A denial is an entry once, not at every look.
fn is_news(world: &World, judged: &Judged) -> bool {
    let last = world
        .state()
        .promotions
        .get(&judged.promotion.id)
        .and_then(|known| known.judgement.as_ref());
    last.is_none_or(|(_, last)| last.decision != judged.decision)
}
