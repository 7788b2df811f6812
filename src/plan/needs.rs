//! What has to be there before a version is of use.

use crate::model::artifact::{ArtifactId, ArtifactKind};
use crate::model::lineage::{Base, Lineage};

/// The versions that another needs where it is released: the runtimes of a component, the runtimes and components of a
/// pipeline. Its lineage names them as bases, by digest. A runtime stands alone, and a model is served without what made it.
///
/// What is needed is always of an earlier [`ArtifactKind`], so no version needs itself, however its lineage goes.
pub fn needs<'a>(
    artifact: &ArtifactId,
    lineage: Option<&'a Lineage>,
) -> impl Iterator<Item = &'a Base> {
    let kind = artifact.kind;
    let needs_anything = match kind {
        ArtifactKind::Component | ArtifactKind::Pipeline => true,
        ArtifactKind::Runtime | ArtifactKind::Model => false,
    };
    let bases = lineage.into_iter().flat_map(|lineage| &lineage.bases);
    bases.filter(move |base| needs_anything && base.version.artifact.kind < kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_go_before_components_and_both_before_pipelines() {
        let base = |version: &str| Base {
            version: version.parse().unwrap(),
            digest: format!("dirhash1:{}", "a".repeat(64)).parse().unwrap(),
        };
        let lineage = Lineage {
            bases: [
                "p/pipeline/train@1.0.0",
                "p/model/base@1.0.0",
                "p/component/prepare@1.0.0",
                "p/runtime/python@1.0.0",
            ]
            .map(base)
            .into(),
            ..Lineage::default()
        };
        for (artifact, expected) in [
            ("p/runtime/other", ""),
            ("p/component/fit", "p/runtime/python@1.0.0"),
            (
                "p/pipeline/all",
                "p/component/prepare@1.0.0 p/runtime/python@1.0.0",
            ),
            ("p/model/made", ""),
        ] {
            let found: Vec<String> = needs(&artifact.parse().unwrap(), Some(&lineage))
                .map(|base| base.version.to_string())
                .collect();
            assert_eq!(found.join(" "), expected, "{artifact}");
        }
    }
}
