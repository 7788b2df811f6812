//! `model_signing` on bundles.

use std::path::{Path, PathBuf};

use promote::engine::attestations::Attesters;
use promote::fs::tree::{Options, hash_tree};
use promote::gate::evidence::AttestationFinding;

use super::{Verdicts, root_of};
use crate::oracle::{add_attester, model_signing_signs, model_signing_verifies, new_p256_key};
use crate::organisation::Organisation;
use crate::variants::{copy, variant};

/// A model, the bundle that `model_signing` made for it with the key of an attester, and the attester.
struct Signed {
    organisation: Organisation,
    attesters: Attesters,
    model: PathBuf,
    bundle: PathBuf,
    verdicts: Verdicts,
}

impl Signed {
    fn new() -> Self {
        let organisation = Organisation::new();
        add_attester(&organisation, "trainer");
        let model = variant(&organisation, "1.0.0");
        let bundle = organisation.path("good.sig");
        model_signing_signs(&organisation.key("trainer.pem"), &bundle, &model);
        Self {
            attesters: Attesters::of(&root_of(&organisation)),
            organisation,
            model,
            bundle,
            verdicts: Verdicts::default(),
        }
    }

    fn ask(&mut self, what: &str, bundle: &Path, model: &Path) {
        let organisation = &self.organisation;
        let public = organisation.key("trainer.pub");
        let theirs = model_signing_verifies(&public, bundle, model);
        let options = Options {
            cache: None,
            threads: 1,
            progress: None,
        };
        let files = hash_tree(model, &options).unwrap();
        let named: Vec<_> = files
            .records()
            .iter()
            .map(|record| (record.path.clone(), record.sha256))
            .collect();
        let found = self
            .attesters
            .judge(&std::fs::read(bundle).unwrap(), files.digest(), &named);
        let ours = matches!(found, AttestationFinding::Good { .. });
        self.verdicts.add(what, theirs, ours);
    }
}

#[test]
fn model_signing_agrees_on_models() {
    let mut signed = Signed::new();
    let (model, bundle) = (signed.model.clone(), signed.bundle.clone());
    signed.ask("good", &bundle, &model);
    let other = signed.organisation.path("changed");
    type Change<'a> = (&'static str, &'a dyn Fn(&Path));
    let in_model: [Change<'_>; 4] = [
        ("changed file", &|folder| {
            std::fs::write(folder.join("notes.txt"), "x").unwrap();
        }),
        ("one file more", &|folder| {
            std::fs::write(folder.join("more"), "x").unwrap();
        }),
        ("one file less", &|folder| {
            std::fs::remove_file(folder.join("notes.txt")).unwrap();
        }),
        ("renamed", &|folder| {
            std::fs::rename(folder.join("notes.txt"), folder.join("note.txt")).unwrap();
        }),
    ];
    for (what, change) in in_model {
        drop(std::fs::remove_dir_all(&other));
        copy(&model, &other);
        change(&other);
        signed.ask(what, &bundle, &other);
    }
    signed.verdicts.expect(1, 4);
}

#[test]
fn model_signing_agrees_on_bundles() {
    let mut signed = Signed::new();
    let (model, bundle) = (signed.model.clone(), signed.bundle.clone());
    new_p256_key(&signed.organisation.path("keys"), "other");
    let by_other = signed.organisation.path("other.sig");
    model_signing_signs(&signed.organisation.key("other.pem"), &by_other, &model);
    signed.ask("other key", &by_other, &model);
    let text = std::fs::read_to_string(&bundle).unwrap();
    let changed = signed.organisation.path("changed.sig");
    for (what, from, to) in [
        ("hint", "\"hint\":\"", "\"hint\":\"0"),
        ("media type", "bundle.v0.3", "bundle.v0.4"),
        ("payload", "\"payload\":\"ewog", "\"payload\":\"ewoK"),
        ("payload type", "in-toto+json", "in-toto+yaml"),
        ("signature", "\"sig\":\"MEU", "\"sig\":\"MEQ"),
        (
            "no signature",
            "\"signatures\":[{",
            "\"signatures\":[],\"x\":[{",
        ),
        ("no JSON", "{\"mediaType\"", "\"mediaType\""),
    ] {
        // The length in a signature's first bytes differs from one to the next.
        let from = if text.contains(from) {
            from
        } else {
            "\"sig\":\"ME"
        };
        let to = if from == "\"sig\":\"ME" {
            "\"sig\":\"MA"
        } else {
            to
        };
        let bytes = text.replacen(from, to, 1);
        assert_ne!(bytes, text, "{what}");
        std::fs::write(&changed, bytes).unwrap();
        signed.ask(what, &changed, &model);
    }
    signed.verdicts.expect(0, 8);
}
