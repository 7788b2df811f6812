//! Adapters against the real thing.

pub(crate) mod azure;
mod exec;
mod fake;
mod faults;
mod mlflow;
pub(crate) mod object_store;
mod oci;

use std::sync::Arc;

use promote::adapter::conformance::{self, Subject};
use promote::adapter::layer::{Settings, layered};
use promote::adapter::{Adapter, Surroundings, open};
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
