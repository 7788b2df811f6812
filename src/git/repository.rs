//! One promotion repository, as the engine sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::{ErrorCode, Oid, RepositoryInitOptions};

use crate::git::address::Address;
use crate::git::error::GitError;
use crate::git::program::GitProgram;
use crate::model::digest::Sha256;

/// Where the branches that count are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// In the repository itself.
    None,
    /// In the repository itself, as they were when they were last fetched, by whomever; nobody is asked. For reading.
    Offline,
    /// At a remote that the repository has a name for; the repository lends its objects.
    Named(String),
    /// At an address.
    Url(Address),
}

/// One promotion repository: an object database on this machine, and where its branches are. Cheap to clone; clones
/// share one handle.
#[derive(Clone)]
pub struct Repository {
    shared: Arc<Shared>,
}

/// What clones of a [`Repository`] share.
struct Shared {
    objects: Mutex<git2::Repository>,
    git_directory: PathBuf,
    folder: PathBuf,
    name: String,
    remote: Remote,
    program: GitProgram,
}

impl Repository {
    /// Opens a repository on this machine: a work tree, its `.git`, or a bare repository. Folders above are not
    /// looked at.
    ///
    /// # Errors
    ///
    /// When there is no repository, when it belongs to another user, or when it has no such remote.
    pub fn open(path: &Path, remote: Remote, program: GitProgram) -> Result<Self, GitError> {
        let objects = git2::Repository::open(path).map_err(|error| GitError::open(path, &error))?;
        let name = path.display().to_string();
        if let Remote::Named(remote) = &remote {
            check_remote(&objects, &name, remote)?;
        }
        Ok(Self::new(objects, name, remote, program))
    }

    /// Opens the mirror of a repository that is elsewhere, making it below `state` when it is not there yet. The
    /// mirror is bare, keeps no address or credentials, and may be shared by processes.
    ///
    /// # Errors
    ///
    /// When the mirror cannot be made or opened. The address is not contacted.
    pub fn mirror(address: &Address, state: &Path, program: GitProgram) -> Result<Self, GitError> {
        let key: String = Sha256::of(address.expose().as_bytes())
            .to_string()
            .chars()
            .take(32)
            .collect();
        let path = state.join(format!("{key}.git"));
        let mut options = RepositoryInitOptions::new();
        // A template could bring hooks and settings.
        options.bare(true).mkpath(true).external_template(false);
        let objects = git2::Repository::init_opts(&path, &options)
            .map_err(|error| GitError::open(&path, &error))?;
        let name = address.to_string();
        Ok(Self::new(
            objects,
            name,
            Remote::Url(address.clone()),
            program,
        ))
    }

    /// The same repository with what is here already: no remote is contacted.
    ///
    /// # Errors
    ///
    /// When it can no longer be opened.
    pub fn offline(&self) -> Result<Self, GitError> {
        let path = self.git_directory();
        let objects = git2::Repository::open(path).map_err(|error| GitError::open(path, &error))?;
        let program = self.program().clone();
        Ok(Self::new(
            objects,
            self.shared.name.clone(),
            Remote::Offline,
            program,
        ))
    }

    /// What the repository is called in messages: its path, or its address without credentials.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Where the branches that count are.
    #[must_use]
    pub fn remote(&self) -> &Remote {
        &self.shared.remote
    }

    /// The folder of the work tree, when there is one.
    #[must_use]
    pub fn work_tree(&self) -> Option<PathBuf> {
        self.objects().workdir().map(Path::to_owned)
    }

    /// The branch that is checked out here, also when it has no commit yet; `None` when `HEAD` names a commit.
    ///
    /// # Errors
    ///
    /// When `HEAD` cannot be read.
    pub fn checked_out(&self) -> Result<Option<String>, GitError> {
        checked_out(&self.objects(), self.name())
    }

    /// Where branches are now: one question to the remote, nothing is fetched. `None` for one that is not there.
    ///
    /// # Errors
    ///
    /// When a name is refused, or when the remote cannot be asked.
    pub fn remote_heads(
        &self,
        branches: &[&str],
    ) -> Result<BTreeMap<String, Option<Oid>>, GitError> {
        let own = references("refs/heads/", branches)?;
        match self.shared.remote {
            Remote::None => self.local_heads(&own),
            Remote::Offline => self.newest_heads(branches),
            Remote::Named(_) | Remote::Url(_) => self.list_remote(&own),
        }
    }

    /// The newest that is here of each branch: its own, or what was fetched of it.
    fn newest_heads(&self, branches: &[&str]) -> Result<BTreeMap<String, Option<Oid>>, GitError> {
        let mut newest: BTreeMap<String, Option<Oid>> = BTreeMap::new();
        for prefix in ["refs/heads/", TRACKING, "refs/remotes/origin/"] {
            for (branch, head) in self.local_heads(&references(prefix, branches)?)? {
                let known = newest.entry(branch).or_default();
                let is_newer = match (*known, head) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(known), Some(head)) => self.is_ancestor(known, head)?,
                };
                if is_newer {
                    *known = head;
                }
            }
        }
        Ok(newest)
    }

    /// Brings branches here and says where they are. Asks first, and fetches only what differs from what is here.
    ///
    /// # Errors
    ///
    /// When a name is refused, or when the remote cannot be asked or fetched from.
    pub fn fetch(&self, branches: &[&str]) -> Result<BTreeMap<String, Option<Oid>>, GitError> {
        let heads = self.remote_heads(branches)?;
        if matches!(self.shared.remote, Remote::None | Remote::Offline) {
            return Ok(heads);
        }
        let here = self.local_heads(&references(TRACKING, branches)?)?;
        let is_shallow = self.objects().is_shallow();
        let differs = |branch: &&str| is_shallow || here.get(*branch) != heads.get(*branch);
        let wanted: Vec<&str> = heads
            .iter()
            .filter(|(_, head)| head.is_some())
            .map(|(branch, _)| branch.as_str())
            .filter(differs)
            .collect();
        if wanted.is_empty() {
            return Ok(heads);
        }
        self.fetch_remote(&wanted, is_shallow)?;
        if is_shallow {
            self.reopen()?;
        }
        self.arrived(heads.clone(), &wanted)
    }

    /// Whether `older` is `newer` or part of its history. A commit that is not here is part of no history.
    ///
    /// # Errors
    ///
    /// When the history cannot be read, or is cut off before an answer.
    pub fn is_ancestor(&self, older: Oid, newer: Oid) -> Result<bool, GitError> {
        let objects = self.objects();
        objects
            .find_commit(newer)
            .map_err(GitError::objects(self.name(), "finding a commit"))?;
        if older == newer {
            return Ok(true);
        }
        if objects.find_commit(older).is_err() {
            return Ok(false);
        }
        let is_ancestor = objects
            .graph_descendant_of(newer, older)
            .map_err(GitError::objects(self.name(), "reading the history"))?;
        if !is_ancestor && objects.is_shallow() {
            return Err(GitError::Shallow {
                repository: self.name().to_owned(),
            });
        }
        Ok(is_ancestor)
    }

    /// The handle for objects and references. Hold it shortly, and never while a remote is talked to.
    pub(super) fn objects(&self) -> MutexGuard<'_, git2::Repository> {
        // libgit2 keeps no state between calls that a panic of ours could leave half done.
        self.shared
            .objects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The repository's own folder (`.git`, or all of a bare one).
    pub fn git_directory(&self) -> &Path {
        &self.shared.git_directory
    }

    /// The folder that relative addresses of named remotes start from.
    pub(super) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// How `git` is run.
    pub(super) fn program(&self) -> &GitProgram {
        &self.shared.program
    }

    fn new(objects: git2::Repository, name: String, remote: Remote, program: GitProgram) -> Self {
        let git_directory = objects.path().to_owned();
        let folder = objects.workdir().unwrap_or(&git_directory).to_owned();
        Self {
            shared: Arc::new(Shared {
                objects: Mutex::new(objects),
                git_directory,
                folder,
                name,
                remote,
                program,
            }),
        }
    }

    /// Opens the handle again, since libgit2 remembers where a shallow history was cut off.
    fn reopen(&self) -> Result<(), GitError> {
        let path = self.git_directory();
        let fresh = git2::Repository::open(path).map_err(|error| GitError::open(path, &error))?;
        *self.objects() = fresh;
        Ok(())
    }

    /// What came of a fetch. Where a branch was asked for counts, since another process may note an older place of it
    /// here at any time; unless it was rewritten in between, so that the commit asked for did not come.
    fn arrived(
        &self,
        mut heads: BTreeMap<String, Option<Oid>>,
        wanted: &[&str],
    ) -> Result<BTreeMap<String, Option<Oid>>, GitError> {
        let fetched = self.local_heads(&references(TRACKING, wanted)?)?;
        let objects = self.objects();
        for (branch, fetched) in fetched {
            let head = heads.entry(branch).or_default();
            if head.is_none_or(|head| objects.find_commit(head).is_err()) {
                *head = fetched;
            }
        }
        drop(objects);
        Ok(heads)
    }

    /// What references hold here, by the branch that each stands for.
    fn local_heads(
        &self,
        references: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Option<Oid>>, GitError> {
        let objects = self.objects();
        let mut heads = BTreeMap::new();
        for (reference, branch) in references {
            let head = read_reference(&objects, self.name(), reference)?;
            heads.insert(branch.clone(), head);
        }
        Ok(heads)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Repository")
            .field("name", &self.shared.name)
            .field("remote", &self.shared.remote)
            .finish_non_exhaustive()
    }
}

/// Where fetched branches are kept, apart from what the user's own `git fetch` keeps.
pub(super) const TRACKING: &str = "refs/promote/remote/";

/// The full names of references, each with its branch.
pub(super) fn references(
    prefix: &str,
    branches: &[&str],
) -> Result<BTreeMap<String, String>, GitError> {
    let mut references = BTreeMap::new();
    for branch in branches {
        let name = reference(prefix, branch)?;
        references.insert(name, (*branch).to_owned());
    }
    Ok(references)
}

/// The full name of a branch's reference.
pub(super) fn reference(prefix: &str, branch: &str) -> Result<String, GitError> {
    let name = format!("{prefix}{branch}");
    if branch.starts_with('-') || branch == "HEAD" || !git2::Reference::is_valid_name(&name) {
        return Err(GitError::BranchName {
            name: branch.escape_debug().take(200).collect(),
        });
    }
    Ok(name)
}

/// The commit that a reference holds.
pub(super) fn read_reference(
    objects: &git2::Repository,
    repository: &str,
    name: &str,
) -> Result<Option<Oid>, GitError> {
    match objects.find_reference(name) {
        Ok(reference) => reference
            .peel_to_commit()
            .map(|commit| Some(commit.id()))
            .map_err(GitError::objects(repository, "finding a branch's commit")),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(GitError::objects(repository, "reading a branch")(error)),
    }
}

/// The branch that `HEAD` names.
pub(super) fn checked_out(
    objects: &git2::Repository,
    repository: &str,
) -> Result<Option<String>, GitError> {
    let failed = || GitError::objects(repository, "reading `HEAD`");
    let head = objects.find_reference("HEAD").map_err(failed())?;
    let target = head.symbolic_target().map_err(failed())?;
    Ok(target
        .and_then(|target| target.strip_prefix("refs/heads/"))
        .map(str::to_owned))
}

/// Checks that a repository knows a remote.
fn check_remote(
    objects: &git2::Repository,
    repository: &str,
    remote: &str,
) -> Result<(), GitError> {
    let is_known = !remote.starts_with('-')
        && !remote.contains('\0')
        && git2::Remote::is_valid_name(remote)
        && objects.find_remote(remote).is_ok();
    if is_known {
        return Ok(());
    }
    Err(GitError::NoRemote {
        repository: repository.to_owned(),
        remote: remote.escape_debug().take(200).collect(),
    })
}
