//! The names that manifests use: media types, kinds of artifacts, annotations.
//!
//! From the CNCF model specification (`docs/spec.md` and `docs/annotations.md` of `modelpack/model-spec`, v0.0.7), the OCI
//! image specification 1.1 and, for what we only read, the `ModelKit` specification of `KitOps`.

use crate::model::artifact::ArtifactKind;
use crate::model::digest::TreePath;

/// A manifest of an OCI image or artifact.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// A list of manifests.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// All manifests that are asked for, as the header `Accept` writes them. Docker's own are read and never written.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// What a `ModelPack` is.
pub(super) const MODEL: &str = "application/vnd.cncf.model.manifest.v1+json";
/// The configuration of a `ModelPack`.
pub(super) const MODEL_CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
/// The empty configuration, `{}`.
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The annotation of a layer with the path of its file.
pub(super) const FILE_PATH: &str = "org.cncf.model.filepath";
/// The same for `oras` and the tools that follow it.
pub(super) const TITLE: &str = "org.opencontainers.image.title";
/// The annotation of a manifest in the list of a layout that is its name.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation with the artifact's id.
pub(super) const ARTIFACT: &str = "dev.promote.artifact";
/// The annotation with the version.
pub(super) const VERSION: &str = "dev.promote.version";
/// The annotation with the digest of the tree.
pub(super) const DIGEST: &str = "dev.promote.digest";

/// What configures a model or says how to read it.
const CONFIGS: &[&str] = &[
    "cfg", "conf", "config", "ini", "jinja", "json", "mlmodel", "toml", "xml", "yaml", "yml",
];
/// What people read.
const DOCS: &[&str] = &[
    "adoc", "bib", "gif", "html", "jpeg", "jpg", "md", "pdf", "png", "rst", "svg", "txt",
];
/// What runs.
const CODE: &[&str] = &[
    "c", "cc", "cpp", "cu", "go", "h", "hpp", "ipynb", "java", "jl", "js", "lua", "py", "r", "rs",
    "scala", "sh", "sql", "ts",
];
/// What is learnt from.
const DATA: &[&str] = &[
    "arrow", "avro", "csv", "jsonl", "orc", "parquet", "tfrecord", "tsv",
];
/// Names without an ending that are documents.
const DOC_NAMES: &[&str] = &[
    "authors",
    "changelog",
    "copying",
    "licence",
    "license",
    "notice",
    "readme",
];

/// The media type of a file's layer: its bytes as they are, under the kind that its name suggests. It is for people and other
/// tools; nothing here depends on it.
pub(super) fn layer(kind: ArtifactKind, path: &TreePath) -> &'static str {
    let path = path.as_str().to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_doc_name = DOC_NAMES.contains(&stem) && (ending.is_empty() || DOCS.contains(&ending));
    if is_doc_name {
        "application/vnd.cncf.model.doc.v1.raw"
    } else if CONFIGS.contains(&ending)
        || matches!(
            name,
            "mlmodel" | "requirements.txt" | "vocab.txt" | "merges.txt"
        )
    {
        "application/vnd.cncf.model.weight.config.v1.raw"
    } else if DOCS.contains(&ending) {
        "application/vnd.cncf.model.doc.v1.raw"
    } else if CODE.contains(&ending) {
        "application/vnd.cncf.model.code.v1.raw"
    } else if DATA.contains(&ending) {
        "application/vnd.cncf.model.dataset.v1.raw"
    } else {
        match kind {
            ArtifactKind::Model => "application/vnd.cncf.model.weight.v1.raw",
            ArtifactKind::Pipeline | ArtifactKind::Component | ArtifactKind::Runtime => {
                "application/vnd.cncf.model.code.v1.raw"
            }
        }
    }
}

/// Whether a layer is the bytes of one file.
pub(super) fn is_raw(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.cncf.model.") && media_type.ends_with(".raw")
}

/// Whether a layer is a tar file without compression: of `ModelPacks`, `ModelKits` and images.
pub(super) fn is_tar(media_type: &str) -> bool {
    media_type.ends_with(".tar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_of_the_kind_that_their_names_suggest() {
        for (path, expected) in [
            ("model.safetensors", "weight"),
            ("data/weights", "weight"),
            ("MLmodel", "weight.config"),
            ("deep/config.JSON", "weight.config"),
            ("requirements.txt", "weight.config"),
            ("README", "doc"),
            ("LICENSE.txt", "doc"),
            ("notes.txt", "doc"),
            ("src/train.py", "code"),
            ("test.parquet", "dataset"),
            ("license.py", "code"),
        ] {
            let expected = format!("application/vnd.cncf.model.{expected}.v1.raw");
            assert_eq!(
                layer(ArtifactKind::Model, &path.parse().unwrap()),
                expected,
                "{path}"
            );
            assert!(is_raw(&expected) && !is_tar(&expected));
        }
        let path = "Dockerfile".parse().unwrap();
        assert_eq!(
            layer(ArtifactKind::Runtime, &path),
            "application/vnd.cncf.model.code.v1.raw"
        );
    }
}
