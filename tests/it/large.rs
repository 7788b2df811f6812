//! Organisations that are larger than one line of a ledger.

use crate::organisation::Organisation;

#[test]
fn an_organisation_may_have_more_governed_files_than_an_entry_has_room_for() {
    let organisation = Organisation::new();
    let sample = organisation
        .repository()
        .join("datasets/penguins-sample.yaml");
    let sample = std::fs::read_to_string(sample).unwrap();
    for number in 0..900 {
        let name = format!("penguins-of-colony-{number}");
        let text = sample.replace("name: penguins-sample", &format!("name: {name}"));
        let path = format!("datasets/{name}.yaml");
        std::fs::write(organisation.repository().join(path), text).unwrap();
    }
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation
        .as_person("ada", &["trust", "status"])
        .expect_code(0);
    organisation.as_person("ada", &["verify"]).expect_code(0);
    // What an entry does not repeat is held to the index all the same.
    organisation.edit(
        "datasets/penguins-of-colony-7.yaml",
        "label: [internal]",
        "label: [production]",
    );
    organisation.commit_all("ada", "relabel");
    let refused = organisation
        .as_person("ada", &["trust", "status"])
        .expect_code(4);
    assert!(
        refused.all().contains("datasets/penguins-of-colony-7.yaml"),
        "{}",
        refused.all()
    );
}
