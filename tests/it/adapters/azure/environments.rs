//! Runtimes: environments of Azure Machine Learning, and what they are made of.

use promote::adapter::transfer::verify;
use promote::adapter::{Adapter as _, Locator, Written};
use serde_json::{Value, json};

use super::fake::{Arm, CONTAINER, PROVIDER, REGISTRY, WORKSPACE};
use super::http::Reply;
use super::support::{create, listed, on, permitted, said, swept, write};

const RUNTIME: &str = "retail/runtime/sklearn@1.0.0";
const CONDA: &[u8] = b"dependencies:\n  - python=3.12\n  - scikit-learn=1.9\n";

fn path(place: &str, collection: &str) -> String {
    let name = if place == "registries" {
        REGISTRY
    } else {
        WORKSPACE
    };
    format!("{PROVIDER}/{place}/{name}/{collection}/retail-runtime-sklearn/versions/1.0.0")
}

const IMAGE: &[u8] = b"$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: sklearn
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:1
conda_file: ./conda.yaml
os_type: linux
inference_config:
  liveness_route: { path: /live, port: 5001 }
";
const PACKAGES: &[(&str, &[u8])] = &[("conda.yaml", CONDA), ("env.yaml", IMAGE)];

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_packages_is_an_environment() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let record = create(&adapter, RUNTIME, PACKAGES).await;
    let held = arm.state().assets[&path("workspaces", "environments")].clone();
    assert_eq!(
        held["image"],
        "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:1"
    );
    assert_eq!(held["osType"], "Linux");
    assert_eq!(
        held["inferenceConfig"],
        json!({ "livenessRoute": { "path": "/live", "port": 5001 } })
    );
    assert_eq!(
        held["properties"],
        json!({ "promote.version": RUNTIME, "promote.digest": record.digest.to_string() })
    );
    // The service has written the packages anew, and they are the same.
    assert!(held["condaFile"].as_str().unwrap().starts_with('{'));
    assert_eq!(
        adapter
            .stat(Locator::Version(&record.version))
            .await
            .unwrap()
            .as_ref(),
        Some(&record)
    );
    assert_eq!(
        arm.state().assets[&path("workspaces", "data")]["properties"]["promote.part-of"],
        "environments"
    );
    assert_eq!(listed(&adapter).await, [RUNTIME]);
    let read = verify(&arm.adapter("workspace"), &record.version, &record.files).await;
    assert_eq!(read.unwrap(), record.digest);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_somebody_made_anew_is_found() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let record = create(&adapter, RUNTIME, PACKAGES).await;
    let held = arm.state().assets[&path("workspaces", "environments")].clone();
    for (field, value, named) in [
        ("image", json!("evil.example.org/x"), "`image`"),
        (
            "condaFile",
            json!("dependencies: [python=3.12, evil]"),
            "`condaFile`",
        ),
        ("osType", json!("Windows"), "`osType`"),
        (
            "build",
            json!({ "contextUri": "https://github.com/x/y" }),
            "`build.contextUri`",
        ),
        (
            "inferenceConfig",
            json!({ "livenessRoute": { "path": "/live", "port": 5002 } }),
            "`inferenceConfig`",
        ),
        ("inferenceConfig", json!({}), "`inferenceConfig`"),
    ] {
        let mut bad = held.clone();
        bad[field] = value;
        arm.state()
            .assets
            .insert(path("workspaces", "environments"), bad);
        assert_eq!(
            said(adapter.stat(Locator::Version(&record.version)).await),
            format!(
                "Corrupt Permanent: `environments/retail-runtime-sklearn/versions/1.0.0` says something else than the files of `{RUNTIME}`, in {named}"
            )
        );
        let parts = swept(&adapter)
            .await
            .into_iter()
            .filter(|found| found.part_of.is_some());
        assert_eq!(parts.count(), 0);
    }
    arm.finish();
}

const BUILT: &[(&str, &[u8])] = &[
    ("docker/prod/Dockerfile", b"FROM scratch"),
    (
        "environment.yml",
        b"build:\n  path: docker\n  dockerfile_path: prod/Dockerfile\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_build_context_is_built_from_the_promoted_folder() {
    for (kind, place) in [("workspace", "workspaces"), ("registry", "registries")] {
        let arm = Arm::start();
        let adapter = arm.adapter(kind);
        let record = create(&adapter, RUNTIME, BUILT).await;
        let held = arm.state().assets[&path(place, "environments")].clone();
        let folder = format!(
            "LocalUpload/{}/retail-runtime-sklearn/1.0.0",
            record.digest.sha256()
        );
        let container = if kind == "workspace" {
            CONTAINER
        } else {
            "lent-0"
        };
        let uri = arm.blobs.url(&format!("{container}/{folder}/docker/"));
        assert_eq!(
            held["build"],
            json!({ "contextUri": uri, "dockerfilePath": "prod/Dockerfile" }),
            "{kind}"
        );
        assert_eq!(
            adapter
                .stat(Locator::Version(&record.version))
                .await
                .unwrap()
                .as_ref(),
            Some(&record)
        );
        let mut bad = held.clone();
        bad["build"]["contextUri"] = json!(uri.replace("/docker/", "/other/"));
        arm.state().assets.insert(path(place, "environments"), bad);
        assert!(
            said(adapter.stat(Locator::Version(&record.version)).await)
                .ends_with("in `build.contextUri`")
        );
        arm.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_made_of_what_was_published() {
    for keeps in [true, false] {
        let arm = Arm::start();
        arm.state().settings.keeps_properties = keeps;
        let (from, to) = (arm.adapter("workspace"), arm.adapter("registry"));
        let record = create(&from, RUNTIME, BUILT).await;
        let place = from.native(&record.version).unwrap();
        let copied = to.copy(&permitted(&to, &record), &record, &place).await;
        assert_eq!(copied.unwrap(), Written::Created);
        let held = arm.state().assets[&path("registries", "environments")].clone();
        assert!(
            held["build"]["contextUri"]
                .as_str()
                .unwrap()
                .contains("/published-")
        );
        let read = verify(&to, &record.version, &record.files).await;
        assert_eq!(read.unwrap(), record.digest);
        arm.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_cut_before_the_environment_shows_nothing() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let fault = Reply::json(500, &json!({ "error": { "code": "InternalError" } }));
    arm.state().settings.fault = on(
        "PUT",
        "environments/retail-runtime-sklearn/versions/1.0.0",
        1,
        fault,
    );
    let (record, cut) = write(&adapter, RUNTIME, BUILT).await;
    assert!(said(cut).starts_with("Unexpected Temporary"));
    // The folder is there as data, and is not taken for a version of files alone.
    assert!(arm.state().assets.contains_key(&path("workspaces", "data")));
    assert_eq!(
        adapter
            .stat(Locator::Version(&record.version))
            .await
            .unwrap(),
        None
    );
    assert_eq!(listed(&adapter).await, Vec::<String>::new());
    create(&adapter, RUNTIME, BUILT).await;
    assert_eq!(listed(&adapter).await, [RUNTIME]);
    arm.finish();
}

/// What is no environment, and why.
const NONE: [(&str, &str); 10] = [
    (
        "image: x\nbuild: { path: . }\n",
        "there is no `Dockerfile` to build it by",
    ),
    (
        "image: x\nbuild: { path: docker }\n",
        "it has both an `image` and a `build`",
    ),
    (
        "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n",
        "it has neither an `image` nor a `build`",
    ),
    (
        "build: { path: docker }\nconda_file: conda.yaml\n",
        "a `conda_file` goes with an `image`, not with a `build`",
    ),
    (
        "image: x\nconda_file: missing.yaml\n",
        "its `conda_file`, `missing.yaml`, is no file in its folder",
    ),
    (
        "image: x\nconda_file: docker/Dockerfile\n",
        "its `conda_file`, `docker/Dockerfile`: it is no mapping",
    ),
    (
        "build: { path: https://github.com/x/y }\n",
        "its `build.path`, `https://github.com/x/y`, is not in its folder",
    ),
    (
        "image: x\nos_type: beos\n",
        "its `os_type`, `beos`, is neither `linux` nor `windows`",
    ),
    (
        "image: x\ndatastore: y\n",
        "promote does not know its `datastore`",
    ),
    (
        "image: x\ninference_config: { liveness_route: { path: /x } }\n",
        "its `inference_config.liveness_route` has other fields than `path` and `port`",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_environment_stays_files_and_says_why() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    for (number, (yaml, reason)) in NONE.into_iter().enumerate() {
        let files: &[(&str, &[u8])] = &[
            ("environment.yaml", yaml.as_bytes()),
            ("conda.yaml", CONDA),
            ("docker/Dockerfile", b"FROM scratch"),
        ];
        create(
            &adapter,
            &format!("retail/runtime/sklearn@{number}.0.0"),
            files,
        )
        .await;
        let rest = path("workspaces", "data").replace("1.0.0", &format!("{number}.0.0"));
        let held: Value = arm.state().assets[&rest].clone();
        let said = held["description"].as_str().unwrap();
        let expected = format!("cannot be told what it is: `environment.yaml`: {reason}");
        assert!(said.ends_with(&expected), "{said}");
        assert!(held["properties"].get("promote.part-of").is_none());
    }
    arm.finish();
}
