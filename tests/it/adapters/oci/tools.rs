//! Other tools read what we write, and copy it without changing it.

use std::path::Path;
use std::process::Command;

use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, Locator, Record};

use crate::adapters::oci::support::{create, layout, registry};
use crate::servers::installed;
use crate::servers::registry::{docker_registry, ferro};

const FILES: &[(&str, &[u8])] = &[
    ("MLmodel", b"flavors: {}"),
    ("README.md", b"# churn"),
    ("data/model.bin", &[7; 3_000_000]),
    ("data/same.bin", &[7; 3_000_000]),
    ("empty", b""),
];

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(stderr)
    );
    String::from_utf8_lossy(stdout).into_owned()
}

fn skopeo(from: &str, to: &str) {
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "--preserve-digests", "--quiet"]);
    command.args([
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        to,
    ]);
    run(&mut command);
}

async fn holds(adapter: &dyn Adapter, record: &Record, manifest: &str) {
    let found = adapter.stat(Locator::Version(&record.version)).await;
    assert_eq!(found.unwrap().as_ref(), Some(record));
    let found = verify(adapter, &record.version, &record.files).await;
    assert_eq!(found.unwrap(), record.digest);
    let described = adapter.describe(&record.version).await.unwrap();
    assert_eq!(described.properties["manifest"], manifest);
}

#[tokio::test]
async fn skopeo_copies_versions_from_place_to_place_with_their_digest() {
    let (one, other) = (docker_registry(), ferro());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    let dev = registry("dev", &one.url(), "ml");
    let record = create(dev.as_ref(), "retail/model/churn@1.0.0+build.5", FILES).await;
    let manifest = dev.describe(&record.version).await.unwrap().properties["manifest"].clone();
    let name = "retail/model/churn:1.0.0_build.5";
    let at =
        |server: &crate::servers::Server| format!("docker://127.0.0.1:{}/ml/{name}", server.port());
    let in_layout = format!("oci:{}:{name}", path.display());
    skopeo(&at(&one), &at(&other));
    holds(
        registry("qa", &other.url(), "ml").as_ref(),
        &record,
        &manifest,
    )
    .await;
    skopeo(&at(&other), &in_layout);
    let qa = layout("qa", &path);
    holds(qa.as_ref(), &record, &manifest).await;
    // Back out of a layout that we write to as well.
    qa.point(&record.version, None).await.unwrap();
    create(qa.as_ref(), "retail/model/churn@2.0.0", &[("a", b"1")]).await;
    let third = docker_registry();
    skopeo(&in_layout, &at(&third));
    holds(
        registry("prod", &third.url(), "ml").as_ref(),
        &record,
        &manifest,
    )
    .await;
}

/// Pulls an artifact into a folder.
const PULL: &str = "
import sys, oras.client
client = oras.client.OrasClient(hostname=sys.argv[1], insecure=True)
client.pull(target=sys.argv[2], outdir=sys.argv[3])
";

fn check_files(folder: &Path) {
    for (path, bytes) in FILES {
        let found = std::fs::read(folder.join(path)).unwrap();
        assert!(found == *bytes, "{path}");
    }
}

#[tokio::test]
async fn oras_pulls_the_files() {
    for server in [docker_registry(), ferro()] {
        let dev = registry("dev", &server.url(), "ml");
        create(dev.as_ref(), "retail/model/churn@1.0.0", FILES).await;
        let folder = tempfile::tempdir().unwrap();
        let host = format!("127.0.0.1:{}", server.port());
        let target = format!("{host}/ml/retail/model/churn:1.0.0");
        let mut command = Command::new(installed("tools/bin/python"));
        command
            .args(["-c", PULL, &host, &target])
            .arg(folder.path());
        run(&mut command);
        check_files(folder.path());
    }
}

#[tokio::test]
async fn the_configuration_is_as_the_model_specification_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let dev = layout("dev", folder.path());
    let record = create(dev.as_ref(), "retail/model/churn@1.0.0", FILES).await;
    let described = dev.describe(&record.version).await.unwrap();
    let read = |digest: &str| -> serde_json::Value {
        let path = folder.path().join("blobs").join(digest.replace(':', "/"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let manifest = read(&described.properties["manifest"]);
    assert_eq!(
        manifest["artifactType"],
        "application/vnd.cncf.model.manifest.v1+json"
    );
    let config = read(manifest["config"]["digest"].as_str().unwrap());
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("modelpack-config-schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&config)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}
