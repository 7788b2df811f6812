//! How it does with a large organisation: 500 projects, 1,500 workspaces, 50,000 versions, each derived from the one before it,
//! 20 deep.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use promote::clock::SystemClock;
use promote::engine::{Engine, Places};
use promote::git::program::GitProgram;
use promote::git::repository::{Remote, Repository};
use promote::model::approval::{MANIFEST_NAMESPACE, RELEASE_NAMESPACE};
use promote::model::digest::Sha256;
use promote::progress::Silent;

use crate::commits::{File, commit, header, sign};
use crate::measure::{process, time};
use crate::organisation::{Organisation, run as succeed};
use crate::table::{Amount, Goal, Table};

const PROJECTS: u64 = 500;
const MODELS: u64 = 5;
const VERSIONS: u64 = 20;
/// What the engine may hold of an organisation of this size, in bytes.
const MEMORY: Amount = Amount::Memory(1_073_741_824.0);

pub(crate) fn run(table: &mut Table) {
    let organisation = Organisation::of_many_projects(PROJECTS);
    let releases = import(&organisation);
    let five = Duration::from_secs(5);
    let check = || process(&mut organisation.command(&["check"]));
    let plan = || process(&mut organisation.command(&["plan"]));
    table.add(
        "check, 500 projects, 50,000 versions",
        check(),
        "5 s",
        five,
        Goal::Below(1.0),
    );
    table.add("first plan", plan(), "5 s", five, Goal::None);
    let first = time(|| organisation.promote(&["apply"]));
    table.add(
        "first apply: registers 50,000 versions",
        first,
        "5 s",
        five,
        Goal::None,
    );
    table.add("plan", plan(), "5 s", five, Goal::Below(1.0));
    for command in ["check", "plan"] {
        let what = format!("memory of {command}");
        let held = memory(&organisation, command);
        table.add(&what, held, "1 GiB", MEMORY, Goal::Below(1.0));
    }
    // A process that begins reads back what was kept of all versions; an engine that goes on reads what changed.
    let mut engine = engine(&organisation);
    look(&mut engine);
    engine.read_history_ahead();
    let limit = Duration::from_millis(300);
    let changed = [
        ("nothing", Vec::new()),
        ("a release", releases),
        ("a model", vec![model(1, 0, "other benchmarks")]),
        ("a new version", new_version(&organisation)),
    ];
    for (what, files) in changed {
        if !files.is_empty() {
            commit(&organisation, &[files]);
        }
        let what = format!("watch looks again and plans, changed: {what}");
        table.add(&what, look(&mut engine), "0.3 s", limit, Goal::Below(1.0));
    }
    for (what, time) in [("check", check()), ("plan", plan())] {
        let what = format!("{what} as a new process after that");
        table.add(&what, time, "5 s", five, Goal::Below(1.0));
    }
}

/// An engine as `watch` has it, without keys.
fn engine(organisation: &Organisation) -> Engine {
    let folder = organisation.repository();
    let repository = Repository::open(&folder, Remote::None, GitProgram::default()).unwrap();
    let places = Places {
        branch: "main".to_owned(),
        environment: promote::config::Environment::default(),
        state: folder.join(".git/promote"),
        base: folder,
        pinned: None,
    };
    Engine::new(
        Arc::new(SystemClock),
        repository,
        places,
        None,
        Arc::new(Silent),
    )
}

/// The time of a look, and of planning what is to be done.
fn look(engine: &mut Engine) -> Duration {
    time(|| {
        let world = engine.observe().unwrap();
        engine.survey(&world, Vec::new()).unwrap()
    })
}

/// The most memory that a command holds, in bytes.
fn memory(organisation: &Organisation, command: &str) -> Amount {
    let ours = organisation.command(&[command]);
    let mut measured = Command::new("/usr/bin/time");
    measured
        .args(["-f", "%M"])
        .arg(ours.get_program())
        .args(ours.get_args())
        .env_clear();
    for (name, value) in ours.get_envs() {
        if let Some(value) = value {
            measured.env(name, value);
        }
    }
    let output = succeed(&mut measured);
    let text = String::from_utf8(output.stderr).unwrap();
    let kibibytes: f64 = text.lines().last().unwrap().trim().parse().unwrap();
    Amount::Memory(kibibytes * 1024.0)
}

/// Commits all models and versions, one commit a project. The release that is left to commit comes back.
fn import(organisation: &Organisation) -> Vec<File> {
    let mut commits: Vec<Vec<File>> = Vec::new();
    let mut manifests = Vec::new();
    for project in 0..PROJECTS {
        let mut files = Vec::new();
        for model in 0..MODELS {
            files.push(self::model(project, model, "benchmarks"));
            let mut base = None;
            for version in 0..VERSIONS {
                let (manifest, checksums) = self::version(project, model, version, base.as_ref());
                base = Some((version, Sha256::of(checksums.1.as_bytes())));
                files.push(checksums);
                manifests.push(manifest);
            }
        }
        commits.push(files);
    }
    let mut signatures = sign(organisation, MANIFEST_NAMESPACE, manifests.iter()).into_iter();
    let each = usize::try_from(MODELS * VERSIONS).unwrap();
    for (files, manifests) in commits.iter_mut().zip(manifests.chunks(each)) {
        files.extend(manifests.iter().cloned());
        files.extend(signatures.by_ref().take(each));
    }
    commit(organisation, &commits);
    let release = vec![release()];
    let signed = sign(organisation, RELEASE_NAMESPACE, release.iter());
    release.into_iter().chain(signed).collect()
}

fn folder(project: u64, model: u64) -> String {
    format!("models/p{project:03}/m{model}")
}

fn model(project: u64, model: u64, purpose: &str) -> File {
    let text = header("Model", &format!("m{model}"))
        + &format!("  project: p{project:03}\n  owner: data-scientists\n  purpose: {purpose}\n");
    (format!("{}/model.yaml", folder(project, model)), text)
}

/// The manifest of a version and its checksum lines.
fn version(project: u64, model: u64, version: u64, base: Option<&(u64, Sha256)>) -> (File, File) {
    let bytes = Sha256::of(format!("{project} {model} {version}").as_bytes());
    let lines = format!("{bytes}  model.onnx\n");
    let mut text = header("ModelVersion", &format!("m{model}"));
    write!(
        text,
        "  project: p{project:03}\n  version: 1.{version}.0\n  digest: dirhash1:{}\n  size: 1048576\n  workspace: p{project:03}-dev\n",
        Sha256::of(lines.as_bytes())
    )
    .unwrap();
    text += "  lineage:\n    datasets: [penguins-sample]\n";
    if let Some((number, digest)) = base {
        write!(text, "    bases:\n      - version: p{project:03}/model/m{model}@1.{number}.0\n        digest: dirhash1:{digest}\n").unwrap();
    }
    writeln!(text, "    code:\n      repository: https://git.example/bench\n      commit: {}\n  metrics:\n    accuracy: 0.97\n  card: model.onnx", "a".repeat(40)).unwrap();
    let path = format!("{}/1.{version}.0", folder(project, model));
    (
        (format!("{path}.yaml"), text),
        (format!("{path}.sha256"), lines),
    )
}

/// One more version of one model, signed.
fn new_version(organisation: &Organisation) -> Vec<File> {
    let (_, (_, before)) = version(2, 0, VERSIONS - 1, None);
    let base = (VERSIONS - 1, Sha256::of(before.as_bytes()));
    let (manifest, checksums) = version(2, 0, VERSIONS, Some(&base));
    let manifest = vec![manifest];
    let signed = sign(organisation, MANIFEST_NAMESPACE, manifest.iter());
    manifest
        .into_iter()
        .chain(signed)
        .chain([checksums])
        .collect()
}

/// A release of one model's newest version to its project's qa.
fn release() -> File {
    let (_, (_, lines)) = version(0, 0, VERSIONS - 1, None);
    let mut text = header("Release", "m0");
    writeln!(
        text,
        "  environment: qa\n  artifact: p000/model/m0\n  version: 1.{}.0\n  digest: dirhash1:{}",
        VERSIONS - 1,
        Sha256::of(lines.as_bytes())
    )
    .unwrap();
    ("releases/qa/p000/model/m0.yaml".to_owned(), text)
}
