//! How fast a model goes from one MLflow server to the next, verification included, beside MLflow's own client.

use std::process::Command;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::runtime::Runtime;

use crate::between::{Carrier, Model, open, sizes};
use crate::measure::{by_turns, settle, time};
use crate::servers::{Release, Server, installed};
use crate::table::{Goal, Table};

/// Downloads a version from one server and registers it on the other. Prints the seconds that took, without the three
/// seconds that the client needs to start.
const CLIENT: &str = "
import sys, tempfile, time
import mlflow
from mlflow import MlflowClient
source, target, name, version = sys.argv[1:5]
start = time.perf_counter()
with tempfile.TemporaryDirectory() as folder:
    mlflow.set_tracking_uri(source)
    path = mlflow.artifacts.download_artifacts(artifact_uri=f'models:/{name}/{version}', dst_path=folder)
    mlflow.set_tracking_uri(target)
    client = MlflowClient(target)
    experiment = client.get_experiment_by_name('peer')
    experiment = experiment.experiment_id if experiment else client.create_experiment('peer')
    run = client.create_run(experiment)
    client.log_artifacts(run.info.run_id, path, 'model')
    client.set_terminated(run.info.run_id)
    try:
        client.create_registered_model('peer')
    except mlflow.MlflowException:
        pass
    client.create_model_version('peer', f'{run.info.artifact_uri}/model', run.info.run_id)
print(time.perf_counter() - start)
";

/// How many processes of each server work: one for each core of a small machine. MLflow itself starts four.
const WORKERS: usize = 2;
/// How many files travel at once where nothing else is done.
const FILES_AT_ONCE: usize = 16;

pub(crate) fn run(table: &mut Table) {
    let from = Server::mlflow_of(Release::Three, WORKERS);
    let to = Server::mlflow_of(Release::Three, WORKERS);
    let source = open("source", spec(&from), from.folder());
    let target = open("target", spec(&to), to.folder());
    for size in sizes() {
        let carrier = Carrier::new();
        let model = Model::new(size);
        let held = &model.record.version;
        carrier.put(&model, &model.record, source.as_ref());
        let name = held.artifact.to_string().replace('/', ".");
        let ours = |round: usize| {
            let record = model.version(&format!("1.0.{round}"));
            carrier.copy(source.as_ref(), held, target.as_ref(), &record)
        };
        let theirs = |_| client(&from, &to, &name);
        let (ours, theirs) = by_turns(size.rounds(), ours, theirs);
        let what = format!("MLflow to MLflow, {size}, read back");
        let goal = Goal::Faster(if size.is_one() { 2.0 } else { 10.0 });
        let beside = "its client, not read back";
        let ours = ours + carrier.clear();
        table.add(&what, ours, beside, theirs, goal);
        carrier.add_memory(table, &what);
        let limit = alone(&to, &model);
        let beside = "a server alone: one PUT and two GETs a file";
        table.add(&what, ours, beside, limit, Goal::None);
    }
}

/// The time that a server needs by itself for what a copy that reads back asks of two: to give each file, to take it, and to
/// give it again. The servers share the processors, so two of them are no faster.
fn alone(server: &Server, model: &Model) -> Duration {
    let root = format!("{}/api/2.0/mlflow-artifacts/artifacts/limit", server.url());
    let client = &reqwest::Client::new();
    let files = model.record.files.records().iter().map(|file| {
        let url = format!("{root}/{}", file.path);
        let path = model.folder().join(file.path.as_str());
        async move {
            let bytes = std::fs::read(path).unwrap();
            let put = client.put(&url).body(bytes).send().await;
            assert!(put.unwrap().status().is_success());
            for _ in 0..2 {
                let mut got = client.get(&url).send().await.unwrap();
                assert!(got.status().is_success());
                while got.chunk().await.unwrap().is_some() {}
            }
        }
    });
    let work = stream::iter(files).buffer_unordered(FILES_AT_ONCE);
    let work = work.collect::<Vec<()>>();
    settle();
    time(|| Runtime::new().unwrap().block_on(work))
}

fn spec(server: &Server) -> serde_json::Value {
    serde_json::json!({ "mlflow": { "url": server.url() } })
}

/// The time that the client itself says.
fn client(from: &Server, to: &Server, name: &str) -> Duration {
    settle();
    let output = Command::new(installed("mlflow3/bin/python"))
        .args(["-c", CLIENT, &from.url(), &to.url(), name, "1"])
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let seconds = text
        .trim()
        .lines()
        .last()
        .and_then(|line| line.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or_else(|| panic!("{text}{error}")))
}
