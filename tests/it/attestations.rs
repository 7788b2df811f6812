//! Attestations: what a machine has signed about a version, and the gate that asks for it.

use std::path::PathBuf;

use promote::engine::attestations::Attesters;
use promote::gate::evidence::AttestationFinding;
use promote::manifest::repository::Repository;
use serde_json::Value;

use crate::hand::{gate, ledger_lines};
use crate::oracle::{add_attester, model_signing_signs, model_signing_verifies, new_p256_key};
use crate::organisation::{Answer, Organisation};
use crate::records::{events, of_type};
use crate::support::{files_under, root};
use crate::variants::{MODEL, copy, variant};

const TYPE: &str = "https://model_signing/signature/v1.0";
const BUNDLE: &str = "models/wildlife/penguin-species/1.0.0.model-signing.sigstore.json";

/// An organisation whose qa asks for a model signature of `trainer`.
fn asking() -> Organisation {
    let organisation = Organisation::new();
    add_attester(&organisation, "trainer");
    organisation.edit(
        "policies/qa.yaml",
        "    - gate: model-card\n",
        &format!(
            "    - gate: model-card\n    - gate: attestation\n      predicateType: {TYPE}\n      signers: [trainer]\n"
        ),
    );
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

/// Registers the first version of the penguins with more arguments, as dana.
fn register(organisation: &Organisation, more: &[&str]) -> Answer {
    let from = variant(organisation, "1.0.0");
    let arguments =
        Organisation::register_arguments(MODEL, "1.0.0", &from, "dev", "penguins-sample");
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.extend(more);
    organisation.as_person("dana", &arguments)
}

/// The version is registered without an attestation, asked for in qa, and approved.
fn ready_but_for_the_attestation() -> Organisation {
    let organisation = asking();
    register(&organisation, &[]).expect_code(0);
    organisation
        .request(&format!("{MODEL}@1.0.0"), "qa")
        .expect_code(0);
    organisation.approve("rita", "qa");
    organisation
}

fn path_of(organisation: &Organisation, file: &str) -> PathBuf {
    organisation.repository().join(file)
}

/// Puts bytes in the place of the attestation, as somebody who can push would.
fn put(organisation: &Organisation, bytes: &[u8]) {
    std::fs::write(path_of(organisation, BUNDLE), bytes).unwrap();
    organisation.commit_all("dana", "an attestation");
}

fn text(path: &std::path::Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_attestation_of_the_corpus_is_good_for_its_version_and_no_other() {
    let files = files_under(&root().join("tests/manifests/valid/multi-environment"));
    let bundle = "models/retail/churn/1.0.0.model-signing.sigstore.json";
    let bytes = &files.iter().find(|(path, _)| path == bundle).unwrap().1;
    let (repository, _) = Repository::parse(files.clone());
    let repository = repository.unwrap();
    let attesters = Attesters::of(&repository.trust_root.value.spec);
    let judge = |id: &str| {
        let version = repository.versions.get(&id.parse().unwrap()).unwrap();
        let digest = version.document.value.spec.digest;
        attesters.judge(bytes, digest, version.files())
    };
    let expected = AttestationFinding::Good {
        predicate_type: TYPE.to_owned(),
        signer: "training-pipeline".parse().unwrap(),
    };
    assert_eq!(judge("retail/model/churn@1.0.0"), expected);
    let other = "it has another SHA-256 of `model.bin` than the version";
    assert_eq!(
        judge("retail/model/churn@1.1.0"),
        AttestationFinding::Bad(other.to_owned())
    );
}

#[test]
fn a_model_signature_opens_the_gate_and_model_signing_accepts_it() {
    let organisation = ready_but_for_the_attestation();
    let waits = organisation.apply().expect_code(4);
    let missing = format!(
        "needs: attestation: an attestation `{TYPE}` by `trainer` is missing; attach one with `promote register --attestation FILE`"
    );
    assert_eq!(gate(&waits, "attestation"), [missing]);

    let key = text(&organisation.key("trainer.pem"));
    let signed = register(&organisation, &["--sign", &key, "-o", "json"]).expect_code(0);
    assert_eq!(
        signed.json()["attestations"],
        serde_json::json!(["model-signing"])
    );
    let (model, public) = (
        variant(&organisation, "1.0.0"),
        organisation.key("trainer.pub"),
    );
    let bundle = path_of(&organisation, BUNDLE);
    assert!(model_signing_verifies(&public, &bundle, &model));
    std::fs::write(model.join("notes.txt"), "changed").unwrap();
    assert!(!model_signing_verifies(&public, &bundle, &model));

    // Signing once more adds nothing, though the signature would be another one.
    let again = register(&organisation, &["--sign", &key, "-o", "json"]).expect_code(0);
    assert_eq!(again.json()["committed"], Value::Null);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));

    let events = events(&organisation);
    let decided = of_type(&events, "decided");
    let named = &decided.last().unwrap()["attestations"];
    assert_eq!(named.as_array().unwrap().len(), 1);
    let hex = named[0].as_str().unwrap();
    let kept = format!(
        "promote-ledger:evidence/sha256/{}/{hex}.sigstore.json",
        &hex[..2]
    );
    let kept = organisation.git("ada", &["show", &kept]);
    assert_eq!(kept, std::fs::read_to_string(bundle).unwrap());
    organisation.as_person("rita", &["verify"]).expect_code(0);
    let summary = ledger_lines(&organisation)
        .iter()
        .filter(|line| crate::oracle::payload(line).contains(&format!("{hex}.sigstore.json")))
        .count();
    assert_eq!(summary, 1, "the verification summary names the attestation");
}

#[test]
fn a_signature_that_model_signing_made_is_taken_and_any_other_is_refused() {
    let organisation = ready_but_for_the_attestation();
    let model = variant(&organisation, "1.0.0");
    let own = organisation.path("own.sig");
    model_signing_signs(&organisation.key("trainer.pem"), &own, &model);

    new_p256_key(&organisation.path("keys"), "stranger");
    let foreign = organisation.path("foreign.sig");
    model_signing_signs(&organisation.key("stranger.pem"), &foreign, &model);
    let other = organisation.path("other");
    copy(&model, &other);
    std::fs::write(other.join("more.txt"), "more").unwrap();
    let more = organisation.path("more.sig");
    model_signing_signs(&organisation.key("trainer.pem"), &more, &other);
    std::fs::remove_file(other.join("more.txt")).unwrap();
    std::fs::remove_file(other.join("notes.txt")).unwrap();
    let less = organisation.path("less.sig");
    model_signing_signs(&organisation.key("trainer.pem"), &less, &other);
    let changed = organisation.path("changed.sig");
    let good = std::fs::read_to_string(&own).unwrap();
    std::fs::write(
        &changed,
        good.replacen("\"payload\":\"ewog", "\"payload\":\"ewoJ", 1),
    )
    .unwrap();
    for (bundle, why) in [
        (&foreign, "no trusted key signed this envelope"),
        (
            &more,
            "it lists `more.txt`, which is no file of the version",
        ),
        (
            &less,
            "it does not list `notes.txt`, which is a file of the version",
        ),
        (&changed, "no trusted key signed this envelope"),
    ] {
        let refused = register(&organisation, &["--attestation", &text(bundle)]).expect_code(1);
        let name = bundle.file_stem().unwrap().to_str().unwrap();
        let expected = format!(
            "error: attestation `{name}` in `{}` is not good: {why}\n",
            bundle.display()
        );
        assert!(refused.stderr.starts_with(&expected), "{}", refused.all());
        let is_good = model_signing_verifies(&organisation.key("trainer.pub"), bundle, &model);
        assert!(!is_good, "{name}");
    }
    assert!(!path_of(&organisation, BUNDLE).exists());

    let named = format!("model-signing={}", text(&own));
    register(&organisation, &["--attestation", &named]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    organisation.as_person("rita", &["verify"]).expect_code(0);
}

#[test]
fn a_bundle_that_somebody_pushed_is_judged_by_what_it_is() {
    let organisation = ready_but_for_the_attestation();
    let model = variant(&organisation, "1.0.0");
    let own = organisation.path("own.sig");
    model_signing_signs(&organisation.key("trainer.pem"), &own, &model);
    let good = std::fs::read(&own).unwrap();
    let mut changed = good.clone();
    let at = changed.len() / 2;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let needed = format!("denied: attestation: an attestation `{TYPE}` by `trainer` is needed");
    for (bytes, why) in [
        (changed, "no trusted key signed this envelope"),
        (
            b"{}".to_vec(),
            "not a Sigstore bundle: missing field `mediaType` at line 1 column 2",
        ),
        (
            vec![b' '; (16 << 20) + 1],
            "`models/wildlife/penguin-species/1.0.0.model-signing.sigstore.json`",
        ),
    ] {
        put(&organisation, &bytes);
        let refused = organisation.apply().expect_code(3);
        let said = gate(&refused, "attestation");
        let bad = "denied: attestation: attestation `model-signing` is not good: ";
        assert!(
            said[0].starts_with(&format!("{bad}{why}")),
            "{}",
            refused.all()
        );
        assert_eq!(said[1..], [needed.as_str()], "{}", refused.all());
        assert_eq!(organisation.served("qa"), None);
        organisation.as_person("rita", &["verify"]).expect_code(0);
    }
    put(&organisation, &good);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
}

#[test]
fn a_key_that_is_no_attesters_signs_and_counts_for_nothing() {
    let organisation = asking();
    new_p256_key(&organisation.path("keys"), "stranger");
    let key = text(&organisation.key("stranger.pem"));
    let signed = register(&organisation, &["--sign", &key]).expect_code(0);
    let note = "note: the signing key is no attester's in `trust/root.yaml`, so no gate counts its signature; add it with `promote trust add-attester`";
    assert!(
        signed.stdout.lines().any(|line| line.trim() == note),
        "{}",
        signed.all()
    );
    let key = text(&organisation.key("trainer.pem"));
    let taken = register(&organisation, &["--sign", &key]).expect_code(7);
    assert!(
        taken.stderr.starts_with(
            "error: `wildlife/model/penguin-species@1.0.0` has another attestation `model-signing` already\n"
        ),
        "{}",
        taken.all()
    );
}

#[test]
fn policies_name_attesters_that_there_are_and_keys_have_one_owner() {
    let organisation = asking();
    organisation.edit(
        "policies/qa.yaml",
        "signers: [trainer]",
        "signers: [trainor]",
    );
    let refused = organisation.as_person("ada", &["check"]).expect_code(1);
    assert!(
        refused
            .all()
            .contains("error[unknown-attester]: there is no attester `trainor`"),
        "{}",
        refused.all()
    );
    assert!(
        refused.all().contains("did you mean `trainer`?"),
        "{}",
        refused.all()
    );
    let key = text(&organisation.key("trainer.pub"));
    let arguments = ["trust", "add-attester", "other", "--key", &key];
    let refused = organisation.as_person("ada", &arguments).expect_code(1);
    assert_eq!(
        refused.stderr,
        "error: the key is that of attester `trainer`; an attester has its own\n"
    );
}
