//! A saved list of Azure's role assignments, held against the rule that nobody changes production data in research.

use serde_json::{Value, json};

use crate::organisation::{Answer, Organisation};

const ACCOUNT: &str =
    "/subscriptions/s/resourceGroups/data/providers/Microsoft.Storage/storageAccounts/fieldstation";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";

/// An organisation that reads production data in a storage account, and lets one system write it.
fn organisation() -> Organisation {
    let organisation = Organisation::in_pattern("single-environment");
    organisation.edit(
        "datasets/penguins-field.yaml",
        "    read: [data-scientists]\n  location: the field station's own records",
        &format!("    read: [data-scientists]\n    systems: [sys-1]\n  location: abfss://raw@fieldstation.dfs.core.windows.net/2026\n  addresses: [\"{ACCOUNT}\"]"),
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

fn grant(who: &str, kind: &str, role: &str, scope: &str) -> Value {
    json!({
        "condition": null, "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/a"),
        "principalId": who, "principalName": format!("name of {who}"), "principalType": kind,
        "roleDefinitionId": format!("/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "roleDefinitionName": if role == READER { "Reader" } else { "some role" },
        "scope": scope, "type": "Microsoft.Authorization/roleAssignments",
    })
}

fn check(organisation: &Organisation, list: &str) -> Answer {
    let file = organisation.path("roles.json");
    std::fs::write(&file, list).unwrap();
    let arguments = ["check", "--role-assignments", file.to_str().unwrap()];
    organisation.as_person("dana", &arguments)
}

#[track_caller]
fn refused(organisation: &Organisation, assignment: &Value, who: &str) {
    let list = json!([grant("g-1", "Group", READER, ACCOUNT), assignment]);
    let answer = check(organisation, &list.to_string()).expect_code(1);
    let said =
        format!("{who} may change `penguins-field`, which is production data that research reads");
    assert!(
        answer.stderr.contains(&said) || answer.stdout.contains(&said),
        "{said}\n{}",
        answer.all()
    );
    assert!(
        answer.all().contains("production-data-writable-in-azure"),
        "{}",
        answer.all()
    );
}

#[test]
fn whoever_may_write_is_refused_and_what_is_not_known_may_write() {
    let organisation = organisation();
    let who = |kind: &str, who: &str, scope: &str| {
        format!("the {kind} `name of {who}`, with `some role` on `{scope}`,")
    };
    let subscription = "/subscriptions/s";
    for (kind, role, scope) in [
        ("Group", CONTRIBUTOR, ACCOUNT),
        ("User", CONTRIBUTOR, subscription),
        ("Group", "00000000-0000-0000-0000-000000000001", ACCOUNT),
        ("ServicePrincipal", CONTRIBUTOR, ACCOUNT),
        ("Group", CONTRIBUTOR, "/"),
    ] {
        refused(
            &organisation,
            &grant("x", kind, role, scope),
            &who(kind, "x", scope),
        );
    }
    // What a system may, a group that is given its id may not.
    refused(
        &organisation,
        &grant("sys-1", "Group", CONTRIBUTOR, ACCOUNT),
        &who("Group", "sys-1", ACCOUNT),
    );
}

#[test]
fn readers_other_accounts_and_declared_systems_are_let_through() {
    let organisation = organisation();
    let list = json!([
        grant("g-1", "Group", READER, "/"),
        grant("SYS-1", "ServicePrincipal", CONTRIBUTOR, ACCOUNT),
        grant(
            "g-2",
            "Group",
            CONTRIBUTOR,
            &ACCOUNT.replace("fieldstation", "other")
        ),
        grant(
            "g-2",
            "Group",
            CONTRIBUTOR,
            "/subscriptions/s/resourceGroups/other"
        ),
    ]);
    check(&organisation, &list.to_string()).expect_code(0);
}

#[test]
fn a_list_that_says_nothing_of_the_account_is_refused() {
    let organisation = organisation();
    let elsewhere = ACCOUNT.replace("fieldstation", "other");
    let elsewhere = json!([grant("g-1", "Group", READER, &elsewhere)]);
    for list in ["[]", &elsewhere.to_string()] {
        let answer = check(&organisation, list).expect_code(1);
        let said = "the list says nothing of the account `fieldstation`, where `penguins-field` is";
        assert!(answer.all().contains(said), "{}", answer.all());
        assert!(
            answer.all().contains("unlisted-production-data"),
            "{}",
            answer.all()
        );
    }
}

#[test]
fn data_without_a_place_and_lists_that_lie_are_refused() {
    let unplaced = Organisation::in_pattern("single-environment");
    let answer = check(&unplaced, "[]").expect_code(1);
    let said = "no address of `penguins-field` names a storage account";
    assert!(
        answer.all().contains("unplaced-production-data"),
        "{}",
        answer.all()
    );
    assert!(answer.all().contains(said), "{}", answer.all());
    let organisation = organisation();
    for (list, said) in [
        ("[{}]", "an object of this list has a field `principalId`"),
        (
            "[{\"principalId\": \"x\", \"scope\": \"/\"}]",
            "a role assignment has a `roleDefinitionId` or a `roleDefinitionName`",
        ),
        (
            "[{\"principalId\": \"x\", \"roleDefinitionName\": \"Reader\"}]",
            "an object of this list has a field `scope`",
        ),
        ("[", "the file ends in the middle"),
    ] {
        let answer = check(&organisation, list).expect_code(1);
        assert!(answer.stderr.contains(said), "{}", answer.all());
    }
    let other = Organisation::new();
    let answer = check(&other, "[]").expect_code(2);
    let said = "the pattern `multi-environment` has no rule about role assignments";
    assert!(answer.stderr.contains(said), "{}", answer.all());
}
