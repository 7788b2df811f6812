//! Input that is wrong: trees that cannot be artifacts, names that there are not, manifests that are broken or hostile.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::organisation::{Answer, Organisation, answer};
use crate::records::events;
use crate::variants::{MODEL, make_ready, register, variant};

/// The pipeline that the help of `promote digest` prints.
const COREUTILS: &str =
    "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum -- | sha256sum";

fn digest(path: &Path) -> Answer {
    answer(
        Command::new(env!("CARGO_BIN_EXE_promote"))
            .args(["--quiet", "digest"])
            .arg(path),
    )
}

/// Trees that cannot be artifacts, each with what the refusal must say.
fn bad_trees(base: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut trees = Vec::new();
    let mut tree = |name: &str, expected: &'static str, make: &dyn Fn(&Path)| {
        let folder = base.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        make(&folder);
        trees.push((folder, expected));
    };
    let file = |path: PathBuf| {
        std::fs::write(path, "x").unwrap();
    };
    tree("link", "link", &|folder| {
        file(folder.join("a"));
        std::os::unix::fs::symlink("a", folder.join("to-a")).unwrap();
    });
    tree("folder-link", "out", &|folder| {
        file(folder.join("a"));
        std::os::unix::fs::symlink("/etc", folder.join("out")).unwrap();
    });
    tree("fifo", "pipe", &|folder| {
        file(folder.join("a"));
        assert!(
            Command::new("mkfifo")
                .arg(folder.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
    });
    tree("backslash", "backslash", &|folder| {
        file(folder.join("a\\b"));
    });
    tree("newline", "control character", &|folder| {
        file(folder.join("a\nb"));
    });
    tree("fold", "README", &|folder| {
        file(folder.join("README.md"));
        file(folder.join("Readme.md"));
    });
    tree("not-utf-8", "UTF-8", &|folder| {
        file(folder.join(OsStr::from_bytes(b"a\xffb")));
    });
    tree("empty", "no file", &|_| {});
    tree("empty-folders", "no file", &|folder| {
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
    });
    tree("git", ".git", &|folder| {
        std::fs::create_dir_all(folder.join(".git")).unwrap();
        file(folder.join(".git/config"));
        file(folder.join("a"));
    });
    trees
}

#[test]
fn trees_that_cannot_be_artifacts_have_no_digest() {
    let folder = tempfile::tempdir().unwrap();
    for (tree, expected) in bad_trees(folder.path()) {
        let refused = digest(&tree).expect_code(1);
        assert_eq!(refused.stdout, "");
        assert!(
            refused.stderr.contains(expected),
            "{}: {}",
            tree.display(),
            refused.all()
        );
        assert_eq!(
            refused.stderr.matches("error:").count(),
            1,
            "{}",
            refused.all()
        );
    }
    let absent = digest(&folder.path().join("absent")).expect_code(1);
    assert!(absent.stderr.contains("absent"), "{}", absent.all());
}

#[test]
fn trees_that_cannot_be_artifacts_are_not_registered() {
    let organisation = Organisation::new();
    let main = organisation.git("ada", &["rev-parse", "main"]);
    for (tree, expected) in bad_trees(&organisation.path("bad")) {
        let refused = organisation
            .register(MODEL, "1.0.0", &tree, "dev", "penguins-sample")
            .expect_code(1);
        assert!(
            refused.stderr.contains(expected),
            "{}: {}",
            tree.display(),
            refused.all()
        );
    }
    assert_eq!(organisation.git("ada", &["rev-parse", "main"]), main);
    assert!(!organisation.workspace("dev").join("wildlife").exists());
}

#[test]
fn the_digest_is_what_coreutils_print() {
    let part = prop_oneof![
        "[a-z]{1,8}",
        "[a-zA-Z0-9 ._+=@~-]{1,12}",
        "[äöüßéèñ漢字かな🐧]{1,6}",
        "-[a-z]{1,4}",
        "\\.[a-z]{1,5}"
    ];
    // sha256sum takes a file called `-` for its standard input.
    let is_name = |name: &String| {
        !["-", ".", ".."].contains(&name.as_str()) && !name.eq_ignore_ascii_case(".git")
    };
    let path = proptest::collection::vec(part.prop_filter("a name", is_name), 1..4);
    let files =
        proptest::collection::vec((path, proptest::collection::vec(any::<u8>(), 0..40)), 1..12);
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&files, |files| {
            let folder = tempfile::tempdir().unwrap();
            for (parts, bytes) in files {
                let path = folder.path().join(parts.join("/"));
                // A file where a folder is, or the other way round, is not what this is about.
                if std::fs::create_dir_all(path.parent().unwrap()).is_ok() {
                    drop(std::fs::write(path, bytes));
                }
            }
            let ours = digest(folder.path());
            if ours.code == 1 {
                prop_assert!(ours.stderr.contains("case"), "{}", ours.all());
                return Ok(());
            }
            let mut shell = Command::new("bash");
            let theirs = answer(shell.args(["-c", COREUTILS]).current_dir(folder.path()));
            let hex = theirs.stdout.split(' ').next().unwrap();
            prop_assert_eq!(ours.stdout.trim(), format!("dirhash1:{hex}"));
            Ok(())
        })
        .unwrap();
}

#[test]
fn names_that_there_are_not_are_answered_with_those_that_were_meant() {
    let organisation = Organisation::new();
    register(&organisation, "1.0.0");
    let from = variant(&organisation, "1.0.1");
    let with_workspace =
        Organisation::register_arguments(MODEL, "1.0.1", &from, "deb", "penguins-sample");
    let with_dataset =
        Organisation::register_arguments(MODEL, "1.0.1", &from, "dev", "penguins-simple");
    let (known, typo) = (format!("{MODEL}@1.0.0"), "wildlife/penguin-specis@1.0.0");
    let cases: [(&[&str], &str); 10] = [
        (&["request", typo, "--to", "qa"], "penguin-species@1.0.0"),
        (&["explain", typo, "--to", "qa"], "penguin-species@1.0.0"),
        (
            &["request", "wildlife/penguin-species@1.0.1", "--to", "qa"],
            "penguin-species@1.0.0",
        ),
        (&["request", &known, "--to", "qaa"], "`qa`"),
        (&["explain", &known, "--to", "prd"], "`prod`"),
        (&["rollback", MODEL, "--in", "qqa"], "`qa`"),
        (
            &["request", &known, "--to", "qa", "--workspace", "q"],
            "`qa`",
        ),
        (&["explain", "approvalz"], "approvals"),
        (
            &with_workspace
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            "`dev`",
        ),
        (
            &with_dataset.iter().map(String::as_str).collect::<Vec<_>>(),
            "`penguins-sample`",
        ),
    ];
    let main = organisation.git("ada", &["rev-parse", "main"]);
    for (call, meant) in cases {
        let refused = organisation.as_person("dana", call);
        assert!(
            [1, 2].contains(&refused.code),
            "{call:?}: {}",
            refused.all()
        );
        assert!(
            refused.stderr.contains("did you mean"),
            "{call:?}: {}",
            refused.all()
        );
        assert!(
            refused.stderr.contains(meant),
            "{call:?}: {}",
            refused.all()
        );
    }
    let applied = organisation
        .as_person("ada", &["apply", "--to", "qaa"])
        .expect_code(1);
    assert!(applied.stderr.contains("`qaa`"), "{}", applied.all());
    assert_eq!(organisation.git("ada", &["rev-parse", "main"]), main);
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let organisation = Organisation::new();
    let calls: [&[&str]; 14] = [
        &[],
        &["nonsense"],
        &["apply", "--nonsense"],
        &["apply", "--to"],
        &["apply", "--to", "Not A Name"],
        &["apply", "--wait", "soon"],
        &["watch", "--interval", "0s"],
        &["request", "no-version", "--to", "qa"],
        &["request", "wildlife/penguin-species@one", "--to", "qa"],
        &["request", "../../etc@1.0.0", "--to", "qa"],
        &["plan", "-o", "xml"],
        &["completions", "tcsh-of-the-future"],
        &[
            "register",
            MODEL,
            "1.0.0",
            "--from",
            ".",
            "--workspace",
            "dev",
            "--metric",
            "accuracy",
        ],
        &[
            "register",
            MODEL,
            "1.0.0",
            "--from",
            ".",
            "--workspace",
            "dev",
            "--code",
            "x@y",
        ],
    ];
    for call in calls {
        let refused = organisation.as_person("dana", call).expect_code(2);
        assert!(!refused.stderr.is_empty(), "{call:?}");
        assert_eq!(refused.stdout, "", "{call:?}: {}", refused.all());
    }
}

#[test]
fn every_command_that_reads_prints_json() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let asked = format!("{MODEL}@1.0.0");
    let from = variant(&organisation, "1.0.0");
    let calls: [&[&str]; 7] = [
        &["plan"],
        &["status"],
        &["check"],
        &["explain", &asked, "--to", "qa"],
        &["trust", "status"],
        &["digest", from.to_str().unwrap()],
        &["apply"],
    ];
    for format in ["json", "yaml", "name", "table"] {
        for call in calls {
            let done = organisation
                .as_person("ada", &[call, &["-o", format]].concat())
                .expect_code(0);
            if format == "json" {
                assert!(done.json().is_object(), "{call:?}: {}", done.all());
            }
            assert!(!done.stdout.contains('\x1b'), "{call:?}: {}", done.all());
        }
    }
    // A failure is JSON too, on standard error.
    let failed = organisation
        .as_person("ada", &["explain", &asked, "--to", "nowhere", "-o", "json"])
        .expect_code(1);
    let failure: serde_json::Value = serde_json::from_str(&failed.stderr).unwrap();
    assert!(failure.is_object(), "{}", failed.all());
}

#[test]
fn shells_are_told_what_there_is() {
    let organisation = Organisation::new();
    for shell in ["bash", "zsh", "fish"] {
        let done = organisation
            .as_person("dana", &["completions", shell])
            .expect_code(0);
        assert!(done.stdout.contains("mark-bad"), "{shell}");
    }
    let script = organisation.path("completions.bash");
    let done = organisation
        .as_person("dana", &["completions", "bash"])
        .expect_code(0);
    std::fs::write(&script, done.stdout).unwrap();
    assert!(
        Command::new("bash")
            .arg("-n")
            .arg(script)
            .status()
            .unwrap()
            .success()
    );
}

/// Manifests of one model, broken or hostile, each with what is said about it.
fn bad_manifests() -> Vec<(&'static str, String, &'static str)> {
    let model = |rest: &str| {
        let head =
            "apiVersion: promote.dev/v1alpha1\nkind: Model\nmetadata:\n  name: broken\nspec:\n";
        format!("{head}  project: wildlife\n  owner: data-scientists\n{rest}")
    };
    let bomb: String = (1..12)
        .map(|n| {
            format!(
                "  a{n}: &a{n} [{}]\n",
                vec![format!("*a{}", n - 1); 10].join(",")
            )
        })
        .collect();
    vec![
        ("typo", model("  purpos: tests\n"), "did you mean"),
        (
            "duplicate",
            model("  purpose: tests\n  purpose: others\n"),
            "twice",
        ),
        (
            "bomb",
            model(&format!("  purpose: tests\n  a0: &a0 x\n{bomb}")),
            "anchor",
        ),
        (
            "deep",
            model(&format!("  purpose: {}\n", "[".repeat(10_000))),
            "nest",
        ),
        (
            "deep-map",
            model(&format!("  purpose: {}\n", "{a: ".repeat(10_000))),
            "nest",
        ),
        (
            "tag",
            model("  purpose: !!python/object:os.system x\n"),
            "tag",
        ),
        ("two", model("  purpose: tests\n---\na: b\n"), "document"),
        (
            "large",
            model(&format!("  purpose: {}\n", "x".repeat(2 << 20))),
            "1048576",
        ),
        ("nul", model("  purpose: a\u{0}b\n"), "character"),
        ("empty", String::new(), "empty"),
    ]
}

#[test]
fn a_broken_file_is_shown_by_check_and_stops_nobody_else() {
    let organisation = Organisation::new();
    let path = "models/wildlife/broken/model.yaml";
    let file = organisation.repository().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for (number, (name, text, expected)) in bad_manifests().into_iter().enumerate() {
        std::fs::write(&file, text).unwrap();
        organisation.commit_all("dana", name);
        let checked = organisation.as_person("dana", &["check"]).expect_code(1);
        // A file that is too large or empty has no lines to point at.
        let place = if ["large", "empty"].contains(&name) {
            path.to_owned()
        } else {
            format!("{path}:")
        };
        assert!(checked.stdout.contains(&place), "{name}: {}", checked.all());
        assert!(
            checked.stdout.contains(expected),
            "{name}: {}",
            checked.all()
        );
        if number % 3 == 0 {
            let version = format!("1.0.{number}");
            make_ready(&organisation, &version);
            let applied = organisation.apply().expect_code(0);
            assert!(
                applied.stdout.contains("passed over"),
                "{name}: {}",
                applied.all()
            );
            assert!(applied.stdout.contains(path), "{name}: {}", applied.all());
            assert_eq!(organisation.served("qa"), Some(version));
        } else {
            let planned = organisation.as_person("dana", &["plan"]).expect_code(0);
            assert!(
                planned.stdout.contains("passed over"),
                "{name}: {}",
                planned.all()
            );
        }
    }
    std::fs::remove_file(&file).unwrap();
    organisation.commit_all("dana", "gone");
    organisation.as_person("dana", &["check"]).expect_code(0);
}

#[test]
fn a_broken_governed_file_is_not_adopted_and_the_old_one_stays_in_force() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let before = events(&organisation).len();
    organisation.edit("policies/qa.yaml", "reviewers: 1", "reviewerz: 1");
    organisation.commit_all("dana", "a typo");
    let checked = organisation.as_person("dana", &["check"]).expect_code(1);
    assert!(
        checked.stdout.contains("policies/qa.yaml:"),
        "{}",
        checked.all()
    );
    // Put right here, and not committed.
    organisation.edit("policies/qa.yaml", "reviewerz: 1", "reviewers: 1");
    let checked = organisation.as_person("dana", &["check"]).expect_code(1);
    let says = |words| checked.stdout.contains(words);
    let is_told = says("what is committed is not in force") && !says("valid:");
    assert!(is_told, "{}", checked.all());
    let applied = organisation.apply().expect_code(0);
    assert!(applied.stdout.contains("not in force"), "{}", applied.all());
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    assert!(events(&organisation).len() > before);
}

#[test]
fn an_address_on_a_platform_that_has_none_is_refused_and_nothing_is_registered() {
    let organisation = Organisation::new();
    for (from, reason) in [
        ("models:/churn/3", "takes folders and files alone"),
        ("no/such/folder", "no/such/folder"),
    ] {
        let from = Path::new(from);
        let answer = organisation.register("wildlife/a", "1.0.0", from, "dev", "penguins-sample");
        let answer = answer.expect_code(1);
        assert!(answer.stderr.contains(reason), "{}", answer.all());
    }
    assert!(!organisation.repository().join("models/wildlife/a").exists());
}
