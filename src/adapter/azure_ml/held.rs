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

/// A version that is there, with what makes it show.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) path: String,
    pub(super) asset: Asset,
}

impl Held {
    /// Whether its bytes are elsewhere.
    pub(super) fn is_more_than_bytes(&self) -> bool {
        let (collection, _) = layout::split(&self.path);
        layout::home(collection) != collection
    }
}

/// Whether an asset has the bytes of a version that shows elsewhere.
pub(super) fn is_part(asset: &Asset) -> bool {
    asset.properties.property(layout::PART_OF).is_some()
}

impl AzureMlAdapter {
    /// What is there under the name of a version.
    pub(super) async fn held(&self, call: Call<'_>, version: &VersionId) -> Result<Option<Held>> {
        for collection in layout::collections(version.artifact.kind) {
            let path = layout::version(call, &self.names, collection, version)?;
            let asset = self.arm.asset(call, &path).await?;
            if let Some(asset) = asset.filter(|asset| !is_part(asset)) {
                return Ok(Some(Held { path, asset }));
            }
        }
        Ok(None)
    }

    /// The record of a version; `None` when it is not there, not whole, or not of our making.
    pub(super) async fn record(
        &self,
        call: Call<'_>,
        version: &VersionId,
    ) -> Result<Option<Record>> {
        let Some(Held { path, asset }) = self.held(call, version).await? else {
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
        let place = self.bytes_of(call, version, path, asset).await?;
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
        let (collection, _) = layout::split(path);
        if layout::home(collection) != collection {
            self.check_face(call, &record, path, asset, &place).await?;
        }
        self.remember(version, place);
        Ok(record)
    }

    /// Where the bytes of a version are, which another asset may have.
    async fn bytes_of(
        &self,
        call: Call<'_>,
        version: &VersionId,
        path: &str,
        asset: &Asset,
    ) -> Result<Place> {
        let (collection, rest) = layout::split(path);
        let home = layout::home(collection);
        if home == collection {
            return self.place_of(call, path, asset).await;
        }
        let home = format!("{home}/{rest}");
        let holder = self.arm.asset(call, &home).await?;
        let is_it = |holder: &Asset| standing(holder, version) == standing(asset, version);
        match holder.filter(is_it) {
            Some(holder) => self.place_of(call, &home, &holder).await,
            None => Err(call.corrupt(format!(
                "`{path}` is there, and `{home}`, which has its bytes, is not what it was"
            ))),
        }
    }

    /// The folder of what an asset has. Code may be a folder in it.
    pub(super) async fn place_of(
        &self,
        call: Call<'_>,
        path: &str,
        asset: &Asset,
    ) -> Result<Place> {
        let uri = asset.properties.uri();
        let uri =
            uri.ok_or_else(|| call.corrupt(format!("`{path}` does not say where its bytes are")))?;
        let mut place = self.locate(call, path, uri).await?;
        if let Some(code) = asset.properties.property(layout::CODE) {
            let whole = place.path.strip_suffix(&format!("/{code}"));
            let whole = whole.ok_or_else(|| {
                call.corrupt(format!(
                    "`{path}` is not at the folder `{code}` of its version"
                ))
            })?;
            place.path = whole.to_owned();
        }
        Ok(place)
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
                let held = self.held(call, version).await?;
                let held = held
                    .filter(|held| matches!(standing(&held.asset, version), Standing::Ours(_)))
                    .ok_or_else(|| absent(format!("there is no `{version}`")))?;
                let place = self
                    .bytes_of(call, version, &held.path, &held.asset)
                    .await?;
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
