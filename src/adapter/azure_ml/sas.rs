//! A shared access signature for one container, made of the account's key: short-lived, and all that blobs see of it.
//!
//! Source: <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>, for versions from 2020-12-06.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;

use crate::adapter::azure_ml::layout::escaped;
use crate::redact::Secret;

/// The version of the interface of Blob Storage, in requests and in signatures.
pub(super) const BLOB_VERSION: &str = "2021-08-06";
/// Read, add, create, write, list; nothing that deletes.
const PERMISSIONS: &str = "racwl";
/// How long a signature is good for: longer than the longest write.
const LIFE: SignedDuration = SignedDuration::from_hours(12);

/// The query that opens a container; `None` when the key is not base64.
pub(super) fn query(
    account: &str,
    container: &str,
    key: &Secret<String>,
    protocol: &str,
    now: Timestamp,
) -> Option<Secret<String>> {
    let key = STANDARD.decode(key.expose().trim()).ok()?;
    let expiry = now.checked_add(LIFE).ok()?;
    let expiry = expiry.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let protocols = if protocol == "https" {
        "https"
    } else {
        "https,http"
    };
    let resource = format!("/blob/{account}/{container}");
    // In this order: permissions, start, end, resource, policy, addresses, protocols, version, kind, snapshot, scope of
    // encryption, and five headers of answers.
    let fields = [
        PERMISSIONS,
        "",
        &expiry,
        &resource,
        "",
        "",
        protocols,
        BLOB_VERSION,
        "c",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ];
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = hmac::sign(&key, fields.join("\n").as_bytes());
    let signature = escaped(&STANDARD.encode(signature));
    Some(Secret::new(format!(
        "sp={PERMISSIONS}&se={}&spr={}&sv={BLOB_VERSION}&sr=c&sig={signature}",
        escaped(&expiry),
        escaped(protocols)
    )))
}
