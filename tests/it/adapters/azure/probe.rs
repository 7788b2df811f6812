//! What `promote doctor` is told.

use promote::adapter::{Adapter as _, Permission};
use serde_json::json;

use super::fake::Arm;
use super::http::Reply;
use super::support::on;

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_what_it_found_and_changes_nothing() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let probe = adapter.probe().await.unwrap();
    assert_eq!(
        probe.server.as_deref(),
        Some("Azure Machine Learning, workspace `dev` in `westeurope`, api-version 2024-04-01")
    );
    assert_eq!(probe.clock, Some("2026-11-26T12:00:00Z".parse().unwrap()));
    let permissions: Vec<_> = probe
        .permissions
        .iter()
        .map(|(name, permission)| (name.as_str(), *permission))
        .collect();
    assert_eq!(
        permissions,
        [
            ("open datastore workspaceblobstore", Permission::Granted),
            ("read codes", Permission::Granted),
            ("read components", Permission::Granted),
            ("read data", Permission::Granted),
            ("read datastore workspaceblobstore", Permission::Granted),
            ("read environments", Permission::Granted),
            ("read models", Permission::Granted),
            ("read the workspace", Permission::Granted),
            ("write codes", Permission::Unknown),
            ("write components", Permission::Unknown),
            ("write data", Permission::Unknown),
            ("write environments", Permission::Unknown),
            ("write models", Permission::Unknown),
        ]
    );
    assert_eq!(probe.limits.len(), 4);
    assert!(arm.state().log.iter().all(|line| !line.starts_with("PUT")));
    let denied = Reply::json(403, &json!({ "error": { "code": "AuthorizationFailed" } }));
    arm.state().settings.fault = on("POST", "/listSecrets", 1, denied);
    let probe = arm.adapter("workspace").probe().await.unwrap();
    assert_eq!(
        probe.permissions["open datastore workspaceblobstore"],
        Permission::Refused
    );
    assert_eq!(
        probe.permissions["read datastore workspaceblobstore"],
        Permission::Unknown
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_takes_from_the_roles_what_may_be_written() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let write = "Microsoft.MachineLearningServices/workspaces/models/*";
    arm.state().settings.roles = vec![
        json!({ "actions": ["*/read", write], "notActions": [] }),
        json!({ "actions": ["Microsoft.MachineLearningServices/workspaces/data/write"] }),
    ];
    let asked = adapter.probe().await.unwrap().permissions;
    for (name, permission) in [
        ("write models", Permission::Granted),
        ("write data", Permission::Unknown),
        ("write components", Permission::Refused),
    ] {
        assert_eq!(asked[name], permission, "{name}");
    }
    let assets = "Microsoft.MachineLearningServices/registries/assets/*";
    arm.state().settings.roles = vec![json!({ "actions": [assets] })];
    let asked = arm.adapter("registry").probe().await.unwrap().permissions;
    assert_eq!(asked["write assets"], Permission::Granted);
    arm.finish();
}
