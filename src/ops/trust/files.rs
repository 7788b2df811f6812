//! The trust files and governed files of a work tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::engine::people::People;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::manifest::layout::{
    ALLOWED_SIGNERS_PATH, GOVERNED_PATHS, Place, TOPOLOGY_PATH, TRUST_INDEX_PATH, TRUST_ROOT_PATH,
    is_governed, path_of_principal_signature,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_index::TrustIndex;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::model::approval::TRUST_NAMESPACE;
use crate::model::digest::{Sha256, TreePath};

/// The most files that a work tree may have below its governed folders.
pub(super) const MAX_GOVERNED_FILES: usize = 100_000;

pub(super) fn work_tree(context: &Context) -> Result<PathBuf> {
    context.repository()?.work_tree().ok_or_else(|| {
        let failure = Failure::new(
            FailureKind::Usage,
            "this needs a work tree, and the repository has none",
        );
        failure.hint("run it in a clone")
    })
}

pub(super) fn read_root(tree: &Path) -> Result<(TrustRoot, Vec<u8>)> {
    let bytes = read(tree, TRUST_ROOT_PATH)?.ok_or_else(|| missing(TRUST_ROOT_PATH))?;
    let document = parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes)
        .map_err(Failure::diagnostics)?;
    Ok((document.value, bytes))
}

pub(super) fn read_index(tree: &Path) -> Result<Option<(TrustIndex, Vec<u8>)>> {
    let Some(bytes) = read(tree, TRUST_INDEX_PATH)? else {
        return Ok(None);
    };
    let document = parse_manifest::<TrustIndex>(&Place::TrustIndex, TRUST_INDEX_PATH, &bytes)
        .map_err(Failure::diagnostics)?;
    Ok(Some((document.value, bytes)))
}

fn missing(path: &str) -> Failure {
    Failure::new(FailureKind::Invalid, format!("there is no `{path}`"))
        .hint("`promote init DIR` writes a repository that has one")
}

/// The governed files of the work tree, as they would be committed.
pub(super) fn governed_files(tree: &Path) -> Result<BTreeMap<TreePath, Sha256>> {
    let mut paths = vec![TOPOLOGY_PATH.to_owned(), ALLOWED_SIGNERS_PATH.to_owned()];
    let is_folder = |path: &&str| *path != TOPOLOGY_PATH && *path != "trust";
    for folder in GOVERNED_PATHS.into_iter().filter(is_folder) {
        let directory = tree.join(folder);
        if durable::exists(&directory) {
            let names = durable::read_dir_names(&directory, MAX_GOVERNED_FILES)
                .map_err(|error| cannot_use(&directory, &error))?;
            paths.extend(names.into_iter().map(|name| format!("{folder}/{name}")));
        }
    }
    let mut files = BTreeMap::new();
    for path in paths.into_iter().filter(|path| is_governed(path)) {
        if let Some(bytes) = read(tree, &path)? {
            files.insert(
                path.parse().or_fail(FailureKind::Invalid)?,
                Sha256::of(&bytes),
            );
        }
    }
    Ok(files)
}

/// Writes a changed trust root as its next version, and removes the signatures of the one before. Returns the paths of
/// what was written or removed.
pub(super) fn write_root(tree: &Path, root: &mut TrustRoot) -> Result<Vec<String>> {
    root.spec.version = root.spec.version.checked_add(1).ok_or_else(|| {
        Failure::new(
            FailureKind::Invalid,
            "`trust/root.yaml` has the greatest version that there can be",
        )
    })?;
    let text = serde_yaml::to_string(&*root).or_fail(FailureKind::Internal)?;
    write(tree, TRUST_ROOT_PATH, text.as_bytes())?;
    let people = People::of(&root.spec);
    let bytes = text.as_bytes();
    let removed = remove_stale_signatures(tree, &root.spec, &people, TRUST_ROOT_PATH, bytes)?;
    let written = std::iter::once(TRUST_ROOT_PATH.to_owned());
    Ok(written.chain(removed).collect())
}

/// Removes signatures that no longer fit, so that nobody takes them for signatures of the new bytes.
pub(super) fn remove_stale_signatures(
    tree: &Path,
    root: &TrustRootSpec,
    people: &People,
    path: &str,
    bytes: &[u8],
) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for principal in root.principals.keys() {
        let file = path_of_principal_signature(path, principal);
        // No ledger is so long that it could be before a revocation: what is signed now comes after.
        let is_stale = read(tree, &file)?.is_some_and(|armored| {
            people
                .verify(TRUST_NAMESPACE, bytes, &armored, u64::MAX)
                .is_err()
        });
        if is_stale {
            durable::remove_file(&tree.join(&file))
                .map_err(|error| cannot_use(&tree.join(&file), &error))?;
            removed.push(file);
        }
    }
    Ok(removed)
}

pub(super) fn read(tree: &Path, path: &str) -> Result<Option<Vec<u8>>> {
    match durable::read_bounded(&tree.join(path), MAX_MANIFEST_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_use(&tree.join(path), &error)),
    }
}

pub(super) fn write(tree: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    durable::write_atomic(&tree.join(path), bytes)
        .map_err(|error| cannot_use(&tree.join(path), &error))
}

pub(super) fn cannot_use(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(FailureKind::Unavailable, error)
        .during(format!("`{}` cannot be used", path.display()))
}
