//! One place of each kind of workspace, for tests that need all of them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::adapters::azure::fake::{
    Arm, CLIENT_SECRET, GROUP, REGISTRY, SUBSCRIPTION, TOKEN, WORKSPACE,
};
use crate::adapters::object_store;
use crate::servers::buckets::{self, AZURE_ACCOUNT, AZURE_KEY, BUCKET, KEY_ID, SECRET_KEY};
use crate::servers::registry::docker_registry;
use crate::servers::{Release, Server, installed};
use crate::support::root;

/// What must show nowhere.
pub(crate) const SECRETS: [&str; 5] = [
    "canary-of-exec",
    SECRET_KEY,
    AZURE_KEY,
    CLIENT_SECRET,
    TOKEN,
];

/// The servers behind the workspaces.
pub(crate) struct Platforms {
    s3: Server,
    blobs: Server,
    google: (Server, u16),
    registry: Server,
    mlflow: Server,
    azure: Arm,
}

impl Platforms {
    /// Starts all servers.
    pub(crate) fn start() -> Self {
        Self {
            s3: buckets::s3s(),
            blobs: buckets::azurite(),
            google: google(),
            registry: docker_registry(),
            mlflow: Server::mlflow(Release::Three),
            azure: Arm::start(),
        }
    }

    /// A word for each kind of workspace, and for each provider of buckets.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        [
            "directory",
            "exec",
            "s3",
            "blobs",
            "gcs",
            "oci",
            "oci-layout",
            "mlflow",
            "azure-ml",
        ]
        .into_iter()
    }

    /// The `adapter` block of a workspace of a kind in an environment. `folder` is the organisation's.
    pub(crate) fn adapter(&self, kind: &str, environment: &str, folder: &Path) -> Value {
        let secret = |name: &str, value: &str| secret(folder, name, value);
        match kind {
            "directory" => {
                json!({ "directory": { "path": format!("../workspaces/{environment}-directory") } })
            }
            "exec" => json!({ "exec": {
                "command": [installed("tools/bin/python"), PathBuf::from("-B"), root().join("docs/adapters/example.py")],
                "settings": { "folder": folder.join(format!("exec/{environment}")) },
                "secrets": { "EXAMPLE_TOKEN": secret("exec", "canary-of-exec") },
            }}),
            "s3" => json!({ "object-store": {
                "url": format!("s3://{BUCKET}/{environment}"),
                "endpoint": self.s3.url(),
                // This server keeps an object's name in that of a file, and so takes short ones alone.
                "names": "{name}",
                "auth": { "accessKey": {
                    "id": secret("s3-id", KEY_ID),
                    "secret": secret("s3", SECRET_KEY),
                }},
            }}),
            "blobs" => json!({ "object-store": {
                "url": format!("az://{AZURE_ACCOUNT}/{BUCKET}/{environment}"),
                "endpoint": format!("{}/{AZURE_ACCOUNT}", self.blobs.url()),
                "auth": { "accountKey": { "key": secret("blobs", AZURE_KEY) } },
            }}),
            "gcs" => json!({ "object-store": {
                "url": format!("gs://{BUCKET}/{environment}"),
                "endpoint": format!("http://127.0.0.1:{}", self.google.1),
                "auth": "anonymous",
            }}),
            "oci" => json!({ "oci": { "url": self.registry.url(), "repository": environment } }),
            "oci-layout" => {
                json!({ "oci-layout": { "path": format!("../workspaces/{environment}-layout") } })
            }
            "mlflow" => json!({ "mlflow": {
                "url": self.mlflow.url(),
                "names": format!("{environment}.{{project}}.{{kind}}.{{name}}"),
            }}),
            "azure-ml" => {
                let (name, place) = match environment {
                    "dev" => (WORKSPACE, "workspace"),
                    _ => (REGISTRY, "registry"),
                };
                json!({ "azure-ml": {
                    "subscription": SUBSCRIPTION,
                    "resourceGroup": GROUP,
                    "name": name,
                    "type": place,
                    "auth": { "clientSecret": {
                        "tenant": "t-1",
                        "client": "c-1",
                        "secret": secret("azure", CLIENT_SECRET),
                    }},
                    "endpoint": self.azure.url(),
                    "authority": self.azure.url(),
                }})
            }
            other => panic!("there is no platform `{other}`"),
        }
    }

    /// Fails when a fake was told something that its specification does not have.
    pub(crate) fn finish(&self) {
        self.azure.finish();
    }
}

/// Google Cloud Storage: a server of S3, and where it speaks Google's names.
fn google() -> (Server, u16) {
    let server = buckets::moto();
    let port = object_store::google(&server, object_store::Translated::Yes);
    (server, port)
}

/// A reference to a file of its own that holds a secret.
pub(crate) fn secret(folder: &Path, name: &str, value: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(format!("secrets/{name}"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("file:{}", path.display())
}
