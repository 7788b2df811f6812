//! What the roles of these credentials allow, as Azure Resource Manager says it, without trying it.
//!
//! Source: the specification `Microsoft.Authorization/stable/2022-04-01`, `Permissions_ListForResource`; how actions are
//! matched: <https://learn.microsoft.com/azure/role-based-access-control/role-definitions>.

use reqwest::Method;
use serde::Deserialize;

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::{Permission, Result};
use crate::model::platform::AzureMlPlace;

/// The version of the interface, which is not that of Azure Machine Learning.
const API_VERSION: &str = "2022-04-01";
const PROVIDER: &str = "Microsoft.MachineLearningServices";

/// What the roles allow.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Roles {
    #[serde(default)]
    value: Vec<Role>,
    #[serde(default)]
    next_link: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    not_actions: Vec<String>,
}

impl AzureMlAdapter {
    /// What the roles allow; nothing that is known, when that may not be asked.
    pub(super) async fn roles(&self, call: Call<'_>) -> Result<Option<Roles>> {
        let place = &self.arm.place;
        let mut url = self.arm.address(&format!(
            "{place}/providers/Microsoft.Authorization/permissions"
        ));
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        let answer = self.arm.send(call, Method::GET, url, None).await?;
        if answer.status.is_client_error() {
            return Ok(None);
        }
        answer.success(call)?.decode(call).map(Some)
    }

    /// What has to be allowed for writing, each with the actions that say so.
    pub(super) fn writes(&self) -> Vec<(String, Vec<String>)> {
        let mut all = Vec::new();
        match self.spec.place {
            AzureMlPlace::Workspace => {
                for collection in [
                    layout::CODES,
                    layout::COMPONENTS,
                    layout::DATA,
                    layout::ENVIRONMENTS,
                    layout::MODELS,
                ] {
                    let place = format!("{PROVIDER}/workspaces/{collection}");
                    let actions = vec![format!("{place}/write"), format!("{place}/versions/write")];
                    all.push((format!("write {collection}"), actions));
                }
            }
            AzureMlPlace::Registry => {
                let actions = vec![format!("{PROVIDER}/registries/assets/write")];
                all.push(("write assets".to_owned(), actions));
            }
        }
        all
    }
}

impl Roles {
    /// Whether all of these actions are allowed, or none.
    pub(super) fn permission(&self, actions: &[String]) -> Permission {
        let allowed = actions.iter().filter(|action| self.allows(action)).count();
        if allowed == actions.len() {
            Permission::Granted
        } else if allowed == 0 && self.next_link.is_none() {
            Permission::Refused
        } else {
            Permission::Unknown
        }
    }

    fn allows(&self, action: &str) -> bool {
        let is_in = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        self.value
            .iter()
            .any(|role| is_in(&role.actions) && !is_in(&role.not_actions))
    }
}

/// Whether an action is of a pattern, in which `*` stands for any text. Capitals do not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_matched_as_azure_does() {
        let action = "Microsoft.MachineLearningServices/workspaces/models/write";
        for pattern in [
            "*",
            action,
            "microsoft.machinelearningservices/*",
            "Microsoft.MachineLearningServices/workspaces/*/write",
            "*/write",
            "Microsoft.*/workspaces/*/write",
        ] {
            assert!(matches(pattern, action), "{pattern}");
        }
        for pattern in [
            "",
            "*/read",
            "Microsoft.MachineLearningServices/workspaces/models",
            "Microsoft.MachineLearningServices/registries/*",
            "*/jobs/*/write",
        ] {
            assert!(!matches(pattern, action), "{pattern}");
        }
    }

    #[test]
    fn what_one_role_takes_back_another_can_give() {
        let roles = |text: &str| serde_json::from_str::<Roles>(text).unwrap();
        let all = ["a/write".to_owned(), "a/versions/write".to_owned()];
        let without = r#"{"actions": ["*"], "notActions": ["a/*"]}"#;
        let denied = roles(&format!(r#"{{"value": [{without}]}}"#));
        assert_eq!(denied.permission(&all), Permission::Refused);
        let given = roles(&format!(
            r#"{{"value": [{without}, {{"actions": ["a/*"]}}]}}"#
        ));
        assert_eq!(given.permission(&all), Permission::Granted);
        let half = roles(r#"{"value": [{"actions": ["a/write"]}]}"#);
        assert_eq!(half.permission(&all), Permission::Unknown);
        // There is more to come that was not read.
        let more = roles(r#"{"value": [], "nextLink": "x"}"#);
        assert_eq!(more.permission(&all), Permission::Unknown);
    }
}
