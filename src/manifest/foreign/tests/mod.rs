//! What is read of each format, and what is said about files that are wrong.

mod formats;

use super::told::{Described, ForeignDigest, Placed};
use super::*;

/// What a file tells, one thing a line.
fn told(path: &str, text: &str, subject: Option<&str>) -> Vec<String> {
    let (format, told) = match read(path, text.as_bytes(), None, subject) {
        Ok(read) => read,
        Err(problems) => return problems.iter().map(said).collect(),
    };
    let line = |loc: &crate::diagnostic::Loc| loc.line_and_column().0;
    let mut lines = vec![format.name.to_owned()];
    lines.extend(told.inputs.iter().map(|input| {
        let classes: String = input
            .classes
            .iter()
            .map(|class| format!(" {class}"))
            .collect();
        let role = format!("{:?}", input.role).to_lowercase();
        format!("{}: {role} {}{classes}", line(&input.loc), input.address)
    }));
    lines.extend(told.code.iter().map(|code| {
        let repository = code.value.repository.as_deref().unwrap_or("?");
        format!(
            "{}: code {repository}@{}",
            line(&code.loc),
            code.value.commit
        )
    }));
    lines.extend(told.run.iter().map(|run| {
        format!(
            "{}: run {} {}",
            line(&run.loc),
            run.value.platform,
            run.value.id
        )
    }));
    lines.extend(told.described.iter().map(described));
    lines.extend(told.digests.iter().map(|stated| {
        let digest = match &stated.digest {
            ForeignDigest::Sha256(hex) => format!("sha256 {hex}"),
            ForeignDigest::Md5(hex) => format!("md5 {hex}"),
            ForeignDigest::DvcFolder(hex) => format!("folder {hex}"),
        };
        format!("{}: {} is {digest}", line(&stated.loc), stated.path)
    }));
    let notes = told.notes.iter();
    lines.extend(notes.map(|note| format!("{}: note {}", line(&note.loc), note.value)));
    lines
}

fn described(described: &Described) -> String {
    let text = |placed: &Option<Placed<String>>| {
        placed
            .as_ref()
            .map_or("-", |placed| placed.value.as_str())
            .to_owned()
    };
    let parts = described.parts.iter();
    let parts: Vec<&str> = parts.map(|part| part.value.as_str()).collect();
    format!(
        "{} {} {} at {}, parts {parts:?}, tags {:?}, {:?}",
        described.kind,
        text(&described.name),
        text(&described.version),
        text(&described.path),
        described.tags,
        described.description
    )
}

fn said(problem: &Diagnostic) -> String {
    let (line, column) = problem.loc.line_and_column();
    format!("{line}:{column} {}: {}", problem.code, problem.message)
}

#[test]
fn formats_have_names_of_their_own_in_order() {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    for name in names {
        assert_eq!(find_format(name).unwrap().name, name);
    }
}

#[test]
fn a_file_of_no_format_names_those_there_are() {
    let problems = read("a.yaml", b"a: 1\n", None, None).unwrap_err();
    assert_eq!(
        said(&problems[0]),
        "1:1 unknown-format: the file looks like no format of lineage"
    );
    assert!(problems[0].hints[0].starts_with("say which it is with `--lineage-format`: `"));
}

const LOCK: &str = "\
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    deps:
    - path: prepare.py
      hash: md5
      md5: 11111111111111111111111111111111
    - path: s3://lake/orders/
      etag: abc
    outs:
    - path: prepared
      hash: md5
      md5: 22222222222222222222222222222222.dir
  train:
    cmd: python train.py
    deps:
    - path: prepared
      hash: md5
      md5: 22222222222222222222222222222222.dir
    - path: ../common/train.py
      md5: 33333333333333333333333333333333
    outs:
    - path: model
      hash: md5
      md5: 44444444444444444444444444444444.dir
    - path: report.json
      hash: md5
      md5: 55555555555555555555555555555555
  other:
    deps:
    - path: data/other.csv
    outs:
    - path: old.bin
      md5: 66666666666666666666666666666666
";

#[test]
fn dvc_tells_the_stages_that_lead_to_the_artifact() {
    let all = [
        "dvc",
        "6: tool prepare.py",
        "9: data s3://lake/orders",
        "21: data ../common/train.py",
        "32: data data/other.csv",
    ];
    assert_eq!(told("dvc.lock", LOCK, None), all);
    let model = ["43".replace("43", "24: model is folder ") + &"4".repeat(32)];
    let expected: Vec<&str> = all[..4]
        .iter()
        .copied()
        .chain([model[0].as_str()])
        .collect();
    assert_eq!(told("x/dvc.lock", LOCK, Some("model")), expected);
    assert_eq!(
        told("dvc.lock", LOCK, Some("old.bin")),
        [
            "dvc",
            "32: data data/other.csv",
            "34: note `old.bin` has no MD5 of its bytes, so nothing is compared"
        ]
    );
    let mut unknown: Vec<&str> = all.to_vec();
    unknown.push("1: note no stage writes `models`, so all stages count and no digest is compared");
    assert_eq!(told("dvc.lock", LOCK, Some("models")), unknown);
}

#[test]
fn what_a_stage_read_otherwise_than_it_was_written_is_an_input() {
    let stale = LOCK.replacen(&"2".repeat(32), &"7".repeat(32), 1);
    let lines = told("dvc.lock", &stale, Some("model"));
    assert!(lines.contains(&"18: data prepared".to_owned()), "{lines:?}");
}

#[test]
fn a_lock_that_was_cut_off_between_two_inputs_is_not_believed() {
    let whole = "schema: '2.0'\nstages:\n  a:\n    deps:\n    - path: data/sample\n    - path: data/field\n    outs:\n    - path: model\n";
    let (cut, _) = whole.split_once("    - path: data/field").unwrap();
    assert_eq!(
        told("dvc.lock", cut, Some("model")),
        [
            "4:5 no-outputs: no stage writes `model`, and this one names nothing that it wrote: the file may be cut short; if it is whole, say with `--input` what this was made from, and leave the file out"
        ]
    );
    assert_eq!(told("dvc.lock", cut, None), ["dvc", "5: data data/sample"]);
}

#[test]
fn a_lock_that_is_wrong_is_refused() {
    for (text, expected) in [
        (
            "schema: '2.0'\n",
            "1:1 missing-field: there are no `stages`, so nothing is told",
        ),
        (
            "stages: {}\n",
            "1:1 missing-field: the field `schema` is missing",
        ),
        (
            "schema: '3.0'\nstages: {}\n",
            "1:9 unknown-format: only the schema `2.0` of DVC is known",
        ),
        (
            "schema: '2.0'\nstages:\n  a:\n    deps:\n    - md5: 1\n",
            "5:7 missing-field: the field `path` is missing",
        ),
        (
            "schema: '2.0'\nstages:\n  a:\n    deps:\n    - path: [a]\n",
            "5:13 wrong-type: `path` is text, and this is not",
        ),
        (
            "schema: '2.0'\nstages:\n  a:\n    outs:\n    - path: b\n      md5: abc\n",
            "6:12 not-a-digest: an MD5 has 32 digits of hex",
        ),
        (
            "schema: '2.0'\nstages:\n  a:\n    deps:\n    - path: s3://b/../c\n",
            "5:13 not-an-address: this is no address: an address does not hold `.` or `..` between slashes",
        ),
        (
            "schema: '2.0'\nstages:\n  a: &x {}\n",
            "3:6 anchor: anchors are not part of files of lineage",
        ),
    ] {
        assert_eq!(told("dvc.lock", text, None), [expected], "{text}");
    }
    let many = format!(
        "schema: '2.0'\nstages:\n  a:\n    deps:\n{}",
        "    - path: x\n".repeat(1001)
    );
    assert_eq!(
        told("dvc.lock", &many, None),
        ["1005:13 too-many-inputs: a file names at most 1000 inputs"]
    );
}

#[test]
fn files_are_bounded_in_bytes_depth_and_nodes() {
    let large = format!("schema: '2.0'\n# {}", "x".repeat(MAX_BYTES));
    assert_eq!(
        told("dvc.lock", &large, None),
        ["1:1 too-large: a file of lineage has at most 1048576 bytes, and this has more"]
    );
    let deep = format!("stages: {}", "[".repeat(1000));
    assert_eq!(
        told("dvc.lock", &deep, None),
        ["1:264 too-deep: lists and mappings nest at most 32 deep"]
    );
    let many = format!("stages: [{}]", "a, ".repeat(60_000));
    let said = &told("dvc.lock", &many, None)[0];
    assert!(
        said.ends_with("too-many-nodes: a file of lineage has at most 50000 keys and values"),
        "{said}"
    );
}
