//! Looking whether a server can be relied on, before anything depends on it.

use reqwest::Method;
use reqwest::header::DATE;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::adapter::mlflow::MlflowAdapter;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::wire::ModelVersions;
use crate::adapter::{AdapterErrorKind, Permission, Probe, Result};
use crate::net::http;

/// The longest name of a version, in bytes.
const MAX_VERSION_BYTES: usize = 1024;

/// What no MLflow server can do, each with what is done about it.
const LIMITS: [&str; 4] = [
    "it does not refuse a second version of ours: the registry is looked at before and after each write, and of two the one that was there first is meant",
    "it moves an alias without comparing: the alias is looked at before and after; a move by somebody else between the two looks is not seen",
    "whoever may write artifacts can change the files of a version: every file is read back after it is written, and `promote scan` finds what changed later",
    "it does not tell whether files may be uploaded: the first write shows",
];

/// What the server says of itself. Changes nothing.
pub(super) async fn probe(adapter: &MlflowAdapter) -> Result<Probe> {
    let call = adapter.call("probe");
    let mut probe = Probe::default();
    let version = call.page("/version").await?;
    let date = version.headers().get(DATE).cloned();
    let date = date.as_ref().and_then(|date| date.to_str().ok());
    probe.clock = date.and_then(parse_date);
    let version = http::body(version, MAX_VERSION_BYTES).await;
    let version = version.map_err(|error| call.http("version", error))?;
    let version = http::shown(&version);
    let is_old = is_before_2_22(&version);
    probe.server = Some(format!("MLflow {version}"));
    probe.limits.extend(LIMITS.map(str::to_owned));
    if is_old {
        probe.limits.push(format!(
            "version {version} is older than 2.22, the oldest that is tested"
        ));
    }
    let query = [("max_results", "1")];
    let read = call
        .get::<ModelVersions>("model-versions/search", &query)
        .await;
    let read = read.map(|_| ());
    probe
        .permissions
        .insert("read".to_owned(), permission(read)?);
    let create = may_create(call).await?;
    probe.permissions.insert("create".to_owned(), create);
    probe
        .permissions
        .insert("upload".to_owned(), Permission::Unknown);
    Ok(probe)
}

/// Whether models may be made: asked for one without a name, which there cannot be. Who may not is told so first.
async fn may_create(call: Call<'_>) -> Result<Permission> {
    let body = json!({ "name": "" });
    let made = call.tell::<IgnoredAny>(Method::POST, "registered-models/create", &body);
    match made.await {
        Err(error) if error.kind == AdapterErrorKind::Unexpected && !is_passing(&error) => {
            Ok(Permission::Granted)
        }
        other => permission(other.map(|_| ())),
    }
}

fn is_passing(error: &crate::adapter::AdapterError) -> bool {
    error.status != crate::adapter::ErrorStatus::Permanent
}

fn permission(answer: Result<()>) -> Result<Permission> {
    match answer {
        Ok(()) => Ok(Permission::Granted),
        Err(error) if error.kind == AdapterErrorKind::PermissionDenied => Ok(Permission::Refused),
        Err(error) => Err(error),
    }
}

/// A date of RFC 9110, 5.6.7, in its one form of today.
fn parse_date(text: &str) -> Option<jiff::Timestamp> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(time.timestamp())
}

fn is_before_2_22(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (2, 22),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_dates_are_read() {
        for (version, is_old) in [
            ("2.21.3", true),
            ("2.22.4", false),
            ("3.17.2", false),
            ("?", false),
        ] {
            assert_eq!(is_before_2_22(version), is_old, "{version}");
        }
        let date = parse_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(parse_date("yesterday"), None);
    }
}
