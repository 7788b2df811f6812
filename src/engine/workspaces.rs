//! From workspace manifests to adapters with their layers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::adapter::Adapter;
use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::layer::{ReadCheck, Settings, layered};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::world::World;
use crate::fs::staging::StagingArea;
use crate::git::repository::Remote;
use crate::manifest::workspace::AdapterSpec;
use crate::model::id::WorkspaceName;

impl Engine {
    /// The workspace, ready to use.
    ///
    /// # Errors
    ///
    /// When there is no such workspace, or its path means nothing here.
    pub fn adapter(
        &self,
        world: &World,
        name: &WorkspaceName,
    ) -> Result<Arc<dyn Adapter>, EngineError> {
        match &spec(world, name)?.adapter {
            AdapterSpec::Directory(directory) => {
                let path = self.local_path(&format!("workspace `{name}`"), &directory.path)?;
                let adapter = DirectoryAdapter::new(name.clone(), &path);
                Ok(layered(Arc::new(adapter), &settings()))
            }
        }
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
            AdapterSpec::Directory(directory) => {
                let path = self.local_path(&format!("workspace `{name}`"), &directory.path)?;
                DirectoryAdapter::new(name.clone(), &path).staging_directory()
            }
        };
        // The tree goes to this one workspace, so it is moved in.
        Ok(StagingArea::open(&directory)?.for_moving())
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
