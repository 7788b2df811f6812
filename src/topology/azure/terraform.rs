//! The resources for Terraform and `OpenTofu`: what there is as local values, and the resources made of them.

use std::collections::BTreeMap;

use super::{Estate, ExportedFile, Who, names};

/// What stands in the head.
const CHECKED: &str = "Syntax checked by HashiCorp's own parser of HCL in the tests; unchecked by Terraform and the provider, which the tests cannot install. Run `terraform validate` first.";

/// The resources: always the same text, over the local values.
const RESOURCES: &str = include_str!("resources.tf");

pub(super) fn write(estate: &Estate) -> Vec<ExportedFile> {
    let mut text = estate.head("#", CHECKED);
    text.push_str("\nlocals {\n  resource_groups = {\n");
    for (name, group) in &estate.resource_groups {
        let (name, region) = (quote(name), quote(group.region.as_str()));
        let tags = object(&group.tags, "      ");
        text.push_str(&format!(
            "    {name} = {{\n      location = {region}\n      tags     = {tags}\n    }}\n"
        ));
    }
    text.push_str("  }\n\n  workspaces = {\n");
    for (name, workspace) in &estate.workspaces {
        let (name, group) = (quote(name.as_str()), quote(&workspace.resource_group));
        let region = quote(workspace.region.as_str());
        let storage = workspace
            .storage_region
            .as_ref()
            .unwrap_or(&workspace.region);
        let storage = quote(storage.as_str());
        let description = quote(workspace.description.as_deref().unwrap_or_default());
        let tags = object(&workspace.tags, "      ");
        text.push_str(&format!("    {name} = {{\n      resource_group   = {group}\n      location         = {region}\n      storage_location = {storage}\n      description      = {description}\n      tags             = {tags}\n    }}\n"));
    }
    text.push_str("  }\n\n  role_assignments = {\n");
    for (name, workspace) in &estate.workspaces {
        for assignment in &workspace.assignments {
            let (kind, map) = match &assignment.who {
                Who::Group(_) => ("group", "group_object_ids"),
                Who::Engine(_) => ("engine", "engine_object_ids"),
            };
            let (who, role) = (assignment.who.name(), assignment.role.as_str());
            let key = quote(&format!("{name}/{kind}/{who}/{role}"));
            let (workspace, who, role) = (quote(name.as_str()), quote(who), quote(role));
            text.push_str(&format!("    {key} = {{\n      workspace = {workspace}\n      principal = var.{map}[{who}]\n      role      = {role}\n    }}\n"));
        }
    }
    text.push_str("  }\n}\n\n");
    text.push_str(RESOURCES);
    vec![ExportedFile {
        name: "main.tf",
        text,
    }]
}

fn object(pairs: &BTreeMap<String, String>, indent: &str) -> String {
    if pairs.is_empty() {
        return "{}".to_owned();
    }
    let line =
        |(key, value): (&String, &String)| format!("{indent}  {} = {}\n", quote(key), quote(value));
    let lines: String = pairs.iter().map(line).collect();
    format!("{{\n{lines}{indent}}}")
}

/// A quoted template of HCL. Source: <https://developer.hashicorp.com/terraform/language/expressions/strings>.
///
/// `${` and `%{` begin a template, and `$${` does not always end one (`$$${`), so the sign is written by its number.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let begins = matches!(character, '$' | '%') && characters.peek() == Some(&'{');
        match character {
            '\\' | '"' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if begins => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ if names::shows(character) => quoted.push(character),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    quoted.push('"');
    quoted
}
