//! Programs that others wrote, asked for a second opinion. `./test` installs those that no distribution has.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::organisation::{Answer, Organisation, answer};

/// A program of the environment that `./test` makes beside what is built.
#[track_caller]
pub(crate) fn installed(program: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_promote"));
    let found = built
        .ancestors()
        .map(|folder| folder.join("oracles/bin").join(program))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("`{program}` is not installed; run `./test` once"))
}

/// Runs a shell line in a folder and returns whether it succeeded.
pub(crate) fn shell(folder: &Path, script: &str) -> bool {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]);
    answer(command.current_dir(folder)).code == 0
}

/// Makes an ECDSA P-256 key with `openssl`: `NAME.pem` and `NAME.pub` in a folder.
#[track_caller]
pub(crate) fn new_p256_key(folder: &Path, name: &str) {
    let script = format!(
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.pem && openssl pkey -in {name}.pem -pubout -out {name}.pub"
    );
    assert!(shell(folder, &script));
}

/// What `model_signing verify key` says of a bundle for a folder.
pub(crate) fn model_signing_verifies(public_key: &Path, bundle: &Path, model: &Path) -> bool {
    let mut command = Command::new(installed("model_signing"));
    command.args(["verify", "key", "--public_key"]);
    command.arg(public_key).arg("--signature").arg(bundle);
    answer(command.arg(model)).code == 0
}

/// Signs a folder with `model_signing sign key`.
#[track_caller]
pub(crate) fn model_signing_signs(private_key: &Path, bundle: &Path, model: &Path) {
    let mut command = Command::new(installed("model_signing"));
    command.args(["sign", "key", "--private_key"]);
    command.arg(private_key).arg("--signature").arg(bundle);
    answer(command.arg(model)).expect_code(0);
}

/// Makes an attester of that name, whose key `openssl` made. Not signed yet.
#[track_caller]
pub(crate) fn add_attester(organisation: &Organisation, name: &str) -> Answer {
    new_p256_key(&organisation.path("keys"), name);
    let key = organisation.key(&format!("{name}.pub"));
    let arguments = [
        "trust",
        "add-attester",
        name,
        "--key",
        key.to_str().unwrap(),
    ];
    organisation.as_person("ada", &arguments).expect_code(0)
}

/// What an envelope holds, as text.
pub(crate) fn payload(line: &str) -> String {
    use base64::Engine as _;
    let envelope: serde_json::Value = serde_json::from_str(line).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(payload)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}
