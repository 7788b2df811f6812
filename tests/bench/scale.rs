//! How it does with 10,000 versions, each registered by a commit of its own, and a hundred releases that wait for approval.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use promote::model::approval::{MANIFEST_NAMESPACE, RELEASE_NAMESPACE};
use promote::model::digest::Sha256;

use crate::commits::{File, commit, header, sign};
use crate::measure::{ROUNDS, median, process, time};
use crate::organisation::Organisation;
use crate::table::{Goal, Table};

const ARTIFACTS: u64 = 100;
const VERSIONS: u64 = 100;

pub(crate) fn run(table: &mut Table) {
    let organisation = Organisation::new(true);
    import(&organisation);
    let second = Duration::from_secs(1);
    let plan = || process(&mut organisation.command(&["plan"]));
    let apply = || {
        time(|| {
            organisation
                .command(&["apply"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()
                .unwrap()
        })
    };
    table.add(
        "first plan, 10,000 versions not yet registered",
        plan(),
        "1 s",
        second,
        Goal::None,
    );
    table.add(
        "first apply: registers 10,000 versions",
        apply(),
        "1 s",
        second,
        Goal::None,
    );
    let planned = median((0..ROUNDS).map(|_| plan()).collect());
    table.add(
        "plan, 10,000 versions and 100 releases",
        planned,
        "1 s",
        second,
        Goal::Below(1.0),
    );
    let applied = median((0..ROUNDS).map(|_| apply()).collect());
    table.add(
        "apply with nothing to do",
        applied,
        "1 s",
        second,
        Goal::None,
    );
}

/// Commits everything: a model with its first version, one commit a version, one commit a release.
fn import(organisation: &Organisation) {
    let versions: Vec<(File, File)> = (0..ARTIFACTS * VERSIONS)
        .map(|number| version(number / VERSIONS, number % VERSIONS))
        .collect();
    let releases: Vec<File> = (0..ARTIFACTS).map(release).collect();
    let signed_versions = sign(
        organisation,
        MANIFEST_NAMESPACE,
        versions.iter().map(|(manifest, _)| manifest),
    );
    let signed_releases = sign(organisation, RELEASE_NAMESPACE, releases.iter());
    let mut commits: Vec<Vec<File>> = Vec::new();
    for (number, ((manifest, checksums), signature)) in
        (0..).zip(versions.into_iter().zip(signed_versions))
    {
        let model = (number % VERSIONS == 0).then(|| model(number / VERSIONS));
        commits.push(
            model
                .into_iter()
                .chain([manifest, checksums, signature])
                .collect(),
        );
    }
    commits.extend(
        releases
            .into_iter()
            .zip(signed_releases)
            .map(|(release, signature)| vec![release, signature]),
    );
    commit(organisation, &commits);
}

fn model(artifact: u64) -> File {
    let text = header("Model", &name(artifact))
        + "  project: bench\n  owner: data-scientists\n  purpose: benchmarks\n";
    (format!("models/bench/{}/model.yaml", name(artifact)), text)
}

/// The manifest of a version and its checksum lines.
pub(crate) fn version(artifact: u64, version: u64) -> (File, File) {
    let bytes = format!("{artifact} {version}");
    let lines = format!(
        "{}  config.json\n{}  model.onnx\n",
        Sha256::of(format!("config {bytes}").as_bytes()),
        Sha256::of(bytes.as_bytes())
    );
    let mut text = header("ModelVersion", &name(artifact));
    write!(
        text,
        "  project: bench\n  version: 1.{version}.0\n  digest: dirhash1:{}\n",
        Sha256::of(lines.as_bytes())
    )
    .unwrap();
    text += "  size: 1048576\n  workspace: dev\n  lineage:\n    datasets: [penguins-sample]\n    code:\n      repository: https://git.example/bench\n";
    write!(text, "      commit: {}\n  metrics:\n    accuracy: 0.97\n    log-loss: 0.3\n  card: config.json\n", "a".repeat(40)).unwrap();
    let path = format!("models/bench/{}/1.{version}.0", name(artifact));
    (
        (format!("{path}.yaml"), text),
        (format!("{path}.sha256"), lines),
    )
}

/// A release of an artifact's newest version to qa.
fn release(artifact: u64) -> File {
    let (_, (_, lines)) = version(artifact, VERSIONS - 1);
    let mut text = header("Release", &name(artifact));
    write!(
        text,
        "  environment: qa\n  artifact: bench/model/{}\n  version: 1.{}.0\n",
        name(artifact),
        VERSIONS - 1
    )
    .unwrap();
    writeln!(text, "  digest: dirhash1:{}", Sha256::of(lines.as_bytes())).unwrap();
    (
        format!("releases/qa/bench/model/{}.yaml", name(artifact)),
        text,
    )
}

fn name(artifact: u64) -> String {
    format!("a{artifact:02}")
}
