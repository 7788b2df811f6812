//! The experiment that holds a run for each version.

use reqwest::Method;
use serde_json::json;

use crate::adapter::mlflow::MlflowAdapter;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::wire::{NewExperiment, OneExperiment};
use crate::adapter::{AdapterErrorKind, Result};

/// The id of the experiment of promotions, which is made when it is missing.
pub(super) async fn experiment(adapter: &MlflowAdapter, call: Call<'_>) -> Result<String> {
    if let Some(known) = adapter.experiment_id() {
        return Ok(known);
    }
    let body = json!({ "name": adapter.experiment });
    let id = match find_experiment(adapter, call).await? {
        Some(id) => id,
        None => match call.tell(Method::POST, "experiments/create", &body).await {
            Ok(NewExperiment { experiment_id }) => experiment_id,
            Err(error) if error.kind == AdapterErrorKind::AlreadyExists => {
                find_experiment(adapter, call).await?.ok_or(error)?
            }
            Err(error) => return Err(error),
        },
    };
    adapter.know_experiment(&id);
    Ok(id)
}

async fn find_experiment(adapter: &MlflowAdapter, call: Call<'_>) -> Result<Option<String>> {
    let name = adapter.experiment.as_str();
    let query = [("experiment_name", name)];
    match call
        .get::<OneExperiment>("experiments/get-by-name", &query)
        .await
    {
        Ok(found) if found.experiment.lifecycle_stage == "deleted" => {
            let message = format!(
                "the experiment `{name}` was deleted; restore it, or name another under `experiment`"
            );
            Err(call.error(AdapterErrorKind::Precondition, message))
        }
        Ok(found) => Ok(Some(found.experiment.experiment_id)),
        Err(error) if error.kind == AdapterErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
