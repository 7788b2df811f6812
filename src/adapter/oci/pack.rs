//! From a record to manifests: the same record gives the same bytes, always.
//!
//! A manifest lists one layer a file, in the order of their paths. It holds no time. Where it would be larger than
//! registries take, first the second name of each file goes, and then there are several manifests below one list, so that no
//! registry takes the bytes of any file for garbage.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::adapter::Record;
use crate::adapter::oci::document::{
    Blob, Descriptor, Document, Index, MAX_WRITTEN_BYTES, Manifest, encode,
};
use crate::adapter::oci::media;
use crate::model::artifact::VersionId;
use crate::model::digest::FileRecord;

/// What has to be kept beside the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// Configurations, which are blobs.
    pub(super) configs: Vec<Bytes>,
    /// Manifests below `top`, when one is not enough.
    pub(super) parts: Vec<Document>,
    /// What the tag names.
    pub(super) top: Document,
}

/// The configuration of a `ModelPack` (`config-schema.json` of `modelpack/model-spec`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    descriptor: ModelDescriptor<'a>,
    config: ModelConfig,
    modelfs: ModelFs,
}

#[derive(Debug, Serialize)]
struct ModelDescriptor<'a> {
    name: &'a str,
    version: String,
}

/// Nothing of it is known here; the field must be there.
#[derive(Debug, Serialize)]
struct ModelConfig {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<String>,
}

/// How many names a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Titles {
    /// Its path, and its path as the title that `oras` looks for.
    With,
    /// Its path.
    Without,
}

/// The manifests of a record.
///
/// # Errors
///
/// When they cannot be written as JSON.
pub(super) fn pack(record: &Record) -> Result<Packed, String> {
    pack_within(record, MAX_WRITTEN_BYTES)
}

fn pack_within(record: &Record, limit: usize) -> Result<Packed, String> {
    let files = record.files.records();
    let annotations = annotations(record);
    for titles in [Titles::With, Titles::Without] {
        // A layer needs more than 150 bytes: what cannot fit need not be written out.
        if files.len() > limit / 150 {
            break;
        }
        let (config, top) = manifest(&record.version, files, titles, &annotations)?;
        if top.bytes.len() <= limit {
            return Ok(Packed {
                configs: vec![config],
                parts: Vec::new(),
                top,
            });
        }
    }
    split(record, limit)
}

fn split(record: &Record, limit: usize) -> Result<Packed, String> {
    let version = &record.version;
    // What a manifest has besides its layers is far below a kilobyte.
    let room = limit.saturating_sub(4096);
    let (mut configs, mut parts) = (Vec::new(), Vec::new());
    let mut rest = record.files.records();
    while !rest.is_empty() {
        let mut length: usize = 0;
        let fitting = rest.iter().take_while(|file| {
            let layer = encode(&layer(version, file, Titles::Without));
            length = length.saturating_add(layer.map_or(usize::MAX, |bytes| bytes.len() + 1));
            length <= room
        });
        // One file fits always: its path is bounded.
        let count = fitting.count().clamp(1, rest.len());
        let (these, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        let (config, part) = manifest(version, these, Titles::Without, &BTreeMap::new())?;
        configs.push(config);
        parts.push(part);
        rest = others;
    }
    let index = Index {
        schema_version: 2,
        media_type: media::INDEX.to_owned(),
        artifact_type: Some(media::MODEL.to_owned()),
        manifests: parts.iter().map(part_descriptor).collect(),
        annotations: annotations(record),
    };
    let top = Document {
        media_type: media::INDEX.to_owned(),
        bytes: encode(&index)?,
    };
    Ok(Packed {
        configs,
        parts,
        top,
    })
}

fn part_descriptor(part: &Document) -> Descriptor {
    Descriptor {
        artifact_type: Some(media::MODEL.to_owned()),
        ..part.descriptor()
    }
}

fn annotations(record: &Record) -> BTreeMap<String, String> {
    let version = &record.version;
    BTreeMap::from([
        (media::ARTIFACT.to_owned(), version.artifact.to_string()),
        (media::DIGEST.to_owned(), record.digest.to_string()),
        (media::VERSION.to_owned(), version.version.to_string()),
    ])
}

fn manifest(
    version: &VersionId,
    files: &[FileRecord],
    titles: Titles,
    annotations: &BTreeMap<String, String>,
) -> Result<(Bytes, Document), String> {
    let config = encode(&Config {
        descriptor: ModelDescriptor {
            name: version.artifact.name.as_str(),
            version: version.version.to_string(),
        },
        config: ModelConfig {},
        modelfs: ModelFs {
            kind: "layers",
            diff_ids: files.iter().map(|file| blob_of(file).digest()).collect(),
        },
    })?;
    let layers = files.iter().map(|file| layer(version, file, titles));
    let manifest = Manifest {
        schema_version: 2,
        media_type: media::MANIFEST.to_owned(),
        artifact_type: Some(media::MODEL.to_owned()),
        config: Descriptor::new(media::MODEL_CONFIG, Blob::of(&config)),
        layers: layers.collect(),
        subject: None,
        annotations: annotations.clone(),
    };
    let document = Document {
        media_type: media::MANIFEST.to_owned(),
        bytes: encode(&manifest)?,
    };
    Ok((config, document))
}

fn layer(version: &VersionId, file: &FileRecord, titles: Titles) -> Descriptor {
    let media_type = media::layer(version.artifact.kind, &file.path);
    let mut descriptor = Descriptor::new(media_type, blob_of(file));
    let path = || file.path.to_string();
    descriptor
        .annotations
        .insert(media::FILE_PATH.to_owned(), path());
    if titles == Titles::With {
        descriptor
            .annotations
            .insert(media::TITLE.to_owned(), path());
    }
    descriptor
}

/// The bytes of a file as a blob.
pub(super) const fn blob_of(file: &FileRecord) -> Blob {
    Blob {
        sha256: file.sha256,
        size: file.size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::{FileList, Sha256};

    pub(crate) fn record(count: usize, folder: &str) -> Record {
        let files = (0..count).map(|index| FileRecord {
            path: format!("{folder}part-{index:05}.bin").parse().unwrap(),
            size: 16 * 1024,
            sha256: Sha256::of(&index.to_le_bytes()),
        });
        let files = FileList::new(files.collect()).unwrap();
        Record {
            version: "retail/model/churn@1.2.0".parse().unwrap(),
            digest: files.digest(),
            files,
        }
    }

    #[test]
    fn the_same_record_has_the_same_manifest_for_ever() {
        let record = record(2, "");
        let packed = pack(&record).unwrap();
        assert_eq!(packed, pack(&record).unwrap());
        // A change here is a new digest for every version in every registry.
        assert_eq!(
            packed.top.sha256().to_string(),
            "ce82b79d9c43c765b647da0138d446af6476bf4bef7c6ef01cfcb6c78d96f700"
        );
        let config = String::from_utf8(packed.configs[0].to_vec()).unwrap();
        let [one, two] = [0, 1].map(|at| record.files.records()[at].sha256);
        let expected = format!(
            r#"{{"descriptor":{{"name":"churn","version":"1.2.0"}},"config":{{}},"modelfs":{{"type":"layers","diffIds":["sha256:{one}","sha256:{two}"]}}}}"#
        );
        assert_eq!(config, expected);
    }

    #[test]
    fn ten_thousand_files_fit_into_one_manifest() {
        let packed = pack(&record(10_000, "shards/")).unwrap();
        assert!(packed.parts.is_empty());
        assert!(packed.top.bytes.len() <= MAX_WRITTEN_BYTES);
        // Also with long names, then without titles.
        let packed = pack(&record(10_000, &"long-name/".repeat(10))).unwrap();
        assert!(packed.parts.is_empty());
        let text = String::from_utf8(packed.top.bytes.to_vec()).unwrap();
        assert!(!text.contains(media::TITLE) && text.len() <= MAX_WRITTEN_BYTES);
    }

    #[test]
    fn what_does_not_fit_is_several_manifests_below_one_list() {
        let record = record(300, "folder/");
        let packed = pack_within(&record, 20_000).unwrap();
        assert!(packed.parts.len() > 3 && packed.configs.len() == packed.parts.len());
        assert!(packed.parts.iter().all(|part| part.bytes.len() <= 20_000));
        let whole = pack_within(&record, 1_000_000).unwrap();
        assert!(whole.parts.is_empty());
    }
}
