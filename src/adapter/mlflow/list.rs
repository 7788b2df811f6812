//! Listing what we wrote.

use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::mlflow::registry::{self, Held};
use crate::adapter::mlflow::{MlflowAdapter, record};
use crate::adapter::{Record, Result, Selector};

/// How many records are read at once.
const RECORDS_AT_ONCE: usize = 8;

/// All versions, sorted by artifact and version. Records are read as the stream is taken.
pub(super) async fn list(
    adapter: &MlflowAdapter,
    selector: Selector,
) -> Result<BoxStream<'_, Result<Record>>> {
    let call = adapter.call("list");
    let mut models = Vec::new();
    if selector.artifacts.is_empty() {
        models = registry::search(call, "").await?;
    }
    for artifact in &selector.artifacts {
        let name = adapter.checked_name(call, artifact)?;
        models.extend(registry::search(call, &format!("name='{name}'")).await?);
    }
    let ours = registry::ours(adapter, models).into_iter();
    // Two artifacts can have one name on the server when the template leaves something out.
    let is_selected = move |version: &crate::model::artifact::VersionId| {
        selector.artifacts.is_empty() || selector.artifacts.contains(&version.artifact)
    };
    let selected = ours.filter(move |(version, _)| is_selected(version));
    let load = move |(version, model)| async move {
        let held = Held::of(call, version, model)?;
        record::load(call, &held).await
    };
    Ok(stream::iter(selected)
        .map(load)
        .buffered(RECORDS_AT_ONCE)
        .boxed())
}
