//! How a workspace is reached: the platform behind it, its address, and where its credentials are.

mod address;
mod alias;
mod azure_ml;
mod azure_ml_yaml;
mod bucket;
mod credentials;
mod exec;
mod mlflow;
mod names;
mod oci;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use address::{AddressError, HttpAddress};
pub use alias::{AliasError, AliasName};
pub use azure_ml::{AzureMlPlace, AzureMlSpec};
pub use azure_ml_yaml::{AzureMlThing, azure_ml_schema};
pub use bucket::{
    BucketAddress, BucketAddressError, BucketProvider, ObjectStoreCredentials, ObjectStoreSpec,
};
pub use credentials::{AzureCloud, EntraCredentials, HttpCredentials};
pub use exec::ExecSpec;
pub use mlflow::MlflowSpec;
pub use names::{NameError, NameRules, NameTemplate};
pub use oci::{OciLayoutSpec, OciSpec, is_repository_name};

/// How a workspace is reached: one field, named like the kind of adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Platform {
    /// A directory.
    Directory(DirectorySpec),
    /// A bucket of S3, Azure Blob Storage or Google Cloud Storage.
    ObjectStore(ObjectStoreSpec),
    /// A registry of OCI artifacts.
    Oci(OciSpec),
    /// A folder in the OCI image layout.
    OciLayout(OciLayoutSpec),
    /// An MLflow tracking server with its registry.
    Mlflow(MlflowSpec),
    /// A workspace or a registry of Azure Machine Learning.
    AzureMl(AzureMlSpec),
    /// A program that speaks for a platform.
    Exec(ExecSpec),
}

/// A directory as a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectorySpec {
    /// The path; when relative, to the folder that holds the promotion repository's work tree or bare repository.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

impl Platform {
    /// The word for the kind of adapter, as files write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::ObjectStore(_) => "object-store",
            Self::Oci(_) => "oci",
            Self::OciLayout(_) => "oci-layout",
            Self::Mlflow(_) => "mlflow",
            Self::AzureMl(_) => "azure-ml",
            Self::Exec(_) => "exec",
        }
    }

    /// The path on this machine that it names, if it is on this machine.
    #[must_use]
    pub fn local_path(&self) -> Option<&str> {
        match self {
            Self::Directory(directory) => Some(&directory.path),
            Self::OciLayout(layout) => Some(&layout.path),
            Self::ObjectStore(_)
            | Self::Oci(_)
            | Self::Mlflow(_)
            | Self::AzureMl(_)
            | Self::Exec(_) => None,
        }
    }

    /// The address that it is reached at over the network, if the manifest says one.
    #[must_use]
    pub const fn address(&self) -> Option<&HttpAddress> {
        match self {
            Self::ObjectStore(store) => store.endpoint.as_ref(),
            Self::Oci(oci) => Some(&oci.url),
            Self::Mlflow(mlflow) => Some(&mlflow.url),
            Self::AzureMl(azure) => azure.endpoint.as_ref(),
            Self::Directory(_) | Self::OciLayout(_) | Self::Exec(_) => None,
        }
    }

    /// Whether the manifest allows an address that anyone on the way can read.
    #[must_use]
    pub const fn allows_http(&self) -> bool {
        match self {
            Self::ObjectStore(store) => store.allow_http,
            Self::Oci(oci) => oci.allow_http,
            Self::Mlflow(mlflow) => mlflow.allow_http,
            Self::AzureMl(azure) => azure.allow_http,
            Self::Directory(_) | Self::OciLayout(_) | Self::Exec(_) => false,
        }
    }

    /// Where names are unique: two workspaces with the same text here share one space of names. `None` where each
    /// workspace has names of its own, whatever they are.
    #[must_use]
    pub fn name_space(&self) -> Option<String> {
        match self {
            // Paths are compared by a rule of their own.
            Self::Directory(_) | Self::OciLayout(_) | Self::Exec(_) => None,
            Self::ObjectStore(store) => Some(store.name_space()),
            Self::Oci(oci) => Some(oci.name_space()),
            Self::Mlflow(mlflow) => Some(mlflow.name_space()),
            Self::AzureMl(azure) => Some(azure.name_space()),
        }
    }

    /// How its names are made of ours, and what the platform allows in them.
    #[must_use]
    pub fn names(&self) -> Option<(NameTemplate, NameRules)> {
        match self {
            Self::Directory(_) | Self::OciLayout(_) | Self::Exec(_) => None,
            Self::ObjectStore(store) => Some((store.template(), ObjectStoreSpec::NAMES)),
            Self::Oci(oci) => Some((oci.template(), OciSpec::NAMES)),
            Self::Mlflow(mlflow) => Some((mlflow.template(), MlflowSpec::NAMES)),
            Self::AzureMl(azure) => Some((azure.template(), AzureMlSpec::NAMES)),
        }
    }
}

impl Platform {
    /// The same for another workspace: where the place is named like the workspace, the new name stands for the old one.
    ///
    /// # Errors
    ///
    /// When a bucket cannot be called so.
    pub fn renamed(&self, from: &str, to: &str) -> Result<Self, BucketAddressError> {
        let mut renamed = self.clone();
        match &mut renamed {
            Self::Directory(DirectorySpec { path }) | Self::OciLayout(OciLayoutSpec { path }) => {
                *path = path.replace(from, to);
            }
            Self::ObjectStore(store) => {
                store.url = store.url.to_string().replace(from, to).parse()?;
            }
            Self::Oci(oci) => {
                oci.repository = oci.repository.take().map(|name| name.replace(from, to));
            }
            Self::AzureMl(azure) => azure.name = azure.name.replace(from, to),
            Self::Exec(exec) => {
                for value in exec.settings.values_mut() {
                    *value = value.replace(from, to);
                }
            }
            // Models of all projects are in one registry, told apart by their names.
            Self::Mlflow(_) => {}
        }
        Ok(renamed)
    }
}
