//! Registries of OCI artifacts.

use std::fs;
use std::process::Command;

use crate::servers::{Server, installed};

/// `docker-registry` 2.8, as Debian has it: the API before referrers.
pub(crate) fn docker_registry() -> Server {
    Server::start("/v2/", &[200], |port, folder| {
        let config = folder.join("config.yml");
        let data = folder.join("data");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n",
            data.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config);
        command
    })
}

/// `ferro-oci-server` 1.0: the API with referrers, and without mounts.
pub(crate) fn ferro() -> Server {
    Server::start("/v2/", &[200], |port, folder| {
        let mut command = Command::new(installed("bin/ferro-oci-server"));
        command
            .env("FERRO_OCI_LISTEN", format!("127.0.0.1:{port}"))
            .env("FERRO_OCI_STORAGE_DIR", folder.join("data"));
        command
    })
}
