//! Rules that somebody would change without asking, and engines that reach further than they may.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use promote::attest::engine_key::EngineKey;
use promote::clock::{Clock, ManualClock, SystemClock};
use promote::config::Environment;
use promote::context::{Context, Settings};
use promote::engine::record::{self, TrustedEngine};
use promote::engine::{LEDGER_BRANCH, Unwatched};
use promote::git::branch::Branch;
use promote::git::identity::Identity;
use promote::git::program::GitProgram;
use promote::git::repository::{Remote, Repository};
use promote::ledger::log::Log;
use promote::ledger::signer::Signer;
use promote::ledger::store::branch::BranchStore;
use promote::model::event::{Entry, Event};
use promote::progress::Silent;
use promote::redact::Secret;

use crate::hand::{event_types, expect_whole_ledger, gate, ledger_lines, ledger_size, lines};
use crate::organisation::{Answer, Organisation};

const NOBODY: &str = "needs: approvals: 1 more of group `reviewers`: `mia`, `omar` or `rita`";
const ASKED: &str = "    - gate: approvals\n      quorum:\n        reviewers: 1\n";

/// `trust status`, `plan`, `status` and `apply` all say that these changes are not in force, and nothing of them is.
#[track_caller]
fn not_in_force(organisation: &Organisation, differs: &[&str], problems: &[&str]) {
    let size = ledger_size(organisation);
    let answer = organisation
        .as_person("dana", &["trust", "status"])
        .expect_code(4);
    let lines_of = |word: &str, all: &[&str]| {
        all.iter()
            .map(|text| format!("{word} {text}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&answer, "differs:"),
        lines_of("differs:", differs),
        "{}",
        answer.all()
    );
    assert_eq!(
        lines(&answer, "missing:"),
        lines_of("missing:", problems),
        "{}",
        answer.all()
    );
    for command in ["plan", "status"] {
        let answer = organisation.as_person("dana", &[command]).expect_code(0);
        assert_eq!(
            lines(&answer, "not in force:"),
            lines_of("not in force:", problems),
            "{}",
            answer.all()
        );
    }
    let answer = organisation.apply();
    assert!(matches!(answer.code, 0 | 4), "{}", answer.all());
    assert_eq!(
        lines(&answer, "not in force:"),
        lines_of("not in force:", problems),
        "{}",
        answer.all()
    );
    let types = event_types(organisation, size);
    assert!(!types.iter().any(|kind| kind == "adopted"), "{types:?}");
    assert_eq!(organisation.served("qa"), None);
}

#[track_caller]
fn in_force(organisation: &Organisation) {
    let answer = organisation
        .as_person("dana", &["trust", "status"])
        .expect_code(0);
    assert!(
        lines(&answer, "missing:").is_empty() && lines(&answer, "differs:").is_empty(),
        "{}",
        answer.all()
    );
}

fn sign_and_commit(organisation: &Organisation, person: &str) -> Answer {
    organisation
        .as_person(person, &["trust", "sign", "--commit"])
        .expect_code(0)
}

#[test]
fn a_merge_alone_changes_no_rule() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    organisation.apply().expect_code(4);
    let engine = new_engine_key(&organisation, "mallory");
    let cases = [
        (
            "workspaces/dev.yaml",
            "clearance: [internal]",
            "clearance: [internal, production]",
            "platform",
        ),
        (
            "workspaces/dev.yaml",
            "  adapter:",
            "  accepts: [prod]\n  adapter:",
            "platform",
        ),
        ("policies/qa.yaml", ASKED, "", "platform"),
        (
            "datasets/penguins-field.yaml",
            "label: [production]",
            "label: [internal]",
            "data",
        ),
        (
            "freezes/year-end.yaml",
            "duration: 230h",
            "duration: 1h",
            "platform",
        ),
        (
            "promote.yaml",
            "environments: [dev, qa, prod]",
            "environments: [qa, dev, prod]",
            "platform",
        ),
    ];
    for (path, from, to, role) in cases {
        let file = organisation.repository().join(path);
        let before = std::fs::read_to_string(&file).unwrap();
        organisation.edit(path, from, to);
        organisation.commit_all("dana", "a small cleanup");
        let problem = format!("`{path}` differs from what `trust/index.yaml` pins");
        not_in_force(
            &organisation,
            &[&format!("{path} (signed by {role})")],
            &[&problem],
        );
        let answer = organisation.apply().expect_code(4);
        assert_eq!(gate(&answer, "approvals"), [NOBODY], "{}", answer.all());
        denies_production_in_dev(&organisation);
        std::fs::write(&file, before).unwrap();
        organisation.commit_all("dana", "back");
        in_force(&organisation);
    }

    let root = std::fs::read_to_string(organisation.repository().join("trust/root.yaml")).unwrap();
    let version = root
        .lines()
        .find_map(|line| line.strip_prefix("  version: "))
        .unwrap();
    organisation.edit(
        "trust/root.yaml",
        "  engines:\n",
        &format!("  engines:\n{engine}"),
    );
    organisation.commit_all("dana", "another engine");
    not_in_force(
        &organisation,
        &[],
        &[
            "`trust/root.yaml` needs 1 of role `root` to sign, 0 have: nobody",
            &format!(
                "`trust/root.yaml` changed and its version is {version}; the one in force has {version}"
            ),
            "`trust/index.yaml` was made for another `trust/root.yaml`",
        ],
    );
    organisation.edit("trust/root.yaml", &engine, "");
    organisation.commit_all("dana", "back");
    in_force(&organisation);

    let freeze =
        std::fs::read_to_string(organisation.repository().join("freezes/year-end.yaml")).unwrap();
    let extra = organisation.repository().join("freezes/extra.yaml");
    std::fs::write(&extra, freeze.replace("name: year-end", "name: extra")).unwrap();
    organisation.commit_all("dana", "one more");
    not_in_force(
        &organisation,
        &["freezes/extra.yaml (signed by platform)"],
        &["`freezes/extra.yaml` is not pinned in `trust/index.yaml`"],
    );
    organisation.git(
        "dana",
        &["rm", "-q", "freezes/extra.yaml", "freezes/year-end.yaml"],
    );
    organisation.commit_all("dana", "none at all");
    not_in_force(
        &organisation,
        &["freezes/year-end.yaml (signed by platform)"],
        &["`freezes/year-end.yaml` is pinned in `trust/index.yaml`, and is not there"],
    );
    expect_whole_ledger(&organisation);
}

#[track_caller]
fn denies_production_in_dev(organisation: &Organisation) {
    let from = Organisation::model("penguin-species-field/1.0.0");
    let answer = organisation
        .register("wildlife/field", "1.0.0", &from, "dev", "penguins-field")
        .expect_code(3);
    let error = "error: the data behind it carries `production`, and workspace `dev` is not cleared for that";
    assert!(
        answer.stderr.lines().any(|line| line == error),
        "{}",
        answer.all()
    );
    assert!(
        !organisation
            .workspace("dev")
            .join("wildlife/model/field")
            .exists()
    );
}

/// Makes `omar` an administrator who is no data steward.
fn with_two_administrators() -> Organisation {
    let organisation = Organisation::new();
    organisation.add("omar", "omar", &["admins"]);
    sign_and_commit(&organisation, "ada");
    organisation.apply().expect_code(0);
    organisation
}

#[test]
fn a_signature_of_the_wrong_role_changes_no_rule() {
    let organisation = with_two_administrators();
    organisation.edit(
        "datasets/penguins-field.yaml",
        "label: [production]",
        "label: [internal]",
    );
    sign_and_commit(&organisation, "omar");
    let differs = ["datasets/penguins-field.yaml (signed by data)"];
    not_in_force(
        &organisation,
        &differs,
        &["`trust/index.yaml` needs 1 of role `data` to sign, 0 have: nobody"],
    );
    sign_and_commit(&organisation, "dana");
    not_in_force(
        &organisation,
        &differs,
        &["`trust/index.yaml` needs 1 of role `data` to sign, 0 have: nobody"],
    );
    denies_production_in_dev(&organisation);

    // With a change of a policy in the same index both roles have to sign.
    organisation.edit("policies/qa.yaml", "threshold: 0.9\n", "threshold: 0.95\n");
    sign_and_commit(&organisation, "dana");
    not_in_force(
        &organisation,
        &[differs[0], "policies/qa.yaml (signed by platform)"],
        &[
            "`trust/index.yaml` needs 1 of role `data` to sign, 0 have: nobody",
            "`trust/index.yaml` needs 1 of role `platform` to sign, 0 have: nobody",
        ],
    );
    sign_and_commit(&organisation, "omar");
    not_in_force(
        &organisation,
        &[differs[0], "policies/qa.yaml (signed by platform)"],
        &["`trust/index.yaml` needs 1 of role `data` to sign, 0 have: nobody"],
    );
    sign_and_commit(&organisation, "ada");
    organisation.apply().expect_code(0);
    in_force(&organisation);
}

#[test]
fn an_older_signed_state_cannot_be_put_back() {
    let organisation = Organisation::new();
    let old = organisation.git("ada", &["rev-parse", "HEAD"]);
    organisation.edit("policies/qa.yaml", "reviewers: 1", "reviewers: 2");
    sign_and_commit(&organisation, "ada");
    organisation.apply().expect_code(0);
    organisation.git("dana", &["checkout", "-q", &old, "--", "trust", "policies"]);
    organisation.commit_all("dana", "revert");
    let text = std::fs::read_to_string(organisation.repository().join("trust/index.yaml")).unwrap();
    let version: u64 = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("version: "))
        .unwrap()
        .parse()
        .unwrap();
    let problem = format!(
        "`trust/index.yaml` changed and its version is {version}; the one in force has {}",
        version + 1
    );
    not_in_force(
        &organisation,
        &["policies/qa.yaml (signed by platform)"],
        &[&problem],
    );
    expect_whole_ledger(&organisation);
}

#[test]
fn nobody_loosens_a_policy_and_uses_it_in_one_go() {
    // In one commit.
    let organisation = Organisation::new();
    register(&organisation, "1.0.0");
    organisation.edit("policies/qa.yaml", ASKED, "");
    organisation
        .as_person("ada", &["trust", "sign"])
        .expect_code(0);
    organisation
        .request("wildlife/penguin-species@1.0.0", "qa")
        .expect_code(0);
    organisation.git("ada", &["reset", "-q", "--soft", "HEAD~1"]);
    organisation.commit_all("ada", "a release and its policy");
    let answer = organisation.apply().expect_code(4);
    assert_eq!(gate(&answer, "approvals"), [NOBODY], "{}", answer.all());
    assert_eq!(organisation.served("qa"), None);
    in_force(&organisation);
    // Not at the second look either.
    organisation.apply().expect_code(4);

    // A release that is made under the policy in force is judged by that alone.
    register(&organisation, "1.1.0");
    organisation
        .request("wildlife/penguin-species@1.1.0", "qa")
        .expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.1.0"));

    // In two commits that no engine saw apart, in either order.
    for release_first in [false, true] {
        let organisation = Organisation::new();
        register(&organisation, "1.0.0");
        organisation.apply().expect_code(0);
        let loosen = || {
            organisation.edit("policies/qa.yaml", ASKED, "");
            sign_and_commit(&organisation, "ada");
        };
        if !release_first {
            loosen();
        }
        organisation
            .request("wildlife/penguin-species@1.0.0", "qa")
            .expect_code(0);
        if release_first {
            loosen();
        }
        let answer = organisation.apply().expect_code(4);
        assert_eq!(gate(&answer, "approvals"), [NOBODY], "{}", answer.all());
        assert_eq!(organisation.served("qa"), None);
        expect_whole_ledger(&organisation);
    }
}

fn register(organisation: &Organisation, version: &str) {
    let from = Organisation::model(&format!("penguin-species/{version}"));
    organisation
        .register(
            "wildlife/penguin-species",
            version,
            &from,
            "dev",
            "penguins-sample",
        )
        .expect_code(0);
}

#[test]
fn a_new_root_is_signed_with_the_keys_of_the_old_one() {
    let organisation = Organisation::new();
    organisation.new_key("mallory");

    // Mallory joins the administrators on mallory's own word.
    organisation.add("mallory", "mallory", &["admins"]);
    sign_and_commit(&organisation, "mallory");
    let unsigned = "`trust/root.yaml` needs 1 of role `root` to sign, 0 have: nobody";
    let foreign = [
        unsigned,
        "`trust/index.yaml` needs 1 of role `platform` to sign, 0 have: nobody",
    ];
    let allowed_signers = "trust/allowed_signers (signed by platform)";
    not_in_force(&organisation, &[allowed_signers], &foreign[..1]);
    organisation.git("ada", &["revert", "--no-edit", "HEAD"]);
    in_force(&organisation);

    // Mallory's key becomes one of ada's, on the word of that very key.
    organisation.add("ada", "mallory", &[]);
    sign_and_commit(&organisation, "mallory");
    not_in_force(&organisation, &[allowed_signers], &foreign[..1]);

    // The good way: ada signs with the key that she had.
    sign_and_commit(&organisation, "ada");
    organisation.apply().expect_code(0);
    in_force(&organisation);
    sign_and_commit(&organisation, "mallory");
    expect_whole_ledger(&organisation);
}

#[test]
fn a_root_with_a_threshold_of_two_waits_for_the_second() {
    let organisation = with_two_administrators();
    organisation.add("mia", "mia", &[]);
    set_threshold(&organisation, "root", 2);
    sign_and_commit(&organisation, "ada");
    let waits = [
        "`trust/index.yaml` needs 2 of role `root` to sign, 1 have: `ada`",
        "`trust/root.yaml` needs 2 of role `root` to sign, 1 have: `ada`",
    ];
    not_in_force(&organisation, &[], &waits);
    // Twice the same person is one.
    sign_and_commit(&organisation, "ada");
    not_in_force(&organisation, &[], &waits);
    sign_and_commit(&organisation, "omar");
    organisation.apply().expect_code(0);
    in_force(&organisation);

    // From now on one cannot take the second away alone.
    organisation.add("mia", "mia", &[]);
    set_threshold(&organisation, "root", 1);
    sign_and_commit(&organisation, "ada");
    // The new root asks for one signature of its index, the old one still for two of the new root.
    not_in_force(&organisation, &[], &waits[1..]);
    expect_whole_ledger(&organisation);
}

/// Sets the threshold of a role in the work tree's trust root.
fn set_threshold(organisation: &Organisation, role: &str, threshold: u32) {
    let path = organisation.repository().join("trust/root.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once(&format!("\n    {role}:\n")).unwrap();
    let (value, rest) = after
        .split_once("threshold: ")
        .map(|(head, tail)| (head.to_owned(), tail))
        .unwrap();
    let rest: String = rest.chars().skip(1).collect();
    std::fs::write(
        &path,
        format!("{before}\n    {role}:\n{value}threshold: {threshold}{rest}"),
    )
    .unwrap();
}

/// Makes an engine key, as an organisation would, and returns its lines in the trust root.
fn new_engine_key(organisation: &Organisation, name: &str) -> String {
    let path = organisation.key(&format!("{name}.pem"));
    let script = "umask 077; openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out \"$0\"";
    assert!(
        Command::new("sh")
            .args(["-c", script])
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let public = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&path)
        .output()
        .unwrap();
    let public = String::from_utf8(public.stdout).unwrap();
    let public: String = public
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    format!("    {name}:\n      key: |\n{public}      environments: [dev, qa]\n")
}

/// An organisation with a second engine for dev and qa; not adopted yet.
fn with_a_dev_engine() -> Organisation {
    let organisation = Organisation::new();
    let engine = new_engine_key(&organisation, "dev");
    organisation.add("mia", "mia", &[]);
    organisation.edit(
        "trust/root.yaml",
        "  engines:\n",
        &format!("  engines:\n{engine}"),
    );
    sign_and_commit(&organisation, "ada");
    organisation
}

fn apply_as_dev_engine(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let key = format!("file:{}", organisation.key("dev.pem").display());
    let arguments: Vec<&str> = ["apply", "--engine-key", &key]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    organisation.as_person("ada", &arguments)
}

#[test]
fn an_engine_acts_only_where_the_root_in_force_lets_it() {
    let organisation = with_a_dev_engine();
    register(&organisation, "1.0.0");
    // Nobody has adopted the root that knows it: it must not be the one to do so.
    let size = ledger_size(&organisation);
    let answer = apply_as_dev_engine(&organisation, &[]).expect_code(1);
    assert!(
        answer.stderr.starts_with("error: the engine key "),
        "{}",
        answer.all()
    );
    assert!(
        answer
            .stderr
            .contains("is in `trust/root.yaml`, and that is not in force yet"),
        "{}",
        answer.all()
    );
    let help = "help: run `promote apply` once with the key of an engine that is in force; it adopts the trust root";
    assert!(
        answer.stderr.lines().any(|line| line == help),
        "{}",
        answer.all()
    );
    assert_eq!(ledger_size(&organisation), size);
    expect_whole_ledger(&organisation);
    organisation.apply().expect_code(0);

    organisation
        .request("wildlife/penguin-species@1.0.0", "qa")
        .expect_code(0);
    organisation.approve("rita", "qa");
    apply_as_dev_engine(&organisation, &[]).expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    organisation
        .request("wildlife/penguin-species@1.0.0", "prod")
        .expect_code(0);
    organisation.approve("omar", "prod");
    organisation.approve("mia", "prod");
    let size = ledger_size(&organisation);
    let answer = apply_as_dev_engine(&organisation, &["--to", "prod"]).expect_code(3);
    let said: Vec<&str> = answer.stderr.lines().collect();
    assert_eq!(
        said,
        [
            "error: engine `dev` may not act for environment `prod`",
            "help: run this where the key of an engine for that environment is, or ask for another with `--to`",
        ]
    );
    assert_eq!(ledger_size(&organisation), size);
    // Without a wish it does what it may, and leaves prod alone.
    apply_as_dev_engine(&organisation, &[]).expect_code(0);
    assert_eq!(organisation.served("prod"), None);
    expect_whole_ledger(&organisation);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod").as_deref(), Some("1.0.0"));
}

#[test]
fn a_key_that_no_root_knows_does_nothing() {
    let organisation = Organisation::new();
    new_engine_key(&organisation, "dev");
    let size = ledger_size(&organisation);
    let answer = apply_as_dev_engine(&organisation, &[]).expect_code(1);
    assert!(
        answer
            .stderr
            .lines()
            .next()
            .unwrap()
            .ends_with(" is not in `trust/root.yaml`"),
        "{}",
        answer.all()
    );
    assert_eq!(ledger_size(&organisation), size);
}

#[test]
fn an_engine_whose_name_changes_leaves_a_ledger_that_can_be_read() {
    let organisation = Organisation::new();
    organisation.add("mia", "mia", &[]);
    organisation.edit("trust/root.yaml", "    local:\n", "    main:\n");
    sign_and_commit(&organisation, "ada");
    // The adoption and what follows it are in one run.
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);
    organisation.apply().expect_code(0);
}

/// The engine that a key file of the organisation belongs to.
fn engine_key(path: &std::path::Path) -> EngineKey {
    EngineKey::from_pem(&Secret::new(std::fs::read(path).unwrap())).unwrap()
}

#[test]
fn an_entry_about_prod_by_the_engine_of_dev_is_refused_on_reading() {
    let organisation = with_a_dev_engine();
    organisation.apply().expect_code(0);
    organisation.promote_to_prod("1.0.0");
    let local = organisation.repository().join(".git/promote");
    let (main, dev) = (
        engine_key(&local.join("engine.pem")),
        engine_key(&organisation.key("dev.pem")),
    );
    let engine = |name: &str, key: &EngineKey, environments: &[&str]| TrustedEngine {
        name: name.parse().unwrap(),
        key: *key.public_key(),
        environments: environments
            .iter()
            .map(|name| name.parse().unwrap())
            .collect(),
    };
    let engines = [
        engine("local", &main, &["dev", "qa", "prod"]),
        engine("dev", &dev, &["dev", "qa"]),
    ];
    let all: Vec<Entry> = ledger_lines(&organisation)
        .iter()
        .map(|line| record::open(line.as_bytes(), &engines).unwrap())
        .collect();
    let about_prod: Vec<&Entry> = all
        .iter()
        .filter(|entry| {
            entry
                .event
                .environment()
                .is_some_and(|name| name.as_str() == "prod")
        })
        .collect();
    assert!(
        about_prod.len() >= 3,
        "a decision, an intent and an outcome"
    );
    for entry in &about_prod {
        let mut forged = (*entry).clone();
        let named = record::open(&record::seal(&forged, &dev).unwrap(), &engines).unwrap_err();
        assert_eq!(
            named.to_string(),
            "it names engine `local`, and is signed by `dev`"
        );
        forged.engine = "dev".parse().unwrap();
        let refused = record::open(&record::seal(&forged, &dev).unwrap(), &engines).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it is about `prod`, and engine `dev` may not act for that"
        );
    }

    // Whoever holds the log's key can append it. Nobody who reads the ledger believes it.
    let decided = about_prod
        .iter()
        .find(|entry| matches!(entry.event, Event::Decided(_)))
        .unwrap();
    let mut forged = (**decided).clone();
    forged.engine = "dev".parse().unwrap();
    forged.recorded_at = all.last().unwrap().recorded_at;
    append(&organisation, record::seal(&forged, &dev).unwrap());
    for arguments in [["plan"], ["apply"], ["status"]] {
        let answer = organisation.as_person("ada", &arguments).expect_code(1);
        let said: Vec<&str> = answer.stderr.lines().collect();
        assert_eq!(
            said,
            [
                &format!("error: entry {} is not to be believed", all.len()),
                "  because: it is about `prod`, and engine `dev` may not act for that",
                "help: `promote verify` says more; nothing is done on a ledger that does not add up",
            ]
        );
    }
}

/// Appends a line to the ledger and signs its head, with the log's own key.
fn append(organisation: &Organisation, line: Vec<u8>) {
    let repository = Repository::open(
        &organisation.repository(),
        Remote::None,
        GitProgram::default(),
    )
    .unwrap();
    let author = Identity::new("mallory", "mallory@wildlife.example").unwrap();
    let branch = Branch::new(repository, LEDGER_BRANCH, author, Arc::new(SystemClock));
    let key =
        std::fs::read_to_string(organisation.repository().join(".git/promote/log.key")).unwrap();
    let signer = Signer::parse(&Secret::new(key)).unwrap();
    let verifier = signer.verifier().clone();
    let mut log = Log::open(
        Box::new(BranchStore::new(Box::new(branch))),
        verifier,
        Some(signer),
    )
    .unwrap();
    log.append(vec![line], BTreeMap::new()).unwrap();
}

#[tokio::test]
async fn nothing_is_done_under_a_root_that_has_expired() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    let size = ledger_size(&organisation);
    let text = std::fs::read_to_string(organisation.repository().join("trust/root.yaml")).unwrap();
    let expires: jiff::Timestamp = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("expires: "))
        .unwrap()
        .trim_matches('"')
        .parse()
        .unwrap();
    let at = |now: jiff::Timestamp| Context {
        clock: Arc::new(ManualClock::new(now)) as Arc<dyn Clock>,
        environment: Environment::from_process(),
        progress: Arc::new(Silent),
        watcher: Arc::new(Unwatched),
        settings: Settings {
            repository: organisation.repository().display().to_string(),
            ..Settings::default()
        },
    };
    let all = std::collections::BTreeSet::new();
    let error = promote::ops::apply::apply(&at(expires), &all, None)
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        format!("`trust/root.yaml` expired on {expires}, so nothing may be done")
    );
    assert_eq!(error.kind.exit_code(), 3);
    assert_eq!(
        error.hints,
        ["set `expires` to a later time, raise `version`, and sign it with `promote trust sign`"]
    );
    assert_eq!(ledger_size(&organisation), size);
    assert_eq!(organisation.served("qa"), None);
    let plan = promote::ops::plan::plan(&at(expires)).unwrap();
    assert_eq!(
        plan.run.not_adopted,
        [format!("`trust/root.yaml` expired on {expires}")]
    );

    // A renewed root is adopted, and then all goes on; the approval has expired meanwhile.
    organisation.add("mia", "mia", &[]);
    organisation.edit(
        "trust/root.yaml",
        &expires.to_string(),
        "2099-01-01T00:00:00Z",
    );
    sign_and_commit(&organisation, "ada");
    let report = promote::ops::apply::apply(&at(expires), &all, None)
        .await
        .unwrap();
    assert!(report.not_adopted.is_empty());
    assert_eq!(organisation.served("qa"), None);
}
