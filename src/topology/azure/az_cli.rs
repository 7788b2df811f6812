//! The resources as a script for `sh` that calls `az`.

use std::collections::BTreeMap;

use super::names::one_line;
use super::{AzureWorkspace, Estate, ExportedFile, Who};

/// What stands in the head.
const CHECKED: &str = "Run by `sh` with a stand-in for `az` in the tests, which compares every word; unchecked by `az` itself and its extension `ml`, which the tests do not install.";

/// What the script begins with: nothing is guessed from words of its own.
const FUNCTIONS: &str = "\
set -eu

# The object id of a group, and that of an engine's identity: by their names, which are those of the trust root.
group_id() { az ad group show --group=\"$1\" --query=id --output=tsv; }
engine_id() { az ad sp list --display-name=\"$1\" --query='[0].id' --output=tsv; }

# GROUP WORKSPACE KIND OBJECT-ID ROLE
assign() {
  az role assignment create --assignee-object-id=\"${4:?no such identity}\" --assignee-principal-type=\"$3\" --role=\"$5\" \\
    --scope=\"/subscriptions/$subscription/resourceGroups/$1/providers/Microsoft.MachineLearningServices/workspaces/$2\"
}

subscription=$(az account show --query=id --output=tsv)
";

pub(super) fn write(estate: &Estate) -> Vec<ExportedFile> {
    let mut text = format!("#!/bin/sh\n{}{FUNCTIONS}", estate.head("#", CHECKED));
    for (name, group) in &estate.resource_groups {
        text.push('\n');
        let words = [
            option("name", name),
            option("location", group.region.as_str()),
        ];
        text.push_str(&call("az group create", &words, &group.tags));
    }
    for (name, workspace) in &estate.workspaces {
        text.push('\n');
        text.push_str(&create(name.as_str(), workspace));
        for assignment in &workspace.assignments {
            let (kind, find) = match &assignment.who {
                Who::Group(_) => ("Group", "group_id"),
                Who::Engine(_) => ("ServicePrincipal", "engine_id"),
            };
            let who = quote(assignment.who.name());
            let (group, name) = (quote(&workspace.resource_group), quote(name.as_str()));
            let role = quote(assignment.role.as_str());
            text.push_str(&format!(
                "id=$({find} {who})\nassign {group} {name} {kind} \"$id\" {role}\n"
            ));
        }
    }
    vec![ExportedFile {
        name: "topology.sh",
        text,
    }]
}

fn create(name: &str, workspace: &AzureWorkspace) -> String {
    let mut text = String::new();
    let mut words = vec![
        option("name", name),
        option("resource-group", &workspace.resource_group),
        option("location", workspace.region.as_str()),
    ];
    if let Some(description) = &workspace.description {
        words.push(option("description", description));
    }
    if let Some(region) = &workspace.storage_region {
        let group = quote(&workspace.resource_group);
        text.push_str(&format!(
            "account=st$(printf '%s' \"$subscription/\"{group}/{} | sha256sum | cut -c1-13)\n",
            quote(name)
        ));
        let account = [
            "--name=\"$account\"".to_owned(),
            option("resource-group", &workspace.resource_group),
            option("location", region.as_str()),
            "--sku=Standard_LRS".to_owned(),
            "--allow-blob-public-access=false".to_owned(),
        ];
        text.push_str(&call(
            "az storage account create",
            &account,
            &workspace.tags,
        ));
        words.push(format!(
            "--storage-account=\"/subscriptions/$subscription/resourceGroups/\"{group}\"/providers/Microsoft.Storage/storageAccounts/$account\""
        ));
    }
    text.push_str(&call("az ml workspace create", &words, &workspace.tags));
    text
}

/// A call with options and tags. A tag that `az` would read as something else is left out, and named in a comment.
fn call(command: &str, options: &[String], tags: &BTreeMap<String, String>) -> String {
    let (plain, odd): (Vec<_>, Vec<_>) = tags.iter().partition(|(key, _)| is_plain(key));
    let mut text = String::new();
    for (key, _) in odd {
        let key = one_line(key);
        text.push_str(&format!(
            "# PROBLEM: `az` cannot be told of the tag `{key}`; it is left out.\n"
        ));
    }
    text.push_str(command);
    for option in options {
        text.push_str(" \\\n  ");
        text.push_str(option);
    }
    if !plain.is_empty() {
        text.push_str(" \\\n  --tags");
        for (key, value) in plain {
            text.push_str(&format!(" \\\n    {}", quote(&format!("{key}={value}"))));
        }
    }
    text.push('\n');
    text
}

/// Whether `KEY=VALUE` is a tag to `az`: not an option, not a file to read (`@`), and parted at the right `=`.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.starts_with(['-', '@']) && !key.contains('=')
}

/// `--name='value'`: with the sign, so that a value that begins with `-` or `@` is a value.
fn option(name: &str, value: &str) -> String {
    format!("--{name}={}", quote(value))
}

/// A word of a shell (POSIX, 2.2.2): nothing is special between single quotes. No program can be given a NUL.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}
