//! What a registry says of itself.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, SERVER};

use crate::adapter::oci::registry::client::{Call, Connection};
use crate::adapter::oci::registry::manifests;
use crate::adapter::{AdapterErrorKind, Permission, Probe, Result};
use crate::model::digest::Sha256;
use crate::redact::printable;

/// The longest name of a server that is shown, in characters.
const MAX_SERVER_CHARACTERS: usize = 100;

/// Asks, and changes nothing. `repository` need not be there.
pub(super) async fn probe(connection: &Connection, repository: &str) -> Result<Probe> {
    let call = Call {
        operation: "probe",
        what: "asking for the version of the API",
        scopes: &[],
    };
    let url = connection.url("");
    let response = connection
        .send(&call, |client| client.get(url.clone()))
        .await?;
    if response.status() != StatusCode::OK {
        return Err(connection.refused(&call, response).await);
    }
    let server = text(response.headers(), &SERVER);
    let clock = clock(response.headers());
    let read = permission(manifests::tags(connection, "probe", repository).await)?;
    let listed = permission(manifests::catalog(connection, "probe").await)?;
    let subject = Sha256::of(b"");
    let referrers = manifests::referrers(connection, "probe", repository, subject).await;
    // A refusal says nothing of whether there is such a list.
    let has_referrers = referrers.is_ok_and(|found| found.is_some());
    let mut limits = vec![
        "tags can be moved by whoever may write, and there is no condition on them: they are looked at before and after each write, every version is read back, and `promote scan` finds what changed later".to_owned(),
    ];
    if listed == Permission::Refused {
        limits.push(
            "repositories are not listed: `promote scan` cannot look for what nobody named"
                .to_owned(),
        );
    }
    if !has_referrers {
        limits.push(
            "what refers to a version is not listed by the registry: the tag `sha256-…` lists it"
                .to_owned(),
        );
    }
    let permissions = BTreeMap::from([
        ("read".to_owned(), read),
        // Only an upload would show it.
        ("write".to_owned(), Permission::Unknown),
        ("list repositories".to_owned(), listed),
    ]);
    Ok(Probe {
        server,
        clock,
        permissions,
        limits,
    })
}

/// What an answer says of being allowed; errors that say nothing of it remain.
fn permission<T>(result: Result<T>) -> Result<Permission> {
    match result {
        Ok(_) => Ok(Permission::Granted),
        Err(error)
            if matches!(
                error.kind,
                AdapterErrorKind::PermissionDenied | AdapterErrorKind::Unsupported
            ) =>
        {
            Ok(Permission::Refused)
        }
        Err(error) => Err(error),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let start: String = value.chars().take(MAX_SERVER_CHARACTERS).collect();
    Some(printable(&start))
}

/// The server's time (RFC 9110, 5.6.7).
fn clock(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(zoned.timestamp())
}
