//! Adapters against the real thing.

pub(crate) mod azure;
mod exec;
mod fake;
mod faults;
mod mlflow;
pub(crate) mod object_store;
mod oci;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use promote::adapter::conformance::{self, Subject};
use promote::adapter::layer::{Settings, layered};
use promote::adapter::{Adapter, AdapterErrorKind, Surroundings, open};
use promote::config::Environment;
use promote::model::platform::Platform;

/// The name of the workspace that the conformance suite has permits for.
pub(crate) const WORKSPACE: &str = "conformance";

/// Opens a workspace as a manifest describes it, in JSON.
pub(crate) fn open_platform(
    platform: serde_json::Value,
    environment: &[(&str, &str)],
) -> Arc<dyn Adapter> {
    let platform: Platform = serde_json::from_value(platform).unwrap();
    let surroundings = Surroundings {
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Environment>(),
        base: std::env::temp_dir(),
    };
    open(&WORKSPACE.parse().unwrap(), &platform, &surroundings).unwrap()
}

/// Runs all cases, without layers and with them.
pub(crate) async fn conforms(adapter: Arc<dyn Adapter>, secrets: &[&str]) {
    let with_layers = layered(Arc::clone(&adapter), &Settings::default());
    for (prefix, adapter) in [("bare", adapter), ("layered", with_layers)] {
        let subject = Subject {
            adapter,
            prefix: prefix.to_owned(),
            secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
        };
        assert_eq!(conformance::check(&subject).await, [], "{prefix}");
    }
}

/// The files of what others put under an address.
pub(crate) async fn taken(adapter: &dyn Adapter, address: &str) -> BTreeMap<String, Vec<u8>> {
    let mut foreign = adapter.foreign(address).await.unwrap();
    let mut found = BTreeMap::new();
    while let Some((path, bytes)) = foreign.files.try_next().await.unwrap() {
        let bytes: Vec<_> = bytes.try_collect().await.unwrap();
        found.insert(path.to_string(), bytes.concat());
    }
    found
}

/// Nothing is to be had under an address, for a reason.
pub(crate) async fn not_taken(
    adapter: &dyn Adapter,
    address: &str,
    kind: AdapterErrorKind,
    reason: &str,
) {
    let error = adapter.foreign(address).await.unwrap_err();
    assert_eq!(error.kind, kind, "{address}: {error}");
    assert!(error.message.contains(reason), "{address}: {error}");
}
