//! `promote status`: what every slot holds, and what waits.

use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::engine::incident::{Incident, Standing, incidents};
use crate::engine::reconcile::{SlotReport, SlotStatus};
use crate::error::Result;
use crate::model::digest::TreeDigest;
use crate::model::id::EnvironmentName;
use crate::model::workspace::Slot;

/// Where everything stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// The commit that is wanted.
    pub commit: String,
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// Every slot that holds something or is asked to.
    pub slots: Vec<SlotLine>,
    /// Access for incidents that holds, or is over and was not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    /// Why governed files of the head are not in force, if they are not.
    pub not_adopted: Vec<String>,
    /// Files of the head that are passed over, each with the first thing that is wrong.
    pub ignored: Vec<String>,
    /// The next moment at which time alone may change something.
    pub wake_at: Option<Timestamp>,
}

/// One slot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotLine {
    /// The environment.
    pub environment: EnvironmentName,
    /// The slot.
    pub slot: Slot,
    /// The version that it holds.
    pub held: Option<semver::Version>,
    /// The digest that it holds.
    pub held_digest: Option<TreeDigest>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What Git asks of it, and where that stands; `None` when no release names it.
    pub asked: Option<SlotReport>,
}

impl SlotLine {
    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> SlotStatus {
        self.asked
            .as_ref()
            .map_or(SlotStatus::UpToDate, |asked| asked.status)
    }
}

/// Looks at every slot.
///
/// # Errors
///
/// When something cannot be read or believed.
pub fn status(context: &Context) -> Result<StatusReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let survey = engine.survey(&world, Vec::new())?.run;
    let mut asked = survey.slots;
    let mut slots = Vec::new();
    for (slot, state) in world.state().slots.iter() {
        let Some(target) = world.workspace(&slot.workspace) else {
            continue;
        };
        let index = asked.iter().position(|report| report.slot == *slot);
        slots.push(SlotLine {
            environment: target.environment.clone(),
            held: state.held.as_ref().map(|held| held.version.version.clone()),
            held_digest: state.held.as_ref().map(|held| held.digest),
            since: state.held.as_ref().map(|held| held.since),
            asked: index.map(|index| asked.swap_remove(index)),
            slot: slot.clone(),
        });
    }
    slots.extend(asked.into_iter().map(|report| SlotLine {
        environment: report.environment.clone(),
        slot: report.slot.clone(),
        held: None,
        held_digest: None,
        since: None,
        asked: Some(report),
    }));
    slots.sort_by_key(|line| {
        (
            world.environments.rank(&line.environment),
            line.slot.clone(),
        )
    });
    let mut ignored: Vec<String> = world
        .ignored
        .iter()
        .map(|problem| format!("`{}`: {}", problem.loc.file.path, problem.message))
        .collect();
    ignored.dedup();
    let now = world.pending.now();
    let mut incidents = incidents(world.state(), &world.people, &world.manifests, now);
    incidents
        .retain(|incident| matches!(incident.standing, Standing::InForce | Standing::ReviewDue));
    let report = StatusReport {
        commit: world.head.commit().to_string(),
        ledger_size: engine.book()?.state().size,
        slots,
        incidents,
        not_adopted: survey.not_adopted,
        ignored,
        wake_at: survey.wake_at,
    };
    engine.leave(world);
    Ok(report)
}
