//! One place of each kind of workspace, for tests that need all of them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::root;

/// What must show nowhere.
pub(crate) const SECRETS: [&str; 1] = ["canary-of-exec"];

/// The servers behind the workspaces.
#[derive(Debug)]
pub(crate) struct Platforms {}

impl Platforms {
    /// Starts all servers.
    pub(crate) fn start() -> Self {
        Self {}
    }

    /// The kinds, as manifests write them.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        ["directory", "exec"].into_iter()
    }

    /// The `adapter` block of a workspace of a kind in an environment. `folder` is the organisation's.
    pub(crate) fn adapter(&self, kind: &str, environment: &str, folder: &Path) -> Value {
        match kind {
            "directory" => {
                json!({ "directory": { "path": format!("../workspaces/{environment}-directory") } })
            }
            "exec" => json!({ "exec": {
                "command": ["python3", "-B", root().join("docs/adapters/example.py")],
                "settings": { "folder": folder.join(format!("exec/{environment}")) },
                "secrets": { "EXAMPLE_TOKEN": secret(folder, "exec", "canary-of-exec") },
            }}),
            other => panic!("there is no platform `{other}`"),
        }
    }
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
