//! Every object below the prefix as it is now, whoever put it there.

use std::collections::BTreeMap;

use ::object_store::{GetOptions, ObjectMeta};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::object_store::line::broken;
use crate::adapter::object_store::pages::Objects;
use crate::adapter::object_store::session::Session;
use crate::adapter::object_store::{ObjectStoreAdapter, layout, list, record};
use crate::adapter::sweep::Found;
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{Sha256, TreePath};

/// How many objects are read at once.
const OBJECTS_AT_ONCE: usize = 8;

/// An object and what it is part of.
type Named = (ObjectMeta, Option<(VersionId, TreePath)>);

/// Where a sweep is. Names come in order, so that what was found out about a folder is needed for a while and then not
/// again.
#[derive(Debug)]
struct Sweep<'a> {
    session: Session<'a>,
    objects: Objects,
    folder: Folder,
}

/// What is known of the folder of one artifact.
#[derive(Debug, Default)]
struct Folder {
    name: String,
    artifact: Option<ArtifactId>,
    digests: BTreeMap<VersionId, Option<Sha256>>,
}

/// All objects, hashed.
pub(super) async fn sweep(adapter: &ObjectStoreAdapter) -> Result<BoxStream<'_, Result<Found>>> {
    let session = adapter.session("sweep").await?;
    let prefix = session.layout().prefix().to_owned();
    let mut sweep = Sweep {
        session,
        objects: Objects::all(prefix),
        folder: Folder::default(),
    };
    // Asked for now, so that a bucket that cannot be listed is an error and not an empty one.
    let first = sweep.next().await?;
    let rest = stream::unfold(Some(sweep), |state| async move {
        let mut sweep = state?;
        match sweep.next().await {
            Ok(Some(named)) => Some((Ok(named), Some(sweep))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    let names = stream::iter(first.map(Ok)).chain(rest);
    let read = move |named: Result<Named>| async move {
        let (object, part_of) = named?;
        let session = adapter.session("sweep").await?;
        let content = hash(&session, &object).await;
        Ok(Found {
            path: object.location.to_string(),
            part_of,
            content,
        })
    };
    Ok(names.map(read).buffered(OBJECTS_AT_ONCE).boxed())
}

impl Sweep<'_> {
    async fn next(&mut self) -> Result<Option<Named>> {
        let Some(object) = self.objects.next(&self.session).await? else {
            return Ok(None);
        };
        let part_of = self.part_of(object.location.as_ref()).await?;
        Ok(Some((object, part_of)))
    }

    /// The version and the file that an object is taken for: it is in the folder that the version's record names.
    async fn part_of(&mut self, key: &str) -> Result<Option<(VersionId, TreePath)>> {
        let Some((folder, rest)) = self.session.layout().split(key) else {
            return Ok(None);
        };
        let Some((version, found, path)) = layout::part_of(rest) else {
            return Ok(None);
        };
        if folder != self.folder.name {
            let versions = [version.clone()];
            self.folder = Folder {
                name: folder.to_owned(),
                artifact: list::artifact_of(&self.session, folder, &versions).await?,
                digests: BTreeMap::new(),
            };
        }
        let Some(artifact) = self.folder.artifact.clone() else {
            return Ok(None);
        };
        let version = VersionId { artifact, version };
        let digest = match self.folder.digests.get(&version) {
            Some(known) => *known,
            None => {
                let digest = recorded(&self.session, &version).await?;
                self.folder.digests.insert(version.clone(), digest);
                digest
            }
        };
        Ok((digest == Some(found)).then_some((version, path)))
    }
}

/// The digest of a version; `None` when it has no record, or none that can be read.
async fn recorded(session: &Session<'_>, version: &VersionId) -> Result<Option<Sha256>> {
    match record::load(session, version).await {
        Ok(record) => Ok(record.map(|record| record.digest.sha256())),
        Err(error) if error.kind == AdapterErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
}

async fn hash(session: &Session<'_>, object: &ObjectMeta) -> std::result::Result<Sha256, String> {
    let key = object.location.as_ref();
    let found = session.get(key, GetOptions::default()).await;
    let Some(found) = found.map_err(|error| error.to_string())? else {
        // Consoles make empty objects whose names end in a slash, to show folders; the slash is lost on the way here.
        if object.size == 0 {
            return Ok(Sha256::of(b""));
        }
        return Err("it is listed and cannot be found".to_owned());
    };
    let mut pieces = found.into_stream();
    let mut hasher = Hasher::new();
    while let Some(piece) = pieces.next().await {
        hasher.update(&piece.map_err(|error| broken(&error).to_string())?);
    }
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}
