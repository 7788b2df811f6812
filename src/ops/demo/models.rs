//! The models of the story, and how they are registered.

use rust_embed::RustEmbed;

use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::artifact::VersionId;

/// The models of the story, really trained: see the README beside them.
#[derive(RustEmbed)]
#[folder = "src/ops/demo/penguins/"]
pub(super) struct Penguins;

/// A model of the story.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trained {
    /// The folder of its files.
    pub(super) folder: &'static str,
    /// The name that it is registered under.
    pub(super) name: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The dataset that it was trained on, or is said to be.
    pub(super) dataset: &'static str,
}

impl Trained {
    pub(super) const FIRST: Self = Self {
        folder: "penguin-species/1.0.0",
        name: "penguin-species",
        version: "1.0.0",
        dataset: "penguins-sample",
    };
    pub(super) const SECOND: Self = Self {
        folder: "penguin-species/1.1.0",
        version: "1.1.0",
        ..Self::FIRST
    };
    pub(super) const FIELD: Self = Self {
        folder: "penguin-species-field/1.0.0",
        name: "penguin-species-field",
        version: "1.0.0",
        dataset: "penguins-field",
    };
    /// The same bytes under a harmless name, with a harmless lineage.
    pub(super) const RENAMED: Self = Self {
        name: "penguin-toy",
        dataset: "penguins-sample",
        ..Self::FIELD
    };

    pub(super) fn id(self) -> Result<VersionId> {
        format!("wildlife/model/{}@{}", self.name, self.version)
            .parse()
            .or_fail(FailureKind::Internal)
    }
}

/// The command that registers a model.
pub(super) fn register_command(model: &Trained, workspace: &str) -> String {
    format!(
        "promote register wildlife/{} {} --from ../models/{} --workspace {workspace} --input {}",
        model.name, model.version, model.folder, model.dataset
    )
}
