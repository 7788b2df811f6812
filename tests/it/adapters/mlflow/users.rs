//! A server that asks who it is, and answers with pages.

use std::sync::Arc;

use promote::adapter::transfer::verify;
use promote::adapter::{
    Adapter, AdapterErrorKind, ErrorStatus, Permission, Result, Selector, Written,
};
use promote::net::http::{Reuse, client};
use serde_json::json;

use super::{adapter, write};
use crate::servers::Server;

const PASSWORD: &str = "correct horse battery staple";
const OTHER: &str = "another-long-password";

fn as_user(server: &Server, name: &str, password: &str) -> Arc<dyn Adapter> {
    let auth = json!({ "basic": { "username": name, "password": "env:PASSWORD" } });
    adapter(
        &server.url(),
        &json!({ "auth": auth }),
        &[("PASSWORD", password)],
    )
}

async fn add_bob(server: &Server) {
    let client = client(Reuse::OneEach).unwrap();
    let url = format!("{}/api/2.0/mlflow/users/create", server.url());
    let request = client.post(url).basic_auth("admin", Some(PASSWORD));
    let body = json!({ "username": "bob", "password": OTHER });
    let answer = request.json(&body).send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

async fn listed(adapter: &dyn Adapter) -> Result<()> {
    adapter.list(Selector::default()).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_open_what_they_are_for_and_show_nowhere() {
    let server = Server::mlflow_with_users(PASSWORD);
    add_bob(&server).await;
    let admin = as_user(&server, "admin", PASSWORD);
    let (record, written) = write(admin.as_ref(), "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    assert_eq!(written.unwrap(), Written::Created);
    admin.point(&record.version, None).await.unwrap();
    verify(admin.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    let probe = admin.probe().await.unwrap();
    assert_eq!(probe.permissions["create"], Permission::Granted);
    let shown = format!("{admin:?}{:?}", admin.info());
    assert!(!shown.contains(PASSWORD), "{shown}");

    let nobody = adapter(&server.url(), &json!({}), &[]);
    let wrong = as_user(&server, "admin", OTHER);
    let who = "You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate.";
    for (adapter, hint) in [
        (nobody, "name who asks under `auth`"),
        (wrong, "look at the credentials under `auth`"),
    ] {
        let error = listed(adapter.as_ref()).await.unwrap_err();
        assert_eq!(
            (error.kind, error.status),
            (AdapterErrorKind::PermissionDenied, ErrorStatus::Permanent)
        );
        assert_eq!(
            error.message,
            format!("`model-versions/search`: 401 Unauthorized: {who}; {hint}")
        );
        let shown = format!("{adapter:?}{error:?}");
        assert!(
            !shown.contains(PASSWORD) && !shown.contains(OTHER),
            "{shown}"
        );
    }

    // Bob may read what admin made, and change nothing of it.
    let bob = as_user(&server, "bob", OTHER);
    listed(bob.as_ref()).await.unwrap();
    let (next, written) = write(admin.as_ref(), "retail/model/churn@1.1.0", &[("a", b"2")]).await;
    assert_eq!(written.unwrap(), Written::Created);
    let error = bob
        .point(&next.version, Some(record.digest))
        .await
        .unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::PermissionDenied);
    assert_eq!(
        error.message,
        "`registered-models/alias`: 403 Forbidden: Permission denied; these credentials lack a permission"
    );
    let (_, written) = write(bob.as_ref(), "retail/model/churn@2.0.0", &[("a", b"2")]).await;
    assert_eq!(
        written.unwrap_err().kind,
        AdapterErrorKind::PermissionDenied
    );
    let probe = bob.probe().await.unwrap();
    assert_eq!(probe.permissions["read"], Permission::Granted);
}
