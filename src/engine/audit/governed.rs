//! The governed files of one adoption, read from the evidence.

use std::collections::BTreeMap;

use crate::engine::world::workspace_facts;
use crate::manifest::dataset::DatasetSpec;
use crate::manifest::freeze::FreezeSpec;
use crate::manifest::layout::classify;
use crate::manifest::parsed::{Content, parse_file};
use crate::manifest::policy::PolicySpec;
use crate::manifest::topology::TopologySpec;
use crate::model::id::{DatasetName, EnvironmentName, FreezeName, WorkspaceName};
use crate::plan::desired::Target;

/// What was in force.
#[derive(Debug, Default)]
pub(super) struct Governed {
    pub(super) topology: Option<TopologySpec>,
    pub(super) workspaces: BTreeMap<WorkspaceName, Target>,
    pub(super) datasets: BTreeMap<DatasetName, DatasetSpec>,
    pub(super) policies: BTreeMap<EnvironmentName, PolicySpec>,
    pub(super) freezes: BTreeMap<FreezeName, FreezeSpec>,
}

impl Governed {
    /// Takes in a file; false when it is not valid.
    pub(super) fn take(&mut self, path: &str, bytes: &[u8]) -> bool {
        let content = parse_file(path, bytes).and_then(|file| file.content);
        match content {
            Some(Content::Topology(document)) => self.topology = Some(document.value.spec.clone()),
            Some(Content::Workspace(document)) => {
                let (name, spec) = (&document.value.metadata.name, &document.value.spec);
                let target = Target {
                    facts: workspace_facts(name, spec),
                    projects: spec.projects.clone(),
                };
                self.workspaces.insert(name.clone(), target);
            }
            Some(Content::Dataset(document)) => {
                let name = document.value.metadata.name.clone();
                self.datasets.insert(name, document.value.spec.clone());
            }
            Some(Content::Policy(document)) => {
                let name = document.value.metadata.name.clone();
                self.policies.insert(name, document.value.spec.clone());
            }
            Some(Content::Freeze(document)) => {
                let name = document.value.metadata.name.clone();
                self.freezes.insert(name, document.value.spec.clone());
            }
            // Who pays for a project decides no flow.
            Some(Content::Project(_)) => {}
            Some(
                Content::Artifact(_)
                | Content::Version(_)
                | Content::Checksums(_)
                | Content::Release(_)
                | Content::TrustRoot(_)
                | Content::TrustIndex(_),
            ) => return false,
            // The list of keys for `ssh-keygen` says nothing here.
            None => {
                return classify(path).is_some_and(|place| place.is_governed())
                    && path.starts_with("trust/");
            }
        }
        true
    }
}
