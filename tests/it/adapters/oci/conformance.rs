//! The suite for all adapters, with its layers and without.

use std::sync::Arc;

use promote::adapter::Adapter;
use promote::adapter::conformance::{Subject, check};
use promote::adapter::layer::{Settings, layered};

use crate::adapters::oci::support::{layout, registry};
use crate::servers::registry::{docker_registry, ferro};

async fn conforms(adapter: Arc<dyn Adapter>) {
    let layers = layered(Arc::clone(&adapter), &Settings::default());
    for (prefix, adapter) in [("bare-", adapter), ("layered-", layers)] {
        let subject = Subject {
            adapter,
            prefix: prefix.to_owned(),
            secrets: vec!["hunter2".to_owned()],
        };
        assert_eq!(check(&subject).await, [], "{prefix}");
    }
}

#[tokio::test]
async fn a_registry_of_old_conforms() {
    let server = docker_registry();
    conforms(registry("dev", &server.url(), "ml/dev")).await;
}

#[tokio::test]
async fn a_registry_of_today_conforms() {
    let server = ferro();
    conforms(registry("dev", &server.url(), "ml/dev")).await;
}

#[tokio::test]
async fn a_layout_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(layout("dev", &folder.path().join("layout"))).await;
}
