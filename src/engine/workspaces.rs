//! From workspace manifests to adapters with their layers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::layer::{ReadCheck, Settings, layered};
use crate::adapter::{self, Adapter, Surroundings};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::world::World;
use crate::fs::scratch::ScratchArea;
use crate::fs::staging::StagingArea;
use crate::git::repository::Remote;
use crate::model::id::WorkspaceName;
use crate::model::platform::Platform;

impl Engine {
    /// The workspace, ready to use. It stays open as long as its manifest says the same, with its connections and tokens.
    ///
    /// # Errors
    ///
    /// When there is no such workspace, its path means nothing here, or there is no adapter for it.
    pub fn adapter(
        &self,
        world: &World,
        name: &WorkspaceName,
    ) -> Result<Arc<dyn Adapter>, EngineError> {
        let platform = &spec(world, name)?.adapter;
        if let Some(path) = platform.local_path() {
            self.local_path(&format!("workspace `{name}`"), path)?;
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, adapter)) = opened.get(name)
            && known == platform
        {
            return Ok(Arc::clone(adapter));
        }
        let surroundings = Surroundings {
            environment: self.places.environment.clone(),
            base: self.places.base.clone(),
        };
        let adapter = layered(adapter::open(name, platform, &surroundings)?, &settings());
        opened.insert(name.clone(), (platform.clone(), Arc::clone(&adapter)));
        Ok(adapter)
    }

    /// Where bytes for a workspace are staged: as near to it as can be, so that they can be moved in.
    ///
    /// # Errors
    ///
    /// When the area cannot be made, or the workspace's path means nothing here.
    pub fn staging_for(
        &self,
        world: &World,
        name: &WorkspaceName,
    ) -> Result<StagingArea, EngineError> {
        let directory = match &spec(world, name)?.adapter {
            Platform::Directory(directory) => {
                let path = self.local_path(&format!("workspace `{name}`"), &directory.path)?;
                let directory = DirectoryAdapter::new(name.clone(), &path).staging_directory();
                // The tree goes to this one workspace, so it is moved in.
                return Ok(StagingArea::open(&directory)?.for_moving());
            }
            Platform::ObjectStore(_)
            | Platform::Oci(_)
            | Platform::OciLayout(_)
            | Platform::Mlflow(_)
            | Platform::AzureMl(_)
            | Platform::Exec(_) => self.places.state.join("staging").join(name.as_str()),
        };
        Ok(StagingArea::open(&directory)?)
    }

    /// A folder of this machine for work in progress of one sort, which no workspace sees.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn scratch_area(&self, name: &str) -> std::io::Result<ScratchArea> {
        ScratchArea::open(&self.places.state.join(name))
    }

    /// Where bytes are staged that go to no workspace, or to one that is not chosen yet.
    ///
    /// # Errors
    ///
    /// When the area cannot be made.
    pub fn own_staging(&self, what: &str) -> Result<StagingArea, EngineError> {
        let directory = self.places.state.join(what);
        Ok(StagingArea::open(&directory)?)
    }

    /// A path that a manifest names. A relative one starts from the repository, which has no folder of its own when all that
    /// is known of it is an address: there it would mean another place on every machine.
    pub(crate) fn local_path(&self, what: &str, path: &str) -> Result<PathBuf, EngineError> {
        let is_elsewhere = matches!(self.repository.remote(), Remote::Url(_));
        if is_elsewhere && Path::new(path).is_relative() {
            return Err(EngineError::RelativePath {
                what: what.to_owned(),
                path: path.to_owned(),
                repository: self.repository.name().to_owned(),
            });
        }
        Ok(self.places.base.join(path))
    }
}

/// Bytes that are read are hashed by whoever stages or verifies them, so the layers need not do it again.
fn settings() -> Settings {
    Settings {
        read_check: ReadCheck::Caller,
        ..Settings::default()
    }
}

fn spec<'w>(
    world: &'w World,
    name: &WorkspaceName,
) -> Result<&'w crate::manifest::workspace::WorkspaceSpec, EngineError> {
    let workspace = world.manifests.workspaces.get(name);
    let workspace = workspace
        .ok_or_else(|| EngineError::Internal(format!("there is no workspace `{name}`")))?;
    Ok(&workspace.value.spec)
}
