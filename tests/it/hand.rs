//! What people do by hand around the program: sign with `ssh-keygen`, commit with `git`, read the ledger with neither.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use promote::model::digest::Sha256;
use serde_json::Value;

use crate::organisation::{Answer, Organisation, answer};

/// The namespace of statements about promotions.
pub(crate) const APPROVAL: &str = "approval@promote.dev";

/// Signs bytes with a key file of the organisation, as `ssh-keygen` does it.
pub(crate) fn sign(
    organisation: &Organisation,
    key: &str,
    namespace: &str,
    bytes: &[u8],
) -> String {
    let mut child = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
        .arg(organisation.key(key))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// A work tree of the inbox beside the repository, at the inbox's head.
pub(crate) fn inbox(organisation: &Organisation) -> PathBuf {
    let path = organisation.path("inbox");
    if path.exists() {
        organisation.git(
            "ada",
            &[
                "-C",
                path.to_str().unwrap(),
                "checkout",
                "-q",
                "--detach",
                "promote-inbox",
            ],
        );
    } else {
        organisation.git(
            "ada",
            &[
                "worktree",
                "add",
                "-q",
                "--detach",
                path.to_str().unwrap(),
                "promote-inbox",
            ],
        );
    }
    path
}

/// Commits the inbox's work tree, and makes that the inbox.
pub(crate) fn push_inbox(organisation: &Organisation) {
    let path = organisation.path("inbox");
    let path = path.to_str().unwrap();
    organisation.git("ada", &["-C", path, "add", "-A"]);
    organisation.git("ada", &["-C", path, "commit", "-q", "-m", "by hand"]);
    let head = organisation.git("ada", &["-C", path, "rev-parse", "HEAD"]);
    organisation.git("ada", &["update-ref", "refs/heads/promote-inbox", &head]);
}

/// Every statement in the inbox, by the name of its file.
pub(crate) fn statements(organisation: &Organisation) -> Vec<(String, Value)> {
    let listed = organisation.git(
        "ada",
        &["ls-tree", "--name-only", "promote-inbox", "statements/"],
    );
    let files = listed.lines().filter(|path| path.ends_with(".json"));
    files
        .map(|path| {
            let text = organisation.git("ada", &["show", &format!("promote-inbox:{path}")]);
            (path.to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// A statement on the promotion that waits for the penguins, good in every field, of somebody who is not asked.
pub(crate) fn template(organisation: &Organisation, environment: &str) -> Value {
    let before = statements(organisation_with_inbox(organisation));
    let promotion = organisation.waiting(environment, "penguin-species");
    organisation
        .as_person(
            "ada",
            &["approve", &promotion, "--yes", "--meaning", "a template"],
        )
        .expect_code(0);
    let all = statements(organisation);
    all.into_iter()
        .find(|known| !before.contains(known))
        .unwrap()
        .1
}

fn organisation_with_inbox(organisation: &Organisation) -> &Organisation {
    let known = organisation.git("ada", &["branch", "--list", "promote-inbox"]);
    if known.is_empty() {
        let tree = organisation.git("ada", &["hash-object", "-t", "tree", "-w", "/dev/null"]);
        let commit = organisation.git("ada", &["commit-tree", &tree, "-m", "the inbox begins"]);
        organisation.git("ada", &["branch", "promote-inbox", &commit]);
    }
    organisation
}

/// The template in another person's name, with a nonce of its own and whatever else is changed.
pub(crate) fn forge(
    template: &Value,
    person: &str,
    nonce: &str,
    change: impl FnOnce(&mut Value),
) -> Vec<u8> {
    let mut statement = template.clone();
    statement["predicate"]["principal"] = person.into();
    statement["predicate"]["nonce"] = nonce.into();
    change(&mut statement);
    serde_json::to_vec(&statement).unwrap()
}

/// Puts a statement and its signature into the inbox, named as the program names them.
pub(crate) fn hand_in(organisation: &Organisation, statement: &[u8], key: &str, namespace: &str) {
    let signature = sign(organisation, key, namespace, statement);
    let name = Sha256::of(statement).to_string();
    hand_in_as(organisation, &name, statement, &[(key, signature)]);
}

/// Puts a statement under any name into the inbox, with signatures.
pub(crate) fn hand_in_as(
    organisation: &Organisation,
    name: &str,
    statement: &[u8],
    signatures: &[(&str, String)],
) {
    let folder = inbox(organisation).join("statements");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.json")), statement).unwrap();
    for (key, signature) in signatures {
        std::fs::write(folder.join(format!("{name}.json.{key}.sig")), signature).unwrap();
    }
    push_inbox(organisation);
}

/// The number of entries in the ledger, as its checkpoint says.
pub(crate) fn ledger_size(organisation: &Organisation) -> u64 {
    let checkpoint = organisation.git("ada", &["show", "promote-ledger:ledger/checkpoint"]);
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

/// The events of the ledger from an index on, signatures not looked at.
pub(crate) fn events(organisation: &Organisation, from: u64) -> Vec<Value> {
    let text = organisation.git("ada", &["show", "promote-ledger:ledger/entries/000.jsonl"]);
    let event = |line: &str| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        let payload = base64::engine::general_purpose::STANDARD
            .decode(envelope["payload"].as_str().unwrap())
            .unwrap();
        let statement: Value = serde_json::from_slice(&payload).unwrap();
        statement["predicate"]["entry"]["event"].clone()
    };
    text.lines()
        .skip(usize::try_from(from).unwrap())
        .map(event)
        .collect()
}

/// The types of the events from an index on.
pub(crate) fn event_types(organisation: &Organisation, from: u64) -> Vec<String> {
    let events = events(organisation, from);
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

/// What a page says of one gate: the whole lines, without the white space before them.
pub(crate) fn gate<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let said = format!(": {name}: ");
    let lines = answer.stdout.lines().map(str::trim);
    lines.filter(|line| line.contains(&said)).collect()
}

/// The lines of a page that begin with a word.
pub(crate) fn lines<'a>(answer: &'a Answer, word: &str) -> Vec<&'a str> {
    let lines = answer.stdout.lines().map(str::trim);
    lines.filter(|line| line.starts_with(word)).collect()
}

/// The ledger can be opened, and every entry of it holds.
#[track_caller]
pub(crate) fn expect_whole_ledger(organisation: &Organisation) -> Answer {
    organisation.as_person("rita", &["plan"]).expect_code(0)
}

/// Checks a signature as somebody without the program would.
pub(crate) fn ssh_keygen_verifies(
    organisation: &Organisation,
    person: &str,
    namespace: &str,
    statement: &[u8],
    signature: &str,
) -> bool {
    let file = organisation.path("signature");
    std::fs::write(&file, signature).unwrap();
    let message = organisation.path("message");
    std::fs::write(&message, statement).unwrap();
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-Y", "verify", "-I", person, "-n", namespace, "-f"])
        .arg(organisation.repository().join("trust/allowed_signers"))
        .arg("-s")
        .arg(&file)
        .stdin(std::fs::File::open(&message).unwrap());
    answer(&mut command).code == 0
}

/// The lines of the ledger.
pub(crate) fn ledger_lines(organisation: &Organisation) -> Vec<String> {
    let text = organisation.git("ada", &["show", "promote-ledger:ledger/entries/000.jsonl"]);
    text.lines().map(str::to_owned).collect()
}
