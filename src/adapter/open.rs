//! From what a manifest says to an adapter: the one table of kinds.

use std::path::PathBuf;
use std::sync::Arc;

use crate::adapter::azure_ml::AzureMlAdapter;
use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::exec::ExecAdapter;
use crate::adapter::mlflow::MlflowAdapter;
use crate::adapter::{Adapter, AdapterError, AdapterErrorKind, Result};
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
/// `Unsupported` when there is no adapter for such a platform.
pub fn open(
    workspace: &WorkspaceName,
    platform: &Platform,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Adapter>> {
    let at = |path: &str| surroundings.base.join(path);
    match platform {
        Platform::Directory(spec) => {
            let adapter = DirectoryAdapter::new(workspace.clone(), &at(&spec.path));
            Ok(Arc::new(adapter))
        }
        Platform::Exec(spec) => {
            let environment = surroundings.environment.clone();
            let adapter = ExecAdapter::new(workspace.clone(), spec.clone(), environment);
            Ok(Arc::new(adapter))
        }
        Platform::Mlflow(spec) => {
            let environment = surroundings.environment.clone();
            Ok(Arc::new(MlflowAdapter::new(
                workspace.clone(),
                spec,
                environment,
            )?))
        }
        Platform::ObjectStore(_)
        | Platform::Oci(_)
        | Platform::OciLayout(_)
        | Platform::AzureMl(_) => Err(AdapterError::permanent(
            AdapterErrorKind::Unsupported,
            workspace.as_str(),
            "open",
            format!("there is no adapter for `{}` yet", platform.kind()),
        )),
    }
}
