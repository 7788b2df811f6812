//! What people have signed: statements and manifests.

use crate::engine::audit::{Auditor, Claim};
use crate::engine::inbox;
use crate::engine::people::Signer;
use crate::engine::record;
use crate::flow::declassification::Lowered;
use crate::flow::permit::check_label;
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::approval::{APPROVAL_NAMESPACE, MANIFEST_NAMESPACE};
use crate::model::artifact::VersionId;
use crate::model::digest::{Checksums, Sha256};
use crate::model::event::{Entry, Receipt, Registration};
use crate::model::id::PrincipalName;

impl Auditor<'_> {
    /// The statement says what the entry says, and who the entry says has signed it.
    pub(super) fn check_receipt(&mut self, index: u64, receipt: &Receipt) {
        self.audit.statements += 1;
        let path = record::evidence_path(receipt.statement, "json");
        let Some(statement) = self.evidence(index, receipt.statement, &path) else {
            return;
        };
        let claim = Claim {
            namespace: APPROVAL_NAMESPACE,
            message: &statement,
            signed: receipt.statement,
            path: &record::signature_path(receipt.statement, "json", &receipt.key),
            sha256: receipt.signature,
            principal: &receipt.signer,
            key: &receipt.key,
        };
        self.check_signature(index, claim);
        let signer = Signer {
            principal: receipt.signer.clone(),
            key: receipt.key.clone(),
        };
        match inbox::read(&statement, &signer, &self.origin) {
            Ok(said) if said == receipt.said => {}
            Ok(_) => self.problem(
                index,
                Some(&path),
                "it says something else than the entry has of it",
            ),
            Err(reason) => self.problem(
                index,
                Some(&path),
                format!("it was taken, and should have been refused: {reason}"),
            ),
        }
        if self.people.groups_of(&receipt.signer) != receipt.groups {
            self.problem(
                index,
                None,
                format!(
                    "the groups of `{}` are not those of the trust root in force",
                    receipt.signer
                ),
            );
        }
    }

    /// A refused statement was really signed, and really does not hold.
    pub(super) fn check_refusal(
        &mut self,
        index: u64,
        statement: Sha256,
        signature: Sha256,
        signer: &PrincipalName,
    ) {
        self.audit.statements += 1;
        let path = record::evidence_path(statement, "json");
        let Some(bytes) = self.evidence(index, statement, &path) else {
            return;
        };
        // The entry does not name the key, so that of the signer whose file is there is meant.
        let keys = self.people.keys_of(signer);
        let key = keys.into_iter().find(|key| {
            let path = record::signature_path(statement, "json", key);
            let found = self.book.log().evidence(&path).ok().flatten();
            found.is_some_and(|bytes| Sha256::of(&bytes) == signature)
        });
        let Some(key) = key else {
            return self.problem(
                index,
                Some(&path),
                format!("the signature of `{signer}` beside it is not there, or was changed"),
            );
        };
        let claim = Claim {
            namespace: APPROVAL_NAMESPACE,
            message: &bytes,
            signed: statement,
            path: &record::signature_path(statement, "json", &key),
            sha256: signature,
            principal: signer,
            key: &key,
        };
        self.check_signature(index, claim);
        let signer = Signer {
            principal: signer.clone(),
            key,
        };
        if inbox::read(&bytes, &signer, &self.origin).is_ok() {
            self.problem(
                index,
                Some(&path),
                "it was refused, and nothing is wrong with it",
            );
        }
    }

    /// The manifest and the checksums are those of the version, its producer signed, and the label leaves nothing out.
    pub(super) fn check_registration(
        &mut self,
        index: u64,
        entry: &Entry,
        registration: &Registration,
    ) {
        let digest = registration.digest.sha256();
        let checksums = record::evidence_path(digest, "sha256");
        if let Some(bytes) = self.evidence(index, digest, &checksums)
            && !self.ahead.has_checksums(digest)
        {
            let text = String::from_utf8(bytes).ok();
            if text.is_none_or(|text| Checksums::parse(&text).is_err()) {
                self.problem(index, Some(&checksums), "its lines are not checksums");
            }
        }
        let path = record::evidence_path(registration.manifest, "yaml");
        let Some(manifest) = self.evidence(index, registration.manifest, &path) else {
            return;
        };
        self.check_producer(index, registration, &manifest);
        let known = self.ahead.manifest(registration.manifest);
        let known = known.cloned();
        let Some(spec) = known.or_else(|| parse(&registration.version, &manifest)) else {
            let reason = format!("it is not a manifest of `{}`", registration.version);
            return self.problem(index, Some(&path), reason);
        };
        if spec.digest != registration.digest || spec.workspace != registration.workspace {
            self.problem(
                index,
                Some(&path),
                "it names another digest or workspace than the entry",
            );
        }
        self.check_place(index, registration);
        self.check_label(index, (entry, registration), &spec);
    }

    fn check_producer(&mut self, index: u64, registration: &Registration, manifest: &[u8]) {
        match (&registration.producer, &registration.signature) {
            (Some(producer), Some(signature)) => {
                let claim = Claim {
                    namespace: MANIFEST_NAMESPACE,
                    message: manifest,
                    signed: registration.manifest,
                    path: &record::signature_path(registration.manifest, "yaml", &signature.key),
                    sha256: signature.sha256,
                    principal: producer,
                    key: &signature.key,
                };
                self.check_signature(index, claim);
            }
            (None, None) => {}
            (Some(producer), None) => self.problem(
                index,
                None,
                format!("it says `{producer}` signed the manifest, and names no signature"),
            ),
            (None, Some(_)) => {
                self.problem(index, None, "it names a signature, and nobody who made it");
            }
        }
    }

    fn check_place(&mut self, index: u64, registration: &Registration) {
        let governed = self.governed.last();
        let target = governed.and_then(|governed| governed.workspaces.get(&registration.workspace));
        let Some(target) = target else {
            let reason = format!("there was no workspace `{}`", registration.workspace);
            return self.problem(index, None, reason);
        };
        let violation = check_label(&registration.label, &Lowered::nothing(), &target.facts)
            .err()
            .map(|denial| denial.to_string());
        let is_misplaced = target.facts.environment != registration.environment;
        if is_misplaced {
            let reason = format!(
                "workspace `{}` was in another environment than `{}`",
                registration.workspace, registration.environment
            );
            self.problem(index, None, reason);
        }
        if violation != registration.violation {
            self.problem(
                index,
                None,
                "whether the version may be where it was made is misstated",
            );
        }
    }

    /// The label holds at least what is owed. It may hold more: files that are known from elsewhere bring theirs along.
    fn check_label(
        &mut self,
        index: u64,
        (entry, registration): (&Entry, &Registration),
        spec: &VersionSpec,
    ) {
        let is_known = registration.producer.is_some();
        let soon = |digest| {
            // What is its own base is on a circle, and carries everything.
            let is_other = digest != registration.digest;
            self.registered_with(entry, digest).filter(|_| is_other)
        };
        let Some(mut owed) = self.owed(spec, is_known, entry.recorded_at, &soon) else {
            return self.problem(index, None, "no tags were adopted that a label could be of");
        };
        let recorded = self.state.recorded_label(registration.digest);
        owed.extend(recorded.iter().flat_map(|label| label.tags().clone()));
        let missing: Vec<String> = owed
            .difference(registration.label.tags())
            .map(|tag| format!("`{tag}`"))
            .collect();
        if !missing.is_empty() {
            let reason = format!(
                "the label of `{}` leaves out {}",
                registration.version,
                missing.join(", ")
            );
            self.problem(index, None, reason);
        }
    }

    /// The manifest of a version as it was registered, from the evidence.
    pub(super) fn manifest_of(&self, version: &VersionId, manifest: Sha256) -> Option<VersionSpec> {
        let path = record::evidence_path(manifest, "yaml");
        let bytes = self.book.log().evidence(&path).ok().flatten()?;
        let is_it = Sha256::of(&bytes) == manifest;
        parse(version, &bytes).filter(|_| is_it)
    }
}

fn parse(version: &VersionId, manifest: &[u8]) -> Option<VersionSpec> {
    let place = Place::Version(version.clone());
    let document = parse_manifest::<ArtifactVersion>(&place, &path_of(&place), manifest);
    Some(document.ok()?.value.spec)
}
