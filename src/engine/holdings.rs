//! What a workspace holds, as its files are now: for finding bytes that should not be there.

use std::collections::BTreeMap;

use futures_util::stream::StreamExt as _;

use crate::adapter::Adapter;
use crate::adapter::sweep::Found;
use crate::engine::Engine;
use crate::engine::book::Book;
use crate::engine::error::EngineError;
use crate::engine::registrations::known_versions;
use crate::engine::world::World;
use crate::flow::closure::proves_nothing;
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::id::WorkspaceName;

/// The files of a workspace.
#[derive(Debug, Default)]
pub struct Holdings {
    /// Hash by place.
    pub files: Vec<(String, Sha256)>,
    /// The files of what the workspace takes for versions.
    pub versions: BTreeMap<VersionId, BTreeMap<TreePath, Sha256>>,
    /// What could not be read, and why.
    pub unread: BTreeMap<String, String>,
}

/// Where a file is known from: the first version that had it.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
}

/// The first version that had each file, without files that prove nothing alone.
///
/// # Errors
///
/// When evidence cannot be read.
pub fn holders(book: &Book, world: &World) -> Result<BTreeMap<Sha256, Holder>, EngineError> {
    let hashes = &world.manifest_hashes;
    let known = known_versions(
        book,
        &world.manifests,
        hashes,
        &world.people,
        (world.state(), 0),
    )?;
    let mut ordered: Vec<_> = known.iter().collect();
    ordered.sort_by_key(|((id, _), version)| (version.order, id));
    let common = &world.manifests.topology.value.spec.common_files;
    let common = common.iter().copied().collect();
    let mut holders = BTreeMap::new();
    for ((id, _), version) in ordered {
        let telling = version.files.iter();
        for file in telling.filter(|file| !proves_nothing(file, &common)) {
            holders.entry(*file).or_insert_with(|| Holder {
                version: id.clone(),
                digest: version.spec.digest,
            });
        }
    }
    Ok(holders)
}

impl Engine {
    /// Hashes every file of a workspace as it is now, also those that nobody registered where the kind of workspace shows
    /// them.
    ///
    /// # Errors
    ///
    /// When there is no such workspace, or its path means nothing here. What cannot be read is in the answer.
    pub async fn holdings(
        &self,
        world: &World,
        name: &WorkspaceName,
    ) -> Result<Holdings, EngineError> {
        let adapter = self.adapter(world, name)?;
        self.progress.begin(&format!("scanning {name}"), None);
        let holdings = swept(adapter.as_ref()).await;
        self.progress.end();
        Ok(holdings)
    }
}

async fn swept(adapter: &dyn Adapter) -> Holdings {
    let mut holdings = Holdings::default();
    let mut found = match adapter.sweep().await {
        Ok(found) => found,
        Err(error) => {
            holdings.unread.insert(".".to_owned(), error.to_string());
            return holdings;
        }
    };
    while let Some(found) = found.next().await {
        match found {
            Ok(Found {
                path,
                content: Err(why),
                ..
            }) => {
                holdings.unread.insert(path, why);
            }
            Ok(Found {
                path,
                part_of,
                content: Ok(sha256),
            }) => {
                if let Some((version, file)) = part_of {
                    holdings
                        .versions
                        .entry(version)
                        .or_default()
                        .insert(file, sha256);
                }
                holdings.files.push((path, sha256));
            }
            Err(error) => {
                holdings.unread.insert(".".to_owned(), error.to_string());
            }
        }
    }
    holdings
}
