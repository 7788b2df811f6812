//! New commits, written into the object database. No branch moves: see `advance`.

use std::collections::BTreeMap;

use git2::{FileMode, Oid};
use jiff::Timestamp;

use crate::git::error::GitError;
use crate::git::identity::Identity;
use crate::git::path::parse_parts;
use crate::git::repository::Repository;
use crate::git::snapshot::EntryKind;
use crate::git::tree::find_tree;

/// Signs a commit's bytes and returns the armoured signature, or says why not.
pub type Signer<'a> = dyn Fn(&[u8]) -> Result<String, String> + Send + Sync + 'a;

/// A commit to write.
#[derive(Clone, Copy)]
pub struct NewCommit<'a> {
    /// What it follows; `None` starts a history.
    pub base: Option<Oid>,
    /// The files that change, by path; `None` removes one. Others stay.
    pub changes: &'a BTreeMap<String, Option<Vec<u8>>>,
    /// The message; a final newline is added.
    pub message: &'a str,
    /// Its author and committer.
    pub author: &'a Identity,
    /// When it is made, to the second.
    pub time: Timestamp,
    /// Signs it.
    pub sign: Option<&'a Signer<'a>>,
}

impl std::fmt::Debug for NewCommit<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NewCommit")
            .field("base", &self.base)
            .field("paths", &self.changes.keys())
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Writes a commit and returns it; no branch moves. Equal arguments give an equal commit. When nothing changes,
    /// the base is returned. A file that was executable stays so.
    ///
    /// # Errors
    ///
    /// When a path is refused, leads through a file, a link or a submodule, or names one that is not a file; when the
    /// base is not here; when signing fails; when objects cannot be written.
    pub fn commit_files(&self, commit: NewCommit<'_>) -> Result<Oid, GitError> {
        let objects = self.objects();
        let failed = || GitError::objects(self.name(), "writing a commit");
        if commit.message.contains('\0') {
            return Err(GitError::Message {
                name: self.name().to_owned(),
            });
        }
        let base = commit.base.map(|base| objects.find_commit(base));
        let base = base.transpose().map_err(failed())?;
        let edits = Edits::parse(commit.changes)?;
        let old = base.as_ref().map(git2::Commit::tree_id);
        let tree = match edits.apply(&objects, self.name(), old, "")? {
            Some(tree) => tree,
            // A commit always has a tree; that of no files is empty.
            None => write_tree(&objects, self.name(), None)?,
        };
        if let (Some(base), true) = (&base, old == Some(tree)) {
            return Ok(base.id());
        }
        let tree = objects.find_tree(tree).map_err(failed())?;
        let author = commit.author.at(commit.time)?;
        let message = format!("{}\n", commit.message.trim_end_matches('\n'));
        let parents: Vec<&git2::Commit<'_>> = base.iter().collect();
        let Some(sign) = commit.sign else {
            let written = objects.commit(None, &author, &author, &message, &tree, &parents);
            return written.map_err(failed());
        };
        let content = objects
            .commit_create_buffer(&author, &author, &message, &tree, &parents)
            .map_err(failed())?;
        let signature = sign(&content).map_err(|reason| GitError::Sign { reason })?;
        let content = content.as_str().map_err(|error| failed()(error))?;
        objects
            .commit_signed(content, signature.trim_end(), None)
            .map_err(failed())
    }
}

/// Changes to one folder, by name.
#[derive(Default)]
struct Edits<'a> {
    files: BTreeMap<&'a str, Option<&'a [u8]>>,
    folders: BTreeMap<&'a str, Self>,
}

impl<'a> Edits<'a> {
    fn parse(changes: &'a BTreeMap<String, Option<Vec<u8>>>) -> Result<Self, GitError> {
        let mut edits = Self::default();
        for (path, bytes) in changes {
            let mut parts = parse_parts(path)?;
            let name = parts.pop().unwrap_or_default();
            let mut folder = &mut edits;
            for part in parts {
                folder = folder.folders.entry(part).or_default();
            }
            folder.files.insert(name, bytes.as_deref());
        }
        edits.check("")?;
        Ok(edits)
    }

    /// Refuses a path that is written as a file and as a folder at once.
    fn check(&self, path: &str) -> Result<(), GitError> {
        for (name, folder) in &self.folders {
            if self.files.get(name).is_some_and(Option::is_some) {
                return Err(GitError::Path {
                    path: format!("{path}{name}"),
                    reason: "it would be a file and a folder at once",
                });
            }
            folder.check(&format!("{path}{name}/"))?;
        }
        Ok(())
    }

    /// Writes the tree that results from a folder; `None` when nothing is left in it.
    fn apply(
        &self,
        objects: &git2::Repository,
        repository: &str,
        old: Option<Oid>,
        path: &str,
    ) -> Result<Option<Oid>, GitError> {
        let failed = || GitError::objects(repository, "writing a folder");
        let old = old
            .map(|old| find_tree(objects, repository, old))
            .transpose()?;
        let old = old.as_ref();
        let mut builder = objects.treebuilder(old).map_err(failed())?;
        for (name, bytes) in &self.files {
            let mode = file_mode(old, name, path)?;
            match bytes {
                Some(bytes) => {
                    let blob = objects.blob(bytes).map_err(failed())?;
                    builder.insert(*name, blob, mode).map_err(failed())?;
                }
                None if kind_at(old, name).is_some() => builder.remove(*name).map_err(failed())?,
                None => {}
            }
        }
        for (name, folder) in &self.folders {
            let below = self.folder_below(old, name, path)?;
            match folder.apply(objects, repository, below, &format!("{path}{name}/"))? {
                Some(tree) => {
                    let mode = FileMode::Tree.into();
                    builder.insert(*name, tree, mode).map_err(failed())?;
                }
                None if below.is_some() => builder.remove(*name).map_err(failed())?,
                None => {}
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        builder.write().map(Some).map_err(failed())
    }

    /// The folder of a name as it is now, if there is one. A file that this very commit removes may become a folder.
    fn folder_below(
        &self,
        old: Option<&git2::Tree<'_>>,
        name: &str,
        path: &str,
    ) -> Result<Option<Oid>, GitError> {
        match kind_at(old, name) {
            Some(EntryKind::Folder) => Ok(old
                .and_then(|old| old.get_name(name))
                .map(|entry| entry.id())),
            Some(kind) if !self.files.contains_key(name) => Err(GitError::NotAFile {
                path: format!("{path}{name}"),
                kind,
            }),
            _ => Ok(None),
        }
    }
}

/// The mode that a file gets: the one it has, when it is a file.
fn file_mode(old: Option<&git2::Tree<'_>>, name: &str, path: &str) -> Result<i32, GitError> {
    match kind_at(old, name) {
        Some(EntryKind::Executable) => Ok(FileMode::BlobExecutable.into()),
        Some(EntryKind::File) | None => Ok(FileMode::Blob.into()),
        Some(kind) => Err(GitError::NotAFile {
            path: format!("{path}{name}"),
            kind,
        }),
    }
}

fn kind_at(tree: Option<&git2::Tree<'_>>, name: &str) -> Option<EntryKind> {
    let entry = tree?.get_name(name)?;
    // A mode that Git would not write is not overwritten as if it were a file.
    Some(EntryKind::of_mode(entry.filemode_raw()).unwrap_or(EntryKind::Submodule))
}

fn write_tree(
    objects: &git2::Repository,
    repository: &str,
    tree: Option<&git2::Tree<'_>>,
) -> Result<Oid, GitError> {
    objects
        .treebuilder(tree)
        .and_then(|builder| builder.write())
        .map_err(GitError::objects(repository, "writing a folder"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::git::tests::bench::{Bench, author, changes, commit};

    #[test]
    fn files_are_added_changed_and_removed_and_others_stay() {
        let bench = Bench::new();
        let repository = bench.init("r");
        bench.write("r/run", "old");
        bench.executable("r/run");
        bench.write("r/d/e/f", "1");
        bench.write("r/d/g", "1");
        let base = bench.commit_all("r", "base");
        let edit = [
            ("run", Some("new")),
            ("d/e/f", None),
            ("n/o", Some("2")),
            ("absent/x", None),
        ];
        let new = commit(&repository, Some(base), &edit);
        let listed = bench.git("r", &["ls-tree", "-r", &new.to_string()]);
        let listed: Vec<(&str, &str)> = listed
            .lines()
            .map(|line| (line.get(..6).unwrap(), line.split('\t').nth(1).unwrap()))
            .collect();
        let expected = [("100644", "d/g"), ("100644", "n/o"), ("100755", "run")];
        assert_eq!(listed, expected);
        assert_eq!(bench.git("r", &["fsck", "--strict", &new.to_string()]), "");
        let shown = bench.git(
            "r",
            &["show", "-s", "--format=%an %ae %ct %P %B", &new.to_string()],
        );
        assert_eq!(
            shown,
            format!("Eve Engine engine@example.com 1700000000 {base} test: a commit")
        );
        assert_eq!(
            commit(&repository, Some(base), &edit),
            new,
            "equal arguments"
        );
        assert_eq!(
            commit(&repository, Some(new), &[("run", Some("new"))]),
            new,
            "no change"
        );
        let all = [("run", None), ("d/g", None), ("n/o", None)];
        let empty = repository
            .snapshot(commit(&repository, Some(new), &all))
            .unwrap();
        assert_eq!(empty.list("").unwrap(), []);
        let turned = commit(
            &repository,
            Some(new),
            &[("d/g", None), ("d/g/h", Some("3"))],
        );
        let snapshot = repository.snapshot(turned).unwrap();
        assert_eq!(snapshot.read("d/g/h", 9).unwrap().unwrap(), b"3");
    }

    #[test]
    fn paths_that_lead_through_something_else_are_refused() {
        let bench = Bench::new();
        let repository = bench.init("r");
        bench.write("r/file", "1");
        bench.link("/tmp", "r/link");
        bench.write("r/folder/x", "1");
        let base = bench.commit_all("r", "base");
        let refused = [
            vec![("file/x", Some("1"))],
            vec![("link/x", Some("1"))],
            vec![("link", Some("1"))],
            vec![("folder", Some("1"))],
            vec![("folder", None)],
            vec![("new", Some("1")), ("new/x", Some("1"))],
            vec![(".git/hooks/x", Some("1"))],
            vec![("../x", Some("1"))],
            vec![("", Some("1"))],
        ];
        for files in refused {
            let changes = changes(&files);
            let result = repository.commit_files(NewCommit {
                base: Some(base),
                changes: &changes,
                message: "x",
                author: &author(),
                time: Timestamp::UNIX_EPOCH,
                sign: None,
            });
            let error = result.unwrap_err();
            let is_told = matches!(error, GitError::Path { .. } | GitError::NotAFile { .. });
            assert!(is_told, "{files:?}: {error}");
        }
    }

    #[test]
    fn our_signed_commits_are_verified_by_git() {
        let bench = Bench::new();
        let repository = bench.init("r");
        let key = bench.path("key").display().to_string();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "eve", "-f", &key])
            .status()
            .unwrap();
        assert!(made.success());
        let sign = |payload: &[u8]| {
            bench.write("payload", std::str::from_utf8(payload).unwrap());
            let file = bench.path("payload").display().to_string();
            let arguments = ["-q", "-Y", "sign", "-n", "git", "-f", &key, &file];
            let signed = Command::new("ssh-keygen").args(arguments).status();
            assert!(signed.unwrap().success());
            let signature = bench.read("payload.sig").unwrap();
            bench.rename("payload.sig", "used.sig");
            Ok(signature)
        };
        let changes = changes(&[("a", Some("1"))]);
        let mut new = NewCommit {
            base: None,
            changes: &changes,
            message: "signed\n\nby the engine\n\n",
            author: &author(),
            time: Timestamp::from_second(1_700_000_000).unwrap(),
            sign: Some(&sign),
        };
        let signed = repository.commit_files(new).unwrap();
        let public = bench.read("key.pub").unwrap();
        bench.write("allowed", &format!("engine@example.com {public}"));
        let allowed = format!(
            "gpg.ssh.allowedSignersFile={}",
            bench.path("allowed").display()
        );
        let signed_text = signed.to_string();
        bench.git("r", &["-c", &allowed, "verify-commit", &signed_text]);
        bench.git("r", &["fsck", "--strict", &signed_text]);
        let info = repository.commit_info(signed).unwrap();
        assert!(info.signature.is_some());
        let refuse = |_: &[u8]| Err("the agent is locked".to_owned());
        new.sign = Some(&refuse);
        assert_eq!(
            repository.commit_files(new).unwrap_err().to_string(),
            "the commit could not be signed: the agent is locked"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_committed_is_what_is_read(
            first in proptest::collection::btree_map("[ab](/[cd]){0,2}", "[xy]{0,2}", 1..6),
            second in proptest::collection::btree_map("[ab](/[cd]){0,2}", "[xy]{0,2}", 1..6),
        ) {
            let is_clear = |files: &BTreeMap<String, String>| {
                let inside = |path: &str| files.keys().any(|other| other.starts_with(&format!("{path}/")));
                !files.keys().any(|path| inside(path))
            };
            let mut union = first.clone();
            union.extend(second.clone());
            prop_assume!(is_clear(&union));
            let bench = Bench::new();
            let repository = bench.init("r");
            let list = |files: &BTreeMap<String, String>| -> Vec<(String, Option<String>)> {
                files.iter().map(|(path, text)| (path.clone(), Some(text.clone()))).collect()
            };
            let mut base = None;
            for files in [&first, &second] {
                let owned = list(files);
                let borrowed: Vec<(&str, Option<&str>)> = owned
                    .iter()
                    .map(|(path, text)| (path.as_str(), text.as_deref()))
                    .collect();
                base = Some(commit(&repository, base, &borrowed));
            }
            let snapshot = repository.snapshot(base.unwrap()).unwrap();
            let mut read = BTreeMap::new();
            for entry in snapshot.list("").unwrap() {
                let bytes = snapshot.read(&entry.path, 9).unwrap().unwrap();
                read.insert(entry.path, String::from_utf8(bytes).unwrap());
            }
            prop_assert_eq!(read, union);
        }
    }
}
