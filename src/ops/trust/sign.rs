//! `promote trust sign`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::attest::ssh::allowed_signers::{self, AllowedSigner};
use crate::context::Context;
use crate::engine::people::People;
use crate::engine::trust::{ROOT_ROLE, changed_paths, members};
use crate::error::{FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::layout::{
    ALLOWED_SIGNERS_PATH, TRUST_INDEX_PATH, TRUST_ROOT_PATH, is_governed,
    path_of_principal_signature,
};
use crate::manifest::trust_index::{TrustIndex, TrustIndexSpec};
use crate::manifest::trust_root::{PrincipalSpec, TrustRoot, TrustRootSpec};
use crate::manifest::{API_VERSION, Manifest, Metadata};
use crate::model::approval::{
    APPROVAL_NAMESPACE, MANIFEST_NAMESPACE, RELEASE_NAMESPACE, TRUST_NAMESPACE,
};
use crate::model::digest::{Sha256, TreePath};
use crate::model::id::PrincipalName;
use crate::model::period::Period;
use crate::ops::commit::{Committed, NewFiles, commit};
use crate::ops::person::Person;
use crate::ops::trust::files::{
    MAX_GOVERNED_FILES, cannot_use, governed_files, read, read_index, read_root,
    remove_stale_signatures, work_tree, write,
};

/// What was signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignReport {
    /// Who signed.
    pub principal: PrincipalName,
    /// The files that were written; commit them.
    pub written: Vec<String>,
    /// The governed files that differ from what the index pinned before.
    pub changed: Vec<String>,
    /// The SHA-256 of the trust root.
    pub root: Sha256,
}

/// Pins the governed files of the work tree in the trust index, and signs it with the person's key; signs the trust root
/// too when the person may and has not. `valid_for` says how long the index counts; without it one that ended or ends is
/// renewed only as it is.
///
/// # Errors
///
/// When there is no work tree, the files are not valid, or the person's key is nobody's.
pub fn sign(context: &Context, valid_for: Option<Period>) -> Result<SignReport> {
    let tree = work_tree(context)?;
    let (root, root_bytes) = read_root(&tree)?;
    let people = People::of(&root.spec);
    let person = Person::of(context, &people)?;
    let sign =
        |path: &str, bytes: &[u8]| add_signature(context, &tree, &people, &person, path, bytes);
    let mut written = Vec::new();
    let signers = allowed_signers(&root.spec);
    if read(&tree, ALLOWED_SIGNERS_PATH)?.as_deref() != Some(signers.as_bytes()) {
        write(&tree, ALLOWED_SIGNERS_PATH, signers.as_bytes())?;
        written.push(ALLOWED_SIGNERS_PATH.to_owned());
    }
    let may_sign_root = root.spec.roles.iter().any(|(name, role)| {
        name.as_str() == ROOT_ROLE && members(&root.spec, role).contains(&person.principal)
    });
    if may_sign_root {
        written.extend(sign(TRUST_ROOT_PATH, &root_bytes)?);
    }
    let expires = valid_for.map(|period| context.clock.now().saturating_add(period.duration()));
    let expires = expires.transpose().or_fail(FailureKind::Usage)?;
    let index = renew_index(&tree, &root, Sha256::of(&root_bytes), expires)?;
    written.extend(index.written);
    written.extend(sign(TRUST_INDEX_PATH, &index.bytes)?);
    Ok(SignReport {
        principal: person.principal,
        written,
        changed: index.changed.iter().map(ToString::to_string).collect(),
        root: Sha256::of(&root_bytes),
    })
}

/// The trust index as it has to be now.
struct Index {
    bytes: Vec<u8>,
    written: Vec<String>,
    changed: BTreeSet<TreePath>,
}

/// Pins the governed files of the work tree in a new version of the index, unless the one that is there pins them already.
fn renew_index(
    tree: &Path,
    root: &TrustRoot,
    root_sha256: Sha256,
    expires: Option<Timestamp>,
) -> Result<Index> {
    let files = governed_files(tree)?;
    let old = read_index(tree)?;
    let before = old.as_ref().map(|(index, _)| index.spec.files.clone());
    let changed = changed_paths(&before.unwrap_or_default(), &files);
    let is_current = |index: &TrustIndex| {
        changed.is_empty() && index.spec.root == root_sha256 && expires.is_none()
    };
    let expires = expires.or(old.as_ref().and_then(|(index, _)| index.spec.expires));
    // Whole seconds, so that people can read it.
    let expires = expires.and_then(|at| Timestamp::from_second(at.as_second()).ok());
    let version = match old {
        Some((index, bytes)) if is_current(&index) => {
            return Ok(Index {
                bytes,
                written: Vec::new(),
                changed,
            });
        }
        Some((index, _)) => index.spec.version.saturating_add(1),
        None => 1,
    };
    let spec = TrustIndexSpec {
        version,
        expires,
        root: root_sha256,
        files,
    };
    let bytes = render_index(root, spec)?;
    let people = &People::of(&root.spec);
    write(tree, TRUST_INDEX_PATH, &bytes)?;
    let mut written = vec![TRUST_INDEX_PATH.to_owned()];
    written.extend(remove_stale_signatures(
        tree,
        &root.spec,
        people,
        TRUST_INDEX_PATH,
        &bytes,
    )?);
    Ok(Index {
        bytes,
        written,
        changed,
    })
}

/// Commits the governed and trust files of the work tree as they are.
///
/// # Errors
///
/// When there is no work tree, or the commit cannot be pushed.
pub fn commit_signed(context: &Context) -> Result<Committed> {
    let tree = work_tree(context)?;
    let (root, _) = read_root(&tree)?;
    let person = Person::of(context, &People::of(&root.spec))?;
    let engine = context.observer()?;
    let repository = engine.repository();
    let branch = context.settings.branch.as_str();
    let head = repository.fetch(&[branch])?.get(branch).copied().flatten();
    let mut files: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    if let Some(head) = head {
        let listed = repository.snapshot(head)?.list("")?;
        files.extend(
            listed
                .into_iter()
                .filter(|entry| is_signed_for(&entry.path))
                .map(|entry| (entry.path, None)),
        );
    }
    let names = durable::read_dir_names(&tree.join("trust"), MAX_GOVERNED_FILES);
    let names = names.map_err(|error| cannot_use(&tree.join("trust"), &error))?;
    let trust = names.into_iter().map(|name| format!("trust/{name}"));
    for path in governed_files(&tree)?
        .into_keys()
        .map(|path| path.to_string())
        .chain(trust)
    {
        let bytes = read(&tree, &path)?;
        files.insert(path, bytes);
    }
    let message = "trust: governed files, signed".to_owned();
    let committed = commit(
        context,
        &engine,
        Some(&person),
        &NewFiles {
            files,
            message,
            branch: None,
        },
    )?;
    // What was committed is what the work tree has, so nothing of it is changed or left behind.
    repository.reset_index(committed.commit.parse().or_fail(FailureKind::Internal)?)?;
    Ok(Committed {
        left_alone: Vec::new(),
        ..committed
    })
}

fn is_signed_for(path: &str) -> bool {
    is_governed(path) || path.starts_with("trust/")
}

/// The file that `ssh-keygen -Y verify` takes, from the trust root.
#[must_use]
pub fn allowed_signers(root: &TrustRootSpec) -> String {
    let namespaces = BTreeSet::from([
        APPROVAL_NAMESPACE,
        MANIFEST_NAMESPACE,
        RELEASE_NAMESPACE,
        TRUST_NAMESPACE,
        "git",
    ]);
    let signer = |spec: &PrincipalSpec| AllowedSigner {
        keys: spec
            .keys
            .iter()
            .filter_map(|key| key.parse().ok())
            .collect(),
        namespaces: namespaces.clone(),
    };
    let signers: BTreeMap<PrincipalName, AllowedSigner> = root
        .principals
        .iter()
        .map(|(name, spec)| (name.clone(), signer(spec)))
        .collect();
    allowed_signers::render(&signers)
}

fn render_index(root: &TrustRoot, spec: TrustIndexSpec) -> Result<Vec<u8>> {
    let index = Manifest {
        api_version: API_VERSION.to_owned(),
        kind: "TrustIndex".to_owned(),
        metadata: Metadata {
            name: root.metadata.name.clone(),
            description: None,
        },
        spec,
    };
    Ok(serde_yaml::to_string(&index)
        .or_fail(FailureKind::Internal)?
        .into_bytes())
}

/// Signs a file unless the person already has; the path of the signature when it was written.
fn add_signature(
    context: &Context,
    tree: &Path,
    people: &People,
    person: &Person,
    path: &str,
    bytes: &[u8],
) -> Result<Option<String>> {
    let file = path_of_principal_signature(path, &person.principal);
    // With this very key: another one of the person's may be new, and not count yet.
    let is_ours = |armored: Vec<u8>| {
        let signer = people.verify(TRUST_NAMESPACE, bytes, &armored, u64::MAX);
        signer.is_ok_and(|signer| signer.key == person.fingerprint)
    };
    if read(tree, &file)?.is_some_and(is_ours) {
        return Ok(None);
    }
    write(
        tree,
        &file,
        person.sign(context, TRUST_NAMESPACE, bytes)?.as_bytes(),
    )?;
    Ok(Some(file))
}
