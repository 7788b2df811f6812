//! How the organisation begins, and how its governed files change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::attest::engine_key::EngineKey;
use crate::engine::testing::{LedgerAt, MAIN, PEOPLE, TestOrganisation, yaml};
use crate::fs::durable;
use crate::ledger::signer::Signer;
use crate::manifest::layout::{
    Place, TRUST_INDEX_PATH, TRUST_ROOT_PATH, is_governed, path_of_principal_signature,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::model::approval::TRUST_NAMESPACE;
use crate::model::digest::Sha256;

impl TestOrganisation {
    /// Signs the trust root again, as it is.
    pub(crate) fn sign_root_again(&self, who: &str) {
        let root = self.head_files().remove(TRUST_ROOT_PATH).unwrap();
        let path = path_of_principal_signature(TRUST_ROOT_PATH, &who.parse().unwrap());
        let changes = BTreeMap::from([(path, Some(self.sign(who, TRUST_NAMESPACE, &root)))]);
        self.commit(who, MAIN, &changes);
    }

    /// Changes governed files and has the index signed by `signers`, whose first commits.
    pub(crate) fn govern(&self, signers: &[&str], changes: &[(&str, Option<&str>)]) {
        self.govern_until(signers, changes, None);
    }

    /// The same, with an index that ends.
    pub(crate) fn govern_until(
        &self,
        signers: &[&str],
        changes: &[(&str, Option<&str>)],
        expires: Option<&str>,
    ) {
        let changes = changes.iter().map(|(path, text)| {
            let bytes = text.map(|text| text.as_bytes().to_vec());
            ((*path).to_owned(), bytes)
        });
        let mut changes: BTreeMap<String, Option<Vec<u8>>> = changes.collect();
        changes.extend(self.signed_index(&changes, signers, expires));
        self.commit(signers.first().unwrap(), MAIN, &changes);
    }

    /// Changes the trust root, which grows by one version; `signers` sign it and its index, and the first commits.
    pub(crate) fn change_root(&self, signers: &[&str], change: impl FnOnce(&mut TrustRootSpec)) {
        let bytes = self.head_files().remove(TRUST_ROOT_PATH).unwrap();
        let document = parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes);
        let mut root = document.unwrap().value;
        root.spec.version += 1;
        change(&mut root.spec);
        let root = serde_yaml::to_string(&root).unwrap().into_bytes();
        let stale = self.head_files().into_keys();
        let stale = stale.filter(|path| path.starts_with(&format!("{TRUST_ROOT_PATH}.")));
        let mut changes: BTreeMap<_, _> = stale.map(|path| (path, None)).collect();
        for who in signers {
            let path = path_of_principal_signature(TRUST_ROOT_PATH, &who.parse().unwrap());
            changes.insert(path, Some(self.sign(who, TRUST_NAMESPACE, &root)));
        }
        changes.insert(TRUST_ROOT_PATH.to_owned(), Some(root));
        changes.extend(self.signed_index(&changes, signers, None));
        self.commit(signers.first().unwrap(), MAIN, &changes);
    }

    pub(super) fn write_keys(&self) {
        let keys = self.folder().join("keys");
        durable::create_dir_all(&keys).unwrap();
        for who in PEOPLE {
            // Some keys never sign the same bytes the same way twice.
            let kind = if ["ben", "dan"].contains(&who) {
                "ecdsa"
            } else {
                "ed25519"
            };
            let mut command = self.environment.command("ssh-keygen");
            command
                .args(["-q", "-t", kind, "-N", "", "-C", who, "-f"])
                .arg(keys.join(who));
            assert!(command.status().unwrap().success());
        }
        durable::write_private(&keys.join("engine.pem"), self.engine_pem.expose()).unwrap();
        durable::write_private(&keys.join("log.key"), self.log_key.expose().as_bytes()).unwrap();
    }

    pub(super) fn start(&self, ledger: LedgerAt) {
        let mut files: BTreeMap<String, Option<Vec<u8>>> = LAYOUT
            .iter()
            .map(|(path, text)| {
                (
                    (*path).to_owned(),
                    Some(text.replace("$NAME", "wildlife").into_bytes()),
                )
            })
            .collect();
        if ledger == LedgerAt::Directory {
            let topology = files
                .get_mut("promote.yaml")
                .and_then(Option::as_mut)
                .unwrap();
            topology
                .extend_from_slice(b"  ledger:\n    store: directory\n    path: ../ledger-store\n");
        }
        let root = self.trust_root();
        for who in ["ann", "ben"] {
            let path = path_of_principal_signature(TRUST_ROOT_PATH, &who.parse().unwrap());
            files.insert(path, Some(self.sign(who, TRUST_NAMESPACE, &root)));
        }
        files.insert(TRUST_ROOT_PATH.to_owned(), Some(root));
        files.extend(self.signed_index(&files, &["ann", "sue"], None));
        self.commit("ann", MAIN, &files);
    }

    fn trust_root(&self) -> Vec<u8> {
        let key = |who: &str| {
            let bytes =
                durable::read_bounded(&self.key_path(&format!("{who}.pub")), 10_000).unwrap();
            let line = String::from_utf8(bytes).unwrap();
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let principal = |who: &str| json!({ "name": format!("{who} of Wildlife"), "keys": [key(who)], "emails": [format!("{who}@example.com")] });
        let principals: BTreeMap<&str, Value> =
            PEOPLE.iter().map(|who| (*who, principal(who))).collect();
        let engine = EngineKey::from_pem(&self.engine_pem).unwrap();
        let log = Signer::parse(&self.log_key).unwrap();
        yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "wildlife" },
            "spec": {
                "version": 1, "expires": "2028-01-01T00:00:00Z", "principals": principals,
                "groups": {
                    "admins": ["ann", "ben"], "data-stewards": ["sue"], "data-scientists": ["eve", "fay"],
                    "reviewers": ["bob", "dan"], "risk": ["bob"], "release-managers": ["dan"],
                },
                "roles": {
                    "root": { "threshold": 2, "groups": ["admins"] },
                    "platform": { "threshold": 1, "groups": ["admins"],
                        "paths": ["promote.yaml", "workspaces/", "policies/", "freezes/", "trust/allowed_signers"] },
                    "data": { "threshold": 1, "groups": ["data-stewards"], "paths": ["datasets/"] },
                },
                "engines": { "local": { "key": engine.public_key().to_pem(), "environments": ["dev", "qa", "prod"] } },
                "ledger": { "key": log.verifier().to_string() },
            }
        }))
    }

    /// The index over the head with changes, one version on, and its signatures.
    fn signed_index(
        &self,
        changes: &BTreeMap<String, Option<Vec<u8>>>,
        signers: &[&str],
        expires: Option<&str>,
    ) -> BTreeMap<String, Option<Vec<u8>>> {
        let mut files = self.head_files();
        let mut index = BTreeMap::new();
        for (path, bytes) in changes {
            match bytes {
                Some(bytes) => files.insert(path.clone(), bytes.clone()),
                None => files.remove(path),
            };
        }
        let pins: BTreeMap<&String, Sha256> = files
            .iter()
            .filter(|(path, _)| is_governed(path))
            .map(|(path, bytes)| (path, Sha256::of(bytes)))
            .collect();
        let version = self.index_version() + 1;
        let mut spec = json!({ "version": version, "root": Sha256::of(files.get(TRUST_ROOT_PATH).unwrap()), "files": pins });
        if let Some(expires) = expires {
            spec["expires"] = expires.into();
        }
        let bytes = yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "TrustIndex", "metadata": { "name": "wildlife" },
            "spec": spec,
        }));
        for path in files
            .keys()
            .filter(|path| path.starts_with(TRUST_INDEX_PATH) && path.as_str() != TRUST_INDEX_PATH)
        {
            index.insert(path.clone(), None);
        }
        for who in signers {
            let path = path_of_principal_signature(TRUST_INDEX_PATH, &who.parse().unwrap());
            index.insert(path, Some(self.sign(who, TRUST_NAMESPACE, &bytes)));
        }
        index.insert(TRUST_INDEX_PATH.to_owned(), Some(bytes));
        index
    }

    fn index_version(&self) -> u64 {
        let files = self.head_files();
        let Some(bytes) = files.get(TRUST_INDEX_PATH) else {
            return 0;
        };
        let text = std::str::from_utf8(bytes).unwrap();
        let index: Value = serde_yaml::from_str(text).unwrap();
        index.pointer("/spec/version").unwrap().as_u64().unwrap()
    }
}

macro_rules! layout {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../pipelines/multi-environment/", $path)))),*]
    };
}

/// The files of the pattern, but for the trust root, which names its people.
pub(super) const LAYOUT: [(&str, &str); 10] = layout![
    "promote.yaml",
    "workspaces/dev.yaml",
    "workspaces/qa.yaml",
    "workspaces/prod.yaml",
    "policies/qa.yaml",
    "policies/prod.yaml",
    "datasets/penguins-sample.yaml",
    "datasets/penguins-field.yaml",
    "models/wildlife/penguin-species/model.yaml",
    "freezes/year-end.yaml",
];
