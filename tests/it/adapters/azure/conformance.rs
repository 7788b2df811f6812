//! The suite of all adapters, for a workspace and for a registry, bare and with all layers around.

use std::sync::Arc;

use promote::adapter::Adapter;
use promote::adapter::conformance::{Violation, check};
use promote::adapter::layer::{ReadCheck, Settings, layered};

use super::fake::Arm;
use super::support::subject;

async fn conforms(kind: &str) {
    let arm = Arm::start();
    let bare: Arc<dyn Adapter> = Arc::new(arm.adapter(kind));
    let settings = Settings {
        read_check: ReadCheck::Layer,
        ..Settings::default()
    };
    let whole = layered(Arc::clone(&bare), &settings);
    for (adapter, prefix) in [(bare, "bare-"), (whole, "layered-")] {
        let violations = check(&subject(adapter, prefix)).await;
        assert_eq!(violations, Vec::<Violation>::new(), "{prefix}");
    }
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_conforms() {
    conforms("workspace").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_conforms() {
    conforms("registry").await;
}
