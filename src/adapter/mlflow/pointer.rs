//! The pointer of an artifact: an alias of its registered model.
//!
//! MLflow moves an alias without asking what it holds, and keeps no history. So it is looked at before and after: what
//! somebody else does between the two is noticed, and not prevented.

use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::adapter::layer::precondition;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::registry::{self, Held};
use crate::adapter::mlflow::wire::{ModelVersion, OneModel, OneVersion};
use crate::adapter::mlflow::{MlflowAdapter, record};
use crate::adapter::{AdapterErrorKind, Record, Result};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;

/// The record that the pointer holds; `None` when there is no alias.
pub(super) async fn load(
    adapter: &MlflowAdapter,
    call: Call<'_>,
    artifact: &ArtifactId,
) -> Result<Option<Record>> {
    let Some(model) = target(adapter, call, artifact).await? else {
        return Ok(None);
    };
    let claimed = registry::claim(&model).filter(|version| version.artifact == *artifact);
    let Some(version) = claimed else {
        let message = format!(
            "the alias `{}` of `{}` is on version {}, which was not promoted; move it to one that was, remove it, or name another under `alias`",
            adapter.alias, model.name, model.version
        );
        return Err(call.error(AdapterErrorKind::Corrupt, message));
    };
    let held = Held::of(call, version, model)?;
    let record = record::load(call, &held).await?;
    adapter.know(&held, Some(&record));
    Ok(Some(record))
}

/// The version that the alias is on.
async fn target(
    adapter: &MlflowAdapter,
    call: Call<'_>,
    artifact: &ArtifactId,
) -> Result<Option<ModelVersion>> {
    let name = adapter.checked_name(call, artifact)?;
    // Asking for an alias that is not there is answered like a question of the wrong form; the model lists them all.
    let model = match call
        .get::<OneModel>("registered-models/get", &[("name", &name)])
        .await
    {
        Ok(model) => model.registered_model,
        Err(error) if error.kind == AdapterErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut aliases = model.aliases.into_iter();
    let Some(alias) = aliases.find(|alias| alias.alias == adapter.alias) else {
        return Ok(None);
    };
    let query = [("name", name.as_str()), ("version", alias.version.as_str())];
    match call.get::<OneVersion>("model-versions/get", &query).await {
        Ok(found) => Ok(Some(found.model_version)),
        Err(error) if error.kind == AdapterErrorKind::NotFound => {
            let message = format!(
                "the alias `{}` of `{name}` is on version {}, which is not there",
                adapter.alias, alias.version
            );
            Err(call.error(AdapterErrorKind::Corrupt, message))
        }
        Err(error) => Err(error),
    }
}

/// Moves the alias when it is on what is expected.
pub(super) async fn point(
    adapter: &MlflowAdapter,
    version: &VersionId,
    expected: Option<TreeDigest>,
) -> Result<()> {
    let call = adapter.call("point");
    let Some(wanted) = registry::find(adapter, call, version).await? else {
        let message = format!("there is no `{version}` to point to");
        return Err(call.error(AdapterErrorKind::NotFound, message));
    };
    let held = load(adapter, call, &version.artifact).await?;
    if held.as_ref().is_some_and(|held| held.version == *version) {
        return Ok(());
    }
    precondition(
        call.server.workspace.as_str(),
        held.as_ref(),
        version,
        expected,
    )?;
    let (name, number) = (&wanted.model.name, &wanted.model.version);
    let body = json!({ "name": name, "alias": adapter.alias, "version": number });
    let moved = call.tell(Method::POST, "registered-models/alias", &body);
    let _: IgnoredAny = moved.await?;
    let found = target(adapter, call, &version.artifact).await?;
    match found {
        Some(found) if found.version == *number => Ok(()),
        found => {
            let found = found.map_or("nothing".to_owned(), |it| format!("version {}", it.version));
            let message = format!(
                "the alias `{}` of `{name}` was put on version {number} and is on {found}: somebody else moved it meanwhile",
                adapter.alias
            );
            Err(call.error(AdapterErrorKind::Precondition, message))
        }
    }
}
