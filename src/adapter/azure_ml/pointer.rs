//! The pointer of an artifact: a tag of its container. The service has no aliases, and its tags know no condition.

use serde_json::{Map, Value, json};

use crate::adapter::azure_ml::arm::Made;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::{AdapterErrorKind, Record, Result};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;

/// The record that the pointer holds; `None` when there is no pointer.
pub(super) async fn load(
    adapter: &AzureMlAdapter,
    artifact: &ArtifactId,
) -> Result<Option<Record>> {
    let call = adapter.call("stat");
    let containers = containers(adapter, call, artifact).await?;
    held(adapter, call, artifact, &containers).await
}

/// A container of an artifact and its path.
type Container = (String, Asset);

/// The containers that an artifact has, the one that decides first: versions that are components and versions that are files
/// alone are in two.
async fn containers(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    artifact: &ArtifactId,
) -> Result<Vec<Container>> {
    let mut found = Vec::new();
    for collection in layout::collections(artifact.kind) {
        let path = layout::container(call, &adapter.names, collection, artifact)?;
        if let Some(asset) = adapter.arm.asset(call, &path).await? {
            found.push((path, asset));
        }
    }
    Ok(found)
}

/// The record that the first tag leads to.
async fn held(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    artifact: &ArtifactId,
    containers: &[Container],
) -> Result<Option<Record>> {
    let mut tags = containers
        .iter()
        .filter_map(|(_, container)| container.properties.tag(layout::CURRENT));
    let Some(tag) = tags.next() else {
        return Ok(None);
    };
    let corrupt = || {
        let name = layout::CURRENT;
        let message =
            format!("the tag `{name}` of `{artifact}` leads to `{tag}`, which is no version there");
        call.corrupt(message)
    };
    let version = VersionId {
        artifact: artifact.clone(),
        version: layout::version_of(tag).ok_or_else(corrupt)?,
    };
    let record = adapter.record(call, &version).await?;
    record.map(Some).ok_or_else(corrupt)
}

/// Moves the pointer when it holds `expected`, and looks whether it stayed.
pub(super) async fn point(
    adapter: &AzureMlAdapter,
    version: &VersionId,
    expected: Option<TreeDigest>,
) -> Result<()> {
    let call = adapter.call("point");
    let absent = || {
        let message = format!("there is no `{version}` to point to");
        call.error(AdapterErrorKind::NotFound, message)
    };
    adapter.record(call, version).await?.ok_or_else(absent)?;
    let containers = containers(adapter, call, &version.artifact).await?;
    let (path, container) = containers.first().ok_or_else(absent)?;
    let held = held(adapter, call, &version.artifact, &containers).await?;
    if held.as_ref().is_some_and(|held| held.version == *version) {
        return Ok(());
    }
    let found = held.map(|held| held.digest);
    if found != expected {
        let message = format!(
            "the pointer of `{}` holds {}, not {}",
            version.artifact,
            show(found),
            show(expected)
        );
        return Err(call.error(AdapterErrorKind::Precondition, message));
    }
    let label = layout::label(version);
    let body = body(path, container, &label);
    match adapter.arm.put(call, path, &body).await? {
        Made::Done => {}
        Made::Refused(error) => return Err(error),
    }
    let after = adapter.arm.asset(call, path).await?;
    let tag = after
        .as_ref()
        .and_then(|after| after.properties.tag(layout::CURRENT));
    if tag == Some(label.as_str()) {
        return Ok(());
    }
    let message = format!(
        "somebody else moved the pointer of `{}` at the same time",
        version.artifact
    );
    Err(call.error(AdapterErrorKind::Precondition, message))
}

fn show(digest: Option<TreeDigest>) -> String {
    digest.map_or_else(|| "nothing".to_owned(), |digest| format!("`{digest}`"))
}

/// The container as it is, with another tag. What the service alone writes stays out.
fn body(path: &str, container: &Asset, label: &str) -> Value {
    let properties = &container.properties;
    let mut tags = properties.tags.clone().unwrap_or_default();
    tags.insert(layout::CURRENT.to_owned(), Some(label.to_owned()));
    let mut inner = Map::new();
    inner.insert("tags".to_owned(), json!(tags));
    if let Some(description) = &properties.description {
        inner.insert("description".to_owned(), json!(description));
    }
    if let Some(others) = &properties.properties {
        inner.insert("properties".to_owned(), json!(others));
    }
    if let Some(is_archived) = properties.is_archived {
        inner.insert("isArchived".to_owned(), json!(is_archived));
    }
    // Containers of data have to say of what type their versions are.
    if layout::split(path).0 == layout::DATA {
        let data_type = properties.data_type.as_deref().unwrap_or("uri_folder");
        inner.insert("dataType".to_owned(), json!(data_type));
    }
    json!({ "properties": inner })
}
