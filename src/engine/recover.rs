//! Attempts that never ended: their engine was killed, or is still at work elsewhere.

use crate::adapter::transfer;
use crate::adapter::{Adapter, Locator};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::execute::{lease, pointer, version_of};
use crate::engine::world::World;
use crate::model::event::{Event, Outcome};
use crate::model::id::AttemptId;
use crate::model::promotion::{OutcomeKind, Promotion};
use crate::plan::state::LiveAttempt;

impl Engine {
    /// Takes over every attempt that nobody holds any more, and finds out from the workspace how it ended. Returns the
    /// outcomes; what cannot be proved is `errored`, never a success.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read or written, or a workspace cannot be asked.
    pub async fn recover(
        &mut self,
        world: &mut World,
        is_ours: &(dyn Fn(&Promotion) -> bool + Sync),
    ) -> Result<Vec<Outcome>, EngineError> {
        let live: Vec<LiveAttempt> = world.state().live_attempts().cloned().collect();
        let mut outcomes = Vec::new();
        for attempt in live
            .into_iter()
            .filter(|attempt| is_ours(&attempt.promotion))
        {
            if self.is_stopped() {
                break;
            }
            // Another engine may have found its end while this one was at work on those before.
            let known = world.state().promotions.get(&attempt.promotion.id);
            let is_live = known
                .and_then(|known| known.live.as_ref())
                .is_some_and(|live| live.attempt == attempt.attempt);
            if !is_live || !self.may_take_over(world, &attempt) {
                continue;
            }
            let new = self.new_attempt()?;
            // Held until the end, so that the next run here sees at once when this one dies too.
            let lock = self.lock_attempt(&new)?;
            if !self.take_over(world, &attempt, &new)? {
                self.forget_attempt(&new);
                break;
            }
            let outcome = self.find_out(world, &attempt.promotion, &new).await?;
            self.record_outcome(&outcome)?;
            drop(lock);
            self.forget_attempt(&attempt.attempt);
            self.forget_attempt(&new);
            // Opening the area removes what the dead attempt left there. What stays is harmless.
            drop(self.staging_for(world, &attempt.promotion.slot.workspace));
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Before the deadline an attempt is left alone, unless it was made here, by this engine, and its process is gone.
    fn may_take_over(&self, world: &World, live: &LiveAttempt) -> bool {
        let is_over = world.pending.now() >= live.lease_until;
        let is_own = self
            .identity()
            .is_some_and(|identity| identity.name == live.engine);
        is_over || (is_own && self.is_dead_here(&live.attempt))
    }

    /// False: somebody else was faster.
    fn take_over(
        &mut self,
        world: &mut World,
        live: &LiveAttempt,
        attempt: &AttemptId,
    ) -> Result<bool, EngineError> {
        world.pending.push(Event::TakenOver {
            promotion: live.promotion.id.clone(),
            environment: live.promotion.environment.clone(),
            superseded: live.attempt.clone(),
            attempt: attempt.clone(),
            lease_until: lease(world, 0),
        })?;
        let is_recorded = self.record(world)?;
        *world = self.observe()?;
        Ok(is_recorded)
    }

    /// Asks the workspace what became of the attempt.
    async fn find_out(
        &self,
        world: &World,
        promotion: &Promotion,
        attempt: &AttemptId,
    ) -> Result<Outcome, EngineError> {
        let target = self.adapter(world, &promotion.slot.workspace)?;
        let held = pointer(target.as_ref(), promotion).await?;
        let mut outcome = Outcome {
            promotion: promotion.clone(),
            attempt: attempt.clone(),
            outcome: OutcomeKind::Errored,
            reason: Some("it was interrupted before the pointer moved".to_owned()),
            read_back: None,
            bytes: None,
            pointer_before: promotion.replaces,
            pointer_after: held,
        };
        if held != Some(promotion.digest) {
            return Ok(outcome);
        }
        match prove(target.as_ref(), promotion).await {
            Ok(bytes) => {
                outcome.outcome = OutcomeKind::Succeeded;
                outcome.reason = None;
                outcome.bytes = Some(bytes);
                outcome.read_back = Some(promotion.digest);
            }
            Err(reason) => outcome.reason = Some(reason),
        }
        Ok(outcome)
    }
}

/// Reads the version back; the bytes it has, or why it is not proved.
async fn prove(target: &dyn Adapter, promotion: &Promotion) -> Result<u64, String> {
    let version = version_of(promotion);
    let record = target
        .stat(Locator::Version(&version))
        .await
        .map_err(|error| error.to_string())?;
    let record = record.ok_or_else(|| "the pointer leads to nothing".to_owned())?;
    let digest = transfer::verify(target, &version, &record.files)
        .await
        .map_err(|error| error.to_string())?;
    if digest == promotion.digest {
        Ok(record.files.total_size())
    } else {
        Err("the workspace holds other bytes".to_owned())
    }
}
