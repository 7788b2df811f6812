//! From a workspace into a registry by the service's own `publish`: no byte passes through here.
//!
//! Who asked proves the bytes by reading the registry's back, through the registry's own references.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::adapter::azure_ml::arm::Made;
use crate::adapter::azure_ml::held::{Standing, is_part, standing};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::shape::Source;
use crate::adapter::azure_ml::wire::{Asset, Words};
use crate::adapter::azure_ml::{AzureMlAdapter, layout, write};
use crate::adapter::{AdapterErrorKind, NativePlace, Record, Result, Written};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::{ArtifactKind, VersionId};
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
    let collection = holder(version.artifact.kind);
    let path = layout::version(adapter.call("native"), &adapter.names, collection, version).ok()?;
    Some(NativePlace {
        provider: provider(adapter),
        place: format!("{}/{path}", adapter.arm.place),
    })
}

/// What has the bytes of a kind: of what is no component after all, data.
const fn holder(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Model => layout::MODELS,
        ArtifactKind::Component | ArtifactKind::Pipeline => layout::CODES,
        ArtifactKind::Runtime => layout::DATA,
    }
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
        && is_version(&from.place, holder(record.version.artifact.kind));
    if !is_possible {
        let message = format!("it cannot copy from `{}`", from.place);
        return Err(call.error(AdapterErrorKind::Unsupported, message));
    }
    if let Some(written) = adapter.existing(call, record).await? {
        return Ok(written);
    }
    let origin = adapter.origin(call, record, &from.place).await?;
    let path = layout::version(call, &adapter.names, origin.collection, &record.version)?;
    let is_there = adapter.arm.settled(call, &path).await?;
    if is_there.is_none_or(|asset| standing(&asset, &record.version) == Standing::Failed) {
        adapter.publish(call, record, &origin.place).await?;
        adapter.claim(call, record, &path, &origin.more).await?;
    }
    adapter.show_copy(call, record, &path).await?;
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

/// What is published.
struct Origin {
    collection: &'static str,
    place: String,
    /// What it says of its folder, which has to be said of the copy too.
    more: Words,
}

fn origin(
    call: Call<'_>,
    record: &Record,
    collection: &'static str,
    place: String,
    asset: &Asset,
) -> Result<Origin> {
    if asset.properties.property(layout::CODE).is_some() {
        let message = format!(
            "`{place}` is a folder in the folder of its version, so that the bytes have to be written"
        );
        return Err(call.error(AdapterErrorKind::Unsupported, message));
    }
    if standing(asset, &record.version) != Standing::Ours(record.digest) {
        let message = format!("`{place}` does not say that it has `{}`", record.digest);
        return Err(call.corrupt(message));
    }
    let part = asset.properties.property(layout::PART_OF);
    let part = part.map(|part| (layout::PART_OF.to_owned(), Some(part.to_owned())));
    Ok(Origin {
        collection,
        place,
        more: part.into_iter().collect(),
    })
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
    /// What the workspace has the bytes in. It says that it holds the digest, in a folder that can be published whole. What
    /// it says is no proof, and saves publishing what is wrong.
    async fn origin(&self, call: Call<'_>, record: &Record, place: &str) -> Result<Origin> {
        let collection = holder(record.version.artifact.kind);
        if let Some(asset) = self.source(call, place).await? {
            return origin(call, record, collection, place.to_owned(), &asset);
        }
        let absent = |kind| call.error(kind, format!("there is no `{place}`"));
        if collection != layout::CODES {
            return Err(absent(AdapterErrorKind::NotFound));
        }
        // What is no component after all.
        let place = place.replacen("/codes/", "/data/", 1);
        match self.source(call, &place).await? {
            Some(asset) => origin(call, record, layout::DATA, place, &asset),
            None => Err(absent(AdapterErrorKind::NotFound)),
        }
    }

    async fn source(&self, call: Call<'_>, place: &str) -> Result<Option<Asset>> {
        let url = self.arm.address(place);
        let answer = self.arm.send(call, Method::GET, url, None).await?;
        let answer = answer.found(call)?;
        answer.map(|answer| answer.decode(call)).transpose()
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

    /// Makes a component or an environment of what was published, when it is one.
    async fn show_copy(&self, call: Call<'_>, record: &Record, path: &str) -> Result<()> {
        let asset = self.arm.asset(call, path).await?;
        let Some(asset) = asset.filter(is_part) else {
            return Ok(());
        };
        let place = self.place_of(call, path, &asset).await?;
        let shape = self.shape(call, record, &Source::Held(&place)).await?;
        self.show(call, record, &shape, &place).await.map(drop)
    }

    /// Gives what was published our properties, in case that the service did not take them along.
    async fn claim(&self, call: Call<'_>, record: &Record, path: &str, more: &Words) -> Result<()> {
        let Some(asset) = self.arm.asset(call, path).await? else {
            return Ok(());
        };
        if standing(&asset, &record.version) != Standing::Foreign {
            return Ok(());
        }
        let properties = asset.properties;
        let mut all = properties.properties.unwrap_or_default();
        all.extend(write::properties(record));
        all.extend(more.clone());
        let mut inner = serde_json::Map::new();
        for (name, value) in [
            ("properties", json!(all)),
            ("tags", json!(properties.tags.unwrap_or_default())),
            ("description", json!(properties.description)),
            ("isAnonymous", json!(false)),
            ("isArchived", json!(false)),
        ] {
            inner.insert(name.to_owned(), value);
        }
        for (name, value) in [
            ("modelType", properties.model_type),
            ("modelUri", properties.model_uri),
            ("dataUri", properties.data_uri),
            ("dataType", properties.data_type),
            ("codeUri", properties.code_uri),
            ("stage", properties.stage),
        ] {
            // The service takes no other path for what is there.
            if let Some(value) = value {
                inner.insert(name.to_owned(), json!(value));
            }
        }
        let body = json!({ "properties": inner });
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
