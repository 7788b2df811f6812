//! How fast a model goes from one MLflow server to the next, verification included, beside MLflow's own client.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use promote::adapter::content::LocalContent;
use promote::adapter::transfer::{fetch, verify};
use promote::adapter::{Adapter, Record, Surroundings, Written, open};
use promote::config::Environment;
use promote::flow::declassification::Lowered;
use promote::flow::permit::{FlowPermit, Origin, permit};
use promote::fs::staging::StagingArea;
use promote::fs::tree;
use promote::model::artifact::VersionId;
use promote::model::label::{Clearance, Tag};
use promote::model::platform::Platform;
use promote::model::workspace::WorkspaceFacts;
use tokio::runtime::Runtime;

use crate::measure::{by_turns, folder, time, write_file};
use crate::servers::{Release, Server, installed};
use crate::table::{Goal, Table};

/// The peer takes minutes for many files.
const ROUNDS: usize = 3;
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

struct Two {
    source: (Server, Arc<dyn Adapter>),
    target: (Server, Arc<dyn Adapter>),
    runtime: Runtime,
}

pub(crate) fn run(table: &mut Table) {
    let two = Two {
        source: server("source"),
        target: server("target"),
        runtime: Runtime::new().unwrap(),
    };
    two.measure(table, "1,000 files of 16 KiB", 1_000, 16 << 10, 10.0);
    two.measure(table, "one file of 256 MiB", 1, 256 << 20, 2.0);
}

fn server(name: &str) -> (Server, Arc<dyn Adapter>) {
    let server = Server::mlflow(Release::Three);
    let spec = serde_json::json!({ "mlflow": { "url": server.url() } });
    let platform: Platform = serde_json::from_value(spec).unwrap();
    let surroundings = Surroundings {
        environment: Environment::default(),
        base: server.folder().to_owned(),
    };
    let adapter = open(&name.parse().unwrap(), &platform, &surroundings).unwrap();
    (server, adapter)
}

impl Two {
    fn measure(&self, table: &mut Table, what: &str, count: u64, bytes: u64, goal: f64) {
        let scratch = folder();
        let model = scratch.path().join("model");
        std::fs::create_dir(&model).unwrap();
        for index in 0..count {
            write_file(&model.join(format!("{index:05}.bin")), bytes, index + 1);
        }
        let version: VersionId = format!("bench/model/many-{count}@1.0.0").parse().unwrap();
        let files = tree::hash_tree(&model, &tree::Options::default()).unwrap();
        let record = Record {
            version: version.clone(),
            digest: files.digest(),
            files,
        };
        let (_, adapter) = &self.source;
        self.write(adapter.as_ref(), &record, &LocalContent::borrowed(&model));
        let name = version.artifact.to_string().replace('/', ".");
        let ours = |round: usize| {
            let mut record = record.clone();
            record.version.version = format!("1.0.{round}").parse().unwrap();
            time(|| self.copy(scratch.path(), &version, &record))
        };
        let theirs = |_| self.client(&name);
        let (ours, theirs) = by_turns(ROUNDS, ours, theirs);
        let what = format!("MLflow to MLflow, {what}, verified twice");
        table.add(
            &what,
            ours,
            "its client, not verified",
            theirs,
            Goal::Faster(goal),
        );
    }

    /// As the engine does it: stage, write, read back.
    fn copy(&self, folder: &Path, version: &VersionId, record: &Record) {
        let (source, target) = (&self.source.1, &self.target.1);
        let staging = StagingArea::open(&folder.join("staging")).unwrap();
        let held = Record {
            version: version.clone(),
            ..record.clone()
        };
        let fetched = self
            .runtime
            .block_on(fetch(source.as_ref(), &held, &staging));
        let staged = fetched.unwrap();
        self.write(target.as_ref(), record, &LocalContent::staged(&staged));
        let verified = verify(target.as_ref(), &record.version, &record.files);
        self.runtime.block_on(verified).unwrap();
        staged.remove();
    }

    fn write(&self, adapter: &dyn Adapter, record: &Record, content: &LocalContent) {
        let permit = leave(adapter, record);
        let written = adapter.write(&permit, record, content);
        assert_eq!(self.runtime.block_on(written).unwrap(), Written::Created);
    }

    fn client(&self, name: &str) -> Duration {
        let (source, target) = (&self.source.0, &self.target.0);
        let output = Command::new(installed("mlflow3/bin/python"))
            .args(["-c", CLIENT, &source.url(), &target.url(), name, "1"])
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
}

fn leave(adapter: &dyn Adapter, record: &Record) -> FlowPermit {
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        name: adapter.info().workspace.parse().unwrap(),
        environment: "bench".parse().unwrap(),
        accepts: std::collections::BTreeSet::new(),
        clearance: clearance.clone(),
    };
    let label = clearance.as_label();
    permit(
        record.digest,
        &label,
        &Lowered::nothing(),
        &Origin::Producer,
        &facts,
    )
    .unwrap()
}
