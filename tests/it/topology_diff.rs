//! A saved list of Azure's resources, held against the topology.

use serde_json::{Value, json};

use crate::organisation::{Answer, Organisation};
use crate::support::cells;

/// A list with every workspace as the topology says, and something that is none of its business.
fn list_of(organisation: &Organisation) -> Vec<Value> {
    let export = ["topology", "export", "--format", "terraform", "-o", "json"];
    let estate = organisation
        .as_person("dana", &export)
        .expect_code(0)
        .json();
    let resource = |(name, workspace): (&String, &Value)| {
        let group = workspace["resourceGroup"].as_str().unwrap();
        json!({
            "id": format!("/subscriptions/s/resourceGroups/{group}/providers/p/t/{name}"),
            "name": name, "type": "Microsoft.MachineLearningServices/workspaces", "location": workspace["region"],
            "resourceGroup": group, "tags": workspace["tags"], "kind": "Default", "sku": null,
        })
    };
    let mut list: Vec<Value> = estate["workspaces"]
        .as_object()
        .unwrap()
        .iter()
        .map(resource)
        .collect();
    list.push(json!({"name": "st1", "type": "Microsoft.Storage/storageAccounts", "location": "westeurope", "id": "/x"}));
    list
}

/// What is said of a list, as a table and as data.
fn diff(organisation: &Organisation, list: &str, code: i32) -> (Answer, Answer) {
    let file = organisation.path("resources.json");
    std::fs::write(&file, list).unwrap();
    let arguments = ["topology", "diff", "--resources", file.to_str().unwrap()];
    let mut with_json = arguments.to_vec();
    with_json.extend(["-o", "json"]);
    let say = |arguments: &[&str]| organisation.as_person("dana", arguments).expect_code(code);
    (say(&arguments), say(&with_json))
}

fn text(list: &[Value]) -> String {
    serde_json::to_string(list).unwrap()
}

#[test]
fn what_is_as_the_topology_says_is_nothing_to_tell() {
    let organisation = Organisation::in_pattern("contoso");
    let (table, data) = diff(&organisation, &text(&list_of(&organisation)), 0);
    let said = "all is as the topology says\ncompared 7 workspaces, 0 resource groups\n";
    assert!(table.stdout.contains(said), "{}", table.all());
    assert!(
        table
            .stdout
            .contains("note: the list has no resource groups"),
        "{}",
        table.all()
    );
    assert_eq!(data.json()["differences"], json!([]));
}

#[test]
fn every_difference_is_told_and_ends_with_one() {
    let organisation = Organisation::in_pattern("contoso");
    let mut list = list_of(&organisation);
    list[0]["location"] = json!("northeurope");
    list[1]["tags"]["env"] = json!("dev");
    list[2]["name"] = json!("mlw-shadow");
    let (table, data) = diff(&organisation, &text(&list), 1);
    let rows: Vec<Vec<&str>> = cells(&table.stdout);
    assert_eq!(
        rows[1..5],
        [
            vec![
                "workspace",
                "mlw-botany-dev",
                "wrong-region",
                "westeurope",
                "northeurope"
            ],
            vec![
                "workspace",
                "mlw-botany-prod",
                "wrong-tag",
                "env=prod",
                "env=dev"
            ],
            vec!["workspace", "mlw-botany-qa", "missing", "is there", "-"],
            vec!["workspace", "mlw-shadow", "unexpected", "-", "rg-botany"],
        ],
        "{}",
        table.all()
    );
    let expected = json!({"resource": "workspace", "name": "mlw-shadow", "is": "unexpected", "resourceGroup": "rg-botany"});
    assert_eq!(data.json()["differences"][3], expected);
}

#[test]
fn a_list_that_is_wrong_is_shown_where() {
    let organisation = Organisation::in_pattern("contoso");
    let (wrong, _) = diff(&organisation, "[{\"name\": 1}]", 1);
    let said = "an object of this list has a field `type`";
    assert!(wrong.stderr.contains(said), "{}", wrong.all());
    assert!(
        wrong.stderr.contains("resources.json:1:2"),
        "{}",
        wrong.all()
    );
}
