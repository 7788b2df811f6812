//! What the fake does when a version is published from the workspace into the registry.

use serde_json::{Value, json};

use super::blobs::Blobs;
use super::fake::{Answer, Done, PROVIDER, REGISTRY, State, refuse};
use super::routes::{absent, made_along, uri};
use super::spec::Matched;

impl State {
    pub(super) fn publish(&mut self, path: &str, collection: &str, matched: &Matched) -> Answer {
        let text = |name: &str| matched.body[name].as_str().unwrap().to_owned();
        if !self.assets.contains_key(path) {
            return absent(path);
        }
        if text("registryName") != REGISTRY {
            return refuse(404, "RegistryNotFound", "no such registry");
        }
        let (name, version) = (text("destinationName"), text("destinationVersion"));
        let to = format!("{PROVIDER}/registries/{REGISTRY}/{collection}/{name}/versions/{version}");
        if self.assets.contains_key(&to) {
            return refuse(409, "Conflict", "the asset is there");
        }
        let (_, address) = self.begin(Done::Publish(path.to_owned(), to));
        (202, vec![("Location", address)], Value::Null)
    }

    /// What the service does when it publishes.
    pub(super) fn copy(&mut self, blobs: &Blobs, from: &str, to: &str) {
        let mut properties = self.assets[from].clone();
        let (source, folder) = self.bytes_at(blobs, uri(&properties));
        let folder = folder.trim_end_matches('/');
        let container = format!("published-{}", self.assets.len());
        blobs.create(&container);
        for (number, blob) in blobs
            .names(&source, &format!("{folder}/"))
            .iter()
            .enumerate()
        {
            let mut bytes = blobs.read(&source, blob);
            if self.settings.tampers && number == 1 {
                bytes.push(b'!');
            }
            let inner = blob.strip_prefix(&format!("{folder}/")).unwrap();
            blobs.write(&container, &format!("model/{inner}"), &bytes);
        }
        let uri = format!("{}/model", blobs.url(&container));
        for name in ["modelUri", "dataUri", "codeUri"] {
            if properties.get(name).is_some() {
                properties[name] = json!(uri);
            }
        }
        if !self.settings.keeps_properties {
            properties["properties"] = json!({ "azureml.published": "true" });
        }
        let (parent, _) = to.split_once("/versions/").unwrap();
        if !self.assets.contains_key(parent) {
            let along = made_along(parent, &properties);
            self.assets.insert(parent.to_owned(), along);
        }
        self.assets.insert(to.to_owned(), properties);
    }
}
