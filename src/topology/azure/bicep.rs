//! The resources in Bicep: a file for the subscription, and a module for each workspace.

use std::collections::BTreeMap;

use super::{AzureWorkspace, Estate, ExportedFile, Who, names};

/// What stands in the head of both files.
const CHECKED: &str = "Unchecked by the Bicep compiler, which the tests cannot install; its syntax is checked by a grammar of it (tree-sitter-bicep). Run `bicep build main.bicep` first.";

/// The module for one workspace: always the same text, with parameters.
const MODULE: &str = include_str!("workspace.bicep");

pub(super) fn write(estate: &Estate) -> Vec<ExportedFile> {
    let mut text = estate.head("//", CHECKED);
    text.push_str(
        "// az deployment sub create --location REGION --template-file main.bicep --parameters groups=@groups.json engines=@engines.json\n\n",
    );
    text.push_str("targetScope = 'subscription'\n\n");
    text.push_str("@description('The object id in Microsoft Entra ID of each group, by its name in the trust root.')\nparam groups object\n\n");
    text.push_str("@description('The object id of the identity of each engine, by its name in the trust root.')\nparam engines object\n");
    let mut symbols = BTreeMap::new();
    for (index, (name, group)) in estate.resource_groups.iter().enumerate() {
        let symbol = format!("resourceGroup{index}");
        let region = quote(group.region.as_str());
        let tags = object(&group.tags, "  ");
        text.push_str(&format!("\nresource {symbol} 'Microsoft.Resources/resourceGroups@2024-03-01' = {{\n  name: {}\n  location: {region}\n  tags: {tags}\n}}\n",
            quote(name)));
        symbols.insert(name.as_str(), symbol);
    }
    for (index, (name, workspace)) in estate.workspaces.iter().enumerate() {
        // Every workspace is in one of the groups.
        if let Some(group) = symbols.get(workspace.resource_group.as_str()) {
            text.push_str(&module(index, name.as_str(), group, workspace));
        }
    }
    let head =
        format!("// A workspace with what it needs. Part of `main.bicep`.\n// {CHECKED}\n\n");
    vec![
        ExportedFile {
            name: "main.bicep",
            text,
        },
        ExportedFile {
            name: "workspace.bicep",
            text: format!("{head}{MODULE}"),
        },
    ]
}

fn module(index: usize, name: &str, group: &str, workspace: &AzureWorkspace) -> String {
    let quoted = quote(name);
    let region = quote(workspace.region.as_str());
    let storage = workspace
        .storage_region
        .as_ref()
        .unwrap_or(&workspace.region);
    let storage = quote(storage.as_str());
    let description = quote(workspace.description.as_deref().unwrap_or_default());
    let tags = object(&workspace.tags, "    ");
    let assignments = workspace.assignments.iter().map(|assignment| {
        let (map, kind) = match &assignment.who {
            Who::Group(_) => ("groups", "Group"),
            Who::Engine(_) => ("engines", "ServicePrincipal"),
        };
        let who = quote(assignment.who.name());
        let (role, word) = (assignment.role.definition(), assignment.role.as_str());
        format!("      // {word}\n      {{\n        principalId: {map}[{who}]\n        principalType: '{kind}'\n        roleId: '{role}'\n      }}\n")
    });
    let assignments: String = assignments.collect();
    let assignments = if assignments.is_empty() {
        "[]".to_owned()
    } else {
        format!("[\n{assignments}    ]")
    };
    format!(
        "\nmodule workspace{index} 'workspace.bicep' = {{\n  name: 'workspace{index}'\n  scope: {group}\n  params: {{\n    name: {quoted}\n    location: {region}\n    storageLocation: {storage}\n    description: {description}\n    tags: {tags}\n    assignments: {assignments}\n  }}\n}}\n"
    )
}

fn object(pairs: &BTreeMap<String, String>, indent: &str) -> String {
    if pairs.is_empty() {
        return "{}".to_owned();
    }
    let line =
        |(key, value): (&String, &String)| format!("{indent}  {}: {}\n", quote(key), quote(value));
    let lines: String = pairs.iter().map(line).collect();
    format!("{{\n{lines}{indent}}}")
}

/// A string of Bicep. Source: <https://learn.microsoft.com/azure/azure-resource-manager/bicep/data-types#strings>.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for character in text.chars() {
        match character {
            '\\' | '\'' | '$' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if names::shows(character) => quoted.push(character),
            _ => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    quoted.push('\'');
    quoted
}
