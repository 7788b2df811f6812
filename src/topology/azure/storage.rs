//! Where data is in Azure Storage, by the addresses that manifests and tools give it.

use std::collections::BTreeSet;

use crate::manifest::address::Address;
use crate::manifest::dataset::DatasetSpec;

/// The services of an account, as hosts name them.
const SERVICES: [&str; 3] = ["blob", "dfs", "file"];
/// What hosts of storage accounts end with, in all of Azure's clouds.
const CLOUDS: [&str; 4] = [
    "core.windows.net",
    "core.usgovcloudapi.net",
    "core.chinacloudapi.cn",
    "storage.azure.net",
];

/// Where data is in Azure Storage. Everything is in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoragePlace {
    /// The account; its name is of it alone in the whole cloud.
    account: String,
    /// The container, if it is in one.
    container: Option<String>,
    /// The subscription and the resource group of the account, if the address says so.
    group: Option<(String, String)>,
}

impl StoragePlace {
    /// The account that it is in.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Every place that the addresses of a dataset name. What one address says of an account's resource group holds for all.
    #[must_use]
    pub fn all_of(dataset: &DatasetSpec) -> BTreeSet<Self> {
        let texts = std::iter::once(&dataset.location).chain(&dataset.addresses);
        let found: Vec<Self> = texts.filter_map(|text| Self::of(text)).collect();
        let with_group = |place: &Self| {
            let of_account = found.iter().filter(|other| other.account == place.account);
            let group = of_account.filter_map(|other| other.group.clone()).next();
            Self {
                group,
                ..place.clone()
            }
        };
        found.iter().map(with_group).collect()
    }

    /// The place that an address names: `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/…`, `https://ACCOUNT.blob.…/CONTAINER/…`
    /// or the id of an account or a container.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        let address = Address::parse(address).ok()?.as_str().to_lowercase();
        if address.starts_with('/') {
            return Self::of_id(&address);
        }
        let (scheme, rest) = address.split_once("://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (container, host) = match (scheme, host.split_once('@')) {
            ("abfs" | "abfss" | "wasb" | "wasbs", Some((container, host))) => {
                (Some(container), host)
            }
            ("https" | "http", None) => {
                (path.split('/').next().filter(|part| !part.is_empty()), host)
            }
            _ => return None,
        };
        let host = host.split(':').next().unwrap_or(host);
        let mut labels = host.split('.');
        let account = labels.next()?;
        // What an account is read from in its second region.
        let account = account.strip_suffix("-secondary").unwrap_or(account);
        if account.is_empty() {
            return None;
        }
        let is_storage = CLOUDS
            .iter()
            .any(|cloud| host.ends_with(&format!(".{cloud}")))
            && labels.any(|label| SERVICES.contains(&label));
        is_storage.then(|| Self {
            account: account.to_owned(),
            container: container.map(str::to_owned),
            group: None,
        })
    }

    fn of_id(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id.split('/').skip(1).collect();
        let [
            "subscriptions",
            subscription,
            "resourcegroups",
            group,
            "providers",
            "microsoft.storage",
            "storageaccounts",
            account,
            below @ ..,
        ] = parts.as_slice()
        else {
            return None;
        };
        let container = match below {
            ["blobservices", _, "containers", container, ..] => Some((*container).to_owned()),
            _ => None,
        };
        Some(Self {
            account: (*account).to_owned(),
            container,
            group: Some(((*subscription).to_owned(), (*group).to_owned())),
        })
    }

    /// Whether what is granted at a scope may reach it.
    #[must_use]
    pub fn is_reached_from(&self, scope: &str) -> bool {
        let scope = scope.to_lowercase();
        let parts: Vec<&str> = scope.split('/').filter(|part| !part.is_empty()).collect();
        let group = self.group.as_ref();
        let is_subscription =
            |name: &str| group.is_none_or(|(subscription, _)| subscription == name);
        let is_group = |name: &str| group.is_none_or(|(_, group)| group == name);
        match parts.as_slice() {
            ["subscriptions", subscription] => is_subscription(subscription),
            ["subscriptions", subscription, "resourcegroups", name] => {
                is_subscription(subscription) && is_group(name)
            }
            [
                "subscriptions",
                _,
                "resourcegroups",
                _,
                "providers",
                provider,
                kind,
                name,
                below @ ..,
            ] => {
                match (*provider, *kind, below) {
                    (
                        "microsoft.storage",
                        "storageaccounts",
                        ["blobservices", _, "containers", container, ..],
                    ) => {
                        let is_container =
                            self.container.as_ref().is_none_or(|own| own == container);
                        *name == self.account && is_container
                    }
                    ("microsoft.storage", "storageaccounts", _) => *name == self.account,
                    // A role on something else is none on the account.
                    _ => false,
                }
            }
            // The root, a management group, and what is not understood.
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str =
        "/subscriptions/S/resourceGroups/Data/providers/Microsoft.Storage/storageAccounts/Field";

    #[test]
    fn addresses_of_azure_name_an_account() {
        let place = |address: &str| {
            let place = StoragePlace::of(address)?;
            Some(format!(
                "{} {}",
                place.account,
                place.container.unwrap_or_default()
            ))
        };
        for (address, expected) in [
            (
                "abfss://raw@field.dfs.core.windows.net/2026",
                Some("field raw"),
            ),
            ("wasbs://raw@field.blob.core.windows.net", Some("field raw")),
            (
                "https://field.blob.core.windows.net/raw/2026?sv=secret",
                Some("field raw"),
            ),
            ("https://FIELD.blob.core.usgovcloudapi.net", Some("field ")),
            (
                "https://field.z6.blob.storage.azure.net/raw",
                Some("field raw"),
            ),
            (ID, Some("field ")),
            (
                &format!("{ID}/blobServices/default/containers/RAW"),
                Some("field raw"),
            ),
            ("https://field.blob.core.windows.net.evil.example/raw", None),
            (
                "https://field-secondary.blob.core.windows.net/raw",
                Some("field raw"),
            ),
            ("https://-secondary.blob.core.windows.net/raw", None),
            ("https://field.vault.core.windows.net/raw", None),
            ("s3://raw/2026", None),
            ("azureml://datastores/x/paths/y", None),
            ("the field station's own records", None),
        ] {
            assert_eq!(place(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_scope_reaches_what_is_below_it_and_what_is_not_known() {
        let by_host = StoragePlace::of("abfss://raw@field.dfs.core.windows.net/2026").unwrap();
        let by_id = StoragePlace::of(ID).unwrap();
        let account = ID.to_lowercase();
        for (scope, host, id) in [
            ("/", true, true),
            ("", true, true),
            (
                "/providers/Microsoft.Management/managementGroups/acme",
                true,
                true,
            ),
            ("/subscriptions/s", true, true),
            ("/subscriptions/other", true, false),
            ("/subscriptions/s/resourceGroups/data", true, true),
            ("/subscriptions/s/resourceGroups/other", true, false),
            (account.as_str(), true, true),
            (&account.replace("/field", "/other"), false, false),
            (
                &format!("{account}/blobServices/default/containers/raw"),
                true,
                true,
            ),
            (
                &format!("{account}/blobServices/default/containers/other"),
                false,
                true,
            ),
            (&format!("{account}/fileServices/default"), true, true),
            (
                "/subscriptions/s/resourceGroups/data/providers/Microsoft.MachineLearningServices/workspaces/research",
                false,
                false,
            ),
            ("what is this", true, true),
        ] {
            assert_eq!(by_host.is_reached_from(scope), host, "{scope}");
            assert_eq!(by_id.is_reached_from(scope), id, "{scope}");
        }
    }
}
