//! `promote trust`: signing governed files, seeing what is in force, adding people.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::attest::ssh::allowed_signers::{self, AllowedSigner};
use crate::attest::ssh::key::SshPublicKey;
use crate::attest::ssh::sign;
use crate::context::Context;
use crate::engine::error::EngineError;
use crate::engine::people::People;
use crate::engine::trust::{ROOT_ROLE, TrustProblem, changed_paths, members, role_of};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::layout::{
    ALLOWED_SIGNERS_PATH, Place, TRUST_INDEX_PATH, TRUST_ROOT_PATH, is_governed,
    path_of_principal_signature,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_index::{TrustIndex, TrustIndexSpec};
use crate::manifest::trust_root::{PrincipalSpec, TrustRoot, TrustRootSpec};
use crate::manifest::{API_VERSION, MAX_MANIFEST_BYTES, Manifest, Metadata};
use crate::model::approval::{
    APPROVAL_NAMESPACE, MANIFEST_NAMESPACE, RELEASE_NAMESPACE, TRUST_NAMESPACE,
};
use crate::model::digest::{Sha256, TreePath};
use crate::model::id::{GroupName, PrincipalName};
use crate::ops::commit::{Committed, NewFiles, commit};
use crate::ops::person::Person;

/// The most files that a work tree may have below its governed folders.
const MAX_GOVERNED_FILES: usize = 100_000;
/// The folders that governed files are in.
const GOVERNED_FOLDERS: [&str; 4] = ["workspaces", "datasets", "policies", "freezes"];

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
/// too when the person may and has not.
///
/// # Errors
///
/// When there is no work tree, the files are not valid, or the person's key is nobody's.
pub fn sign(context: &Context) -> Result<SignReport> {
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
    let index = renew_index(&tree, &root, &people, Sha256::of(&root_bytes))?;
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
    people: &People,
    root_sha256: Sha256,
) -> Result<Index> {
    let files = governed_files(tree)?;
    let old = read_index(tree)?;
    let before = old.as_ref().map(|(index, _)| index.spec.files.clone());
    let changed = changed_paths(&before.unwrap_or_default(), &files);
    let is_current = |index: &TrustIndex| changed.is_empty() && index.spec.root == root_sha256;
    let version = match old {
        Some((index, bytes)) if is_current(&index) => {
            return Ok(Index {
                bytes,
                written: Vec::new(),
                changed,
            });
        }
        Some((index, _)) => index.spec.version + 1,
        None => 1,
    };
    let bytes = render_index(root, version, root_sha256, files)?;
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

/// What is in force, and what stands in the way of the rest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustReport {
    /// The version of the trust root in force; nothing before the first `apply`.
    pub root_version: Option<u64>,
    /// The version of the trust index in force.
    pub index_version: Option<u64>,
    /// The commit that governed files are read from.
    pub commit: Option<String>,
    /// When the trust root expires.
    pub expires: Option<Timestamp>,
    /// The governed files of the head that differ from those in force.
    pub changed: Vec<ChangedFile>,
    /// Why the head's governed files are not in force.
    pub problems: Vec<String>,
}

/// A governed file that differs from what is in force.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedFile {
    /// The file.
    pub path: String,
    /// The role whose signatures it needs.
    pub role: Option<String>,
}

/// Says what is in force.
///
/// # Errors
///
/// When the repository or the ledger cannot be read.
pub fn status(context: &Context) -> Result<TrustReport> {
    let mut engine = context.observer()?;
    let world = match engine.observe() {
        Ok(world) => world,
        Err(EngineError::NothingAdopted(problems)) => {
            let problems = problems.iter().map(TrustProblem::to_string).collect();
            return Ok(TrustReport {
                root_version: None,
                index_version: None,
                commit: None,
                expires: None,
                changed: Vec::new(),
                problems,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let adoption = world.state().adoption();
    let pinned = adoption
        .map(|adoption| adoption.files.clone())
        .unwrap_or_default();
    let head = engine.governed_files(&world.head)?;
    let changed = changed_paths(&pinned, &head)
        .into_iter()
        .map(|path| ChangedFile {
            role: role_of(&world.root, path.as_str()).map(|(name, _)| name.to_string()),
            path: path.to_string(),
        });
    Ok(TrustReport {
        root_version: adoption.map(|adoption| adoption.root_version),
        index_version: adoption.map(|adoption| adoption.index_version),
        commit: adoption.map(|adoption| adoption.commit.clone()),
        expires: Some(world.root.expires),
        changed: changed.collect(),
        problems: world
            .not_adopted
            .iter()
            .map(TrustProblem::to_string)
            .collect(),
    })
}

/// A principal to add, or a key to add to one.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The principal.
    pub principal: PrincipalName,
    /// The name as it is printed; needed for a new principal.
    pub printed_name: Option<String>,
    /// The file with the SSH public key.
    pub key: PathBuf,
    /// The groups to join.
    pub groups: Vec<GroupName>,
    /// Groups to leave, such as those that `init` put the first person in.
    pub leave: Vec<GroupName>,
    /// Addresses in Git commits.
    pub emails: Vec<String>,
}

/// Adds a key, a principal, or memberships to `trust/root.yaml` in the work tree. It counts once it is signed.
///
/// # Errors
///
/// When there is no such group, the key is somebody else's, or the file cannot be written.
pub fn add_key(context: &Context, new: &NewKey) -> Result<Vec<String>> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    let key = sign::read_public_key(&new.key).or_fail(FailureKind::Invalid)?;
    if let Some(owner) = People::of(&root.spec)
        .owner(&key.fingerprint())
        .filter(|owner| **owner != new.principal)
    {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("the key is `{owner}`'s already; a key belongs to one person"),
        ));
    }
    add_principal(&mut root.spec, new, &key);
    for group in new.groups.iter().chain(&new.leave) {
        if !root.spec.groups.contains_key(group) {
            let names: Vec<&str> = root.spec.groups.keys().map(GroupName::as_str).collect();
            return Err(crate::ops::plan::unknown("group", group.as_str(), &names));
        }
    }
    for (name, group) in &mut root.spec.groups {
        if new.leave.contains(name) {
            group.remove(&new.principal);
        }
        if new.groups.contains(name) {
            group.insert(new.principal.clone());
        }
    }
    root.spec.version += 1;
    let text = serde_yaml::to_string(&root).or_fail(FailureKind::Internal)?;
    write(&tree, TRUST_ROOT_PATH, text.as_bytes())?;
    let people = People::of(&root.spec);
    let mut written = vec![TRUST_ROOT_PATH.to_owned()];
    written.extend(remove_stale_signatures(
        &tree,
        &root.spec,
        &people,
        TRUST_ROOT_PATH,
        text.as_bytes(),
    )?);
    Ok(written)
}

fn add_principal(root: &mut TrustRootSpec, new: &NewKey, key: &SshPublicKey) {
    let printed = new
        .printed_name
        .clone()
        .unwrap_or_else(|| new.principal.to_string());
    let spec = root
        .principals
        .entry(new.principal.clone())
        .or_insert_with(|| PrincipalSpec {
            name: printed,
            keys: Vec::new(),
            emails: Vec::new(),
        });
    let text = key.to_string();
    if !spec.keys.contains(&text) {
        spec.keys.push(text);
    }
    if let Some(printed) = &new.printed_name {
        spec.name.clone_from(printed);
    }
    for email in &new.emails {
        if !spec.emails.contains(email) {
            spec.emails.push(email.clone());
        }
    }
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

fn work_tree(context: &Context) -> Result<PathBuf> {
    context.repository()?.work_tree().ok_or_else(|| {
        let failure = Failure::new(
            FailureKind::Usage,
            "this needs a work tree, and the repository has none",
        );
        failure.hint("run it in a clone")
    })
}

fn read_root(tree: &Path) -> Result<(TrustRoot, Vec<u8>)> {
    let bytes = read(tree, TRUST_ROOT_PATH)?.ok_or_else(|| missing(TRUST_ROOT_PATH))?;
    let document = parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes)
        .map_err(Failure::diagnostics)?;
    Ok((document.value, bytes))
}

fn read_index(tree: &Path) -> Result<Option<(TrustIndex, Vec<u8>)>> {
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

fn render_index(
    root: &TrustRoot,
    version: u64,
    sha256: Sha256,
    files: BTreeMap<TreePath, Sha256>,
) -> Result<Vec<u8>> {
    let index = Manifest {
        api_version: API_VERSION.to_owned(),
        kind: "TrustIndex".to_owned(),
        metadata: Metadata {
            name: root.metadata.name.clone(),
            description: None,
        },
        spec: TrustIndexSpec {
            version,
            root: sha256,
            files,
        },
    };
    Ok(serde_yaml::to_string(&index)
        .or_fail(FailureKind::Internal)?
        .into_bytes())
}

/// The governed files of the work tree, as they would be committed.
fn governed_files(tree: &Path) -> Result<BTreeMap<TreePath, Sha256>> {
    let mut paths = vec!["promote.yaml".to_owned(), ALLOWED_SIGNERS_PATH.to_owned()];
    for folder in GOVERNED_FOLDERS {
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
    let has_signed = read(tree, &file)?
        .is_some_and(|armored| people.verify(TRUST_NAMESPACE, bytes, &armored).is_ok());
    if has_signed {
        return Ok(None);
    }
    write(
        tree,
        &file,
        person.sign(context, TRUST_NAMESPACE, bytes)?.as_bytes(),
    )?;
    Ok(Some(file))
}

/// Removes signatures that no longer fit, so that nobody takes them for signatures of the new bytes.
fn remove_stale_signatures(
    tree: &Path,
    root: &TrustRootSpec,
    people: &People,
    path: &str,
    bytes: &[u8],
) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for principal in root.principals.keys() {
        let file = path_of_principal_signature(path, principal);
        let is_stale = read(tree, &file)?
            .is_some_and(|armored| people.verify(TRUST_NAMESPACE, bytes, &armored).is_err());
        if is_stale {
            durable::remove_file(&tree.join(&file))
                .map_err(|error| cannot_use(&tree.join(&file), &error))?;
            removed.push(file);
        }
    }
    Ok(removed)
}

fn read(tree: &Path, path: &str) -> Result<Option<Vec<u8>>> {
    match durable::read_bounded(&tree.join(path), MAX_MANIFEST_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_use(&tree.join(path), &error)),
    }
}

fn write(tree: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    durable::write_atomic(&tree.join(path), bytes)
        .map_err(|error| cannot_use(&tree.join(path), &error))
}

fn cannot_use(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(FailureKind::Unavailable, error)
        .during(format!("`{}` cannot be used", path.display()))
}
