//! One place to do research; only services are released through further environments.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PatternDef;
use super::azure::grants::RoleAssignment;
use super::azure::storage::StoragePlace;
use crate::diagnostic::{Diagnostic, Loc};
use crate::manifest::dataset::Dataset;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Purpose;
use crate::manifest::yaml::Document;
use crate::model::label::Tag;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::SingleEnvironment,
    summary: "one environment to make models in; only services are released through others",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let Some(first) = topology.value.spec.environments.first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut made_in = None;
    for (name, workspace) in &repository.workspaces {
        let spec = &workspace.value.spec;
        if spec.purpose != Purpose::Training {
            continue;
        }
        if spec.environment != *first {
            let message = format!(
                "models are made in `{first}` alone, and `{name}` of `{}` is a workspace to make them in",
                spec.environment
            );
            let problem = Diagnostic::error(
                "training-beyond-the-first",
                workspace.at("/spec/environment"),
                message,
            );
            found.push(
                problem.hint("write `purpose: serving`, or move it to the first environment"),
            );
        } else if let Some(other) = made_in.replace(name) {
            let message = format!("there is one workspace to make models in, and `{other}` is it");
            let problem = Diagnostic::error(
                "two-training-workspaces",
                workspace.at("/metadata/name"),
                message,
            );
            found.push(problem.hint("take one of the two away, or choose the pattern `project`"));
        }
    }
    if made_in.is_none() {
        let message = format!("`{first}` has no workspace to make models in");
        let loc = topology.at("/spec/environments/0");
        let problem = Diagnostic::error("no-training-workspace", loc, message);
        found.push(problem.hint("write a workspace with `purpose: training`"));
    }
    found.extend(writable_production(repository));
    found
}

/// The production data that research reads here, so nobody may change it.
fn production_data(repository: &Repository) -> impl Iterator<Item = &Arc<Document<Dataset>>> {
    let all = repository.datasets.values();
    all.filter(|dataset| {
        let label = &dataset.value.spec.label;
        label.tags().contains(&Tag::production())
    })
}

/// Somebody may change production data.
fn refuse(code: &'static str, loc: Loc, who: &str, dataset: &Dataset) -> Diagnostic {
    let name = &dataset.metadata.name;
    let message =
        format!("{who} may change `{name}`, which is production data that research reads");
    Diagnostic::error(code, loc, message)
}

/// By what the manifests say of who may write.
fn writable_production(repository: &Repository) -> Vec<Diagnostic> {
    let declared = production_data(repository).filter_map(|dataset| {
        let access = dataset.value.spec.access.as_ref()?;
        let who = format!("`{}`", access.write.first()?);
        let loc = dataset.at("/spec/access/write");
        let problem = refuse("writable-production-data", loc, &who, &dataset.value);
        Some(problem.hint("grant `read` alone, and let another system write"))
    });
    declared.collect()
}

/// The accounts that a list says nothing of. Azure has a role for somebody on every account, so such a list was made
/// elsewhere, such as in another subscription or for one resource group.
fn unmentioned(
    dataset: &Document<Dataset>,
    places: &BTreeSet<StoragePlace>,
    assignments: &[RoleAssignment<'_>],
) -> Vec<Diagnostic> {
    let is_mentioned = |place: &&StoragePlace| assignments.iter().any(|found| found.reaches(place));
    let missing = places.iter().filter(|place| !is_mentioned(place));
    let accounts: BTreeSet<&str> = missing.map(StoragePlace::account).collect();
    let told = accounts.into_iter().map(|account| {
        let name = &dataset.value.metadata.name;
        let message = format!(
            "the list says nothing of the account `{account}`, where `{name}` is, so who may change it cannot be told"
        );
        let loc = dataset.at("/spec/location");
        let problem = Diagnostic::error("unlisted-production-data", loc, message);
        problem.hint("save that of the account: `az role assignment list --scope ACCOUNT-ID --include-inherited -o json`")
    });
    told.collect()
}

/// By a saved list of role assignments. Data whose place in Azure is not known cannot be judged, and is refused too.
pub(super) fn check_assignments(
    repository: &Repository,
    assignments: &[RoleAssignment<'_>],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let nobody = BTreeSet::new();
    for dataset in production_data(repository) {
        let spec = &dataset.value.spec;
        let places = StoragePlace::all_of(spec);
        if places.is_empty() {
            let name = &dataset.value.metadata.name;
            let message = format!(
                "no address of `{name}` names a storage account, so who may change it cannot be told from a list of Azure's"
            );
            let loc = dataset.at("/spec/location");
            let problem = Diagnostic::error("unplaced-production-data", loc, message);
            found.push(problem.hint("add the account to `addresses`, such as `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/` or its resource id"));
        }
        found.extend(unmentioned(dataset, &places, assignments));
        let systems = spec
            .access
            .as_ref()
            .map_or(&nobody, |access| &access.systems);
        for assignment in assignments {
            if assignment.may_change(&places, systems) {
                let RoleAssignment {
                    who,
                    kind,
                    role,
                    scope,
                    ..
                } = assignment;
                let who = format!("the {kind} `{who}`, with `{role}` on `{scope}`,");
                let code = "production-data-writable-in-azure";
                let problem = refuse(code, assignment.loc(), &who, &dataset.value);
                found.push(problem.hint("take the role away; a system that is there to write is named in `access.systems` of the dataset").hint("if the scope does not reach the account, say where that is: add its resource id to `addresses`"));
            }
        }
    }
    found
}
