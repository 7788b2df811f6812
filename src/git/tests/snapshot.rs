use git2::{ObjectType, Oid};

use crate::git::error::GitError;
use crate::git::path::MAX_DEPTH;
use crate::git::repository::Repository;
use crate::git::snapshot::{Entry, EntryKind, Snapshot};
use crate::git::tests::bench::{Bench, commit};

#[test]
fn files_are_read_at_a_commit_and_links_and_submodules_are_only_reported() {
    let bench = Bench::new();
    let repository = bench.init("r");
    bench.write("r/a.yaml", "a: 1\n");
    bench.write("r/folder/ä b.txt", "text");
    bench.write("r/folder/run", "#!/bin/sh\n");
    bench.executable("r/folder/run");
    bench.link("/etc/passwd", "r/folder/link");
    bench.git("r", &["add", "--all"]);
    let other = "1234567890123456789012345678901234567890";
    let submodule = format!("160000,{other},folder/sub");
    bench.git("r", &["update-index", "--add", "--cacheinfo", &submodule]);
    bench.git("r", &["commit", "--quiet", "--message", "x"]);
    let snapshot = repository.snapshot(bench.head("r")).unwrap();
    let listed = snapshot.list("").unwrap();
    let listed: Vec<(&str, EntryKind)> = listed
        .iter()
        .map(|entry| (entry.path.as_str(), entry.kind))
        .collect();
    let expected = [
        ("a.yaml", EntryKind::File),
        ("folder/link", EntryKind::Symlink),
        ("folder/run", EntryKind::Executable),
        ("folder/sub", EntryKind::Submodule),
        ("folder/ä b.txt", EntryKind::File),
    ];
    assert_eq!(listed, expected);
    assert_eq!(snapshot.list("folder/").unwrap().len(), 4);
    assert_eq!(snapshot.list("nowhere").unwrap(), []);
    assert_eq!(snapshot.list("a.yaml").unwrap(), []);
    assert_eq!(snapshot.read("a.yaml", 5).unwrap().unwrap(), b"a: 1\n");
    assert_eq!(snapshot.read("a.yaml/b", 5).unwrap(), None);
    assert_eq!(snapshot.read("b.yaml", 5).unwrap(), None);
    let blob = snapshot.oid("a.yaml").unwrap().unwrap();
    assert_eq!(repository.read_blob(blob, 5).unwrap(), b"a: 1\n");
    assert!(repository.read_blob(snapshot.tree(), 99).is_err());
    assert_eq!(
        snapshot.oid("folder/sub").unwrap().unwrap().to_string(),
        other
    );
    check_refusals(&snapshot);
}

#[test]
fn a_path_is_found_in_the_listing_as_in_the_folders() {
    let bench = Bench::new();
    let repository = bench.init("r");
    for path in ["a", "a.yaml", "b/c", "b/c.d/e", "b-c", "b.c", "z/y/x"] {
        bench.write(&format!("r/{path}"), path);
    }
    bench.git("r", &["add", "--all"]);
    bench.git("r", &["commit", "--quiet", "--message", "x"]);
    let head = bench.head("r");
    let (folders, listed) = (repository.snapshot(head), repository.snapshot(head));
    let (folders, listed) = (folders.unwrap(), listed.unwrap());
    assert_eq!(listed.all().unwrap().len(), 7);
    for path in [
        "a", "a.yaml", "a/b", "b", "b/c", "b/c/d", "b/c.d", "b/c.d/e", "b-c", "b.c", "b/d", "c",
        "z", "z/y", "z/y/x", "z/y/x/w", "zz",
    ] {
        assert_eq!(
            listed.entry(path).unwrap(),
            folders.entry(path).unwrap(),
            "{path}"
        );
    }
}

fn check_refusals(snapshot: &Snapshot) {
    let message = |path, limit| snapshot.read(path, limit).unwrap_err().to_string();
    assert_eq!(
        message("a.yaml", 4),
        "`a.yaml` has 5 bytes, more than the 4 that are read"
    );
    assert_eq!(
        message("folder/link", 99),
        "`folder/link` is a symbolic link, not a file"
    );
    assert_eq!(
        message("folder/sub", 99),
        "`folder/sub` is a submodule, not a file"
    );
    assert_eq!(message("folder", 99), "`folder` is a folder, not a file");
    assert!(message("../r/a.yaml", 99).contains("cannot be the path"));
}

#[test]
fn two_thousand_files_are_listed_as_git_lists_them() {
    let bench = Bench::new();
    let repository = bench.init("r");
    for number in 0..2000 {
        bench.write(
            &format!("r/m/{}/{}-{number}.yaml", number % 40, number % 7),
            "x",
        );
    }
    let snapshot = repository.snapshot(bench.commit_all("r", "x")).unwrap();
    let listed: Vec<String> = snapshot
        .list("")
        .unwrap()
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    let mut expected: Vec<String> = bench
        .git("r", &["ls-tree", "-r", "--name-only", "HEAD"])
        .lines()
        .map(str::to_owned)
        .collect();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(listed.len(), 2000);
}

/// Writes a tree of raw bytes, as only an attacker would.
fn raw_tree(repository: &Repository, entries: &[(&str, &[u8], Oid)]) -> Oid {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend(*name);
        bytes.push(0);
        bytes.extend(oid.as_bytes());
    }
    let objects = repository.objects();
    let odb = objects.odb().unwrap();
    odb.write(ObjectType::Tree, &bytes).unwrap()
}

fn list_raw(repository: &Repository, tree: Oid) -> Result<Vec<Entry>, GitError> {
    let snapshot = Snapshot {
        repository: repository.clone(),
        commit: tree,
        tree,
        listing: std::sync::Arc::default(),
    };
    snapshot.list("")
}

#[test]
fn trees_that_git_would_not_write_are_refused() {
    let bench = Bench::new();
    let repository = bench.init("r");
    let blob = repository.objects().blob(b"x").unwrap();
    let empty = raw_tree(&repository, &[]);
    let cases: [&[(&str, &[u8], Oid)]; 8] = [
        &[("100644", b"b", blob), ("100644", b"a", blob)],
        &[("100644", b"a", blob), ("100644", b"a", blob)],
        &[
            ("100644", b"a", blob),
            ("100644", b"a.b", blob),
            ("40000", b"a", empty),
        ],
        &[("100644", b"..", blob)],
        &[("100644", b"a/b", blob)],
        &[("40000", b".GIT", empty)],
        &[("100644", b"\xff", blob)],
        &[("100666", b"a", blob)],
    ];
    for entries in cases {
        let tree = raw_tree(&repository, entries);
        let error = list_raw(&repository, tree).unwrap_err();
        // libgit2 refuses some of these by itself.
        let is_told = matches!(error, GitError::Malformed { .. } | GitError::Objects { .. });
        assert!(is_told, "{entries:?}: {error:?}");
    }
}

#[test]
fn deep_folders_are_refused() {
    let bench = Bench::new();
    let repository = bench.init("r");
    let blob = repository.objects().blob(b"x").unwrap();
    let mut tree = raw_tree(&repository, &[("100644", b"a", blob)]);
    for _ in 1..MAX_DEPTH {
        tree = raw_tree(&repository, &[("40000", b"a", tree)]);
    }
    assert_eq!(list_raw(&repository, tree).unwrap().len(), 1);
    tree = raw_tree(&repository, &[("40000", b"a", tree)]);
    assert_eq!(
        list_raw(&repository, tree).unwrap_err().to_string(),
        format!("`{}` has more than 32 nested folders", ["a"; 32].join("/"))
    );
}

#[test]
fn a_tree_that_unfolds_without_end_is_refused() {
    let bench = Bench::new();
    let repository = bench.init("r");
    let blob = repository.objects().blob(b"x").unwrap();
    // Sixteen levels of sixteen entries that are all the same: a few kilobytes, 2^64 paths.
    let names: Vec<String> = (0..16).map(|number| format!("{number:02}")).collect();
    let mut child = ("100644", blob);
    for _ in 0..16 {
        let entries: Vec<(&str, &[u8], Oid)> = names
            .iter()
            .map(|name| (child.0, name.as_bytes(), child.1))
            .collect();
        child = ("40000", raw_tree(&repository, &entries));
    }
    let error = list_raw(&repository, child.1).unwrap_err();
    assert!(
        matches!(
            error,
            GitError::TooMany {
                what: "entries",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_snapshot_of_nothing_is_an_error_that_names_the_repository() {
    let bench = Bench::new();
    let repository = bench.init_bare("r");
    let blob = repository.objects().blob(b"x").unwrap();
    let error = repository.snapshot(blob).unwrap_err();
    assert!(
        error.to_string().contains("finding a commit failed"),
        "{error}"
    );
    let first = commit(&repository, None, &[("a", Some("1"))]);
    assert_eq!(repository.snapshot(first).unwrap().commit(), first);
}
