//! MLflow servers. Each takes 7 to 10 seconds to start and 600 MB: few, and long tests.

use std::path::Path;
use std::process::Command;

use crate::servers::{Server, installed};

/// The version of MLflow, as the folder that it is installed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// 3.17.2.
    Three,
    /// 2.22.4.
    Two,
}

impl Release {
    fn program(self) -> std::path::PathBuf {
        installed(match self {
            Self::Three => "mlflow3/bin/mlflow",
            Self::Two => "mlflow2/bin/mlflow",
        })
    }
}

impl Server {
    /// A server that everybody may use.
    pub(crate) fn mlflow(release: Release) -> Self {
        Self::mlflow_of(release, 1)
    }

    /// The same, of so many processes.
    pub(crate) fn mlflow_of(release: Release, workers: usize) -> Self {
        Self::start("/health", &[200], |port, folder| {
            let mut command = mlflow(release, port, folder);
            command.args(["--workers", &workers.to_string()]);
            command
        })
    }

    /// A server of 3.17.2 that asks who it is: `admin`, with the password.
    pub(crate) fn mlflow_with_users(password: &str) -> Self {
        Self::start("/health", &[200], |port, folder| {
            let settings = folder.join("auth.ini");
            let database = folder.join("auth.db");
            std::fs::write(
                &settings,
                format!(
                    "[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{}\nadmin_username = admin\nadmin_password = {password}\nauth_cache_ttl_seconds = 60\n",
                    database.display()
                ),
            )
            .unwrap();
            let mut command = mlflow(Release::Three, port, folder);
            command
                .args(["--workers", "1", "--app-name", "basic-auth"])
                .env("MLFLOW_AUTH_CONFIG_PATH", settings)
                .env("MLFLOW_FLASK_SERVER_SECRET_KEY", "only for this test");
            command
        })
    }
}

fn mlflow(release: Release, port: u16, folder: &Path) -> Command {
    let mut command = Command::new(release.program());
    let database = folder.join("mlflow.db");
    let artifacts = folder.join("artifacts");
    command
        .args(["server", "--host", "127.0.0.1"])
        .args(["--port", &port.to_string()])
        .args([
            "--backend-store-uri",
            &format!("sqlite:///{}", database.display()),
        ])
        .args([
            "--artifacts-destination",
            &format!("file://{}", artifacts.display()),
        ])
        .current_dir(folder)
        .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .env("DO_NOT_TRACK", "true")
        .env("HOME", folder);
    command
}
