//! A bundle taken apart and put together again, by code of its own: as an attacker would.

use std::collections::BTreeMap;

use promote::fs::archive::ArchiveWriter;
use promote::model::digest::Sha256;

/// The files of a bundle, in order.
#[derive(Debug, Clone)]
pub(super) struct Members(pub(super) Vec<(String, Vec<u8>)>);

impl Members {
    /// Reads a tar file of plain files.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = |field: &[u8]| {
            let end = field.iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(field[..end].to_vec()).unwrap()
        };
        let (mut members, mut at) = (Vec::new(), 0);
        while bytes[at] != 0 {
            let header = &bytes[at..at + 512];
            let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
            let body = bytes[at + 512..at + 512 + size].to_vec();
            members.push((text(&header[..100]), body));
            at += 512 + size.next_multiple_of(512);
        }
        Self(members)
    }

    /// Writes them.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new());
        for (path, bytes) in &self.0 {
            let size = bytes.len().try_into().unwrap();
            writer.add(path, size, &mut bytes.as_slice()).unwrap();
        }
        writer.finish().unwrap()
    }

    pub(super) fn get(&self, path: &str) -> &[u8] {
        let found = self.0.iter().find(|(known, _)| known == path);
        &found.unwrap_or_else(|| panic!("there is no {path}")).1
    }

    pub(super) fn blob(&self, hex: &str) -> &[u8] {
        self.get(&format!("blobs/sha256/{hex}"))
    }

    pub(super) fn index(&self) -> serde_json::Value {
        serde_json::from_slice(self.get("index.json")).unwrap()
    }

    /// The manifests that are listed, the version's first.
    pub(super) fn manifests(&self) -> Vec<String> {
        let index = self.index();
        let all = index["manifests"].as_array().unwrap().iter();
        all.map(|listed| hex_of(&listed["digest"])).collect()
    }

    /// What is attached: by path its bytes.
    pub(super) fn attached(&self) -> BTreeMap<String, Vec<u8>> {
        let mut attached = BTreeMap::new();
        for manifest in self.manifests().iter().skip(1) {
            let manifest: serde_json::Value = serde_json::from_slice(self.blob(manifest)).unwrap();
            for layer in manifest["layers"].as_array().unwrap() {
                let path = layer["annotations"]["org.opencontainers.image.title"]
                    .as_str()
                    .unwrap();
                let bytes = self.blob(&hex_of(&layer["digest"])).to_vec();
                attached.insert(path.to_owned(), bytes);
            }
        }
        attached
    }

    /// Puts other bytes in the place of those of a blob, and makes all hashes right again.
    #[must_use]
    pub(super) fn forged(&self, old: &[u8], new: &[u8]) -> Self {
        let mut forged = self.clone();
        let said = |bytes: &[u8]| {
            let sha256 = Sha256::of(bytes);
            format!("\"digest\":\"sha256:{sha256}\",\"size\":{}", bytes.len())
        };
        let mut replaced = vec![(said(old), said(new))];
        let swap = |bytes: &[u8], replaced: &[(String, String)]| {
            let mut text = String::from_utf8(bytes.to_vec()).unwrap();
            for (from, to) in replaced {
                text = text.replace(from, to);
            }
            text.into_bytes()
        };
        let count = 2 + self.manifests().len();
        for (_, bytes) in &mut forged.0[2..count] {
            let is_it = bytes.as_slice() == old;
            let changed = swap(if is_it { new } else { bytes.as_slice() }, &replaced);
            replaced.push((said(bytes), said(&changed)));
            *bytes = changed;
        }
        forged.0[1].1 = swap(&self.0[1].1, &replaced);
        for (path, bytes) in &mut forged.0[count..] {
            if bytes == old {
                *bytes = new.to_vec();
            }
            *path = format!("blobs/sha256/{}", Sha256::of(bytes));
        }
        for (path, bytes) in &mut forged.0[2..count] {
            *path = format!("blobs/sha256/{}", Sha256::of(bytes));
        }
        // Small files stay before those of the version.
        let files = self.files();
        let is_file = |(path, _): &(String, Vec<u8>)| files.contains(path);
        let (mut last, mut small): (Vec<_>, Vec<_>) =
            forged.0.split_off(count).into_iter().partition(is_file);
        small.sort();
        last.sort();
        forged.0.extend(small);
        forged.0.extend(last);
        forged
    }

    /// The paths of the files of the version.
    fn files(&self) -> Vec<String> {
        let manifest: serde_json::Value =
            serde_json::from_slice(self.blob(&self.manifests()[0])).unwrap();
        let layers = manifest["layers"].as_array().unwrap().iter();
        let paths = layers.map(|layer| format!("blobs/sha256/{}", hex_of(&layer["digest"])));
        paths.collect()
    }
}

fn hex_of(digest: &serde_json::Value) -> String {
    let digest = digest.as_str().unwrap();
    digest.strip_prefix("sha256:").unwrap().to_owned()
}
