//! What one asset calls another.

use serde_json::Value;

use crate::adapter::azure_ml::shape::Reason;

/// The workspace or the registry around a version, and what the version is called there.
#[derive(Debug, Clone, Copy)]
pub(in crate::adapter::azure_ml) struct Frame<'a> {
    /// What names of assets begin with: `azureml:/subscriptions/…` or `azureml://registries/…`.
    pub(in crate::adapter::azure_ml) prefix: &'a str,
    /// The name of the asset.
    pub(in crate::adapter::azure_ml) name: &'a str,
    /// Its version.
    pub(in crate::adapter::azure_ml) label: &'a str,
}

impl Frame<'_> {
    /// The long name of an asset beside this one.
    pub(in crate::adapter::azure_ml) fn asset(
        &self,
        collection: &str,
        name: &str,
        version: &str,
    ) -> String {
        format!("{}/{collection}/{name}/versions/{version}", self.prefix)
    }

    /// The long name of what a field names: `azureml:NAME:VERSION` beside this one, or an asset of a registry. Everything
    /// else would mean something different in the next workspace, or at another time.
    pub(super) fn resolve(
        &self,
        field: &str,
        collection: &str,
        value: &Value,
    ) -> Result<String, Reason> {
        let Some(text) = value.as_str() else {
            return Err(format!(
                "its `{field}` is written out in place; register it as a version of its own, and name that as `azureml:NAME:VERSION`"
            ));
        };
        if let Some(rest) = text.strip_prefix("azureml://registries/") {
            let parts: Vec<&str> = rest.split('/').collect();
            let [registry, found, name, "versions", version] = parts.as_slice() else {
                return Err(format!("its `{field}`, `{text}`, names no version"));
            };
            let is_whole = [registry, name, version].iter().all(|part| is_plain(part));
            if *found == collection && is_whole {
                return Ok(text.to_owned());
            }
            return Err(format!(
                "its `{field}`, `{text}`, is none of `{collection}`"
            ));
        }
        let short = text.strip_prefix("azureml:").unwrap_or("");
        match short.split_once(':') {
            Some((name, version)) if is_plain(name) && is_plain(version) => {
                Ok(self.asset(collection, name, version))
            }
            _ => Err(format!(
                "its `{field}` is `{text}`, and what is promoted names others as `azureml:NAME:VERSION`, which is the same in every workspace"
            )),
        }
    }
}

fn is_plain(part: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_mean_the_same_everywhere_are_made_long_and_others_are_not_taken() {
        let frame = Frame {
            prefix: "azureml:/subscriptions/s",
            name: "train",
            label: "1.0.0",
        };
        let resolve = |value: Value| frame.resolve("environment", "environments", &value);
        assert_eq!(
            resolve(json!("azureml:sklearn:3")).unwrap(),
            "azureml:/subscriptions/s/environments/sklearn/versions/3"
        );
        let far = "azureml://registries/azureml/environments/sklearn/versions/3";
        assert_eq!(resolve(json!(far)).unwrap(), far);
        for (value, reason) in [
            (
                json!("azureml:sklearn@latest"),
                "which is the same in every workspace",
            ),
            (
                json!("azureml:/subscriptions/s/environments/e/versions/1"),
                "which is the same in every workspace",
            ),
            (
                json!("azureml:..:1"),
                "which is the same in every workspace",
            ),
            (
                json!("azureml://registries/r/environments/e/labels/latest"),
                "names no version",
            ),
            (
                json!("azureml://registries/r/models/m/versions/1"),
                "is none of `environments`",
            ),
            (json!({ "image": "x" }), "written out in place"),
        ] {
            let refused = resolve(value).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
