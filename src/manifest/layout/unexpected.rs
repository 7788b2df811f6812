//! Files that stand where a manifest is expected, under a name that no manifest has.

use super::{ATTESTATION_SUFFIX, TOPOLOGY_PATH, classify};
use crate::diagnostic::did_you_mean;

/// What each of our folders holds.
const FOLDERS: [(&str, &str); 10] = [
    ("workspaces", "workspaces/<name>.yaml"),
    ("datasets", "datasets/<name>.yaml"),
    (
        "models",
        "models/<project>/<name>/model.yaml or models/<project>/<name>/<version>.yaml",
    ),
    (
        "pipelines",
        "pipelines/<project>/<name>/pipeline.yaml or pipelines/<project>/<name>/<version>.yaml",
    ),
    (
        "components",
        "components/<project>/<name>/component.yaml or components/<project>/<name>/<version>.yaml",
    ),
    (
        "runtimes",
        "runtimes/<project>/<name>/runtime.yaml or runtimes/<project>/<name>/<version>.yaml",
    ),
    (
        "releases",
        "releases/<environment>/<project>/<kind>/<name>.yaml",
    ),
    ("policies", "policies/<environment>.yaml"),
    ("freezes", "freezes/<name>.yaml"),
    ("trust", "trust/root.yaml or trust/index.yaml"),
];

/// Why a file that [`classify`] does not know should not stand where it does, as a hint; `None` when it may.
///
/// A YAML file or an attestation in one of our folders was meant to count, so ignoring it would be a silent gap.
#[must_use]
pub fn explain_unexpected(path: &str) -> Option<String> {
    if classify(path).is_some() {
        return None;
    }
    if path.ends_with(ATTESTATION_SUFFIX) {
        let (folder, _) = path.split_once('/')?;
        FOLDERS.iter().find(|(name, _)| *name == folder)?;
        return Some("attestations stand beside a version's manifest, as <version>.<name>.sigstore.json; names are lowercase letters, digits, `-` and `_`".to_owned());
    }
    if !path.ends_with(".yaml") && !path.ends_with(".yml") {
        return None;
    }
    let renamed = path.strip_suffix(".yml").map(|stem| format!("{stem}.yaml"));
    if let Some(renamed) = renamed.filter(|renamed| classify(renamed).is_some()) {
        return Some(format!("rename it to `{renamed}`"));
    }
    let Some((folder, _)) = path.split_once('/') else {
        return did_you_mean(path, [TOPOLOGY_PATH]).map(|meant| format!("did you mean `{meant}`?"));
    };
    let expected = FOLDERS.iter().find(|(name, _)| *name == folder)?.1;
    Some(format!(
        "manifests here are {expected}; names are lowercase letters, digits, `-`, `_` and `.`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yaml_file_in_our_folders_counts_or_is_explained() {
        for path in [
            "workspaces/dev.yml",
            "workspaces/Dev.yaml",
            "workspaces/a/b.yaml",
            "models/retail/churn/1.2.yaml",
            "models/retail/churn/01.2.0.yaml",
            "models/retail/churn/modell.yaml",
            "releases/prod/retail/churn.yaml",
            "releases/prod/retail/models/churn.yaml",
            "trust/roots.yaml",
            "promote.yml",
            "models/retail/churn/1.2.0.sigstore.json",
            "models/retail/churn/1.2.0.Slsa.sigstore.json",
            "models/retail/churn/model.slsa.sigstore.json",
            "releases/prod/retail/model/churn.slsa.sigstore.json",
            "promot.yaml",
        ] {
            assert_eq!(classify(path), None, "{path}");
            assert!(explain_unexpected(path).is_some(), "{path}");
        }
        for path in [
            "README.md",
            ".github/workflows/ci.yaml",
            "docker-compose.yaml",
            "models/README.md",
            "models/retail/churn/notes.txt",
        ] {
            assert_eq!(
                (classify(path), explain_unexpected(path)),
                (None, None),
                "{path}"
            );
        }
    }
}
