//! The adapter for MLflow, against servers of both versions.

use std::sync::Arc;

use promote::adapter::conformance::{Subject, check};
use promote::adapter::layer::{Settings, layered};
use promote::adapter::{Adapter, Surroundings, open};
use promote::config::Environment;
use promote::model::platform::{MlflowSpec, Platform};

use crate::servers::{Release, Server};

fn spec(url: &str) -> MlflowSpec {
    serde_json::from_value(serde_json::json!({ "url": url })).unwrap()
}

fn opened(spec: MlflowSpec, variables: &[(&str, &str)]) -> Arc<dyn Adapter> {
    let surroundings = Surroundings {
        environment: Environment::from_iter(variables.iter().copied()),
        base: std::env::temp_dir(),
    };
    let workspace = "lab".parse().unwrap();
    open(&workspace, &Platform::Mlflow(spec), &surroundings).unwrap()
}

async fn conforms(release: Release) {
    let server = Server::mlflow(release);
    let bare = opened(spec(&server.url()), &[]);
    for (prefix, adapter) in [
        ("bare-", Arc::clone(&bare)),
        ("layered-", layered(bare, &Settings::default())),
    ] {
        let subject = Subject {
            adapter,
            prefix: prefix.to_owned(),
            secrets: Vec::new(),
        };
        let violations = check(&subject).await;
        assert!(violations.is_empty(), "{violations:#?}\n{}", server.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_3_conforms() {
    conforms(Release::Three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_conforms() {
    conforms(Release::Two).await;
}
