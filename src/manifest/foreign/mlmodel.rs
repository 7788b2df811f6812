//! `MLmodel` of MLflow: which run made a model. It names no data; that is told by the run.

use super::Format;
use super::reader::{Reader, field};

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "mlmodel",
    summary: "`MLmodel` of MLflow",
    recognise: |name, root| {
        name == "MLmodel"
            || field(root, "flavors").is_some() && field(root, "mlflow_version").is_some()
    },
    read,
};

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    if field(root, "flavors").is_none() {
        reader.problem("missing-field", root, "the field `flavors` is missing");
    }
    if let Some(run) = field(root, "run_id") {
        reader.run(run, "mlflow");
    }
}
