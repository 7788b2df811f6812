//! Lineage from what other tools wrote, through the program: what becomes of addresses, and what is refused.

mod azure;
mod check;

use std::path::PathBuf;

use crate::organisation::{Answer, Organisation};
use crate::variants::{MODEL, variant};

/// Where the files of lineage of these tests stand, beside the artifact.
fn project(organisation: &Organisation) -> PathBuf {
    organisation.path("project")
}

/// The sample is at `s3://lake/sample`, and what is measured in the field at `s3://lake/field`; signed and in force.
fn organisation() -> Organisation {
    let organisation = Organisation::new();
    for (name, addresses) in [
        (
            "penguins-sample",
            "s3://lake/sample, 'azureml:penguins', data/sample",
        ),
        ("penguins-field", "s3://lake/field"),
    ] {
        let path = organisation
            .repository()
            .join(format!("datasets/{name}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}  addresses: [{addresses}]\n")).unwrap();
    }
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    std::fs::create_dir_all(project(&organisation)).unwrap();
    organisation
}

/// Writes a file of lineage.
fn file(organisation: &Organisation, name: &str, text: &str) -> String {
    let path = project(organisation).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Registers a variant of the model with more arguments, as dana.
fn register(organisation: &Organisation, version: &str, more: &[&str]) -> Answer {
    let from = variant(organisation, version);
    let from = from.to_str().unwrap();
    let head = [
        "register",
        MODEL,
        version,
        "--from",
        from,
        "--workspace",
        "dev",
    ];
    let new = ["--owner", "data-scientists", "--purpose", "tests"];
    organisation.as_person("dana", &[&head[..], &new[..], more].concat())
}

/// The `lineage` of a version's manifest, as it is written.
fn lineage(organisation: &Organisation, version: &str) -> String {
    let path = format!("main:models/{MODEL}/{version}.yaml");
    let text = organisation.git("ada", &["show", &path]);
    let lines = text
        .lines()
        .skip_while(|line| *line != "  lineage:")
        .skip(1);
    let lines = lines.take_while(|line| line.starts_with("   "));
    lines.map(|line| format!("{}\n", &line[4..])).collect()
}

/// What is said after the lines that name version, digest and commit, with the folder of the tests left out.
fn notes(organisation: &Organisation, answer: &Answer) -> Vec<String> {
    let folder = format!("{}/", project(organisation).display());
    let lines = answer.stdout.lines().filter(|line| line.contains("note:"));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words
        .map(|line| {
            line.replace(&folder, "")
                .split_once("note: ")
                .unwrap()
                .1
                .to_owned()
        })
        .collect()
}

/// What is refused, with the folder of the tests left out.
#[track_caller]
fn refused(organisation: &Organisation, answer: Answer, code: i32) -> String {
    let answer = answer.expect_code(code);
    assert_eq!(answer.stdout, "", "{}", answer.all());
    let text = answer
        .stderr
        .replace(&format!("{}/", project(organisation).display()), "");
    text.replace(
        &format!("{}/", organisation.path("made").display()),
        "made/",
    )
}

const LOCK: &str = "schema: '2.0'\nstages:\n  train:\n    deps:\n    - path: train.py\n    - path: s3://lake/sample/2008.csv\n    outs:\n    - path: elsewhere\n";

#[test]
fn every_format_becomes_lineage_of_the_datasets_that_claim_its_addresses() {
    let organisation = organisation();
    let run = r#"{"run": {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": [{"dataset": {"name": "a", "source": "{\"uri\": \"s3a://lake/sample/\"}"}}]}}}"#;
    let job = r#"{"name": "j1", "properties": {"jobType": "Command", "inputs": {"a": {"jobInputType": "uri_folder", "uri": "azureml:penguins:3"}}}}"#;
    let event = r#"{"run": {"runId": "o1"}, "job": {}, "inputs": [{"namespace": "s3://lake", "name": "sample"}]}"#;
    let set = r#"{"@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "url": "s3://lake/sample"}"#;
    for (number, (name, text, run)) in [
        ("dvc.lock", LOCK, ""),
        ("run.json", run, "run: r1\n"),
        ("job.json", job, "run: j1\n"),
        ("event.json", event, "run: o1\n"),
        ("set.json", set, ""),
        ("contract.yaml", "kind: DataContract\nservers:\n- location: s3://lake/sample/x\n", ""),
        ("README.md", "---\ndatasets: s3://lake/sample\n---\n", ""),
        (
            "data.yml",
            "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: penguins\nversion: 1\npath: x\n",
            "",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let version = format!("1.0.{number}");
        let path = file(&organisation, name, text);
        let done = register(&organisation, &version, &["--lineage-from", &path]).expect_code(0);
        assert!(done.stdout.contains("label: internal"), "{name}: {}", done.all());
        let expected = format!("datasets:\n- penguins-sample\n{run}");
        assert_eq!(lineage(&organisation, &version), expected, "{name}");
        assert_eq!(notes(&organisation, &done), Vec::<String>::new(), "{name}");
    }
    // What came out of the field does not enter dev, whoever wrote so.
    let field = LOCK.replace("lake/sample", "lake/field");
    let path = file(&organisation, "dvc.lock", &field);
    let refused = register(&organisation, "2.0.0", &["--lineage-from", &path]).expect_code(3);
    assert!(refused.stderr.contains("production"), "{}", refused.all());
}

#[test]
fn what_no_dataset_claims_is_said_and_counts_as_all_that_the_workspace_may_hold() {
    let organisation = organisation();
    let text = LOCK.replace(
        "    outs:",
        "    - path: s3://other/x?sig=secret\n    - path: raw/y\n    outs:",
    );
    let path = file(&organisation, "dvc.lock", &text);
    let done = register(&organisation, "1.0.0", &["--lineage-from", &path]).expect_code(0);
    assert_eq!(
        notes(&organisation, &done),
        [
            "`raw/y` is of no dataset (dvc.lock, line 8)",
            "`s3://other/x` is of no dataset (dvc.lock, line 7)",
            "what is of no dataset counts as everything that `dev` may hold; put the address into a dataset's `addresses`, or say what it is with `--input ADDRESS=DATASET` or `--not-data ADDRESS`",
        ]
    );
    assert_eq!(
        lineage(&organisation, "1.0.0"),
        "datasets:\n- penguins-sample\nunknown:\n- raw/y\n- s3://other/x\n"
    );
    let explained = organisation
        .as_person(
            "dana",
            &["lineage", &format!("{MODEL}@1.0.0"), "-o", "json"],
        )
        .expect_code(0);
    let reasons =
        &explained.json()["nodes"]["version:wildlife/model/penguin-species@1.0.0"]["reasons"];
    assert_eq!(
        reasons["internal"],
        serde_json::json!([
            "dataset `penguins-sample` carries it",
            "what it was made from is not all known, or signed by nobody known, and its workspace may hold it"
        ])
    );
    organisation.apply().expect_code(0);
    let verified = organisation.as_person("ada", &["verify"]);
    verified.expect_code(0);
    // The producer may say what the addresses are.
    let said = [
        "--lineage-from",
        &path,
        "--input",
        "s3://other/x=penguins-sample",
        "--not-data",
        "raw",
    ];
    let done = register(&organisation, "1.0.1", &said).expect_code(0);
    assert_eq!(notes(&organisation, &done), Vec::<String>::new());
    assert_eq!(
        lineage(&organisation, "1.0.1"),
        "datasets:\n- penguins-sample\n"
    );
}

#[test]
fn a_file_that_lies_about_bytes_is_refused() {
    let organisation = organisation();
    let from = variant(&organisation, "1.0.0");
    let lock = |digest: &str| {
        let text = LOCK.replace(
            "path: elsewhere",
            &format!("path: 1.0.0/notes.txt\n      hash: md5\n      md5: {digest}"),
        );
        let path = organisation.path("made/dvc.lock");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let path = lock(&"0".repeat(32));
    let said = register(&organisation, "1.0.0", &["--lineage-from", &path]);
    assert_eq!(
        refused(&organisation, said, 1),
        "error[digest-mismatch]: the file lies about `1.0.0/notes.txt`: it says 00000000000000000000000000000000, and the bytes are c9e47dbb0e1927076ed7b2e1ec157be7\n --> made/dvc.lock:8:13\n  |\n8 |     - path: 1.0.0/notes.txt\n  |             ^^^^^^^^^^^^^^^\n  |\n  = help: register the bytes that the file is about, or let its tool write the file anew\n\nerror: `made/dvc.lock` cannot be taken as lineage\n"
    );
    let path = lock("c9e47dbb0e1927076ed7b2e1ec157be7");
    register(&organisation, "1.0.0", &["--lineage-from", &path]).expect_code(0);
    // An `MLmodel` beside the artifact is not the one in it.
    std::fs::write(from.join("MLmodel"), "flavors: {}\nrun_id: a\n").unwrap();
    let path = file(&organisation, "MLmodel", "flavors: {}\nrun_id: b\n");
    let other = Organisation::register_arguments(MODEL, "1.1.0", &from, "dev", "penguins-sample");
    let mut other: Vec<&str> = other.iter().map(String::as_str).collect();
    other.extend(["--lineage-from", &path]);
    let said = organisation.as_person("dana", &other);
    assert_eq!(
        refused(&organisation, said, 1),
        "error: `MLmodel` is not the `MLmodel` of these files, which has other bytes\nhelp: name the `MLmodel` inside the artifact\n"
    );
}

#[test]
fn bad_files_of_lineage_are_refused_word_for_word() {
    let organisation = organisation();
    let field = r#"{"run": {"info": {"run_id": "r1"}, "inputs": {"dataset_inputs": [{"tags": [{"key": "class", "value": "production"}], "dataset": {"name": "ADDRESS"}}]}}}"#;
    let large = format!("schema: '2.0'\n# {}", "x".repeat(1 << 20));
    let cases = [
        (
            "cut.json",
            "{\"run\": {\"info\": {".to_owned(),
            "error[syntax]: the file ends in the middle\n --> cut.json:1:19\n",
        ),
        (
            "deep.json",
            "[".repeat(100_000),
            "error[too-deep]: lists and mappings nest at most 32 deep\n --> deep.json:1:33\n",
        ),
        (
            "dvc.lock",
            large,
            "error[too-large]: a file of lineage has at most 1048576 bytes, and this has more\n--> dvc.lock\n",
        ),
        (
            "what.yaml",
            "a: b\n".to_owned(),
            "error[unknown-format]: the file looks like no format of lineage\n--> what.yaml\n",
        ),
        (
            "low.json",
            field.replace("ADDRESS", "data/sample"),
            "error[label-too-low]: `data/sample` is marked `production` here, and the dataset `penguins-sample` does not carry it\n",
        ),
        (
            "none.json",
            field.replace("ADDRESS", "data/else"),
            "error[label-too-low]: `data/else` is marked `production` here, and no dataset claims it\n",
        ),
    ];
    for (name, text, expected) in cases {
        let path = file(&organisation, name, &text);
        let said = register(&organisation, "1.0.0", &["--lineage-from", &path]);
        let said = refused(&organisation, said, 1);
        assert!(said.starts_with(expected), "{name}: {said}");
    }
}

#[test]
fn a_failure_as_json_has_its_diagnostics() {
    let organisation = organisation();
    let path = file(&organisation, "what.yaml", "a: b\n");
    let said = register(
        &organisation,
        "1.0.0",
        &["--lineage-from", &path, "-o", "json"],
    );
    let json: serde_json::Value = serde_json::from_str(&refused(&organisation, said, 1)).unwrap();
    let found = &json["diagnostics"][0];
    let told = ["code", "path", "line"].map(|name| found[name].to_string());
    assert_eq!(told, ["\"unknown-format\"", "\"what.yaml\"", "1"]);
}

#[test]
fn what_files_and_arguments_say_against_each_other_is_refused() {
    let organisation = organisation();
    let path = file(&organisation, "dvc.lock", LOCK);
    let said = register(
        &organisation,
        "1.0.0",
        &["--lineage-from", &path, "--not-data", "s3://lake/samples"],
    );
    assert_eq!(
        refused(&organisation, said, 1),
        "error: no file names the address `s3://lake/samples`\nhelp: write the address as the file does\n"
    );
    let many = |from: usize| -> String {
        let deps = (from..from + 600).map(|n| format!("    - path: raw/{n}\n"));
        format!(
            "schema: '2.0'\nstages:\n  a:\n    deps:\n{}",
            deps.collect::<String>()
        )
    };
    let (one, two) = (
        file(&organisation, "one.yaml", &many(0)),
        file(&organisation, "two.yaml", &many(600)),
    );
    let both = ["--lineage-from", &one, "--lineage-from", &two];
    let said = register(&organisation, "1.0.0", &both);
    assert_eq!(
        refused(&organisation, said, 1),
        "error: the files name 1200 addresses of no dataset, and a version keeps at most 1000, in 262144 bytes\nhelp: declare datasets that claim them under `addresses`\n"
    );
    let one = file(&organisation, "MLmodel", "flavors: {}\nrun_id: a\n");
    let two = file(&organisation, "run.json", r#"{"info": {"run_id": "b"}}"#);
    let said = register(
        &organisation,
        "1.0.0",
        &["--lineage-from", &one, "--lineage-from", &two],
    );
    let said = refused(&organisation, said, 1);
    assert!(
        said.starts_with(
            "error[contradiction]: the run is `b` here, and `a` elsewhere\n --> run.json:1:21\n"
        ),
        "{said}"
    );
    for usage in [
        vec!["--not-data", "a"],
        vec!["--input", "s3://a=penguins-sample"],
        vec!["--lineage-format", "dvc"],
        vec!["--lineage-from", &one, "--lineage-format", "none"],
    ] {
        register(&organisation, "1.0.0", &usage).expect_code(2);
    }
}

#[test]
fn two_datasets_with_one_location_make_an_address_ambiguous() {
    let organisation = organisation();
    for name in ["penguins-sample", "penguins-field"] {
        let path = organisation
            .repository()
            .join(format!("datasets/{name}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| {
            if line.starts_with("  location:") {
                "  location: s3://both".to_owned()
            } else {
                line.to_owned()
            }
        });
        let text: Vec<String> = lines.collect();
        std::fs::write(&path, text.join("\n") + "\n").unwrap();
    }
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    let path = file(
        &organisation,
        "dvc.lock",
        &LOCK.replace("lake/sample", "both"),
    );
    let said = register(&organisation, "1.0.0", &["--lineage-from", &path]);
    let said = refused(&organisation, said, 1);
    assert!(
        said.starts_with("error[ambiguous-address]: `s3://both/2008.csv` cannot be mapped: `s3://both` is claimed by `penguins-field` and `penguins-sample`\n --> dvc.lock:6:13\n"),
        "{said}"
    );
}
