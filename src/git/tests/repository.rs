use std::collections::BTreeMap;

use git2::Oid;

use crate::git::error::GitError;
use crate::git::program::GitProgram;
use crate::git::repository::{Remote, Repository};
use crate::git::tests::bench::{Bench, commit};

fn named() -> Remote {
    Remote::Named("origin".to_owned())
}

#[test]
fn work_trees_their_git_folders_and_bare_repositories_open_and_others_say_so() {
    let bench = Bench::new();
    bench.init("work");
    bench.init_bare("bare");
    for path in ["work", "work/.git", "bare"] {
        let repository = bench.open(path, Remote::None);
        assert_eq!(repository.checked_out().unwrap().unwrap(), "main");
        assert_eq!(repository.work_tree().is_some(), path != "bare");
    }
    bench.write("plain/file", "");
    let open = |path: &str, remote| {
        let path = bench.path(path);
        Repository::open(&path, remote, bench.program()).unwrap_err()
    };
    for path in ["plain", "absent"] {
        let message = open(path, Remote::None).to_string();
        let expected = format!(
            "`{}` is not a Git repository that can be opened (there is none); make one with `git init`, or give the path of one",
            bench.path(path).display()
        );
        assert_eq!(message, expected);
    }
    let remotes = ["origin", "-x", "", "a\0b", "../bare"];
    for remote in remotes.map(|name| Remote::Named(name.to_owned())) {
        let error = open("work", remote);
        assert!(matches!(error, GitError::NoRemote { .. }), "{error}");
    }
}

#[test]
fn names_of_branches_are_checked() {
    let bench = Bench::new();
    let repository = bench.init_bare("r");
    for name in [
        "", "-x", "a b", "a..b", "a*", "HEAD", "a\nb", "a:b", "a.lock", "a/",
    ] {
        let error = repository.remote_heads(&[name]).unwrap_err();
        assert!(
            matches!(error, GitError::BranchName { .. }),
            "{name}: {error}"
        );
        assert!(repository.advance(name, None, Oid::ZERO_SHA1).is_err());
    }
}

#[test]
fn heads_are_the_same_by_every_way_to_the_repository() {
    let bench = Bench::new();
    let origin = bench.init_bare("origin");
    let main = origin.remote_heads(&["main"]).unwrap()["main"].unwrap();
    // Names that end alike must not be mistaken for the branch.
    let other = commit(&origin, None, &[("x", Some("1"))]);
    origin.advance("refs/heads/main", None, other).unwrap();
    origin.advance("x/main", None, other).unwrap();
    bench.clone("origin", "clone", &[]);
    let plain = bench.path("origin").display().to_string();
    let ways = [
        bench.open("origin", Remote::None),
        bench.open("clone", named()),
        bench.mirror(&bench.url("origin"), "state"),
        bench.mirror(&plain, "state"),
    ];
    let branches = ["main", "x/main", "absent"];
    let expected = BTreeMap::from([
        ("absent".to_owned(), None),
        ("main".to_owned(), Some(main)),
        ("x/main".to_owned(), Some(other)),
    ]);
    for repository in ways {
        assert_eq!(
            repository.remote_heads(&branches).unwrap(),
            expected,
            "{repository:?}"
        );
        assert_eq!(
            repository.fetch(&branches).unwrap(),
            expected,
            "{repository:?}"
        );
        let snapshot = repository.snapshot(main).unwrap();
        assert_eq!(snapshot.read("a.yaml", 9).unwrap().unwrap(), b"1");
    }
}

#[test]
fn nothing_is_fetched_when_nothing_differs() {
    let bench = Bench::new();
    let origin = bench.init_bare("origin");
    let mirror = bench.mirror(&bench.url("origin"), "state");
    let first = mirror.fetch(&["main"]).unwrap();
    // A `git` that cannot fetch shows that none is needed.
    bench.write(
        "git",
        "#!/bin/sh\nfor a; do [ \"$a\" = fetch ] && exit 9; done\nexec git \"$@\"\n",
    );
    bench.executable("git");
    let program = GitProgram {
        program: bench.path("git"),
        ..bench.program()
    };
    let address = bench.url("origin").parse().unwrap();
    let lame = Repository::mirror(&address, &bench.path("state"), program).unwrap();
    assert_eq!(lame.fetch(&["main"]).unwrap(), first);
    let next = commit(&origin, first["main"], &[("a.yaml", Some("2"))]);
    origin.advance("main", first["main"], next).unwrap();
    assert!(matches!(
        lame.fetch(&["main"]),
        Err(GitError::Unavailable { .. })
    ));
    assert_eq!(mirror.fetch(&["main"]).unwrap()["main"], Some(next));
    assert_eq!(lame.fetch(&["main"]).unwrap()["main"], Some(next));
}

#[test]
fn a_remote_that_is_away_is_unavailable_and_its_credentials_are_not_told() {
    let bench = Bench::new();
    bench.init_bare("origin");
    let repository = bench.mirror(&bench.url("origin"), "state");
    repository.fetch(&["main"]).unwrap();
    bench.rename("origin", "elsewhere");
    let error = repository.fetch(&["main"]).unwrap_err();
    assert!(matches!(error, GitError::Unavailable { .. }), "{error}");
    // Port 9 of this machine: nothing listens there.
    let repository = bench.mirror("https://ann:s3cret@127.0.0.1:9/x?token=t0ken", "state");
    let error = repository.remote_heads(&["main"]).unwrap_err();
    let text = format!("{error} {error:?} {repository:?} {}", repository.name());
    assert!(matches!(error, GitError::Unavailable { .. }), "{error}");
    assert!(
        !text.contains("s3cret") && !text.contains("t0ken"),
        "{text}"
    );
}

#[test]
fn a_remote_that_does_not_answer_is_given_up_at_the_deadline() {
    let bench = Bench::new();
    // It takes connections, since the system does, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("git://{}/x", silent.local_addr().unwrap());
    let program = GitProgram {
        deadline: std::time::Duration::from_millis(300),
        ..bench.program()
    };
    let address = address.parse().unwrap();
    let repository = Repository::mirror(&address, &bench.path("state"), program).unwrap();
    let error = repository.remote_heads(&["main"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{address}` cannot be reached: no answer within 0.3 s")
    );
}

#[test]
fn no_hook_or_helper_of_the_repository_runs_for_us() {
    let bench = Bench::new();
    let origin = bench.init_bare("origin");
    bench.clone("origin", "clone", &[]);
    for hook in ["pre-push", "reference-transaction", "post-merge"] {
        let path = format!("clone/.git/hooks/{hook}");
        bench.write(
            &path,
            &format!("#!/bin/sh\ntouch {}\n", bench.path("ran").display()),
        );
        bench.executable(&path);
    }
    let clone = bench.open("clone", named());
    let main = clone.fetch(&["main"]).unwrap()["main"];
    let next = commit(&clone, main, &[("a.yaml", Some("2"))]);
    clone.advance("main", main, next).unwrap();
    assert_eq!(origin.remote_heads(&["main"]).unwrap()["main"], Some(next));
    assert_eq!(bench.read("ran"), None);
    let script = format!("ext::touch {}", bench.path("ran").display());
    bench.git("clone", &["remote", "set-url", "origin", &script]);
    let error = clone.remote_heads(&["main"]).unwrap_err();
    assert!(matches!(error, GitError::Unavailable { .. }), "{error}");
    assert_eq!(bench.read("ran"), None);
    bench.git(
        "clone",
        &[
            "push",
            "--quiet",
            &bench.url("origin"),
            "HEAD:refs/heads/by-hand",
        ],
    );
    assert!(bench.read("ran").is_some(), "the hook itself works");
}
