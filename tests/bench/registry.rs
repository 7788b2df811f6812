//! How fast a model goes from one registry to the next, verification included, beside `skopeo`.

use std::process::Command;
use std::time::Duration;

use promote::model::digest::Sha256;
use tokio::runtime::Runtime;

use crate::between::{Carrier, Model, Size, open, sizes};
use crate::measure::{by_turns, median, process_within, settle, time};
use crate::servers::Server;
use crate::servers::registry::docker_registry;
use crate::table::{Goal, Table};

/// When `skopeo` is stopped: it needs longer than twenty minutes for ten thousand layers.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) fn run(table: &mut Table) {
    for size in sizes() {
        of_size(table, size);
    }
}

/// From one registry to others, each round to one of its own.
fn of_size(table: &mut Table, size: Size) {
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
        settle();
        let time = process_within(PATIENCE, &skopeo(&from, &to, &held.artifact.to_string()));
        others.push(to);
        time
    };
    let (ours, theirs) = by_turns(size.rounds(), ours, theirs);
    let what = format!("registry to registry, {size}, read back");
    let beside = format!(
        "skopeo copy --preserve-digests, at most {} s",
        PATIENCE.as_secs()
    );
    table.add(
        &what,
        ours + carrier.clear(),
        &beside,
        theirs,
        Goal::Faster(1.5),
    );
    carrier.add_memory(table, &what);
    if size.is_one() {
        let limit = alone(&model);
        let beside = "a registry alone: one PUT, one GET";
        table.add(&what, ours, beside, limit, Goal::None);
        let mounts = (0..3).map(|round| {
            let prod = in_repository(&from, &format!("prod-{round}"));
            let target = open("target", prod, from.folder());
            carrier.copy_natively(source.as_ref(), target.as_ref(), &model.record)
        });
        table.add(
            &format!("within a registry by mount, {size}, before reading back"),
            median(mounts.collect()),
            "50 ms",
            Duration::from_millis(50),
            Goal::Below(1.0),
        );
    }
}

/// The time that a registry needs by itself to take the one file of a model and to give it back: no copy that reads back takes
/// less.
fn alone(model: &Model) -> Duration {
    let registry = docker_registry();
    let bytes = std::fs::read(model.folder().join("00000.bin")).unwrap();
    let digest = format!("sha256:{}", Sha256::of(&bytes));
    let blobs = format!("{}/v2/ml/limit/blobs", registry.url());
    let work = async {
        let client = reqwest::Client::new();
        let begun = client.post(format!("{blobs}/uploads/")).send().await;
        let begun = begun.unwrap();
        let place = begun.headers()["location"].to_str().unwrap();
        let put = client.put(format!("{place}&digest={digest}")).body(bytes);
        assert_eq!(put.send().await.unwrap().status(), 201);
        let got = client.get(format!("{blobs}/{digest}")).send().await;
        let mut got = got.unwrap();
        while got.chunk().await.unwrap().is_some() {}
    };
    settle();
    time(|| Runtime::new().unwrap().block_on(work))
}

fn spec(server: &Server) -> serde_json::Value {
    in_repository(server, "ml")
}

fn in_repository(server: &Server, repository: &str) -> serde_json::Value {
    serde_json::json!({ "oci": { "url": server.url(), "repository": repository } })
}

fn skopeo(from: &Server, to: &Server, artifact: &str) -> Command {
    let at = |server: &Server| format!("docker://127.0.0.1:{}/ml/{artifact}:1.0.0", server.port());
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "--preserve-digests", "--quiet"]);
    command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
    command.args([at(from), at(to)]);
    command
}
