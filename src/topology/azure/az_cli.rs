//! The resources as a script for `sh` that calls `az`.

use std::collections::BTreeMap;

use super::names::one_line;
use super::{AzureWorkspace, Estate, ExportedFile, Who};
use crate::manifest::yaml::is_hidden;

/// What stands in the head.
const CHECKED: &str = "Run by `sh` with a stand-in for `az` in the tests, which compares every word; unchecked by `az` itself and its extension `ml`, which the tests do not install.";

/// What the script begins with: nothing is guessed from words of its own.
const FUNCTIONS: &str = "\
set -eu

# The object id of a group, and that of an engine's identity: by their names, which are those of the trust root.
group_id() { az ad group show --group=\"$1\" --query=id --output=tsv; }
engine_id() {
  found=$(az ad sp list --filter=\"displayName eq '$1'\" --query='[].id' --output=tsv)
  case $found in
    '' | *[!0-9A-Za-z-]*)
      echo \"not exactly one service principal is named $1: write its object id into this script\" >&2
      return 1
      ;;
  esac
  printf '%s\\n' \"$found\"
}

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
        if is_file(name) {
            let name = one_line(name);
            text.push_str(&format!(
                "# PROBLEM: `az` would read the file that `{name}` names; this resource group and what is in it are left out.\n"
            ));
            continue;
        }
        let words = [
            option("name", name),
            option("location", group.region.as_str()),
        ];
        text.push_str(&call("az group create", &words, &group.tags));
    }
    let all = estate.workspaces.iter();
    for (name, workspace) in all.filter(|(_, found)| !is_file(&found.resource_group)) {
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
    match &workspace.description {
        Some(description) if is_file(description) => text.push_str(
            "# PROBLEM: `az` would read the file that the description names; it is left out.\n",
        ),
        Some(description) => words.push(option("description", description)),
        None => {}
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
    let (plain, odd): (Vec<_>, Vec<_>) = tags
        .iter()
        .partition(|(key, value)| is_plain(key) && !is_file(value));
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
    let key = seen(key);
    !key.is_empty() && !key.starts_with(['-', '@']) && !key.contains('=')
}

/// Whether `az` would read a file in place of a value. It parts every word at its first `=`, and takes what follows an `@`
/// there for a name of a file.
///
/// Source: <https://github.com/Azure/azure-cli/blob/dev/src/azure-cli-core/azure/cli/core/commands/__init__.py>
/// (`_expand_file_prefixed_files`).
fn is_file(value: &str) -> bool {
    seen(value)
        .strip_prefix('@')
        .is_some_and(|name| !name.is_empty())
}

/// Text without what nobody sees: controls of a terminal, and NUL, which no program can be given.
fn seen(text: &str) -> String {
    text.chars()
        .filter(|character| !is_hidden(*character))
        .collect()
}

/// `--name='value'`: with the sign, so that a value that begins with `-` is a value.
fn option(name: &str, value: &str) -> String {
    format!("--{name}={}", quote(value))
}

/// A word of a shell (POSIX, 2.2.2): nothing is special between single quotes.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", seen(text).replace('\'', r"'\''"))
}
