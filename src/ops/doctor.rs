//! `promote doctor`: can every workspace be relied on?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::Serialize;

use crate::adapter::{Capabilities, Info, Permission, Probe};
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::world::World;
use crate::error::Result;
use crate::model::id::WorkspaceName;
use crate::ops::plan::unknown;

/// How far a server's clock may be from ours, in seconds. Tokens and signatures of requests fail beyond a few minutes.
pub const MAX_SKEW_SECONDS: i64 = 60;

/// How every workspace is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// The workspaces that were asked.
    pub workspaces: Vec<Checkup>,
}

/// How one workspace is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkup {
    /// Its name.
    pub workspace: WorkspaceName,
    /// The kind of adapter, as files write it.
    pub kind: String,
    /// Where it points.
    pub location: Option<String>,
    /// What it guarantees.
    pub capabilities: Option<Capabilities>,
    /// What it said of itself; `None` when it did not answer as it should.
    pub probe: Option<Probe>,
    /// How many seconds its clock is ahead of ours.
    pub skew_seconds: Option<i64>,
    /// What is wrong, each with the way out where there is one.
    pub problems: Vec<String>,
}

impl Checkup {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Asks workspaces how they are, at the same time; all when none is named. Changes nothing.
///
/// # Errors
///
/// When the repository cannot be read, or there is no such workspace. What is wrong with a workspace is in the report.
pub async fn doctor(context: &Context, asked: &BTreeSet<WorkspaceName>) -> Result<DoctorReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let known = &world.manifests.workspaces;
    let names: Vec<&str> = known.keys().map(WorkspaceName::as_str).collect();
    if let Some(name) = asked.iter().find(|name| !known.contains_key(*name)) {
        return Err(unknown("workspace", name.as_str(), &names));
    }
    let asked = known
        .keys()
        .filter(|name| asked.is_empty() || asked.contains(*name));
    let task = format!("asking {} workspaces", names.len());
    context.progress.begin(&task, None);
    let checkups = asked.map(|name| check_up(context, &engine, &world, name));
    let workspaces = join_all(checkups).await;
    context.progress.end();
    Ok(DoctorReport { workspaces })
}

async fn check_up(
    context: &Context,
    engine: &Engine,
    world: &World,
    name: &WorkspaceName,
) -> Checkup {
    let platform = world.manifests.workspaces.get(name);
    let kind = platform.map_or("", |document| document.value.spec.adapter.kind());
    let mut checkup = Checkup {
        workspace: name.clone(),
        kind: kind.to_owned(),
        location: None,
        capabilities: None,
        probe: None,
        skew_seconds: None,
        problems: Vec::new(),
    };
    let adapter = match engine.adapter(world, name) {
        Ok(adapter) => adapter,
        Err(error) => {
            checkup.problems.push(error.to_string());
            return checkup;
        }
    };
    let Info { location, .. } = adapter.info();
    checkup.location = Some(location);
    checkup.capabilities = Some(adapter.capabilities());
    match adapter.probe().await {
        Ok(probe) => {
            let now = context.clock.now();
            let skew = probe.clock.map(|clock| clock.duration_since(now).as_secs());
            checkup.skew_seconds = skew;
            checkup.problems = problems_of(&probe.permissions, skew);
            checkup.probe = Some(probe);
        }
        Err(error) => checkup.problems.push(error.to_string()),
    }
    checkup
}

fn problems_of(permissions: &BTreeMap<String, Permission>, skew: Option<i64>) -> Vec<String> {
    let refused = permissions
        .iter()
        .filter(|(_, permission)| **permission == Permission::Refused);
    let mut problems: Vec<String> = refused
        .map(|(what, _)| format!("the credentials may not `{what}`"))
        .collect();
    if let Some(skew) = skew.filter(|skew| skew.abs() > MAX_SKEW_SECONDS) {
        let side = if skew > 0 { "ahead of" } else { "behind" };
        problems.push(format!(
            "its clock is {} s {side} this machine's; tokens may be refused: set this machine's clock by NTP",
            skew.abs()
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_permission_and_a_wrong_clock_are_problems_and_unknown_ones_are_not() {
        let permissions = [
            ("read".to_owned(), Permission::Granted),
            ("tag".to_owned(), Permission::Unknown),
            ("write".to_owned(), Permission::Refused),
        ];
        let permissions = permissions.into();
        assert_eq!(
            problems_of(&permissions, Some(60)),
            ["the credentials may not `write`"]
        );
        let told = problems_of(&permissions, Some(-61));
        assert!(
            told[1].starts_with("its clock is 61 s behind this machine's"),
            "{told:?}"
        );
        assert!(problems_of(&BTreeMap::new(), None).is_empty());
    }
}
