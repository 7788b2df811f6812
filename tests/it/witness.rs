//! Witnesses, as their operators run them: a key, a folder, and the right to push one branch.

use std::process::{Command, Stdio};

use promote::ledger::checkpoint::Checkpoint;
use promote::ledger::note::Note;

use crate::hand::{gate, ledger_size, lines};
use crate::organisation::{Answer, Organisation, answer};

const GATES: &str = "  gates:\n";
const WITNESSED: &str = "  gates:\n    - gate: witnessed\n      threshold: 1\n      maxAge: 24h\n";

/// An organisation whose qa asks for the witness `w1`; adopted.
fn with_witness() -> Organisation {
    let organisation = Organisation::new();
    let key = new_witness(&organisation, "w1");
    organisation
        .as_person("ada", &["trust", "add-witness", &key])
        .expect_code(0);
    organisation.edit("policies/qa.yaml", GATES, WITNESSED);
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

/// Makes the key of a witness, and returns its public half.
fn new_witness(organisation: &Organisation, name: &str) -> String {
    let out = organisation.key(&format!("{name}.witness"));
    let arguments = [
        "witness",
        "new-key",
        name,
        "--out",
        out.to_str().unwrap(),
        "-o",
        "name",
    ];
    let made = organisation.as_person("ada", &arguments).expect_code(0);
    made.stdout.trim().to_owned()
}

/// Runs a witness; it has nobody's signing key and no key of an engine.
fn witness(organisation: &Organisation, name: &str, arguments: &[&str]) -> Answer {
    let mut command = organisation.command("nobody");
    let key = format!(
        "file:{}",
        organisation.key(&format!("{name}.witness")).display()
    );
    command
        .env("PROMOTE_WITNESS_KEY", key)
        .env(
            "PROMOTE_WITNESS_MEMORY",
            organisation.path(&format!("memory-{name}")),
        )
        .args(["witness"])
        .args(arguments);
    answer(&mut command)
}

fn published(organisation: &Organisation) -> Vec<u8> {
    let paths = organisation.git("ada", &["ls-tree", "-r", "--name-only", "promote-witness"]);
    let [path] = paths.lines().collect::<Vec<_>>()[..] else {
        panic!("{paths}");
    };
    assert!(
        path.starts_with("checkpoints/") && path.ends_with(".note"),
        "{path}"
    );
    let note = organisation.git("ada", &["show", &format!("promote-witness:{path}")]);
    format!("{note}\n").into_bytes()
}

#[test]
fn a_promotion_waits_for_its_witness_and_verify_reports_it() {
    let organisation = with_witness();
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    let run = organisation.apply().expect_code(4);
    let size = ledger_size(&organisation);
    assert_eq!(
        gate(&run, "witnessed"),
        [
            format!("needs: witnessed: 1 more of the witnesses to cosign the first {size} entries"),
            "needs: witnessed: `w1` has cosigned nothing of this ledger".to_owned(),
        ],
        "{}",
        run.all()
    );
    let verified = organisation
        .as_person("rita", &["verify", "--witnesses", "1"])
        .expect_code(1);
    assert_eq!(
        lines(&verified, "wrong:"),
        ["wrong: 0 of the 1 witnesses that are asked for have cosigned this ledger"]
    );
    let cosigned = witness(&organisation, "w1", &["cosign", "-o", "json"])
        .expect_code(0)
        .json();
    assert_eq!(cosigned["size"], size);
    assert_eq!(
        (&cosigned["before"], &cosigned["isListed"]),
        (&0.into(), &true.into())
    );
    let note = Note::parse(&published(&organisation)).unwrap();
    assert_eq!(Checkpoint::parse(note.text()).unwrap().size, size);
    assert_eq!(note.signatures().len(), 2);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    let arguments = ["verify", "--witnesses", "1", "--max-age", "1h"];
    let verified = organisation.as_person("rita", &arguments).expect_code(0);
    let said = lines(&verified, "witness ");
    assert!(
        said.len() == 1
            && said[0].starts_with(&format!("witness     w1 cosigned {size} entries at ")),
        "{}",
        verified.all()
    );
    let explained = organisation
        .as_person("rita", &["explain", "witnessed"])
        .expect_code(0);
    assert!(
        explained
            .stdout
            .contains("Have the witnesses run `promote witness cosign`")
    );
}

#[test]
fn a_witness_refuses_a_ledger_that_was_cut_short_or_forked() {
    let organisation = with_witness();
    let old = organisation.git("ada", &["rev-parse", "promote-ledger"]);
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(4);
    let size = ledger_size(&organisation);
    witness(&organisation, "w1", &["cosign"]).expect_code(0);
    let good = organisation.git("ada", &["rev-parse", "promote-ledger"]);
    let note = published(&organisation);

    // Somebody with every key puts the ledger back, and lets it go on another way.
    organisation.git("ada", &["update-ref", "refs/heads/promote-ledger", &old]);
    std::fs::remove_dir_all(organisation.repository().join(".git/promote/seen")).unwrap();
    let short = ledger_size(&organisation);
    let refused = witness(&organisation, "w1", &["cosign"]).expect_code(3);
    assert_eq!(
        refused.stderr.lines().next().unwrap(),
        format!(
            "error: the ledger was cut short: {size} entries were cosigned, and the checkpoint covers {short}"
        )
    );
    std::fs::remove_dir_all(organisation.repository().join(".git/promote/seen")).unwrap();
    organisation.register_and_request("1.1.0", "qa");
    organisation.apply();
    assert!(
        ledger_size(&organisation) >= size,
        "{}",
        ledger_size(&organisation)
    );
    let refused = witness(&organisation, "w1", &["cosign"]).expect_code(3);
    let first = refused.stderr.lines().next().unwrap();
    let forked = format!(
        "error: the ledger was forked: its first {size} entries are not those that were cosigned: "
    );
    assert!(first.starts_with(&forked), "{}", refused.all());
    // Nothing new was published, and the engine and `verify` say what the old note means now.
    assert_eq!(published(&organisation), note);
    let verified = organisation.as_person("rita", &["verify"]).expect_code(1);
    let wrong = format!(
        "wrong: witness `w1` has cosigned another history of this ledger: its first {size} entries are others"
    );
    assert_eq!(lines(&verified, "wrong:"), [wrong]);

    // The true ledger is cosigned as before, also by a witness that lost its folder.
    organisation.git("ada", &["update-ref", "refs/heads/promote-ledger", &good]);
    std::fs::remove_dir_all(organisation.repository().join(".git/promote/seen")).unwrap();
    std::fs::remove_dir_all(organisation.path("memory-w1")).unwrap();
    let again = witness(&organisation, "w1", &["cosign", "-o", "json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&again["before"], &again["size"]),
        (&size.into(), &size.into())
    );
}

#[test]
fn a_policy_that_asks_for_more_witnesses_than_there_are_is_not_adopted() {
    let organisation = Organisation::new();
    organisation.edit("policies/qa.yaml", GATES, WITNESSED);
    let checked = organisation.as_person("ada", &["check"]).expect_code(1);
    let said = "1 witnesses are asked for, and `trust/root.yaml` lists 0";
    assert!(checked.all().contains(said), "{}", checked.all());
}

#[test]
fn a_request_of_the_witness_protocol_is_answered_from_standard_input() {
    let organisation = Organisation::new();
    let key = new_witness(&organisation, "w1");
    let root = std::fs::read_to_string(organisation.repository().join("trust/root.yaml")).unwrap();
    let log = root.lines().find_map(|line| {
        line.trim()
            .strip_prefix("key: ")
            .filter(|key| key.contains('+'))
    });
    let log = log.unwrap().trim_matches(['"', '\'']).to_owned();
    let checkpoint = organisation.git("ada", &["show", "promote-ledger:ledger/checkpoint"]);
    let ask = |body: String| {
        let mut command = organisation.command("nobody");
        let key = format!("file:{}", organisation.key("w1.witness").display());
        command
            .args([
                "witness", "answer", "--log", &log, "--key", &key, "--memory",
            ])
            .arg(organisation.path("memory"));
        give(&mut command, body.as_bytes())
    };
    let line = ask(format!("old 0\n\n{checkpoint}\n"))
        .expect_code(0)
        .stdout;
    let note = Note::parse(format!("{checkpoint}\n{line}").as_bytes()).unwrap();
    let key: promote::ledger::cosignature::WitnessKey = key.parse().unwrap();
    key.verify(&note).unwrap();
    let size = ledger_size(&organisation);
    let refused = ask(format!("old 0\n\n{checkpoint}\n")).expect_code(3);
    assert_eq!(
        refused.stderr.lines().collect::<Vec<_>>(),
        [
            format!("error: the proof is from 0 entries, and {size} were cosigned last"),
            "help: the witness protocol answers with status 409".to_owned(),
        ]
    );
    ask(format!("old {size}\n\n{checkpoint}\n")).expect_code(0);
    ask("nonsense".to_owned()).expect_code(3);
}

/// Runs a program with something on its standard input.
fn give(command: &mut Command, input: &[u8]) -> Answer {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input).unwrap();
    let stdin = std::fs::File::open(file.path()).unwrap();
    answer(command.stdin(Stdio::from(stdin)))
}
