//! Production data made fit for dev, and data of another region made fit for here: by snapshots, one by one, and by the
//! owners of their tags.

use crate::organisation::{Answer, Organisation};
use crate::pipelines::{PIPELINE, bind, found, register_code, verdict};

const MODEL: &str = "wildlife/penguin-species";
const FIRST: &str = "wildlife/penguin-species@1.0.0";

fn digest(number: u8) -> String {
    format!("dirhash1:{}", number.to_string().repeat(64))
}

/// Writes a dataset with a snapshot that mia has masked, and signs it.
#[track_caller]
fn add_masked(organisation: &Organisation, (source, name): (&str, &str), label: &str) {
    let repository = organisation.repository();
    let path = repository.join(format!("datasets/{source}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let june = format!("  snapshots:\n    june:\n      digest: {}\n", digest(1));
    std::fs::write(&path, format!("{text}{june}")).unwrap();
    let masked = format!(
        "apiVersion: promote.dev/v1alpha1\nkind: Dataset\nmetadata:\n  name: {name}\nspec:\n  owner: data-stewards\n  label: [{label}]\n  region: westeurope\n  location: masked files\n  snapshots:\n    masked:\n      digest: {}\n      derivedFrom: [{source}/june]\n      transformation: Places are rounded and rings are taken out.\n      madeBy: mia\n",
        digest(2)
    );
    std::fs::write(repository.join(format!("datasets/{name}.yaml")), masked).unwrap();
    sign(organisation);
}

#[track_caller]
fn sign(organisation: &Organisation) {
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply();
}

/// An organisation whose reviewers own production data, of which there is a masked snapshot.
fn with_masked() -> Organisation {
    let organisation = Organisation::new();
    let (before, after) = ("owner: data-stewards", "owner: reviewers");
    let tag = |owner| format!("    production:\n      {owner}\n");
    organisation.edit("promote.yaml", &tag(before), &tag(after));
    add_masked(
        &organisation,
        ("penguins-field", "penguins-fit"),
        "internal",
    );
    organisation
}

#[track_caller]
fn declassify(organisation: &Organisation, person: &str, what: &[&str]) {
    let mut arguments = vec!["declassify"];
    arguments.extend(what);
    arguments.extend(["--reason", "masked", "--yes"]);
    organisation.as_person(person, &arguments).expect_code(0);
    organisation.apply();
}

fn register(organisation: &Organisation, name: &str, workspace: &str, input: &str) -> Answer {
    let from = Organisation::model("penguin-species/1.0.0");
    organisation.register(name, "1.0.0", &from, workspace, input)
}

#[track_caller]
fn refused(answer: Answer, tag: &str, workspace: &str) {
    let answer = answer.expect_code(3);
    let expected = format!(
        "error: the data behind it carries `{tag}`, and workspace `{workspace}` is not cleared for that\n"
    );
    assert!(answer.stderr.starts_with(&expected), "{}", answer.all());
}

#[test]
fn masked_data_is_of_production_until_enough_owners_who_did_not_make_it_say_otherwise() {
    let organisation = with_masked();
    let masked = ["penguins-fit/masked", "--into", "dev"];
    let try_it = || register(&organisation, MODEL, "dev", "penguins-fit/masked");
    refused(try_it(), "production", "dev");
    // Who names the dataset may have read any of its snapshots.
    refused(
        register(&organisation, MODEL, "dev", "penguins-fit"),
        "production",
        "dev",
    );
    // Mia masked it, so she does not count; and rita counts once.
    for person in ["mia", "rita", "rita"] {
        declassify(&organisation, person, &masked);
        refused(try_it(), "production", "dev");
    }
    declassify(
        &organisation,
        "omar",
        &["penguins-fit/masked", "--into", "qa"],
    );
    refused(try_it(), "production", "dev");
    declassify(&organisation, "omar", &masked);
    let made = try_it().expect_code(0);
    assert!(made.stdout.contains("internal"), "{}", made.all());
    // It is about that snapshot, and about nothing that goes by the name of its dataset.
    refused(
        register(&organisation, "wildlife/other", "dev", "penguins-fit"),
        "production",
        "dev",
    );
    organisation.request(FIRST, "qa").expect_code(0);
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    let lineage = organisation
        .as_person("dana", &["lineage", FIRST])
        .expect_code(0);
    assert!(
        lineage.stdout.contains("penguins-fit/masked"),
        "{}",
        lineage.all()
    );
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

/// What was made from it carries what it was made from, from the moment on that the leave ends.
#[test]
fn leave_that_is_taken_back_or_that_the_data_outgrew_is_told_wherever_the_model_went() {
    let organisation = with_masked();
    let masked = ["penguins-fit/masked", "--into", "dev"];
    for person in ["rita", "omar"] {
        declassify(&organisation, person, &masked);
    }
    register(&organisation, MODEL, "dev", "penguins-fit/masked").expect_code(0);
    organisation.request(FIRST, "qa").expect_code(0);
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    let scan = |code| organisation.as_person("ada", &["scan"]).expect_code(code);
    scan(0);
    declassify(
        &organisation,
        "omar",
        &["penguins-fit/masked", "--into", "dev", "--withdraw"],
    );
    let found = scan(3);
    for workspace in ["dev", "qa"] {
        assert!(found.stdout.contains(workspace), "{}", found.all());
    }
    assert!(found.stdout.contains("production"), "{}", found.all());
    refused(
        register(&organisation, "wildlife/late", "dev", "penguins-fit/masked"),
        "production",
        "dev",
    );
    declassify(&organisation, "omar", &masked);
    scan(0);
    // The field's data turns out to hold more: what was said of the masked data was said of something else.
    organisation.edit(
        "promote.yaml",
        "    production:\n",
        "    pii:\n      owner: reviewers\n      description: Of persons.\n    production:\n",
    );
    organisation.edit(
        "datasets/penguins-field.yaml",
        "[production]",
        "[production, pii]",
    );
    sign(&organisation);
    let found = scan(3);
    assert!(found.stdout.contains("production"), "{}", found.all());
    // A derivation that is taken out of the file later still counts.
    organisation.edit(
        "datasets/penguins-fit.yaml",
        "      derivedFrom: [penguins-field/june]\n",
        "",
    );
    sign(&organisation);
    scan(3);
    refused(
        register(&organisation, "wildlife/late", "dev", "penguins-fit/masked"),
        "pii`, `production",
        "dev",
    );
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn what_an_endpoint_abroad_collected_goes_back_into_training_once_it_is_masked_and_let_through() {
    let organisation = Organisation::in_pattern("regional-training");
    let (before, after) = ("owner: data-stewards", "owner: reviewers");
    let tag = |owner| format!("    \"resident:us\":\n      {owner}\n");
    organisation.edit("promote.yaml", &tag(before), &tag(after));
    let collected = "apiVersion: promote.dev/v1alpha1\nkind: Dataset\nmetadata:\n  name: collected-us\nspec:\n  owner: data-stewards\n  label: [internal, \"resident:us\"]\n  region: eastus\n  location: requests of the endpoint in eastus\n";
    let path = organisation.repository().join("datasets/collected-us.yaml");
    std::fs::write(path, collected).unwrap();
    add_masked(
        &organisation,
        ("collected-us", "collected-for-eu"),
        "internal, \"resident:eu\"",
    );
    let masked = "collected-for-eu/masked";
    refused(
        register(&organisation, MODEL, "dev-eu", masked),
        "resident:us",
        "dev-eu",
    );
    for person in ["rita", "omar"] {
        declassify(&organisation, person, &[masked, "--into", "dev-eu"]);
    }
    register(&organisation, MODEL, "dev-eu", masked).expect_code(0);
    // For one workspace; in the next it is again what it was.
    let elsewhere = register(&organisation, "wildlife/elsewhere", "prod-eu", masked);
    refused(elsewhere, "resident:us", "prod-eu");
    let raw = register(&organisation, "wildlife/raw", "dev-eu", "collected-us/june");
    refused(raw, "resident:us", "dev-eu");
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn a_pipeline_reads_masked_data_where_its_owners_let_that_be() {
    let organisation = with_masked();
    let place = ("dev", "fit(birds)\n");
    register_code(
        &organisation,
        ("pipeline", "train", "1.0.0"),
        place,
        &["penguins-sample"],
    );
    bind(&organisation, "    birds:\n      qa: penguins-fit/masked\n");
    organisation.as_person("dana", &["check"]).expect_code(0);
    organisation.request(PIPELINE, "qa").expect_code(0);
    organisation.apply().expect_code(3);
    let said = || verdict(&organisation, (PIPELINE, "qa"), "bound-inputs");
    let reason = "input `birds`: the data behind it carries `production`, and workspace `qa` is not cleared for that";
    assert!(said().contains(reason), "{}", said());
    for person in ["rita", "omar"] {
        declassify(
            &organisation,
            person,
            &["penguins-fit/masked", "--into", "qa"],
        );
    }
    assert!(said().contains(r#""verdict":"pass""#), "{}", said());
    let promotion = organisation.waiting("qa", "train");
    let approve = ["approve", &promotion, "--yes"];
    organisation.as_person("rita", &approve).expect_code(0);
    organisation.apply().expect_code(0);
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

/// Bytes that were declared as data are that data, whatever else somebody says that they are.
#[test]
fn a_snapshot_that_is_registered_as_an_artifact_carries_what_the_snapshot_does() {
    let organisation = with_masked();
    let from = Organisation::model("penguin-species/1.0.0");
    let bytes = organisation.as_person("dana", &["digest", from.to_str().unwrap()]);
    let bytes = bytes.expect_code(0).stdout;
    organisation.edit("datasets/penguins-fit.yaml", &digest(2), bytes.trim());
    sign(&organisation);
    let try_it = || register(&organisation, MODEL, "dev", "penguins-sample");
    refused(try_it(), "production", "dev");
    for person in ["rita", "omar"] {
        let masked = ["penguins-fit/masked", "--into", "dev"];
        declassify(&organisation, person, &masked);
    }
    try_it().expect_code(0);
    let lineage = ["lineage", FIRST];
    let lineage = organisation.as_person("dana", &lineage).expect_code(0);
    assert!(
        lineage.stdout.contains("penguins-fit/masked"),
        "{}",
        lineage.all()
    );
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

/// In every environment, the first too, where nothing is promoted into and no gate is asked.
#[test]
fn check_tells_bindings_to_snapshots_that_are_not_cleared_or_need_leave() {
    let organisation = with_masked();
    let place = ("dev", "fit(birds)\n");
    let code = ("pipeline", "train", "1.0.0");
    register_code(&organisation, code, place, &["penguins-sample"]);
    let found = || -> Vec<(String, String)> {
        let found = found(&organisation).into_iter();
        found.map(|(code, _, message)| (code, message)).collect()
    };
    let denial = |environment| {
        format!(
            "the data behind it carries `production`, and workspace `{environment}` is not cleared for that"
        )
    };
    for environment in ["dev", "qa"] {
        let bound = format!("    birds:\n      {environment}: penguins-fit/masked\n");
        bind(&organisation, &bound);
        let said = format!(
            "`{environment}` may read `penguins-fit/masked` only with leave of the owners of its tags: {}",
            denial(environment)
        );
        assert_eq!(found(), [("binding-needs-leave".to_owned(), said)]);
        organisation.as_person("dana", &["check"]).expect_code(0);
        let bound = format!("    birds:\n      {environment}: penguins-field/june\n");
        bind(&organisation, &bound);
        let said = format!(
            "`{environment}` may not read `penguins-field/june`: {}",
            denial(environment)
        );
        assert_eq!(found(), [("binding-not-cleared".to_owned(), said)]);
        organisation.as_person("dana", &["check"]).expect_code(1);
    }
    bind(
        &organisation,
        "    birds:\n      prod: penguins-field/june\n",
    );
    assert_eq!(found(), []);
}
