//! Somebody who can write to the ledger or to main changes what was recorded: everything that reads it stops and says why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::clones::{Machine, origin};
use crate::organisation::{Answer, Organisation, answer};
use crate::records::LEDGER;
use crate::support::files_under;
use crate::variants::{MODEL, make_ready, register};

/// The files of a ledger by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

const ENTRIES: &str = "ledger/entries/000.jsonl";
const CHECKPOINT: &str = "ledger/checkpoint";

/// Where the ledger of an organisation is, to be read and written behind the program's back.
pub(crate) enum Kept {
    Branch,
    Directory,
}

impl Kept {
    fn organisation(&self) -> Organisation {
        match self {
            Self::Branch => Organisation::new(),
            Self::Directory => Organisation::with_directory_ledger(),
        }
    }

    pub(crate) fn files(&self, organisation: &Organisation) -> Files {
        let folder = match self {
            Self::Branch => self.work_tree(organisation),
            Self::Directory => organisation.path("ledger"),
        };
        let is_ledger =
            |(path, _): &(String, Vec<u8>)| !path.starts_with(".git") && path != "ledger/lock";
        files_under(&folder).into_iter().filter(is_ledger).collect()
    }

    /// Puts other files in the ledger's place, on a branch as one more commit.
    fn put(&self, organisation: &Organisation, files: &Files) {
        let folder = match self {
            Self::Branch => self.work_tree(organisation),
            Self::Directory => organisation.path("ledger"),
        };
        for part in ["ledger", "evidence"] {
            std::fs::remove_dir_all(folder.join(part)).unwrap();
        }
        for (path, bytes) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        if let Self::Branch = self {
            let folder = folder.to_str().unwrap();
            organisation.git("ada", &["-C", folder, "add", "-A"]);
            organisation.git(
                "ada",
                &[
                    "-C",
                    folder,
                    "commit",
                    "--quiet",
                    "--allow-empty",
                    "-m",
                    "ledger: entry 7",
                ],
            );
            organisation.git("ada", &["-C", folder, "push", "--quiet", "origin", LEDGER]);
        }
    }

    fn work_tree(&self, organisation: &Organisation) -> PathBuf {
        let folder = organisation.path("behind");
        let path = folder.to_str().unwrap();
        if folder.exists() {
            organisation.git("ada", &["-C", path, "fetch", "--quiet"]);
            let newest = format!("origin/{LEDGER}");
            organisation.git("ada", &["-C", path, "reset", "--quiet", "--hard", &newest]);
        } else {
            let repository = organisation.repository();
            let from = repository.to_str().unwrap();
            organisation.git("ada", &["clone", "--quiet", "--branch", LEDGER, from, path]);
        }
        folder
    }
}

/// The lines of the entries, with a change made to them.
fn with_lines(files: &Files, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Files {
    let mut files = files.clone();
    let bytes = files.get(ENTRIES).unwrap();
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    change(&mut lines);
    files.insert(ENTRIES.to_owned(), lines.concat());
    files
}

/// Ways to change a ledger, each with its name. `older` is a state that the ledger once had.
pub(crate) fn changes(files: &Files, older: &Files) -> Vec<(String, Files)> {
    let mut changes = Vec::new();
    let count = files[ENTRIES].iter().filter(|byte| **byte == b'\n').count();
    for index in [0, count / 2, count - 1] {
        let length = files[ENTRIES]
            .split(|byte| *byte == b'\n')
            .nth(index)
            .unwrap()
            .len();
        for at in [0, 20, length / 2, length - 10, length - 1] {
            let changed = with_lines(files, |lines| lines[index][at] ^= 1);
            changes.push((format!("byte {at} of line {index}"), changed));
        }
        let mut change = |name: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            changes.push((format!("line {index} {name}"), with_lines(files, change)));
        };
        change("removed", &|lines| drop(lines.remove(index)));
        change("doubled", &|lines| {
            lines.insert(index, lines[index].clone());
        });
        change("swapped", &|lines| lines.swap(index, (index + 1) % count));
        change("emptied", &|lines| lines[index] = b"\n".to_vec());
    }
    for cut in [1, 3, count] {
        let changed = with_lines(files, |lines| lines.truncate(count - cut));
        changes.push((format!("the last {cut} lines removed"), changed));
    }
    let mut other = files.clone();
    other.get_mut(CHECKPOINT).unwrap()[30] ^= 1;
    changes.push(("a byte of the checkpoint".to_owned(), other));
    let mut other = files.clone();
    other.remove(CHECKPOINT);
    changes.push(("the checkpoint removed".to_owned(), other));
    let mut other = files.clone();
    other.insert(CHECKPOINT.to_owned(), older[CHECKPOINT].clone());
    other.insert(
        ENTRIES.to_owned(),
        with_lines(files, |lines| drop(lines.remove(1)))[ENTRIES].clone(),
    );
    changes.push(("an older checkpoint, and a line removed".to_owned(), other));
    changes
}

/// The answer names the ledger or the entry, and says what to do.
#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.code, 1, "{what}: {}", answer.all());
    assert_eq!(answer.stdout, "", "{what}: {}", answer.all());
    let names = ["ledger", "entry", "entries"];
    assert!(
        names.iter().any(|name| answer.stderr.contains(name)),
        "{what}: {}",
        answer.all()
    );
    assert!(
        answer.stderr.contains("help: `promote verify`"),
        "{what}: {}",
        answer.all()
    );
}

fn assert_no_change_is_believed(kept: &Kept) {
    let organisation = kept.organisation();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let older = kept.files(&organisation);
    make_ready(&organisation, "1.0.1");
    organisation.apply().expect_code(0);
    make_ready(&organisation, "1.0.2");
    let good = kept.files(&organisation);
    // A branch takes a clone and a push for each, so it has fewer of them.
    let step = match kept {
        Kept::Branch => 4,
        Kept::Directory => 1,
    };
    for (what, files) in changes(&good, &older).into_iter().step_by(step) {
        kept.put(&organisation, &files);
        assert_refused(&organisation.apply(), &what);
        assert_eq!(
            organisation.served("qa").as_deref(),
            Some("1.0.1"),
            "{what}"
        );
        assert_eq!(kept.files(&organisation), files, "{what}");
    }
    kept.put(&organisation, &good);
    organisation.as_person("dana", &["plan"]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.2"));
}

#[test]
fn no_change_of_a_ledger_on_a_branch_is_believed() {
    assert_no_change_is_believed(&Kept::Branch);
}

#[test]
fn no_change_of_a_ledger_in_a_directory_is_believed() {
    assert_no_change_is_believed(&Kept::Directory);
}

#[test]
fn every_command_that_reads_the_ledger_stops() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let waiting = {
        register(&organisation, "1.0.1");
        organisation
            .request(&format!("{MODEL}@1.0.1"), "qa")
            .expect_code(0);
        organisation.waiting("qa", "penguin-species")
    };
    let kept = Kept::Branch;
    let files = with_lines(&kept.files(&organisation), |lines| lines.swap(1, 2));
    kept.put(&organisation, &files);
    let heads = || organisation.git("ada", &["for-each-ref"]);
    let before = heads();
    let asked = format!("{MODEL}@1.0.1");
    let from = crate::variants::variant(&organisation, "1.0.2");
    let register =
        Organisation::register_arguments(MODEL, "1.0.2", &from, "dev", "penguins-sample");
    let calls: [&[&str]; 11] = [
        &["apply"],
        &["plan"],
        &["plan", "-o", "json"],
        &["status"],
        &["explain", &asked, "--to", "qa"],
        &["request", &asked, "--to", "prod"],
        &["rollback", MODEL, "--in", "qa"],
        &["approve", &waiting, "--yes"],
        &["reject", &waiting, "--reason", "no", "--yes"],
        &["mark-bad", "dirhash1:1128fe", "--reason", "no", "--yes"],
        &register.iter().map(String::as_str).collect::<Vec<_>>(),
    ];
    for call in calls {
        let person = if call[0] == "approve" { "rita" } else { "dana" };
        let refused = answer(organisation.command(person).args(call));
        assert_eq!(refused.code, 1, "{call:?}: {}", refused.all());
        assert!(
            refused.stderr.contains("ledger"),
            "{call:?}: {}",
            refused.all()
        );
    }
    assert_eq!(heads(), before, "nothing was committed");
    assert!(
        !organisation
            .workspace("dev")
            .join("wildlife/model/penguin-species/1.0.2")
            .exists()
    );
}

#[test]
fn evidence_that_was_changed_is_not_believed() {
    for kept in [Kept::Branch, Kept::Directory] {
        let organisation = kept.organisation();
        make_ready(&organisation, "1.0.0");
        let good = kept.files(&organisation);
        let is_read = |path: &&String| {
            path.starts_with("evidence/") && (path.ends_with(".yaml") || path.ends_with(".sig"))
        };
        for (number, path) in good.keys().filter(is_read).enumerate() {
            let mut files = good.clone();
            if number % 2 == 0 {
                files.get_mut(path).unwrap().push(b'\n');
            } else {
                files.remove(path);
            }
            kept.put(&organisation, &files);
            // What `apply` does not read again, `verify` does.
            let found = organisation.as_person("dana", &["verify"]);
            assert_eq!(found.code, 1, "{path}: {}", found.all());
            assert!(found.all().contains("evidence"), "{path}: {}", found.all());
        }
        kept.put(&organisation, &good);
        organisation.apply().expect_code(0);
    }
}

/// An older state with its own good checkpoint is right in itself: only somebody who remembers can tell.
#[test]
fn an_older_ledger_passes_with_who_has_no_memory() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let kept = Kept::Branch;
    let older = kept.files(&organisation);
    organisation.apply().expect_code(0);
    kept.put(&organisation, &older);
    let mut fresh = organisation.command("dana");
    fresh
        .env("PROMOTE_STATE", organisation.path("fresh"))
        .arg("plan");
    answer(&mut fresh).expect_code(0);
}

#[test]
fn a_rewritten_main_is_refused() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    make_ready(&organisation, "1.0.1");
    let good = organisation.git("ada", &["rev-parse", "main"]);
    // The same files, with the last accepted commit no longer among the ancestors.
    let tree = organisation.git("ada", &["rev-parse", "main^{tree}"]);
    let alone = organisation.git("ada", &["commit-tree", &tree, "-m", "a new beginning"]);
    organisation.git("ada", &["update-ref", "refs/heads/main", &alone]);
    for call in ["apply", "plan", "status"] {
        let refused = organisation.as_person("ada", &[call]).expect_code(3);
        assert!(
            refused
                .stderr
                .contains("the history of `main` was rewritten"),
            "{}",
            refused.all()
        );
        assert!(
            refused.stderr.contains("help: put the old history back"),
            "{}",
            refused.all()
        );
    }
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    organisation.git("ada", &["update-ref", "refs/heads/main", &good]);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.1"));
}

#[test]
fn a_ledger_branch_that_was_set_back_is_refused_by_who_has_seen_more() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let path = origin.to_str().unwrap();
    let machine = Machine::cloning(&organisation, "clone", path);
    machine.run("ada", &["apply"]).expect_code(0);
    let head = || organisation.git("ada", &["-C", path, "rev-parse", LEDGER]);
    let set = |to: &str| {
        let branch = format!("refs/heads/{LEDGER}");
        organisation.git("ada", &["-C", path, "update-ref", &branch, to]);
    };
    let older = head();
    let from = crate::variants::variant(&organisation, "1.0.0");
    let arguments =
        Organisation::register_arguments(MODEL, "1.0.0", &from, "dev", "penguins-sample");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    machine.run("dana", &arguments).expect_code(0);
    machine.run("ada", &["apply"]).expect_code(0);
    let newer = head();
    assert_ne!(older, newer);
    set(&older);
    // Twice, since looking must not make it forget.
    for call in ["plan", "apply", "plan", "apply"] {
        let refused = machine.run("ada", &[call]).expect_code(1);
        assert_eq!(refused.stdout, "");
        for text in [
            "not the one that was seen here before",
            "entries",
            "help: put the ledger back",
        ] {
            assert!(refused.stderr.contains(text), "{}", refused.all());
        }
    }
    assert_eq!(head(), older);
    set(&newer);
    machine.run("ada", &["apply"]).expect_code(0);
}

/// Where the ledger is is a governed fact like others: who can only write to main cannot make it begin afresh.
#[test]
fn an_unsigned_change_of_where_the_ledger_is_does_nothing() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let ledger = "  environments: [dev, qa, prod]\n  ledger:\n    store: directory\n    path: ../other-ledger\n";
    organisation.edit("promote.yaml", "  environments: [dev, qa, prod]\n", ledger);
    organisation.commit_all("dana", "a ledger of my own");
    let refused = organisation.apply().expect_code(3);
    assert!(
        refused
            .stderr
            .contains("the branch `promote-ledger` holds one already"),
        "{}",
        refused.all()
    );
    assert!(
        !organisation.path("other-ledger").exists(),
        "a second ledger was begun"
    );
}

/// Whoever can write to main, and nothing else, brings a whole repository of their own with a ledger elsewhere.
#[test]
fn a_takeover_of_main_with_another_root_and_another_ledger_is_refused() {
    let organisation = Organisation::new();
    organisation.new_key("mallory");
    let evil = organisation.path("evil");
    let as_mallory = |arguments: &[&str]| {
        let mut command = organisation.command("mallory");
        command.env("PROMOTE_REPOSITORY", &evil).args(arguments);
        answer(&mut command).expect_code(0);
    };
    as_mallory(&[
        "init",
        evil.to_str().unwrap(),
        "--name",
        "wildlife",
        "--as",
        "mallory",
    ]);
    // The public halves of the engine's and the log's keys are in the root for all to read.
    let root = std::fs::read_to_string(evil.join("trust/root.yaml")).unwrap();
    let known = std::fs::read_to_string(organisation.repository().join("trust/root.yaml")).unwrap();
    let pem = |text: &str| {
        let from = text.find("-----BEGIN").unwrap();
        let to = text.rfind("-----END PUBLIC KEY-----").unwrap();
        text[from..to].to_owned()
    };
    let log = |text: &str| {
        text.lines()
            .find(|line| line.contains("wildlife.promote+"))
            .unwrap()
            .to_owned()
    };
    let root = root
        .replace(&pem(&root), &pem(&known))
        .replace(&log(&root), &log(&known));
    std::fs::write(evil.join("trust/root.yaml"), root).unwrap();
    let topology = std::fs::read_to_string(evil.join("promote.yaml")).unwrap();
    let ledger = "  environments: [dev, qa, prod]\n  ledger:\n    store: directory\n    path: ../other-ledger\n";
    let topology = topology.replace("  environments: [dev, qa, prod]\n", ledger);
    std::fs::write(evil.join("promote.yaml"), topology).unwrap();
    as_mallory(&["trust", "sign", "--commit"]);
    let trust = organisation.repository().join("trust");
    std::fs::remove_dir_all(&trust).unwrap();
    for part in ["trust", "policies", "workspaces", "datasets", "freezes"] {
        crate::variants::copy(&evil.join(part), &organisation.repository().join(part));
    }
    std::fs::copy(
        evil.join("promote.yaml"),
        organisation.repository().join("promote.yaml"),
    )
    .unwrap();
    organisation.commit_all("mallory", "tidy up");
    let refused = organisation.apply().expect_code(3);
    assert!(
        refused
            .stderr
            .contains("the branch `promote-ledger` holds one already"),
        "{}",
        refused.all()
    );
    assert!(
        !organisation.path("other-ledger").exists(),
        "a second ledger was begun"
    );
}

#[test]
fn a_repository_with_a_ledger_cannot_be_sent_to_an_empty_one() {
    let organisation = Organisation::new();
    organisation.edit(
        "promote.yaml",
        "spec:\n",
        "spec:\n  ledger:\n    store: directory\n    path: ../elsewhere\n",
    );
    organisation.commit_all("dana", "the ledger is elsewhere now");
    let state = organisation.path("an-engine-without-memory");
    let mut command = organisation.command("ada");
    let refused = answer(command.arg("apply").env("PROMOTE_STATE", state)).expect_code(3);
    assert_eq!(
        refused.stderr,
        "error: `promote.yaml` names `../elsewhere` as the ledger, and the branch `promote-ledger` holds one already\n"
    );
    assert!(!organisation.path("elsewhere").exists());
}

/// Where ledgers are directories, only who remembers, or was told, can know that there was another one.
#[test]
fn an_engine_without_memory_is_told_which_ledger_to_go_on_from() {
    let organisation = Organisation::with_directory_ledger();
    let checkpoint = organisation.path("kept.checkpoint");
    let kept = checkpoint.to_str().unwrap();
    organisation
        .as_person("dana", &["verify", "--write-checkpoint", kept])
        .expect_code(0);
    make_ready(&organisation, "1.0.0");
    let run = |name: &str| {
        let mut command = organisation.command("ada");
        command
            .env("PROMOTE_STATE", organisation.path(name))
            .env("PROMOTE_PINNED", kept)
            .arg("apply");
        answer(&mut command)
    };
    run("a-machine").expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));

    organisation.edit("promote.yaml", "path: ../ledger", "path: ../elsewhere");
    organisation.commit_all("dana", "the ledger is elsewhere now");
    let refused = run("another-machine").expect_code(1);
    assert!(
        refused.stderr.contains("kept.checkpoint` vouches for"),
        "{}",
        refused.all()
    );
    assert!(!organisation.path("elsewhere").exists());
}
