//! How fast a model goes from one registry to the next, verification included, beside `skopeo`.

use std::process::Command;

use crate::between::{Carrier, Model, open, sizes};
use crate::measure::{by_turns, process};
use crate::servers::Server;
use crate::servers::registry::docker_registry;
use crate::table::{Goal, Table};

pub(crate) fn run(table: &mut Table) {
    for size in sizes() {
        let carrier = Carrier::new();
        let model = Model::new(size);
        let from = docker_registry();
        let source = open("source", spec(&from), from.folder());
        let held = &model.record.version;
        carrier.put(&model, &model.record, source.as_ref());
        // They are kept to the end: whoever makes files after many were removed is slower.
        let mut registries = Vec::new();
        let ours = |_| {
            let to = docker_registry();
            let target = open("target", spec(&to), to.folder());
            let time = carrier.copy(source.as_ref(), held, target.as_ref(), &model.record);
            registries.push(to);
            time
        };
        let mut others = Vec::new();
        let theirs = |_| {
            let to = docker_registry();
            let time = process(&mut skopeo(&from, &to, &held.artifact.to_string()));
            others.push(to);
            time
        };
        let (ours, theirs) = by_turns(size.rounds(), ours, theirs);
        let what = format!("registry to registry, {size}, read back");
        let beside = "skopeo copy --preserve-digests";
        table.add(
            &what,
            ours + carrier.clear(),
            beside,
            theirs,
            Goal::Faster(1.5),
        );
        carrier.add_memory(table, &what);
    }
}

fn spec(server: &Server) -> serde_json::Value {
    serde_json::json!({ "oci": { "url": server.url(), "repository": "ml" } })
}

fn skopeo(from: &Server, to: &Server, artifact: &str) -> Command {
    let at = |server: &Server| format!("docker://127.0.0.1:{}/ml/{artifact}:1.0.0", server.port());
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "--preserve-digests", "--quiet"]);
    command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
    command.args([at(from), at(to)]);
    command
}
