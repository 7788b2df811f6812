//! Versions and the releases that ask for them.

use std::collections::BTreeMap;

use serde_json::json;

use crate::adapter::conformance::MemoryContent;
use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::{Adapter as _, Record};
use crate::clock::Clock as _;
use crate::engine::testing::{MAIN, TestOrganisation, block_on, yaml};
use crate::flow::declassification::Lowered;
use crate::flow::permit::{Origin, permit};
use crate::manifest::layout::{
    path_of_checksums, path_of_release, path_of_signature, path_of_version,
};
use crate::model::approval::{MANIFEST_NAMESPACE, RELEASE_NAMESPACE};
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::model::label::{Clearance, Label};
use crate::model::lineage::Lineage;
use crate::model::workspace::WorkspaceFacts;

/// How a version was made.
#[derive(Debug)]
pub(crate) struct Made<'a> {
    /// The workspace.
    pub(crate) workspace: &'a str,
    /// The files, besides the model card.
    pub(crate) files: &'a [(&'a str, &'a str)],
    /// What it was made from.
    pub(crate) lineage: Option<Lineage>,
    /// One of its metrics; the other is always good.
    pub(crate) accuracy: f64,
    /// Whether its producer signs it.
    pub(crate) is_signed: bool,
}

impl Default for Made<'_> {
    /// Made in dev, well, from the sample.
    fn default() -> Self {
        Self {
            workspace: "dev",
            files: &[("model.bin", "weights")],
            lineage: Some(Lineage {
                datasets: vec!["penguins-sample".parse().unwrap()],
                bases: Vec::new(),
                code: Some(crate::model::lineage::CodeCommit {
                    repository: "https://git.example.com/penguins".to_owned(),
                    commit: "1".repeat(40),
                }),
                run: Some("run-7".to_owned()),
                ..Lineage::default()
            }),
            accuracy: 0.97,
            is_signed: true,
        }
    }
}

impl TestOrganisation {
    /// Writes a version into a workspace and registers it, as its producer. The files get a model card.
    pub(crate) fn register(&self, who: &str, version: &str, made: &Made<'_>) -> TreeDigest {
        let version: VersionId = version.parse().unwrap();
        let card: (&str, &[u8]) = ("README.md", b"# What it is for\n");
        let files: Vec<(&str, &[u8])> = made
            .files
            .iter()
            .map(|(path, text)| (*path, text.as_bytes()))
            .chain([card])
            .collect();
        let content = MemoryContent::new(&files).unwrap();
        let record = content.record(&version).unwrap();
        self.upload(made.workspace, &record, &content);
        let manifest = yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "ModelVersion",
            "metadata": { "name": version.artifact.name },
            "spec": {
                "project": version.artifact.project, "version": version.version, "digest": record.digest,
                "size": record.files.total_size(), "workspace": made.workspace, "lineage": made.lineage,
                "metrics": { "accuracy": made.accuracy, "log-loss": 0.2 }, "card": "README.md",
            }
        }));
        let path = path_of_version(&version);
        let mut changes = BTreeMap::from([
            (
                path_of_checksums(&version),
                Some(record.files.checksum_lines().into_bytes()),
            ),
            (path.clone(), Some(manifest.clone())),
        ]);
        if made.is_signed {
            let signature = self.sign(who, MANIFEST_NAMESPACE, &manifest);
            changes.insert(path_of_signature(&path), Some(signature));
        }
        self.commit(who, MAIN, &changes);
        record.digest
    }

    /// Puts bytes where their producer made them.
    fn upload(&self, workspace: &str, record: &Record, content: &MemoryContent) {
        let name: WorkspaceName = workspace.parse().unwrap();
        let adapter = DirectoryAdapter::new(
            name.clone(),
            &self.folder().join("workspaces").join(workspace),
        );
        let facts = WorkspaceFacts {
            environment: workspace.parse().unwrap(),
            clearance: Clearance::new(["internal".parse().unwrap()]).unwrap(),
            accepts: std::collections::BTreeSet::new(),
            name,
        };
        let label = Label::new(["internal".parse().unwrap()]).unwrap();
        let permit = permit(
            record.digest,
            &label,
            &Lowered::nothing(),
            &Origin::Producer,
            &facts,
        )
        .unwrap();
        block_on(async { adapter.write(&permit, record, content).await }).unwrap();
    }

    /// Writes the release that asks for a version, signed.
    pub(crate) fn request(&self, who: &str, version: &str, environment: &str) {
        let version: VersionId = version.parse().unwrap();
        let environment: EnvironmentName = environment.parse().unwrap();
        let world = self.observer().observe().unwrap();
        let digest = world
            .manifests
            .versions
            .get(&version)
            .unwrap()
            .document
            .value
            .spec
            .digest;
        let release = yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "Release",
            "metadata": { "name": version.artifact.name },
            "spec": {
                "environment": environment, "artifact": version.artifact, "version": version.version, "digest": digest,
                "reason": format!("asked at {}", self.clock.now()),
            }
        }));
        let path = path_of_release(&environment, &version.artifact);
        let signature = self.sign(who, RELEASE_NAMESPACE, &release);
        let changes = BTreeMap::from([
            (path_of_signature(&path), Some(signature)),
            (path, Some(release)),
        ]);
        self.commit(who, MAIN, &changes);
    }
}
