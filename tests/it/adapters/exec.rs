//! Programs as adapters: the worked example of the documentation conforms, and one that misbehaves is noticed.

use std::sync::Arc;

use promote::adapter::{Adapter, AdapterErrorKind, ErrorStatus, Locator, Selector};
use serde_json::json;

use super::{conforms, open_platform};
use crate::support::root;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn example(folder: &std::path::Path) -> Arc<dyn Adapter> {
    let program = root().join("docs/adapters/example.py");
    let platform = json!({ "exec": {
        "command": ["python3", "-B", program],
        "settings": { "folder": folder },
        "createOnly": true,
        "compareAndSet": true,
        "secrets": { "EXAMPLE_TOKEN": "env:TOKEN" },
    }});
    open_platform(platform, &[("PATH", PATH), ("TOKEN", "hunter2")])
}

/// A program of one shell line.
fn script(line: &str) -> Arc<dyn Adapter> {
    let platform = json!({ "exec": {
        "command": ["sh", "-c", line],
        "secrets": { "TOKEN": "env:TOKEN" },
    }});
    open_platform(
        platform,
        &[("PATH", PATH), ("TOKEN", "hunter2"), ("OTHER", "unseen")],
    )
}

#[tokio::test]
async fn the_example_of_the_documentation_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(example(&folder.path().join("workspace")), &["hunter2"]).await;
    let probe = example(folder.path()).probe().await.unwrap();
    assert_eq!(probe.server.as_deref(), Some("example.py 1"));
}

#[tokio::test]
async fn what_a_program_says_is_not_believed_without_a_look() {
    let version = "p/model/m@1.0.0".parse().unwrap();
    let digest = format!("dirhash1:{}", "0".repeat(64));
    let file = |path: &str| {
        format!(
            r#"{{"path":"{path}","size":1,"sha256":"{}"}}"#,
            "0".repeat(64)
        )
    };
    let record = |files: &str| {
        format!(r#"{{"version":"p/model/m@1.0.0","digest":"{digest}","files":[{files}]}}"#)
    };
    let twice = format!("{},{}", file("a"), file("A"));
    for (line, said) in [
        ("true".to_owned(), "it ended with exit status: 0"),
        (
            "echo nonsense".to_owned(),
            "it printed a line that is no answer",
        ),
        (
            "printf '{\"ok\":{}}'".to_owned(),
            "it printed a line without an end",
        ),
        (
            "echo '{\"ok\":{}}'; exit 3".to_owned(),
            "it ended with exit status: 3",
        ),
        (
            "echo '{\"ok\":{\"extra\":1}}'".to_owned(),
            "unknown field `extra`",
        ),
        (
            "echo oops >&2; exit 1".to_owned(),
            "it ended with exit status: 1: oops",
        ),
        (
            format!("echo '{{\"ok\":{{\"record\":{}}}}}'", record("")),
            "there are no files",
        ),
        (
            format!("echo '{{\"ok\":{{\"record\":{}}}}}'", record(&twice)),
            "are one name where case is ignored",
        ),
        (
            format!("echo '{{\"ok\":{{\"record\":{}}}}}'", record(&file("../a"))),
            "`..`",
        ),
    ] {
        let error = script(&line)
            .stat(Locator::Version(&version))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(said), "{line}: {error}");
        assert_eq!(error.status, ErrorStatus::Permanent);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_says_why_and_whether_to_try_again() {
    let line = r#"echo '{"error":{"kind":"rate-limited","message":"slow down, $TOKEN","temporary":true,"retryAfter":7}}'"#;
    let line = line
        .replace("'", "")
        .replace("{", "\\{")
        .replace("\"", "\\\"");
    let error = script(&line).list(Selector::default()).await.err().unwrap();
    assert_eq!(error.kind, AdapterErrorKind::RateLimited, "{error}");
    assert_eq!(error.status, ErrorStatus::Temporary);
    assert_eq!(error.retry_after, Some(std::time::Duration::from_secs(7)));
    assert_eq!(error.message, "slow down, …");
}

#[tokio::test]
async fn a_program_sees_the_variables_that_are_named_and_no_others() {
    let line = "echo $TOKEN >&2; exit 1";
    let error = script(line).list(Selector::default()).await.err().unwrap();
    assert!(error.message.ends_with(": …"), "{error}");
    let line =
        "env | cut -d= -f1 | grep -v -e '^_$' -e PWD -e SHLVL | sort | tr '\\n' ' ' >&2; exit 1";
    let error = script(line).list(Selector::default()).await.err().unwrap();
    assert!(error.message.ends_with(": PATH TOKEN "), "{error}");
}

#[tokio::test]
async fn fewer_bytes_than_announced_are_an_error_and_not_a_short_file() {
    use futures_util::TryStreamExt as _;
    let version = "p/model/m@1.0.0".parse().unwrap();
    let path = "a".parse().unwrap();
    for (line, is_whole) in [
        ("echo '{\"ok\":{\"bytes\":5}}'; printf hello", true),
        ("echo '{\"ok\":{\"bytes\":6}}'; printf hello", false),
        ("echo '{\"ok\":{\"bytes\":5}}'; printf hello; exit 1", false),
    ] {
        let stream = script(line).read(&version, &path).await.unwrap();
        let pieces: Result<Vec<_>, _> = stream.try_collect().await;
        assert_eq!(pieces.is_ok(), is_whole, "{line}: {pieces:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_given_up_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("children");
    let line = format!("sleep 600 & echo $! > '{}'; wait", mark.display());
    let adapter = script(&line);
    let call = adapter.list(Selector::default());
    let waited = tokio::time::timeout(std::time::Duration::from_secs(2), call).await;
    assert!(waited.is_err());
    let child: i32 = std::fs::read_to_string(&mark)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let child = rustix::process::Pid::from_raw(child).unwrap();
    // Killed, it is a zombie until its new parent looks.
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()));
    while state().is_ok_and(|state| !state.contains(") Z ")) {
        tokio::task::yield_now().await;
    }
}
