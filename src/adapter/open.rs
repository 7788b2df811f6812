//! From what a manifest says to an adapter: the one table of kinds.

use std::path::PathBuf;
use std::sync::Arc;

use crate::adapter::azure_ml::AzureMlAdapter;
use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::exec::ExecAdapter;
use crate::adapter::mlflow::MlflowAdapter;
use crate::adapter::object_store::ObjectStoreAdapter;
use crate::adapter::oci::OciAdapter;
use crate::adapter::{Adapter, Result};
use crate::config::Environment;
use crate::model::id::WorkspaceName;
use crate::model::platform::Platform;

/// What an adapter has around it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The variables that references to secrets and ambient credentials may name.
    pub environment: Environment,
    /// What relative paths are relative to.
    pub base: PathBuf,
}

/// Opens a workspace, without a layer around it. Looks at nothing yet: secrets and servers are asked when they are needed.
///
/// # Errors
///
/// When no client for the network can be made.
pub fn open(
    workspace: &WorkspaceName,
    platform: &Platform,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Adapter>> {
    let name = workspace.clone();
    let environment = surroundings.environment.clone();
    let at = |path: &str| surroundings.base.join(path);
    Ok(match platform {
        Platform::Directory(spec) => Arc::new(DirectoryAdapter::new(name, &at(&spec.path))),
        Platform::ObjectStore(spec) => {
            Arc::new(ObjectStoreAdapter::new(name, spec.clone(), environment))
        }
        Platform::Oci(spec) => Arc::new(OciAdapter::registry(name, spec, &environment)?),
        Platform::OciLayout(spec) => Arc::new(OciAdapter::layout(name, &at(&spec.path))),
        Platform::Mlflow(spec) => Arc::new(MlflowAdapter::new(name, spec, environment)?),
        Platform::AzureMl(spec) => Arc::new(AzureMlAdapter::new(name, spec.clone(), environment)?),
        Platform::Exec(spec) => Arc::new(ExecAdapter::new(name, spec.clone(), environment)),
    })
}
