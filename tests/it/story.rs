//! The main job, through the program, on a really trained model.

use crate::organisation::Organisation;

#[test]
fn a_model_goes_from_dev_to_prod_and_back() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    organisation.apply().expect_code(4);
    assert_eq!(organisation.served("qa"), None);

    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));

    organisation
        .request("wildlife/penguin-species@1.0.0", "prod")
        .expect_code(0);
    organisation.approve("omar", "prod");
    organisation.apply().expect_code(4);
    organisation.approve("mia", "prod");
    organisation.apply().expect_code(0);
    organisation.promote_to_prod("1.1.0");
    assert_eq!(organisation.served("prod").as_deref(), Some("1.1.0"));

    organisation
        .as_person(
            "rita",
            &["rollback", "wildlife/penguin-species", "--in", "prod"],
        )
        .expect_code(0);
    organisation.apply().expect_code(4);
    organisation.approve("mia", "prod");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod").as_deref(), Some("1.0.0"));
    assert_eq!(organisation.served("qa").as_deref(), Some("1.1.0"));
}

#[test]
fn a_single_file_is_a_version_of_one_file() {
    let organisation = Organisation::new();
    let from = Organisation::model("penguin-species/1.0.0/MODEL_CARD.md");
    organisation
        .register("wildlife/card", "1.0.0", &from, "dev", "penguins-sample")
        .expect_code(0);
    let content = organisation
        .workspace("dev")
        .join("wildlife/model/card/1.0.0/content");
    let written = std::fs::read(content.join("MODEL_CARD.md")).unwrap();
    assert_eq!(written, std::fs::read(&from).unwrap());
}
