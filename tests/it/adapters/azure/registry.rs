//! What is particular to a registry: lent places, long-running operations, and `publish`.

use std::time::Duration;

use promote::adapter::azure_ml::Pace;
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, Locator, NativePlace, Record, Result, Written};
use serde_json::json;

use super::fake::{Arm, PROVIDER, REGISTRY};
use super::http::Reply;
use super::support::{create, listed, on, permitted, said, version, write};

const FILES: &[(&str, &[u8])] = &[("a", b"1"), ("b/c", b"2")];

async fn copy(to: &dyn Adapter, record: &Record, from: &NativePlace) -> Result<Written> {
    to.copy(&permitted(to, record), record, from).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_until_the_service_is_done() {
    let arm = Arm::start();
    arm.state().settings.polls = 3;
    let adapter = arm.adapter("registry");
    let record = create(&adapter, "retail/model/churn@1.0.0", FILES).await;
    let log = arm.state().log.clone();
    let polls = log
        .iter()
        .filter(|line| line.starts_with("GET /operations/"));
    assert_eq!(polls.count(), 4, "{log:#?}");
    let read = verify(&adapter, &record.version, &record.files).await;
    assert_eq!(read.unwrap(), record.digest);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_gives_up_is_an_error_and_can_be_written_again() {
    let arm = Arm::start();
    arm.state().settings.fails = true;
    let adapter = arm.adapter("registry");
    let (record, refused) = write(&adapter, "retail/model/churn@1.0.0", FILES).await;
    assert_eq!(
        said(refused),
        format!(
            "Unexpected Permanent: `PUT {PROVIDER}/registries/{REGISTRY}/models/retail-model-churn/versions/1.0.0`: the service gave it up: StorageError it did not work"
        )
    );
    let held = adapter.stat(Locator::Version(&record.version)).await;
    assert_eq!(held.unwrap(), None);
    assert_eq!(listed(&adapter).await, Vec::<String>::new());
    arm.state().settings.fails = false;
    // The service lends a place for what it gave up.
    let path = format!("{PROVIDER}/registries/{REGISTRY}/models/retail-model-churn/versions/1.0.0");
    arm.state().assets.remove(&path).unwrap();
    create(&adapter, "retail/model/churn@1.0.0", FILES).await;
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_does_not_end_is_left_after_a_while() {
    let arm = Arm::start();
    arm.state().settings.polls = u32::MAX;
    let adapter = arm.adapter("registry").with_pace(Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(20),
        deadline: Duration::from_millis(300),
    });
    let (record, refused) = write(&adapter, "retail/model/churn@1.0.0", FILES).await;
    let text = said(refused);
    assert!(text.starts_with("Unexpected Temporary: "), "{text}");
    assert!(
        text.ends_with("the service was not done within 0 s; look at it later"),
        "{text}"
    );
    // It shows when it is done, and not before.
    let held = adapter.stat(Locator::Version(&record.version)).await;
    assert_eq!(held.unwrap(), None);
    let (_, again) = write(&adapter, "retail/model/churn@1.0.0", FILES).await;
    assert_eq!(
        said(again),
        "Unexpected Temporary: the service is still making `models/retail-model-churn/versions/1.0.0`"
    );
    for operation in &mut arm.state().operations {
        operation.left = 0;
    }
    arm.state()
        .assets
        .values_mut()
        .for_each(|asset| asset["provisioningState"] = json!("Succeeded"));
    let (_, again) = write(&adapter, "retail/model/churn@1.0.0", FILES).await;
    assert_eq!(again.unwrap(), Written::Unchanged);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_the_service_asks_for_is_taken_and_counts() {
    let arm = Arm::start();
    let adapter = arm.adapter("registry");
    let wait = Reply::json(200, &json!({ "status": "InProgress" })).with("Retry-After", "600");
    arm.state().settings.fault = on("GET", "/operations/0", 1, wait);
    let (_, refused) = write(&adapter, "retail/model/churn@1.0.0", FILES).await;
    assert!(said(refused).ends_with("the service was not done within 5 s; look at it later"));
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_refused_because_the_version_is_there_is_compared() {
    let arm = Arm::start();
    let adapter = arm.adapter("registry");
    let conflict = Reply::json(409, &json!({ "error": { "code": "Conflict" } }));
    arm.state().settings.fault = on("POST", "/startPendingUpload", 1, conflict);
    let (_, refused) = write(&adapter, "retail/model/churn@1.0.0", FILES).await;
    assert_eq!(
        said(refused),
        "Unexpected Temporary: the registry says that `retail/model/churn@1.0.0` is there, and does not show it"
    );
    create(&adapter, "retail/model/churn@1.0.0", FILES).await;
    // Somebody was quicker: at the first look it was not there.
    for (files, expected) in [(FILES, "Ok(Unchanged)"), (&FILES[..1], "AlreadyExists")] {
        let absent = Reply::json(404, &json!({ "error": { "code": "NotFound" } }));
        arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, absent);
        let (_, written) = write(&adapter, "retail/model/churn@1.0.0", files).await;
        assert!(format!("{written:?}").contains(expected), "{written:?}");
    }
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_copies_without_a_byte_through_here_and_the_registrys_bytes_are_read_back() {
    for keeps_properties in [true, false] {
        let arm = Arm::start();
        arm.state().settings.keeps_properties = keeps_properties;
        let (from, to) = (arm.adapter("workspace"), arm.adapter("registry"));
        for text in ["retail/model/churn@1.0.0", "retail/pipeline/train@1.0.0"] {
            let record = create(&from, text, FILES).await;
            let place = from.native(&record.version).unwrap();
            assert!(to.native(&record.version).is_none());
            assert_eq!(copy(&to, &record, &place).await.unwrap(), Written::Created);
            assert_eq!(
                copy(&to, &record, &place).await.unwrap(),
                Written::Unchanged
            );
            let read = verify(&to, &record.version, &record.files).await;
            assert_eq!(read.unwrap(), record.digest);
            to.point(&record.version, None).await.unwrap();
        }
        assert_eq!(
            listed(&to).await,
            ["retail/pipeline/train@1.0.0", "retail/model/churn@1.0.0"]
        );
        let log = arm.state().log.join("\n");
        assert!(log.contains("/publish") && !log.contains("startPendingUpload"));
        arm.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_publish_changes_on_the_way_is_found_by_reading_back() {
    let arm = Arm::start();
    arm.state().settings.tampers = true;
    let (from, to) = (arm.adapter("workspace"), arm.adapter("registry"));
    let record = create(&from, "retail/model/churn@1.0.0", FILES).await;
    let place = from.native(&record.version).unwrap();
    copy(&to, &record, &place).await.unwrap();
    let read = verify(&to, &record.version, &record.files).await;
    assert_eq!(
        said(read),
        "Corrupt Permanent: `a` does not have the recorded bytes"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_is_said_before_or_has_to_be_written() {
    let arm = Arm::start();
    let (from, to) = (arm.adapter("workspace"), arm.adapter("registry"));
    let record = create(&from, "retail/model/churn@1.0.0", FILES).await;
    let place = from.native(&record.version).unwrap();
    let elsewhere = NativePlace {
        provider: "azure-ml https://management.chinacloudapi.cn/".to_owned(),
        ..place.clone()
    };
    assert!(
        said(copy(&to, &record, &elsewhere).await)
            .starts_with("Unsupported Permanent: it cannot copy from")
    );
    assert!(said(copy(&from, &record, &place).await).starts_with("Unsupported"));
    // Another digest than the source says that it has.
    let (other, _) = write(
        &arm.adapter("workspace"),
        "retail/model/churn@1.0.0",
        &[("a", b"3")],
    )
    .await;
    let refused = said(copy(&to, &other, &place).await);
    assert!(refused.starts_with("Corrupt Permanent"), "{refused}");
    assert!(!arm.state().log.join("\n").contains("/publish"));
    let denied = Reply::json(403, &json!({ "error": { "code": "AuthorizationFailed" } }));
    arm.state().settings.fault = on("POST", "/publish", 1, denied);
    let refused = said(copy(&to, &record, &place).await);
    assert!(
        refused.starts_with("Unsupported Permanent: these credentials may not publish"),
        "{refused}"
    );
    arm.state().settings.fails = true;
    let refused = said(copy(&to, &record, &place).await);
    assert!(
        refused.ends_with("PublishFailed: it did not work"),
        "{refused}"
    );
    let held = to
        .stat(Locator::Version(&version("retail/model/churn@1.0.0")))
        .await;
    assert_eq!(held.unwrap(), None);
    arm.finish();
}
