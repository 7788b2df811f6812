//! One version as it is held: what it says of itself, its record, its bytes.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::azure_ml::wire::{Asset, Provisioning};
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::{AdapterErrorKind, ByteStream, Record, Result, record_file};
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};
use crate::net::http;

/// The largest record read, in bytes: a million files with paths of usual length.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;
/// Of how many versions it is remembered where their bytes are, and for how long. The service lets nobody change the
/// path of a version.
const REMEMBERED: usize = 8;
const REMEMBERED_LIFE: Duration = Duration::from_secs(60);

/// Where the bytes of a version were found.
#[derive(Debug, Clone)]
pub(super) struct Located {
    version: VersionId,
    place: Place,
    until: Instant,
}

/// What a version that is there is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is of our making, and whole.
    Ours(TreeDigest),
    /// Somebody else registered it.
    Foreign,
    /// The service is still making it.
    UnderWay,
    /// The service gave it up.
    Failed,
}

/// What an asset is to us, given the version that its name stands for.
pub(super) fn standing(asset: &Asset, version: &VersionId) -> Standing {
    let properties = &asset.properties;
    match properties.provisioning() {
        Provisioning::UnderWay => return Standing::UnderWay,
        Provisioning::Failed => return Standing::Failed,
        Provisioning::Done => {}
    }
    let is_named = properties.property(layout::VERSION) == Some(version.to_string().as_str());
    let digest = properties.property(layout::DIGEST);
    match digest.and_then(|digest| digest.parse().ok()) {
        Some(digest) if is_named => Standing::Ours(digest),
        Some(_) | None => Standing::Foreign,
    }
}

impl AzureMlAdapter {
    /// The record of a version; `None` when it is not there, not whole, or not of our making.
    pub(super) async fn record(
        &self,
        call: Call<'_>,
        version: &VersionId,
    ) -> Result<Option<Record>> {
        let path = layout::version(call, &self.names, version)?;
        let Some(asset) = self.arm.asset(call, &path).await? else {
            return Ok(None);
        };
        match standing(&asset, version) {
            Standing::Ours(digest) => {
                let record = self.record_of(call, version, &path, &asset, digest);
                record.await.map(Some)
            }
            Standing::Foreign | Standing::UnderWay | Standing::Failed => Ok(None),
        }
    }

    /// The record of a version that is of our making. Without a good record somebody changed it.
    pub(super) async fn record_of(
        &self,
        call: Call<'_>,
        version: &VersionId,
        path: &str,
        asset: &Asset,
        digest: TreeDigest,
    ) -> Result<Record> {
        let place = self.place_of(call, path, asset).await?;
        let blob = place.blob(layout::RECORD);
        let corrupt = |reason: &str| call.corrupt(format!("`{version}`: its record {reason}"));
        let response = place.container.get(call, &blob).await?;
        let response = response.ok_or_else(|| corrupt("is missing"))?;
        let bytes = http::body(response, MAX_RECORD_BYTES).await;
        let bytes = bytes.map_err(|error| call.http(&format!("`{blob}`"), error))?;
        let record = record_file::decode(layout::FORMAT, &bytes, version);
        let record = record.map_err(|reason| corrupt(&format!("is not good: {reason}")))?;
        if record.digest != digest {
            return Err(corrupt("has another digest than its properties say"));
        }
        self.remember(version, place);
        Ok(record)
    }

    async fn place_of(&self, call: Call<'_>, path: &str, asset: &Asset) -> Result<Place> {
        let uri = asset.properties.uri();
        let uri =
            uri.ok_or_else(|| call.corrupt(format!("`{path}` does not say where its bytes are")))?;
        self.locate(call, path, uri).await
    }

    fn remember(&self, version: &VersionId, place: Place) {
        let mut located = self.located.lock().unwrap_or_else(PoisonError::into_inner);
        located.retain(|known| known.version != *version);
        located.push_front(Located {
            version: version.clone(),
            place,
            until: Instant::now() + REMEMBERED_LIFE,
        });
        located.truncate(REMEMBERED);
    }

    fn remembered(&self, version: &VersionId) -> Option<Place> {
        let located = self.located.lock().unwrap_or_else(PoisonError::into_inner);
        let known = located.iter().find(|known| known.version == *version);
        known
            .filter(|known| known.until > Instant::now())
            .map(|known| known.place.clone())
    }

    /// The bytes of one file.
    pub(super) async fn open(&self, version: &VersionId, path: &TreePath) -> Result<ByteStream> {
        let call = self.call("read");
        let absent = |what: String| call.error(AdapterErrorKind::NotFound, what);
        let place = match self.remembered(version) {
            Some(place) => place,
            None => {
                let asset_path = layout::version(call, &self.names, version)?;
                let asset = self.arm.asset(call, &asset_path).await?;
                let asset = asset
                    .filter(|asset| matches!(standing(asset, version), Standing::Ours(_)))
                    .ok_or_else(|| absent(format!("there is no `{version}`")))?;
                let place = self.place_of(call, &asset_path, &asset).await?;
                self.remember(version, place.clone());
                place
            }
        };
        let response = place
            .container
            .get(call, &place.blob(path.as_str()))
            .await?;
        let is_record = path.as_str().starts_with(layout::RECORD_FOLDER);
        match response.filter(|_| !is_record) {
            Some(response) => Ok(http::stream(response)),
            None => Err(absent(format!("`{version}` has no file `{path}`"))),
        }
    }
}
