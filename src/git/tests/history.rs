use std::process::Command;

use git2::Oid;

use crate::git::error::GitError;
use crate::git::history::split_signature;
use crate::git::origins::{Commit, History};
use crate::git::repository::Remote;
use crate::git::tests::bench::{Bench, commit};
use crate::model::digest::Sha256;

const PATHS: [&str; 7] = ["a", "b", "d/a", "d/e/a", "d/e", "x/y", "never"];

/// Seeds of histories at whose end there are files.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

/// A history of edits, removals, changes of mode, empty commits, several beginnings, merges of two and three, and
/// clocks that go backwards.
fn random_history(bench: &Bench, seed: u64) {
    let mut numbers = Numbers(seed);
    let mut commits: Vec<String> = Vec::new();
    for step in 0..40 {
        let who = numbers.pick(&["ann", "bob", "cleo"]);
        let late = i64::try_from(numbers.below(4)).unwrap() * 45;
        let parents = pick_parents(&mut numbers, &commits);
        start_tree(bench, &mut numbers, &parents);
        for _ in 0..numbers.below(3) {
            edit_one(bench, &mut numbers);
        }
        let tree = bench.git("r", &["write-tree"]);
        let message = format!("step {step}");
        let mut arguments = vec!["commit-tree", &tree, "-m", &message];
        for parent in &parents {
            arguments.extend(["-p", parent]);
        }
        let seconds = 1_700_000_000 + step * 60 - late;
        commits.push(bench.git_as(who, seconds, "r", &arguments));
    }
    let last = commits.last().unwrap();
    bench.git("r", &["update-ref", "refs/heads/main", last]);
}

/// Up to three of the newest commits; none for a new beginning.
fn pick_parents(numbers: &mut Numbers, commits: &[String]) -> Vec<String> {
    let recent: Vec<&str> = commits.iter().rev().take(5).map(String::as_str).collect();
    let mut parents: Vec<String> = Vec::new();
    for _ in 0..[0, 1, 1, 1, 2, 2, 2, 2, 3, 3][numbers.below(10)] {
        if recent.is_empty() {
            break;
        }
        let parent = numbers.pick(&recent).to_owned();
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    parents
}

/// Begins with the first parent's files; of a second one, one file is taken now and then, as a merge does.
fn start_tree(bench: &Bench, numbers: &mut Numbers, parents: &[String]) {
    let first = parents.first().map_or("--empty", String::as_str);
    bench.git("r", &["read-tree", first]);
    let Some(other) = parents.get(1).filter(|_| numbers.below(2) == 0) else {
        return;
    };
    let listed = bench.git("r", &["ls-tree", "-r", other]);
    if let Some((meta, path)) = listed.lines().next().and_then(|line| line.split_once('\t')) {
        let words: Vec<&str> = meta.split(' ').collect();
        add(bench, words[0], words[2], path);
    }
}

fn edit_one(bench: &Bench, numbers: &mut Numbers) {
    let path = numbers.pick(&["a", "b", "d/a", "d/e/a", "x/y"]);
    if numbers.below(5) == 0 {
        bench.git("r", &["update-index", "--force-remove", path]);
        return;
    }
    bench.write("r/scratch", numbers.pick(&["1", "2"]));
    let blob = bench.git("r", &["hash-object", "-w", "scratch"]);
    let mode = numbers.pick(&["100644", "100644", "100644", "100755"]);
    add(bench, mode, &blob, path);
}

fn add(bench: &Bench, mode: &str, blob: &str, path: &str) {
    let entry = format!("{mode},{blob},{path}");
    let arguments = ["update-index", "--add", "--replace", "--cacheinfo", &entry];
    bench.git("r", &arguments);
}

fn log_of(bench: &Bench, format: &str, path: &str, more: &[&str]) -> Vec<String> {
    let format = format!("--format={format}");
    let mut arguments = vec!["log", &format];
    arguments.extend(more);
    arguments.extend(["main", "--", path]);
    let text = bench.git("r", &arguments);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn history_of_paths_is_that_of_git_log() {
    for seed in SEEDS {
        let bench = Bench::new();
        let repository = bench.init("r");
        random_history(&bench, seed);
        let from = bench.head("r");
        let origins = repository.origins(&PATHS, from).unwrap();
        for path in PATHS {
            let theirs = log_of(&bench, "%H", path, &[]);
            let ours = origins.get(path).and_then(|origin| origin.commit);
            assert_eq!(
                ours.map(|commit| commit.to_string()).as_ref(),
                theirs.first(),
                "seed {seed}, last change of {path}"
            );
            let alone = repository.origins(&[path], from).unwrap().remove(path);
            assert_eq!(alone.as_ref(), origins.get(path), "seed {seed}, {path}");
            let touched = log_of(&bench, "%ae", path, &["--full-history", "--no-merges"]);
            let ours = alone.unwrap_or_default().authors;
            assert!(touched.iter().all(|email| ours.contains(email)), "{path}");
            let all = log_of(&bench, "%ae", path, &["--full-history", "-m"]);
            assert!(ours.iter().all(|email| all.contains(email)), "{path}");
        }
    }
}

#[test]
fn what_is_known_of_commits_can_be_kept_added_to_and_too_much_to_list() {
    for seed in SEEDS {
        let bench = Bench::new();
        let repository = bench.init("r");
        random_history(&bench, seed);
        let from = bench.head("r");
        let expected = repository.origins(&PATHS, from).unwrap();
        assert!(expected.len() > 3, "seed {seed}: {expected:?}");
        let all = bench.git("r", &["rev-list", "main"]);
        let all: Vec<Oid> = all.lines().map(|oid| oid.parse().unwrap()).collect();
        let half = *all.get(all.len() / 2).unwrap();
        let mut history = History::default();
        let first = history.learn(&repository, half).unwrap();
        let mut history = History::decode(&history.encode()).unwrap();
        let second = history.learn(&repository, from).unwrap();
        assert_eq!(first + second, all.len(), "seed {seed}");
        assert_eq!(history.learn(&repository, from).unwrap(), 0);
        assert_eq!(
            history.origins(&repository, &PATHS, from).unwrap(),
            expected,
            "seed {seed}"
        );
        // Of an older commit it tells what was true then.
        assert_eq!(
            history.origins(&repository, &PATHS, half).unwrap(),
            repository.origins(&PATHS, half).unwrap(),
            "seed {seed}"
        );
        // Where a commit changes more than is listed, its trees are asked.
        for limit in [0, 1, 2] {
            let mut history = History::default();
            history.learn_listing(&repository, from, limit).unwrap();
            let is_listed = |commit: &Commit| commit.changed.is_some();
            assert!(!history.commits.iter().all(is_listed), "{limit}");
            assert_eq!(
                history.origins(&repository, &PATHS, from).unwrap(),
                expected,
                "seed {seed}, limit {limit}"
            );
        }
    }
}

#[test]
fn what_is_kept_of_commits_and_damaged_is_nothing() {
    let bench = Bench::new();
    let repository = bench.init("r");
    random_history(&bench, 1);
    let mut history = History::default();
    history.learn(&repository, bench.head("r")).unwrap();
    let whole = history.encode();
    assert!(History::decode(&whole).is_some());
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        assert!(History::decode(&damaged).is_none(), "{position}");
        assert!(History::decode(&whole[..position]).is_none(), "{position}");
    }
    // Numbers that lead nowhere, under a right hash.
    let json = std::str::from_utf8(&whole[65..]).unwrap();
    let one = format!("\"{}\",[", bench.head("r"));
    for (from, to) in [
        (one.clone(), format!("{one}9999,")),
        (
            "\"people\":[".to_owned(),
            "\"people\":[],\"x\":[".to_owned(),
        ),
        (
            "\"paths\":[".to_owned(),
            "\"paths\":[],\"paths\":[".to_owned(),
        ),
        (",[[".to_owned(), ",[[9999,".to_owned()),
        (",[[".to_owned(), ",[[],[".to_owned()),
    ] {
        let changed = json.replacen(&from, &to, 1);
        assert_ne!(changed, json, "{from}");
        let kept = format!("{}\n{changed}", Sha256::of(changed.as_bytes()));
        assert!(History::decode(kept.as_bytes()).is_none(), "{from}: {to}");
    }
}

#[test]
fn of_a_change_made_on_two_sides_the_first_parents_counts_and_both_are_authors() {
    let bench = Bench::new();
    let repository = bench.init("r");
    bench.write("r/a", "1");
    bench.commit_all("r", "start");
    for (branch, who) in [("left", "bob"), ("right", "cleo")] {
        bench.git("r", &["checkout", "--quiet", "-b", branch, "main"]);
        bench.write("r/a", "2");
        bench.git_as(
            who,
            1_700_000_100,
            "r",
            &["commit", "--quiet", "-a", "-m", branch],
        );
    }
    for (first, second) in [("left", "right"), ("right", "left")] {
        bench.git("r", &["checkout", "--quiet", "--detach", first]);
        bench.git("r", &["merge", "--quiet", "--no-ff", "-m", "both", second]);
        let from = bench.head("r");
        let expected = bench.git("r", &["rev-parse", first]);
        let theirs = bench.git("r", &["log", "-1", "--format=%H", "--", "a"]);
        let ours = &repository.origins(&["a"], from).unwrap()["a"];
        assert_eq!(
            (ours.commit.unwrap().to_string(), theirs),
            (expected.clone(), expected)
        );
        let all = ["ann@example.com", "bob@example.com", "cleo@example.com"];
        assert!(ours.authors.iter().eq(all.iter()), "{ours:?}");
    }
}

#[test]
fn ancestry_is_told_and_unknown_commits_are_part_of_no_history() {
    let bench = Bench::new();
    let repository = bench.init_bare("r");
    let first = commit(&repository, None, &[("a", Some("1"))]);
    let second = commit(&repository, Some(first), &[("a", Some("2"))]);
    let side = commit(&repository, Some(first), &[("a", Some("3"))]);
    let unknown = Oid::from_str("1234567890123456789012345678901234567890").unwrap();
    assert!(repository.is_ancestor(first, second).unwrap());
    assert!(repository.is_ancestor(second, second).unwrap());
    assert!(!repository.is_ancestor(second, first).unwrap());
    assert!(!repository.is_ancestor(side, second).unwrap());
    assert!(!repository.is_ancestor(unknown, second).unwrap());
    assert!(repository.is_ancestor(second, unknown).is_err());
}

#[test]
fn a_history_that_is_cut_off_is_refused_until_the_rest_is_fetched() {
    let bench = Bench::new();
    bench.init("origin");
    bench.write("origin/a", "1");
    let first = bench.commit_all("origin", "first");
    bench.write("origin/b", "1");
    bench.commit_all("origin", "second");
    bench.clone("origin", "r", &["--depth", "1"]);
    let alone = bench.open("r", Remote::None);
    let head = bench.head("r");
    let error = alone.origins(&["a"], head).unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }), "{error}");
    let named = Remote::Named("origin".to_owned());
    let repository = bench.open("r", named);
    assert_eq!(repository.fetch(&["main"]).unwrap()["main"], Some(head));
    let origins = repository.origins(&["a"], head).unwrap();
    assert_eq!(origins["a"].commit, Some(first));
    assert!(repository.is_ancestor(first, head).unwrap());
}

#[test]
fn the_signature_of_a_commit_is_what_ssh_keygen_accepts() {
    let bench = Bench::new();
    let repository = bench.init("r");
    let key = bench.path("key");
    let key = key.to_str().unwrap();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", key])
        .status()
        .unwrap();
    assert!(made.success());
    bench.write("r/a", "1");
    bench.git("r", &["add", "a"]);
    let signing_key = format!("user.signingKey={key}");
    let commit = [
        "commit",
        "--quiet",
        "-S",
        "-m",
        "signed\n\ngpgsig not a header",
    ];
    let mut arguments = vec!["-c", "gpg.format=ssh", "-c", &signing_key];
    arguments.extend(commit);
    bench.git("r", &arguments);
    let info = repository.commit_info(bench.head("r")).unwrap();
    assert_eq!(info.author.email, "ann@example.com");
    assert_eq!(info.time.to_string(), "2023-11-14T22:13:20Z");
    assert_eq!(info.summary, "signed");
    let signature = info.signature.unwrap();
    let objects = repository.objects();
    let (theirs, payload) = objects.extract_signature(&info.id, None).unwrap();
    assert_eq!(signature.signature.trim_end().as_bytes(), &*theirs);
    assert_eq!(signature.payload, &*payload);
    bench.write("signature", &signature.signature);
    bench.write("payload", std::str::from_utf8(&signature.payload).unwrap());
    let public = bench.read("key.pub").unwrap();
    bench.write("allowed", &format!("ann namespaces=\"git\" {public}"));
    let script = format!(
        "cd {} && ssh-keygen -Y verify -f allowed -I ann -n git -s signature <payload",
        bench.path("").display()
    );
    let verified = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn text_in_a_message_and_doubled_headers_are_no_signature() {
    let headers = "tree 1\nauthor a\ncommitter a\n";
    let of = |text: String| split_signature(text.as_bytes());
    assert_eq!(of(format!("{headers}\ngpgsig fake\n")), None);
    assert_eq!(of(format!("{headers}gpgsig a\n b\ngpgsig c\n\nx\n")), None);
    assert_eq!(
        of(format!("{headers}gpgsig a\ngpgsig-sha256 c\n\nx\n")),
        None
    );
    let one = of(format!("{headers}gpgsig a\n b\n c\nother d\n e\n\nx\n\ny")).unwrap();
    assert_eq!(one.signature, "a\nb\nc\n");
    assert_eq!(
        one.payload,
        format!("{headers}other d\n e\n\nx\n\ny").into_bytes()
    );
}
