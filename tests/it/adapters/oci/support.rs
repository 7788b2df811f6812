//! Workspaces, records and permits for the tests of registries.

use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use promote::adapter::conformance::MemoryContent;
use promote::adapter::oci::{Layout, OciAdapter, Registry};
use promote::adapter::sweep::Found;
use promote::adapter::{Adapter, Record, Result, Written};
use promote::config::Environment;
use promote::flow::declassification::Lowered;
use promote::flow::permit::{FlowPermit, Origin, permit};
use promote::model::digest::TreeDigest;
use promote::model::label::{Clearance, Tag};
use promote::model::platform::OciSpec;
use promote::model::workspace::WorkspaceFacts;

/// What a manifest says of a registry, with more lines.
pub(crate) fn spec(url: &str, more: serde_json::Value) -> OciSpec {
    let mut spec = serde_json::json!({ "url": url });
    let serde_json::Value::Object(more) = more else {
        panic!("an object");
    };
    spec.as_object_mut().unwrap().extend(more);
    serde_json::from_value(spec).unwrap()
}

/// A workspace in a registry, with its repositories below `prefix`.
pub(crate) fn registry(name: &str, url: &str, prefix: &str) -> Arc<OciAdapter<Registry>> {
    let spec = spec(url, serde_json::json!({ "repository": prefix }));
    open(name, &spec, &Environment::default())
}

/// A workspace as a manifest describes it.
pub(crate) fn open(
    name: &str,
    spec: &OciSpec,
    environment: &Environment,
) -> Arc<OciAdapter<Registry>> {
    let name = name.parse().unwrap();
    Arc::new(OciAdapter::registry(name, spec, environment).unwrap())
}

/// A workspace in a folder.
pub(crate) fn layout(name: &str, root: &Path) -> Arc<OciAdapter<Layout>> {
    Arc::new(OciAdapter::layout(name.parse().unwrap(), root))
}

/// Leave to write a digest into a workspace.
pub(crate) fn leave(workspace: &str, digest: TreeDigest) -> FlowPermit {
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        name: workspace.parse().unwrap(),
        environment: "dev".parse().unwrap(),
        clearance: clearance.clone(),
        accepts: std::collections::BTreeSet::new(),
    };
    permit(
        digest,
        &clearance.as_label(),
        &Lowered::nothing(),
        &Origin::Producer,
        &facts,
    )
    .unwrap()
}

/// Writes files as a version.
pub(crate) async fn write(
    adapter: &dyn Adapter,
    version: &str,
    files: &[(&str, &[u8])],
) -> (Record, Result<Written>) {
    let content = MemoryContent::new(files).unwrap();
    let record = content.record(&version.parse().unwrap()).unwrap();
    let permit = leave(&adapter.info().workspace, record.digest);
    let written = adapter.write(&permit, &record, &content).await;
    (record, written)
}

/// Writes files as a version, which must be new.
pub(crate) async fn create(
    adapter: &dyn Adapter,
    version: &str,
    files: &[(&str, &[u8])],
) -> Record {
    let (record, written) = write(adapter, version, files).await;
    assert_eq!(written.unwrap(), Written::Created);
    record
}

/// All that a workspace holds.
pub(crate) async fn swept(adapter: &dyn Adapter) -> Vec<Found> {
    adapter.sweep().await.unwrap().try_collect().await.unwrap()
}
