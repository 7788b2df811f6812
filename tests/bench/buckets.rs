//! How fast a model goes into a bucket of S3, verification included, beside `rclone`, which reads nothing back. The server is
//! rclone's own: of the other servers that there are, one is installed without optimisation and would be all that is measured.

use std::process::Command;

use crate::between::{Carrier, Model, open, sizes};
use crate::measure::{by_turns, process, settle};
use crate::servers::buckets::{BUCKET, KEY_ID, SECRET_KEY, rclone, remote};
use crate::servers::{Server, installed};
use crate::table::{Goal, Table};

pub(crate) fn run(table: &mut Table) {
    for size in sizes() {
        let carrier = Carrier::new();
        let model = Model::new(size);
        let server = rclone();
        let target = open("target", spec(&server), server.folder());
        let ours = |round| {
            let record = model.version(&format!("1.0.{round}"));
            carrier.put_and_verify(&model, &record, target.as_ref())
        };
        let theirs = |round| {
            let to = format!("{}/theirs/{round}", remote(&server));
            let mut command = Command::new(installed("tools/bin/rclone"));
            command.args(["--config", "/dev/null", "copy"]);
            settle();
            process(command.arg(model.folder()).arg(to))
        };
        let (ours, theirs) = by_turns(size.rounds(), ours, theirs);
        let what = format!("into S3, {size}, read back");
        table.add(
            &what,
            ours,
            "rclone copy, not read back",
            theirs,
            Goal::Faster(1.0),
        );
        carrier.add_memory(table, &what);
    }
}

fn spec(server: &Server) -> serde_json::Value {
    let secret = |name: &str, value: &str| {
        let path = server.folder().join(name);
        std::fs::write(&path, value).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
        format!("file:{}", path.display())
    };
    serde_json::json!({ "object-store": {
        "url": format!("s3://{BUCKET}/ours"),
        "endpoint": server.url(),
        "trustConditions": true,
        "auth": { "accessKey": {
            "id": secret("id", KEY_ID),
            "secret": secret("secret", SECRET_KEY),
        }},
    }})
}
