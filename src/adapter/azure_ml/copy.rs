//! From a workspace into a registry by the service's own `publish`: no byte passes through here.
//!
//! Who asked proves the bytes by reading the registry's back, through the registry's own references.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::adapter::azure_ml::arm::Made;
use crate::adapter::azure_ml::held::{Standing, standing};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout, write};
use crate::adapter::{AdapterErrorKind, NativePlace, Record, Result, Written};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::platform::AzureMlPlace;

/// The parts of the path of a version in a workspace; `None` stands for any.
const VERSION_PATH: [Option<&str>; 12] = [
    Some("subscriptions"),
    None,
    Some("resourceGroups"),
    None,
    Some("providers"),
    Some("Microsoft.MachineLearningServices"),
    Some("workspaces"),
    None,
    None,
    None,
    Some("versions"),
    None,
];

pub(super) fn native(adapter: &AzureMlAdapter, version: &VersionId) -> Option<NativePlace> {
    if adapter.spec.place != AzureMlPlace::Workspace {
        return None;
    }
    let path = layout::version(adapter.call("native"), &adapter.names, version).ok()?;
    Some(NativePlace {
        provider: provider(adapter),
        place: format!("{}/{path}", adapter.arm.place),
    })
}

/// One Azure Resource Manager: a name of a registry means the same everywhere in a tenant, which the service checks.
fn provider(adapter: &AzureMlAdapter) -> String {
    format!("azure-ml {}", adapter.arm.base)
}

pub(super) async fn copy(
    adapter: &AzureMlAdapter,
    permit: &FlowPermit,
    record: &Record,
    from: &NativePlace,
) -> Result<Written> {
    let call = adapter.call("copy");
    adapter.check(call, permit, record)?;
    let is_possible = adapter.spec.place == AzureMlPlace::Registry
        && from.provider == provider(adapter)
        && is_version(
            &from.place,
            layout::collection(record.version.artifact.kind),
        );
    if !is_possible {
        let message = format!("it cannot copy from `{}`", from.place);
        return Err(call.error(AdapterErrorKind::Unsupported, message));
    }
    let path = layout::version(call, &adapter.names, &record.version)?;
    if let Some(written) = adapter.existing(call, record, &path).await? {
        return Ok(written);
    }
    adapter.check_source(call, record, &from.place).await?;
    adapter.publish(call, record, &from.place).await?;
    adapter.claim(call, record, &path).await?;
    match adapter.record(call, &record.version).await? {
        Some(found) if found == *record => Ok(Written::Created),
        Some(_) => {
            let message = format!(
                "what the registry made of `{}` has another record",
                from.place
            );
            Err(call.corrupt(message))
        }
        None => {
            let message = format!("the registry took `{path}`, and does not show it");
            Err(call.temporary(AdapterErrorKind::Unexpected, message))
        }
    }
}

/// Whether a place is a version in a workspace, in the collection that is wanted.
fn is_version(place: &str, collection: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    let Some(rest) = place.strip_prefix('/') else {
        return false;
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let is_part =
        |part: &str| !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(is_plain);
    parts.len() == VERSION_PATH.len()
        && parts.get(8) == Some(&collection)
        && parts
            .iter()
            .zip(VERSION_PATH)
            .all(|(part, wanted)| is_part(part) && wanted.is_none_or(|wanted| wanted == *part))
}

impl AzureMlAdapter {
    /// The workspace says that it holds the digest. What it says is no proof, and saves publishing what is wrong.
    async fn check_source(&self, call: Call<'_>, record: &Record, place: &str) -> Result<()> {
        let url = self.arm.address(place);
        let answer = self.arm.send(call, Method::GET, url, None).await?;
        let answer = answer.found(call)?;
        let answer = answer.ok_or_else(|| {
            call.error(AdapterErrorKind::NotFound, format!("there is no `{place}`"))
        })?;
        let asset: Asset = answer.decode(call)?;
        if standing(&asset, &record.version) == Standing::Ours(record.digest) {
            return Ok(());
        }
        let message = format!("`{place}` does not say that it has `{}`", record.digest);
        Err(call.corrupt(message))
    }

    async fn publish(&self, call: Call<'_>, record: &Record, place: &str) -> Result<()> {
        let name = layout::name(call, &self.names, &record.version.artifact)?;
        let wish = json!({
            "registryName": self.spec.name,
            "destinationName": name,
            "destinationVersion": layout::label(&record.version),
        });
        let url = self.arm.address(&format!("{place}/publish"));
        let answer = self.arm.send(call, Method::POST, url, Some(&wish)).await?;
        if answer.status == StatusCode::FORBIDDEN {
            let message = format!(
                "these credentials may not publish `{place}`, so that its bytes have to be written instead"
            );
            return Err(call.error(AdapterErrorKind::Unsupported, message));
        }
        let answer = answer.success(call)?;
        self.arm.finish(call, answer).await
    }

    /// Gives what was published our properties, in case that the service did not take them along.
    async fn claim(&self, call: Call<'_>, record: &Record, path: &str) -> Result<()> {
        let Some(asset) = self.arm.asset(call, path).await? else {
            return Ok(());
        };
        if standing(&asset, &record.version) != Standing::Foreign {
            return Ok(());
        }
        let properties = asset.properties;
        let uri = properties.uri().unwrap_or_default().to_owned();
        let mut body = write::body(record, uri.trim_end_matches('/'));
        let mut all = properties.properties.unwrap_or_default();
        all.extend(write::properties(record));
        let kept = [
            ("properties", json!(all)),
            ("tags", json!(properties.tags.unwrap_or_default())),
            ("description", json!(properties.description)),
        ];
        if let Some(inner) = body
            .get_mut("properties")
            .and_then(|inner| inner.as_object_mut())
        {
            inner.extend(kept.map(|(name, value)| (name.to_owned(), value)));
            for (name, value) in [
                ("modelType", properties.model_type),
                ("modelUri", properties.model_uri),
                ("dataUri", properties.data_uri),
                ("dataType", properties.data_type),
                ("stage", properties.stage),
            ] {
                // The service takes no other path for what is there.
                if let Some(value) = value {
                    inner.insert(name.to_owned(), json!(value));
                }
            }
        }
        match self.arm.put(call, path, &body).await? {
            Made::Done => Ok(()),
            Made::Refused(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_workspaces_are_published() {
        let place = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/models/n/versions/1.0.0";
        assert!(is_version(place, layout::MODELS));
        assert!(!is_version(place, layout::DATA));
        for wrong in [
            place.replace("/workspaces/", "/registries/"),
            place.replace("/n/", "/../"),
            format!("{place}/x"),
            format!("{place}?x"),
            format!("https://example.org{place}"),
        ] {
            assert!(!is_version(&wrong, layout::MODELS), "{wrong}");
        }
    }
}
