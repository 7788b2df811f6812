//! `index.json` of a layout: the list of what has a name (OCI image specification 1.1, "Image Layout").

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::adapter::oci::document::Descriptor;
use crate::adapter::oci::media;
use crate::fs::durable;

/// The file that says what the folder is, and its bytes.
pub(in crate::adapter::oci) const MARK: &str = "oci-layout";
pub(in crate::adapter::oci) const MARK_BYTES: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";
/// The file itself.
pub(in crate::adapter::oci) const INDEX: &str = "index.json";
/// The largest that is read, in bytes: a hundred thousand names.
const MAX_INDEX_BYTES: usize = 64 << 20;

/// The list. What others wrote into it is kept as it is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct NameList {
    manifests: Vec<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl NameList {
    /// Reads the list of a folder; an empty one when there is none.
    pub(super) fn load(root: &Path) -> io::Result<Self> {
        let bytes = match durable::read_bounded(&root.join(INDEX), MAX_INDEX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
    }

    /// Writes the list, and what says that the folder is a layout.
    pub(super) fn save(mut self, root: &Path) -> io::Result<()> {
        let mark = root.join(MARK);
        if !durable::exists(&mark) {
            durable::write_atomic(&mark, MARK_BYTES)?;
        }
        self.rest
            .entry("schemaVersion")
            .or_insert_with(|| Value::from(2));
        self.rest
            .entry("mediaType")
            .or_insert_with(|| Value::from(media::INDEX));
        durable::write_atomic(&root.join(INDEX), &serde_json::to_vec(&self)?)
    }

    /// All names with what they name, in the order of the file. What has no name or no form is passed over.
    pub(super) fn named(&self) -> impl Iterator<Item = (Name, Descriptor)> {
        self.manifests.iter().filter_map(|value| {
            let descriptor = Descriptor::deserialize(value).ok()?;
            let name = descriptor.annotations.get(media::REF_NAME)?;
            Some((Name::parse(name), descriptor))
        })
    }

    /// What a name names.
    ///
    /// # Errors
    ///
    /// When it names two things.
    pub(super) fn get(&self, name: &Name) -> io::Result<Option<Descriptor>> {
        let mut found = self.named().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, descriptor)| descriptor);
        if found.next().is_some() {
            let message = format!("`{}` names two manifests", name.text());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(first)
    }

    /// Makes a name name something else.
    pub(super) fn set(&mut self, name: &Name, mut descriptor: Descriptor) -> io::Result<()> {
        self.manifests.retain(|value| {
            let known = value
                .get("annotations")
                .and_then(|all| all.get(media::REF_NAME));
            known.and_then(Value::as_str).map(Name::parse).as_ref() != Some(name)
        });
        descriptor
            .annotations
            .insert(media::REF_NAME.to_owned(), name.text());
        self.manifests.push(serde_json::to_value(descriptor)?);
        Ok(())
    }
}

/// A name in a layout: `REPOSITORY:TAG`, or `TAG` alone as other tools write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::adapter::oci) struct Name {
    pub(super) repository: String,
    pub(super) tag: String,
}

impl Name {
    pub(in crate::adapter::oci) fn new(repository: &str, tag: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        }
    }

    fn parse(text: &str) -> Self {
        match text.rsplit_once(':') {
            Some((repository, tag)) => Self::new(repository, tag),
            None => Self::new("", text),
        }
    }

    pub(in crate::adapter::oci) fn text(&self) -> String {
        if self.repository.is_empty() {
            return self.tag.clone();
        }
        format!("{}:{}", self.repository, self.tag)
    }
}
