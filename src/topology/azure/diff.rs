//! The resources of a topology held against a saved list of what there is in Azure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Estate;
use super::json::{Item, Listing};
use crate::diagnostic::Diagnostic;
use crate::model::id::RegionName;

/// The types that are compared; Azure writes them in any case.
const WORKSPACE: &str = "Microsoft.MachineLearningServices/workspaces";
const RESOURCE_GROUP: &str = "Microsoft.Resources/resourceGroups";
/// The most mistakes of a list that are told.
const MAX_PROBLEMS: usize = 32;

/// Something that is not as the topology says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What kind of resource.
    pub resource: Kind,
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    #[serde(flatten)]
    pub is: Is,
}

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A resource group.
    ResourceGroup,
    /// An Azure Machine Learning workspace.
    Workspace,
}

impl Kind {
    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResourceGroup => "resource group",
            Self::Workspace => "workspace",
        }
    }
}

/// What is wrong with a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Is {
    /// The topology has it, and Azure does not.
    Missing,
    /// Azure has it, and the topology does not.
    Unexpected {
        /// The resource group that it is in.
        resource_group: String,
    },
    /// It is in another resource group.
    WrongGroup {
        /// The one that the topology says.
        expected: String,
        /// The one that it is in.
        found: String,
    },
    /// It is in another region.
    WrongRegion {
        /// The one that the topology says.
        expected: RegionName,
        /// The one that it is in.
        found: String,
    },
    /// It has another value for a tag, or none.
    WrongTag {
        /// The tag.
        tag: String,
        /// The value that the topology says.
        expected: String,
        /// The value that it has.
        found: Option<String>,
    },
}

impl Is {
    /// The word for it, as `-o json` says it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected { .. } => "unexpected",
            Self::WrongGroup { .. } => "wrong-group",
            Self::WrongRegion { .. } => "wrong-region",
            Self::WrongTag { .. } => "wrong-tag",
        }
    }
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What is not as the topology says.
    pub differences: Vec<Difference>,
    /// How many workspaces of the topology were looked for.
    pub workspaces: usize,
    /// How many of its resource groups were looked for; none when the list has no resource groups at all.
    pub resource_groups: usize,
}

/// A resource of the list.
struct Found<'a> {
    group: &'a str,
    region: &'a str,
    tags: BTreeMap<String, &'a str>,
}

type FoundByName<'a> = BTreeMap<String, Vec<(&'a str, Found<'a>)>>;

/// What a list has of what is compared, by kind and by name in lower case.
#[derive(Default)]
struct Inventory<'a> {
    workspaces: FoundByName<'a>,
    groups: FoundByName<'a>,
}

impl<'a> Inventory<'a> {
    fn of(listing: &'a Listing) -> Result<Self, Vec<Diagnostic>> {
        let mut inventory = Self::default();
        let mut problems = Vec::new();
        for item in listing.items() {
            match read(&item) {
                Ok(Some((kind, name, found))) => {
                    let of_kind = match kind {
                        Kind::Workspace => &mut inventory.workspaces,
                        Kind::ResourceGroup => &mut inventory.groups,
                    };
                    let of_name = of_kind.entry(name.to_lowercase()).or_default();
                    of_name.push((name, found));
                }
                Ok(None) => {}
                Err(problem) if problems.len() < MAX_PROBLEMS => problems.push(problem),
                Err(_) => {}
            }
        }
        if problems.is_empty() {
            Ok(inventory)
        } else {
            Err(problems)
        }
    }
}

/// Holds a list against the resources of a topology. Tags that the topology says nothing of are left alone.
///
/// # Errors
///
/// What is wrong with the list.
pub fn compare(estate: &Estate, listing: &Listing) -> Result<Comparison, Vec<Diagnostic>> {
    let inventory = Inventory::of(listing)?;
    let has_groups = !inventory.groups.is_empty();
    let mut differences = compare_workspaces(estate, inventory.workspaces);
    if has_groups {
        differences.extend(compare_groups(estate, inventory.groups));
    }
    differences.sort();
    Ok(Comparison {
        differences,
        workspaces: estate.workspaces.len(),
        resource_groups: if has_groups {
            estate.resource_groups.len()
        } else {
            0
        },
    })
}

fn compare_workspaces(estate: &Estate, mut there: FoundByName<'_>) -> Vec<Difference> {
    let resource = Kind::Workspace;
    let mut differences = Vec::new();
    for (name, expected) in &estate.workspaces {
        let found = there.get_mut(name.as_str());
        let found = found.and_then(|found| take_best(found, &expected.resource_group));
        let name = name.to_string();
        let mut add = |is| {
            let name = name.clone();
            differences.push(Difference { resource, name, is });
        };
        let Some(found) = found else {
            add(Is::Missing);
            continue;
        };
        if !found.group.eq_ignore_ascii_case(&expected.resource_group) {
            add(Is::WrongGroup {
                expected: expected.resource_group.clone(),
                found: found.group.to_owned(),
            });
        }
        compare_one(&expected.region, &expected.tags, &found, &mut add);
    }
    let unexpected = there.into_values().flatten();
    differences.extend(unexpected.map(|(name, found)| Difference {
        resource,
        name: name.to_owned(),
        is: Is::Unexpected {
            resource_group: found.group.to_owned(),
        },
    }));
    differences
}

fn compare_groups(estate: &Estate, mut there: FoundByName<'_>) -> Vec<Difference> {
    let resource = Kind::ResourceGroup;
    let mut differences = Vec::new();
    for (name, expected) in &estate.resource_groups {
        let mut add = |is| {
            let name = name.clone();
            differences.push(Difference { resource, name, is });
        };
        match there.get_mut(&name.to_lowercase()).and_then(Vec::pop) {
            Some((_, found)) => compare_one(&expected.region, &expected.tags, &found, &mut add),
            None => add(Is::Missing),
        }
    }
    differences
}

/// What an item is, if it is something that is compared.
fn read<'a>(item: &Item<'a>) -> Result<Option<(Kind, &'a str, Found<'a>)>, Diagnostic> {
    let kind = item.required("type")?;
    let kind = match kind {
        kind if kind.eq_ignore_ascii_case(WORKSPACE) => Kind::Workspace,
        kind if kind.eq_ignore_ascii_case(RESOURCE_GROUP) => Kind::ResourceGroup,
        _ => return Ok(None),
    };
    let name = item.required("name")?;
    let group = match (kind, item.text("resourceGroup")?) {
        (Kind::ResourceGroup, _) => name,
        (Kind::Workspace, Some(group)) => group,
        (Kind::Workspace, None) => group_of_id(item.required("id")?).ok_or_else(|| {
            let message = "the id names no resource group";
            Diagnostic::error("not-an-id", item.loc_of("id"), message)
        })?,
    };
    let tags = item.texts("tags")?.into_iter();
    let found = Found {
        group,
        region: item.required("location")?,
        tags: tags
            .map(|(key, value)| (key.to_lowercase(), value))
            .collect(),
    };
    Ok(Some((kind, name, found)))
}

/// The resource group in an id: `/subscriptions/…/resourceGroups/NAME/providers/…`, in any case.
fn group_of_id(id: &str) -> Option<&str> {
    let mut parts = id
        .split('/')
        .skip_while(|part| !part.eq_ignore_ascii_case("resourceGroups"));
    parts.nth(1).filter(|name| !name.is_empty())
}

/// Takes the resource in the right group, else the first.
fn take_best<'a>(found: &mut Vec<(&'a str, Found<'a>)>, group: &str) -> Option<Found<'a>> {
    let best = found
        .iter()
        .position(|(_, found)| found.group.eq_ignore_ascii_case(group));
    let best = best.unwrap_or_default();
    (best < found.len()).then(|| found.remove(best).1)
}

fn compare_one(
    region: &RegionName,
    tags: &BTreeMap<String, String>,
    found: &Found<'_>,
    add: &mut impl FnMut(Is),
) {
    // `West Europe` and `westeurope` are one region.
    if found.region.to_lowercase().replace(' ', "") != region.as_str() {
        add(Is::WrongRegion {
            expected: region.clone(),
            found: found.region.to_owned(),
        });
    }
    for (tag, expected) in tags {
        let value = found.tags.get(&tag.to_lowercase());
        if value != Some(&expected.as_str()) {
            add(Is::WrongTag {
                tag: tag.clone(),
                expected: expected.clone(),
                found: value.map(|value| (*value).to_owned()),
            });
        }
    }
}
