//! Every version there is: what its manifest says, and which workspaces have it. What searching, comparing and counting
//! look things up in.

mod held;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use held::HeldAt;
pub(crate) use held::held;

use crate::engine::book::Book;
use crate::engine::error::EngineError;
use crate::engine::record;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreePath};
use crate::ops::history::find_artifact;
use crate::ops::plan::unknown;

/// What the manifest of each version says, by version.
pub(crate) type Specs<'w> = BTreeMap<VersionId, Cow<'w, VersionSpec>>;

/// The manifests of all versions: from Git, and from the ledger's evidence where Git no longer has them.
///
/// # Errors
///
/// When evidence cannot be read.
pub(crate) fn specs<'w>(book: &Book, world: &'w World) -> Result<Specs<'w>> {
    let of_git = world.manifests.versions.iter();
    let mut specs: Specs<'w> = of_git
        .map(|(id, version)| (id.clone(), Cow::Borrowed(&version.document.value.spec)))
        .collect();
    for (id, registrations) in book.state().registrations.iter() {
        if let (false, Some((index, last))) = (specs.contains_key(id), registrations.last()) {
            let path = record::evidence_path(last.manifest, "yaml");
            let bytes = book
                .evidence(*index, last.manifest, &path)
                .map_err(EngineError::Book)?;
            let place = Place::Version(id.clone());
            let parsed = parse_manifest::<ArtifactVersion>(&place, &path_of(&place), &bytes)
                .map_err(EngineError::Invalid)?;
            specs.insert(id.clone(), Cow::Owned(parsed.value.spec));
        }
    }
    Ok(specs)
}

/// The paths and hashes of a version's files, from where its manifest is from.
///
/// # Errors
///
/// When evidence cannot be read.
pub(crate) fn files(book: &Book, world: &World, id: &VersionId) -> Result<Vec<(TreePath, Sha256)>> {
    if let Some(version) = world.manifests.versions.get(id) {
        return Ok(version.files().to_vec());
    }
    let registrations = book.state().registrations.get(id);
    match registrations.and_then(|all| all.last()) {
        Some((index, last)) => Ok(book.checksums(*index, last)?.entries().to_vec()),
        None => Ok(Vec::new()),
    }
}

/// The version that a person means: `project/kind/name@version`, `project/name@version` or `name@version`.
///
/// # Errors
///
/// When there is none, or several; says which there are.
pub(crate) fn find_version<'a>(
    text: &str,
    versions: impl Iterator<Item = &'a VersionId> + Clone,
) -> Result<VersionId> {
    let artifacts: BTreeSet<_> = versions.clone().map(|id| id.artifact.clone()).collect();
    let (artifact, number) = find_artifact(text, &artifacts)?;
    let Some(number) = number else {
        let failure = Failure::new(FailureKind::Usage, format!("`{text}` names no version"));
        let of_artifact = versions.filter(|id| id.artifact == artifact);
        return Err(match of_artifact.max() {
            Some(last) => failure.hint(format!("write one, such as `{last}`")),
            None => failure,
        });
    };
    let version = VersionId {
        artifact,
        version: number,
    };
    if versions.clone().any(|id| *id == version) {
        return Ok(version);
    }
    let names: Vec<String> = versions.map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(unknown("version", &version.to_string(), &names))
}
