//! Azurite, the emulator of Azure Blob Storage.

use std::process::Command;

use super::{Server, installed};

/// The account that it has, and its key, which is public.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// One with nothing in it.
pub(crate) fn azurite() -> Server {
    Server::start("/devstoreaccount1?comp=list", &[403], |port, folder| {
        let mut command = Command::new("node");
        command.arg(installed("node/node_modules/azurite/dist/src/blob/main.js"));
        command.args(["--silent", "--disableTelemetry", "--blobHost", "127.0.0.1"]);
        command.args(["--blobPort", &port.to_string(), "--location"]);
        command.arg(folder);
        command
    })
}
