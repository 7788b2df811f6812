//! What a workspace holds, as its files are now: for finding bytes that should not be there.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::engine::book::Book;
use crate::engine::error::EngineError;
use crate::engine::registrations::known_versions;
use crate::engine::world::World;
use crate::fs::sweep::sweep;
use crate::manifest::workspace::AdapterSpec;
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::WorkspaceName;

/// The files of a workspace.
#[derive(Debug, Default)]
pub struct Holdings {
    /// Hash by place.
    pub files: Vec<(String, Sha256)>,
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
    let known = known_versions(book, &world.manifests, hashes, &world.people, world.state())?;
    let mut ordered: Vec<_> = known.iter().collect();
    ordered.sort_by_key(|((id, _), version)| (version.order, id));
    let common = &world.manifests.topology.value.spec.common_files;
    let mut holders = BTreeMap::new();
    for ((id, _), version) in ordered {
        for file in version.files.iter().filter(|file| !common.contains(file)) {
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
        let workspace = world.manifests.workspaces.get(name);
        let spec = workspace
            .ok_or_else(|| EngineError::Internal(format!("there is no workspace `{name}`")))?;
        self.progress.begin(&format!("scanning {name}"), None);
        let holdings = match &spec.value.spec.adapter {
            AdapterSpec::Directory(directory) => {
                let path = self.local_path(&format!("workspace `{name}`"), &directory.path)?;
                let swept = tokio::task::spawn_blocking(move || of_directory(&path)).await;
                swept.map_err(|error| EngineError::Internal(error.to_string()))?
            }
        };
        self.progress.end();
        Ok(holdings)
    }
}

fn of_directory(path: &std::path::Path) -> Holdings {
    let mut holdings = Holdings::default();
    let swept = sweep(path, &mut |swept| match swept.content {
        Ok(sha256) => holdings.files.push((swept.path, sha256)),
        Err(error) => {
            holdings.unread.insert(swept.path, error.to_string());
        }
    });
    if let Err(error) = swept {
        holdings.unread.insert(".".to_owned(), error.to_string());
    }
    holdings
}
