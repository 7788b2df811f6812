//! Names that try to get out of their quotes, and lists that lie.

use super::diff::{Difference, Is, compare};
use super::json::Listing;
use super::*;

fn estate() -> Estate {
    let tags = BTreeMap::from([("cost-center".to_owned(), "cc-1".to_owned())]);
    let workspace = AzureWorkspace {
        resource_group: "rg-wildlife".to_owned(),
        region: "westeurope".parse().unwrap(),
        storage_region: None,
        description: None,
        tags: tags.clone(),
        assignments: BTreeSet::new(),
    };
    let group = ResourceGroup {
        region: "westeurope".parse().unwrap(),
        tags,
    };
    Estate {
        topology: "acme".parse().unwrap(),
        resource_groups: BTreeMap::from([("rg-wildlife".to_owned(), group)]),
        workspaces: BTreeMap::from([("mlw-dev".parse().unwrap(), workspace)]),
    }
}

#[test]
fn strings_stay_within_their_quotes_in_every_language() {
    let hostile = "a'b\"c\\d${e}%{f}$${g}\n$(h)`i`\u{1b}é";
    assert_eq!(
        bicep::quote(hostile),
        "'a\\'b\"c\\\\d\\${e}%{f}\\$\\${g}\\n\\$(h)`i`\\u{1b}é'"
    );
    assert_eq!(
        terraform::quote(hostile),
        "\"a'b\\\"c\\\\d\\u0024{e}\\u0025{f}$\\u0024{g}\\n$(h)`i`\\U0000001bé\""
    );
    assert_eq!(az_cli::quote("a'b\n\"$(c)`d`\0"), "'a'\\''b\n\"$(c)`d`'");
}

#[test]
fn what_azure_refuses_is_named_on_one_line_each() {
    let mut estate = estate();
    assert_eq!(estate.problems(), Vec::<String>::new());
    let group = estate.resource_groups["rg-wildlife"].clone();
    let name = "x\nrm -rf /\u{2028}.".to_owned();
    estate.resource_groups.insert(name, group.clone());
    estate
        .resource_groups
        .insert("RG-wildlife".to_owned(), group);
    let mut short = estate.workspaces.values().next().unwrap().clone();
    short.tags.insert("a<b".to_owned(), "x".repeat(257));
    estate.workspaces.insert("qa".parse().unwrap(), short);
    let problems = estate.problems();
    assert_eq!(
        problems,
        [
            "`RG-wildlife` and `rg-wildlife` are one resource group to Azure",
            "`x\\u{a}rm -rf /\\u{2028}.` is no name for a resource group: 1 to 90 letters, digits, `_`, `-`, `.`, `(`, `)`, no `.` at the end",
            "`qa` is no name for a workspace: 3 to 33 letters, digits, `_` and `-`, a letter or digit first",
            "workspace `qa` has the tag `a<b`, whose name Azure does not take",
            "workspace `qa` has the tag `a<b`, whose value Azure does not take",
        ]
    );
    for language in [Language::Bicep, Language::Terraform, Language::AzCli] {
        let text = &estate.write(language)[0].text;
        let head = text.lines().take_while(|line| line.starts_with(['#', '/']));
        assert_eq!(
            head.filter(|line| line.contains("PROBLEM")).count(),
            5,
            "{text}"
        );
        assert!(!text.contains("\nrm -rf /\u{2028}") || language == Language::AzCli);
    }
}

fn differences(list: &str) -> Vec<Difference> {
    let listing = Listing::parse("list.json", list.as_bytes().to_vec()).unwrap();
    compare(&estate(), &listing).unwrap().differences
}

const GOOD: &str = r#"{"name": "MLW-dev", "type": "microsoft.machinelearningservices/WORKSPACES", "location": "West Europe",
    "id": "/subscriptions/s/resourcegroups/RG-wildlife/providers/x/y/z", "tags": {"Cost-Center": "cc-1", "other": "o"}}"#;

#[test]
fn a_list_is_held_against_the_topology() {
    assert_eq!(differences(&format!("[{GOOD}]")), []);
    assert_eq!(differences("[]")[0].is, Is::Missing);
    let is = |list: String| {
        differences(&list)
            .into_iter()
            .map(|found| found.is.word())
            .collect::<Vec<_>>()
    };
    for (from, to, word) in [
        ("West Europe", "northeurope", "wrong-region"),
        ("RG-wildlife", "rg-other", "wrong-group"),
        ("cc-1", "cc-2", "wrong-tag"),
        ("Cost-Center", "cost", "wrong-tag"),
    ] {
        assert_eq!(is(format!("[{}]", GOOD.replace(from, to))), [word], "{to}");
    }
    let second = GOOD.replace("MLW-dev", "shadow");
    assert_eq!(is(format!("[{second}, {GOOD}]")), ["unexpected"]);
    // Of two with one name, the one in the right group counts, and the other nobody declared.
    let twin = GOOD.replace("RG-wildlife", "rg-other");
    assert_eq!(is(format!("[{twin}, {GOOD}]")), ["unexpected"]);
    // Groups are compared once there are some.
    let group = r#"{"name": "rg-x", "type": "Microsoft.Resources/resourceGroups", "location": "westeurope", "tags": null}"#;
    assert_eq!(is(format!("[{group}, {GOOD}]")), ["missing"]);
    assert_eq!(
        is(format!(
            "[{}, {GOOD}]",
            group.replace("rg-x", "rg-wildlife")
        )),
        ["wrong-tag"]
    );
}

#[test]
fn lists_that_are_none_or_not_whole_are_refused() {
    let said = |list: &str| {
        let listing = Listing::parse("list.json", list.as_bytes().to_vec());
        let problems = listing
            .and_then(|listing| compare(&estate(), &listing))
            .unwrap_err();
        problems
            .into_iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    for (list, code) in [
        ("{\"a\": 1}", "not-a-list"),
        ("[1]", "not-a-list"),
        ("{\"value\": [], \"nextLink\": \"https://x\"}", "not-a-list"),
        ("[{\"name\": \"x\"}]", "missing-field"),
        ("[{\"type\": 3}]", "wrong-type"),
        (
            &format!(
                "[{}]",
                GOOD.replace("/subscriptions/s/resourcegroups/RG-wildlife", "/a")
            ),
            "not-an-id",
        ),
        (&format!("[{}]", GOOD.replace("\"o\"", "[]")), "wrong-type"),
    ] {
        assert_eq!(said(list), [code], "{list}");
    }
    assert_eq!(said(&format!("[{}", "[".repeat(100_000))).len(), 1);
    assert_eq!(said(r#"[{"name": "a", "name": "b"}]"#).len(), 1);
    let many = format!("[{}{{}}]", "{},".repeat(40));
    assert_eq!(said(&many).len(), 32);
    let latin = Listing::parse("list.json", vec![b'[', 0xE9, b']']).unwrap_err();
    assert_eq!(latin[0].code, "not-utf8");
    let large = Listing::parse("list.json", vec![b' '; json::MAX_LIST_BYTES + 1]).unwrap_err();
    assert_eq!(large[0].code, "too-large");
}

#[test]
fn storage_in_another_region_is_an_account_of_its_own() {
    let mut estate = estate();
    let workspace = estate.workspaces.values_mut().next().unwrap();
    workspace.storage_region = Some("northeurope".parse().unwrap());
    let has = |language, part: &str| {
        let text = &estate.write(language)[0].text;
        assert!(text.contains(part), "{text}");
    };
    has(Language::Bicep, "storageLocation: 'northeurope'");
    has(Language::Terraform, "storage_location = \"northeurope\"");
    has(
        Language::AzCli,
        "az storage account create \\\n  --name=\"$account\" \\\n  --resource-group='rg-wildlife' \\\n  --location='northeurope'",
    );
    has(
        Language::AzCli,
        "--storage-account=\"/subscriptions/$subscription/resourceGroups/\"'rg-wildlife'\"/providers",
    );
}
