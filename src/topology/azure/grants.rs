//! Who may change what is stored in Azure, by a saved `az role assignment list`.
//!
//! A role counts as able to write unless it is one that is known not to be, and a scope as reaching the data unless it is
//! known not to: what is not known never passes. What nobody lists here, such as an account key that somebody holds, is
//! not seen.

use std::collections::BTreeSet;

use super::json::{Item, Listing};
use super::storage::StoragePlace;
use crate::diagnostic::Diagnostic;

/// Roles of Azure's own that change nothing and read no key with which something could be changed, by definition.
///
/// Source: <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>. `Reader and Data Access` is not
/// among them: it lists the keys of accounts.
const READ_ONLY: [(&str, &str); 9] = [
    ("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader"),
    (
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
    ),
    (
        "b8eda974-7b85-4f76-af95-65846b26df6d",
        "Storage File Data Privileged Reader",
    ),
    (
        "aba4ae5f-2193-4029-9191-0cb91df5e314",
        "Storage File Data SMB Share Reader",
    ),
    (
        "19e7f393-937e-4f77-808e-94535e297925",
        "Storage Queue Data Reader",
    ),
    (
        "76199698-9eea-4c19-bc75-cec21354c6b6",
        "Storage Table Data Reader",
    ),
    ("43d0d8ad-25c7-4714-9337-8ba259a9fe05", "Monitoring Reader"),
    (
        "73c42c96-874c-492b-b04d-ab87d138a893",
        "Log Analytics Reader",
    ),
    ("39bc4728-0917-49c7-9d2c-d95423bc2eb4", "Security Reader"),
];
/// The most mistakes of a list that are told.
const MAX_PROBLEMS: usize = 32;

/// Somebody who may change something.
#[derive(Debug, Clone)]
pub struct RoleAssignment<'a> {
    item: Item<'a>,
    /// Who, as people read it: name or id.
    pub who: &'a str,
    /// Who, by object id.
    principal_id: &'a str,
    /// What the principal is, such as `Group`.
    pub kind: &'a str,
    /// The role's name, or its definition.
    pub role: &'a str,
    /// Where it counts.
    pub scope: &'a str,
    /// Whether the role is known not to be able to change anything.
    is_read_only: bool,
}

impl<'a> RoleAssignment<'a> {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn all(listing: &'a Listing) -> Result<Vec<Self>, Vec<Diagnostic>> {
        let mut found = Vec::new();
        let mut problems = Vec::new();
        for item in listing.items() {
            match Self::read(item) {
                Ok(assignment) => found.push(assignment),
                Err(problem) if problems.len() < MAX_PROBLEMS => problems.push(problem),
                Err(_) => {}
            }
        }
        if problems.is_empty() {
            Ok(found)
        } else {
            Err(problems)
        }
    }

    fn read(item: Item<'a>) -> Result<Self, Diagnostic> {
        let principal_id = item.required("principalId")?;
        let named = item.text("principalName")?.filter(|name| !name.is_empty());
        let definition = item.text("roleDefinitionId")?.filter(|id| !id.is_empty());
        let name = item
            .text("roleDefinitionName")?
            .filter(|name| !name.is_empty());
        let Some(role) = name.or(definition) else {
            let message = "a role assignment has a `roleDefinitionId` or a `roleDefinitionName`";
            return Err(Diagnostic::error("missing-field", item.loc(), message));
        };
        Ok(Self {
            item,
            who: named.unwrap_or(principal_id),
            principal_id,
            kind: item
                .text("principalType")?
                .filter(|kind| !kind.is_empty())
                .unwrap_or("principal"),
            role,
            scope: item.required("scope")?,
            is_read_only: is_read_only(definition, name),
        })
    }

    /// Whether it may let somebody change what is at a place, other than the systems that are said to.
    #[must_use]
    pub fn may_change(&self, places: &BTreeSet<StoragePlace>, systems: &BTreeSet<String>) -> bool {
        let is_system = self.kind == "ServicePrincipal"
            && systems
                .iter()
                .any(|id| id.eq_ignore_ascii_case(self.principal_id));
        !self.is_read_only && !is_system && places.iter().any(|place| self.reaches(place))
    }

    /// Whether it may count at a place.
    #[must_use]
    pub fn reaches(&self, place: &StoragePlace) -> bool {
        place.is_reached_from(self.scope)
    }

    /// Where the list says so.
    #[must_use]
    pub fn loc(&self) -> crate::diagnostic::Loc {
        let field = ["roleDefinitionName", "roleDefinitionId"];
        let named = field
            .into_iter()
            .find(|field| self.item.text(field).ok().flatten() == Some(self.role));
        named.map_or_else(|| self.item.loc(), |field| self.item.loc_of(field))
    }
}

/// By the definition, which nobody can choose; by the name only when there is no definition.
fn is_read_only(definition: Option<&str>, name: Option<&str>) -> bool {
    let definition = definition.map(|id| id.rsplit('/').next().unwrap_or(id).to_lowercase());
    READ_ONLY.iter().any(|(guid, known)| match &definition {
        Some(definition) => definition == guid,
        None => name == Some(*known),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roles_that_are_known_to_change_nothing_change_nothing() {
        let of = |guid: &str| {
            format!("/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{guid}")
        };
        let reader = of("ACDD72A7-3385-48EF-BD42-F606FBA81AE7");
        let custom = of("00000000-0000-0000-0000-000000000001");
        for (definition, name, expected) in [
            (Some(reader.as_str()), None, true),
            (Some(reader.as_str()), Some("Owner"), true),
            (None, Some("Reader"), true),
            (None, Some("reader"), false),
            (None, Some("Reader and Data Access"), false),
            // A role of somebody's own that is called like one of Azure's.
            (Some(custom.as_str()), Some("Reader"), false),
            (Some(custom.as_str()), None, false),
        ] {
            assert_eq!(
                is_read_only(definition, name),
                expected,
                "{definition:?} {name:?}"
            );
        }
    }
}
