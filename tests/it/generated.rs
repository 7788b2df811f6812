//! Files in the project that are made from the code.

use promote::gate::policy::schema_of;
use promote::manifest::kind::{KINDS, kind_name_at};
use promote::manifest::layout::classify;
use promote::manifest::yaml;

use crate::support::{assert_file, files_under, root};

#[test]
fn the_schemas_are_those_of_the_types() {
    for kind in &KINDS {
        let schema = serde_json::to_string_pretty(&schema_of(kind)).unwrap() + "\n";
        let name = format!("{}.schema.json", kind.schema_name);
        assert_file(&root().join("schemas").join(name), &schema);
    }
    assert_eq!(files_under(&root().join("schemas")).len(), KINDS.len());
}

#[test]
fn every_valid_manifest_fits_its_schema() {
    let mut seen = std::collections::BTreeSet::new();
    for (path, bytes) in files_under(&root().join("tests/manifests/valid")) {
        let place = classify(path.split_once('/').unwrap().1).unwrap();
        let Some(name) = kind_name_at(&place) else {
            continue;
        };
        let tree = yaml::parse(&yaml::source_file(&path, &bytes).unwrap()).unwrap();
        let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
        let schema = jsonschema::validator_for(&schema_of(kind)).unwrap();
        let errors: Vec<String> = schema
            .iter_errors(&tree.to_json())
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
        seen.insert(name);
    }
    assert!(seen.len() >= 11, "{seen:?}");
}

#[test]
fn schemas_refuse_unknown_fields_and_let_extensions_pass() {
    let kind = KINDS.iter().find(|kind| kind.name == "Dataset").unwrap();
    let schema = jsonschema::validator_for(&schema_of(kind)).unwrap();
    let manifest = |field: &str| {
        let mut value = serde_json::json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "Dataset", "metadata": { "name": "sales" },
            "spec": { "owner": "stewards", "label": ["internal"], "region": "westeurope", "location": "somewhere" }
        });
        value["spec"][field] = "1".into();
        value
    };
    assert!(schema.is_valid(&manifest("x-cost-centre")));
    assert!(!schema.is_valid(&manifest("cost-centre")));
}

#[test]
fn the_reader_agrees_with_serde_yaml_on_every_valid_manifest() {
    for (path, bytes) in files_under(&root().join("tests/manifests/valid")) {
        if path.ends_with(".yaml") {
            let source = yaml::source_file(&path, &bytes).unwrap();
            let expected: serde_json::Value = serde_yaml::from_str(&source.text).unwrap();
            assert_eq!(yaml::parse(&source).unwrap().to_json(), expected, "{path}");
        }
    }
}
