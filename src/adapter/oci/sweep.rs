//! Every blob that tags lead to, whoever put it there: hashed here, and the files in tar layers too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::Result;
use crate::adapter::oci::document::{Blob, Descriptor, Document, Parsed, digest, shown};
use crate::adapter::oci::list::artifact_of;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::{OciAdapter, media, names};
use crate::adapter::sweep::Found;
use crate::fs::tar::{Event, TarReader};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{MAX_FILES, Sha256, TreePath};

/// The most manifests that one tag leads to.
const MAX_MANIFESTS: usize = 2048;
/// The most blobs that one tag leads to: files of the largest version, and what goes with them.
const MAX_BLOBS: usize = MAX_FILES + MAX_MANIFESTS;
/// The most files of one tar layer that are told.
const MAX_ENTRIES: usize = 200_000;

/// One blob to be hashed.
#[derive(Debug, Clone)]
struct Item {
    repository: String,
    path: String,
    part_of: Option<(VersionId, TreePath)>,
    blob: std::result::Result<Blob, String>,
    is_tar: bool,
}

/// The hash of a blob, and of the files in it.
type Hashed = std::result::Result<(Sha256, Arc<Vec<(String, Sha256)>>), String>;

pub(super) async fn sweep<S: Store>(
    adapter: &OciAdapter<S>,
) -> Result<BoxStream<'_, Result<Found>>> {
    let repositories = adapter.store.repositories("sweep").await?;
    let items = stream::iter(repositories).then(|repository| items(adapter, repository));
    let items = items
        .map_ok(|items| stream::iter(items).map(Ok))
        .try_flatten();
    let loose = stream::once(loose(adapter));
    let loose = loose
        .map_ok(|items| stream::iter(items).map(Ok))
        .try_flatten();
    let all = items.chain(loose).boxed();
    // What was hashed once is not read again: versions share most of their bytes.
    let known: BTreeMap<Blob, Hashed> = BTreeMap::new();
    let found = stream::unfold((all, known), move |(mut all, mut known)| async move {
        let item = match all.next().await? {
            Ok(item) => item,
            Err(error) => return Some((vec![Err(error)], (all, known))),
        };
        let hashed = match (&item.blob, item.is_tar) {
            (Err(reason), _) => Err(reason.clone()),
            (Ok(blob), false) if known.contains_key(blob) => known
                .get(blob)
                .cloned()
                .unwrap_or_else(|| Err(String::new())),
            (Ok(blob), is_tar) => {
                let hashed = hash(&adapter.store, &item.repository, *blob, is_tar).await;
                known.insert(*blob, hashed.clone());
                hashed
            }
        };
        Some((told(&item, hashed), (all, known)))
    });
    Ok(found.flat_map(stream::iter).boxed())
}

/// What is told of one blob: itself, then the files in it.
fn told(item: &Item, hashed: Hashed) -> Vec<Result<Found>> {
    let (content, files) = match hashed {
        Ok((sha256, files)) => (Ok(sha256), files),
        Err(reason) => (Err(reason), Arc::default()),
    };
    let own = Found {
        path: item.path.clone(),
        part_of: item.part_of.clone(),
        content,
    };
    let inner = files.iter().map(|(path, sha256)| Found {
        path: format!("{}!/{path}", item.path),
        part_of: None,
        content: Ok(*sha256),
    });
    std::iter::once(own).chain(inner).map(Ok).collect()
}

/// All blobs that the tags of a repository lead to. A manifest that has other names than a version's is told once.
async fn items<S: Store>(adapter: &OciAdapter<S>, repository: String) -> Result<Vec<Item>> {
    let store = &adapter.store;
    let artifact = artifact_of(adapter, "sweep", &repository).await?;
    let mut tags = store.tags("sweep", &repository).await?;
    // Versions first, so that what the pointer holds is told under its version.
    tags.sort_by_key(|tag| names::version_of(tag).is_none());
    let mut walk = Walk {
        store,
        repository: &repository,
        seen: BTreeSet::new(),
        items: Vec::new(),
    };
    for tag in tags {
        walk.tag(artifact.as_ref(), &tag).await;
    }
    Ok(walk.items)
}

/// What is found in one repository.
struct Walk<'a, S> {
    store: &'a S,
    repository: &'a str,
    seen: BTreeSet<Sha256>,
    items: Vec<Item>,
}

impl<S: Store> Walk<'_, S> {
    fn unreadable(&mut self, path: String, reason: String) {
        self.items.push(Item {
            repository: self.repository.to_owned(),
            path,
            part_of: None,
            blob: Err(reason),
            is_tar: false,
        });
    }

    /// A manifest that cannot be read is told of, and does not hide the others.
    async fn tag(&mut self, artifact: Option<&ArtifactId>, tag: &str) {
        let place = format!("{}:{}", self.repository, shown(tag));
        let version = names::version_of(tag).zip(artifact);
        let version = version.map(|(version, artifact)| VersionId {
            artifact: artifact.clone(),
            version,
        });
        let document = match self.document(Reference::Tag(tag)).await {
            Ok(document) => document,
            Err(reason) => return self.unreadable(place, reason),
        };
        // A version is told whole, though another may have the same manifest or share parts of it.
        let is_new = self.seen.insert(document.sha256());
        if !is_new && version.is_none() {
            return;
        }
        let before = self.items.len();
        let mut listed = self.blobs(&place, version.as_ref(), &document);
        let mut count = listed.len();
        // One after the other: a list may name many large ones.
        while let Some(descriptor) = listed.pop() {
            let path = format!("{place}@{}", shown(&descriptor.digest));
            let more = match self.listed(&descriptor).await {
                Ok(document) => self.blobs(&path, version.as_ref(), &document),
                Err(reason) => {
                    self.unreadable(path, reason);
                    continue;
                }
            };
            count += more.len();
            listed.extend(more);
            if count > MAX_MANIFESTS || self.items.len() - before > MAX_BLOBS {
                let reason =
                    format!("it leads to more than {MAX_MANIFESTS} manifests or {MAX_BLOBS} blobs");
                return self.unreadable(place, reason);
            }
        }
    }

    /// Notes the blobs of a manifest, and returns the manifests of a list.
    fn blobs(
        &mut self,
        place: &str,
        version: Option<&VersionId>,
        document: &Document,
    ) -> Vec<Descriptor> {
        match Parsed::parse(&document.bytes) {
            Ok(Parsed::Index(index)) => return index.manifests,
            Ok(Parsed::Manifest(manifest)) => {
                self.blob(place, None, &manifest.config);
                for layer in &manifest.layers {
                    self.blob(place, version, layer);
                }
            }
            Err(reason) => self.unreadable(place.to_owned(), reason),
        }
        Vec::new()
    }

    async fn document(&self, reference: Reference<'_>) -> std::result::Result<Document, String> {
        let found = self
            .store
            .document("sweep", self.repository, reference)
            .await;
        let found = found.map_err(|error| error.to_string())?;
        found.ok_or_else(|| "the manifest is missing".to_owned())
    }

    async fn listed(&self, descriptor: &Descriptor) -> std::result::Result<Document, String> {
        let blob = descriptor.blob()?;
        self.document(Reference::Digest(blob.sha256)).await
    }

    fn blob(&mut self, place: &str, version: Option<&VersionId>, layer: &Descriptor) {
        let named = layer.annotations.get(media::FILE_PATH);
        let named = named.or_else(|| layer.annotations.get(media::TITLE));
        let path = match named {
            Some(path) => format!("{place}/{}", crate::redact::printable(path)),
            None => format!("{place}@{}", shown(&layer.digest)),
        };
        let is_file = media::is_raw(&layer.media_type);
        let tree_path = named.filter(|_| is_file).and_then(|path| path.parse().ok());
        self.items.push(Item {
            repository: self.repository.to_owned(),
            path,
            part_of: version.cloned().zip(tree_path),
            blob: layer.blob(),
            is_tar: media::is_tar(&layer.media_type),
        });
    }
}

/// Blobs that no tag may lead to, where the store lists them. Those that one did are known by then.
async fn loose<S: Store>(adapter: &OciAdapter<S>) -> Result<Vec<Item>> {
    let blobs = adapter.store.loose("sweep").await?.unwrap_or_default();
    let items = blobs.into_iter().map(|blob| Item {
        repository: String::new(),
        path: digest(blob.sha256),
        part_of: None,
        blob: Ok(blob),
        is_tar: false,
    });
    Ok(items.collect())
}

async fn hash<S: Store>(store: &S, repository: &str, blob: Blob, is_tar: bool) -> Hashed {
    let stream = store.blob("sweep", repository, blob).await;
    let mut stream = stream.map_err(|error| error.to_string())?;
    let mut hasher = Hasher::new();
    let mut size: u64 = 0;
    let mut files = is_tar.then(TarFiles::default);
    while let Some(piece) = stream.try_next().await.map_err(|error| error.to_string())? {
        size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if size > blob.size {
            return Err(format!(
                "it has more than the {} bytes it is listed with",
                blob.size
            ));
        }
        hasher.update(&piece);
        // A layer that is no tar file after all has its own hash, and no files.
        files = files.and_then(|files| files.push(&piece));
    }
    let files = files.map(|files| files.found).unwrap_or_default();
    Ok((
        Sha256::from_bytes(hasher.finalize().into()),
        Arc::new(files),
    ))
}

/// The files of a tar layer as they pass.
#[derive(Debug, Default)]
struct TarFiles {
    reader: TarReader,
    path: String,
    hasher: Hasher,
    found: Vec<(String, Sha256)>,
}

impl TarFiles {
    fn push(mut self, piece: &[u8]) -> Option<Self> {
        let (path, hasher, found) = (&mut self.path, &mut self.hasher, &mut self.found);
        let pushed = self.reader.push(piece, &mut |event| match event {
            Event::File { path: next, .. } => *path = crate::redact::printable(&next),
            Event::Bytes(bytes) => hasher.update(bytes),
            Event::End if found.len() < MAX_ENTRIES => {
                let sha256 = Sha256::from_bytes(hasher.finalize_reset().into());
                found.push((std::mem::take(path), sha256));
            }
            Event::End | Event::Other { .. } => hasher.reset(),
        });
        pushed.is_ok().then_some(self)
    }
}
