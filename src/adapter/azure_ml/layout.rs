//! What things are called in Azure Machine Learning, and where bytes are.

use crate::adapter::azure_ml::report::Call;
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::digest::TreeDigest;
use crate::model::platform::{AzureMlSpec, NameTemplate};

/// The property of a version that says which of ours it is.
pub(super) const VERSION: &str = "promote.version";
/// The property of a version that holds the digest.
pub(super) const DIGEST: &str = "promote.digest";
/// The tag of a container that is the artifact's pointer.
pub(super) const CURRENT: &str = "promote.current";
/// The file that says what a version is, below its folder: in it, so that `publish` takes it along.
pub(super) const RECORD: &str = ".promote/record.json";
/// The folder in [`RECORD`].
pub(super) const RECORD_FOLDER: &str = ".promote/";
/// Names the form of that file; another form gets another name.
pub(super) const FORMAT: &str = "promote.dev/azure-ml-record/v1";

/// The property of what has the bytes of a version that is more than bytes: the collection in which it shows.
pub(super) const PART_OF: &str = "promote.part-of";
/// The property of a code asset that is a folder in the folder of a version: which.
pub(super) const CODE: &str = "promote.code";

pub(super) const CODES: &str = "codes";
pub(super) const COMPONENTS: &str = "components";
pub(super) const DATA: &str = "data";
pub(super) const ENVIRONMENTS: &str = "environments";
pub(super) const MODELS: &str = "models";
/// Where versions show.
pub(super) const COLLECTIONS: [&str; 4] = [COMPONENTS, DATA, ENVIRONMENTS, MODELS];
/// Where bytes are.
pub(super) const WITH_BYTES: [&str; 3] = [CODES, DATA, MODELS];

/// Where versions of a kind show, the better place first.
pub(super) const fn collections(kind: ArtifactKind) -> &'static [&'static str] {
    match kind {
        ArtifactKind::Model => &[MODELS],
        ArtifactKind::Component | ArtifactKind::Pipeline => &[COMPONENTS, DATA],
        ArtifactKind::Runtime => &[ENVIRONMENTS, DATA],
    }
}

/// Where the bytes are of what shows in a collection.
pub(super) fn home(collection: &str) -> &str {
    match collection {
        COMPONENTS => CODES,
        ENVIRONMENTS => DATA,
        other => other,
    }
}

/// The collection that a path is in, and what follows.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

/// The path of an artifact's container below the workspace.
pub(super) fn container(
    call: Call<'_>,
    names: &NameTemplate,
    collection: &str,
    artifact: &ArtifactId,
) -> Result<String> {
    let name = name(call, names, artifact)?;
    Ok(format!("{collection}/{name}"))
}

/// The path of a version below the workspace.
pub(super) fn version(
    call: Call<'_>,
    names: &NameTemplate,
    collection: &str,
    version: &VersionId,
) -> Result<String> {
    let container = container(call, names, collection, &version.artifact)?;
    Ok(format!("{container}/versions/{}", label(version)))
}

/// The name of an artifact's container.
pub(super) fn name(call: Call<'_>, names: &NameTemplate, artifact: &ArtifactId) -> Result<String> {
    let name = names.name_of(artifact, &AzureMlSpec::NAMES);
    name.map_err(|error| call.error(AdapterErrorKind::Unsupported, error.to_string()))
}

/// What a version is called: `+` is not allowed there, and `_` is in no version of ours.
pub(super) fn label(version: &VersionId) -> String {
    version.version.to_string().replace('+', "_")
}

/// The version that is called so.
pub(super) fn version_of(label: &str) -> Option<semver::Version> {
    if label.contains('+') {
        return None;
    }
    label.replace('_', "+").parse().ok()
}

/// The folder of a version's bytes, as the SDK of Azure lays them out: `LocalUpload/<hash>/<name>`.
pub(super) fn folder(digest: TreeDigest, name: &str, version: &VersionId) -> String {
    format!("LocalUpload/{}/{name}/{}", digest.sha256(), label(version))
}

/// A text as one part of a path: what is no letter or digit and none of `-._~` is written by its bytes (RFC 3986).
pub(super) fn escaped(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A path with its parts escaped.
pub(super) fn escaped_path(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(escaped).collect();
    parts.join("/")
}

/// What was escaped; `None` when it is no text or was escaped otherwise.
pub(super) fn unescaped(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, after) = after.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Where a workspace says that bytes are: a datastore, and a path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatastorePath {
    pub(super) datastore: String,
    pub(super) path: String,
}

/// Takes `azureml://…/datastores/<name>/paths/<path>` apart; the long form has to name this workspace.
pub(super) fn datastore_path(uri: &str, spec: &AzureMlSpec) -> Option<DatastorePath> {
    let rest = uri.strip_prefix("azureml://")?;
    let rest = match rest.strip_prefix("datastores/") {
        Some(rest) => rest,
        None => {
            let (place, rest) = rest.split_once("/datastores/")?;
            let (subscription, group) = (&spec.subscription, &spec.resource_group);
            let own = format!(
                "subscriptions/{subscription}/resourcegroups/{group}/workspaces/{}",
                spec.name
            );
            let place = place.replace(
                "/providers/Microsoft.MachineLearningServices/workspaces/",
                "/workspaces/",
            );
            if !place.eq_ignore_ascii_case(&own) {
                return None;
            }
            rest
        }
    };
    let (datastore, path) = rest.split_once("/paths/")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let is_name = !datastore.is_empty() && datastore.bytes().all(is_plain);
    is_name.then(|| DatastorePath {
        datastore: datastore.to_owned(),
        path: path.trim_matches('/').to_owned(),
    })
}

/// The address of a folder in a workspace's datastore.
pub(super) fn datastore_uri(spec: &AzureMlSpec, datastore: &str, path: &str) -> String {
    format!(
        "azureml://subscriptions/{}/resourcegroups/{}/workspaces/{}/datastores/{datastore}/paths/{path}",
        spec.subscription, spec.resource_group, spec.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_called_so_that_they_can_be_told_apart() {
        for (text, called) in [
            ("retail/model/churn@1.2.0", "1.2.0"),
            (
                "retail/model/churn@1.2.0-rc.1+linux.5",
                "1.2.0-rc.1_linux.5",
            ),
        ] {
            let version: VersionId = text.parse().unwrap();
            assert_eq!(label(&version), called);
            assert_eq!(version_of(called), Some(version.version));
        }
        // Not ours: it would stand for the same version as another label.
        assert_eq!(version_of("1.2.0+linux"), None);
        assert_eq!(version_of("7"), None);
    }

    #[test]
    fn parts_of_paths_are_escaped() {
        let path = "a b/%2e%2e/ü?#";
        assert_eq!(escaped_path(path), "a%20b/%252e%252e/%C3%BC%3F%23");
        assert_eq!(unescaped(&escaped_path(path)).as_deref(), Some(path));
        for text in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    #[test]
    fn datastores_of_other_workspaces_are_not_taken_for_our_own() {
        let spec: AzureMlSpec = serde_json::from_value(serde_json::json!({
            "subscription": "s", "resourceGroup": "Group", "name": "dev",
            "auth": { "managedIdentity": {} }
        }))
        .unwrap();
        let own = DatastorePath {
            datastore: "workspaceblobstore".to_owned(),
            path: "LocalUpload/x".to_owned(),
        };
        let uri = datastore_uri(&spec, "workspaceblobstore", "LocalUpload/x");
        let long = "azureml://subscriptions/s/resourceGroups/group/providers/Microsoft.MachineLearningServices/workspaces/dev/datastores/workspaceblobstore/paths/LocalUpload/x/";
        let short = "azureml://datastores/workspaceblobstore/paths/LocalUpload/x";
        for uri in [uri.as_str(), long, short] {
            assert_eq!(datastore_path(uri, &spec).as_ref(), Some(&own), "{uri}");
        }
        for uri in [
            "azureml://subscriptions/s/resourcegroups/group/workspaces/other/datastores/d/paths/x",
            "azureml://jobs/j/outputs/o/paths/model",
            "azureml://datastores/../paths/x",
            "https://acct.blob.core.windows.net/c/x",
        ] {
            assert_eq!(datastore_path(uri, &spec), None, "{uri}");
        }
    }
}
