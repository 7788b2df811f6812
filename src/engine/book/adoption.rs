//! Judging the adoptions of a ledger again, from its evidence alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::engine::book::{Book, BookError};
use crate::engine::people::People;
use crate::engine::record;
use crate::engine::trust::{self, Candidate, Expiry, InForce, Signed};
use crate::manifest::layout::{
    Place, TRUST_INDEX_PATH, TRUST_ROOT_PATH, path_of_principal_signature,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_index::{TrustIndex, TrustIndexSpec};
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::manifest::yaml::Document;
use crate::model::approval::TRUST_NAMESPACE;
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::{Adoption, SignatureRef};
use crate::model::id::PrincipalName;

impl Book {
    /// Takes the governed files of an adoption from the index, and judges it again, from the evidence alone; the root that
    /// it brings, and when that ends.
    pub(super) fn check_adoption(
        &self,
        index: u64,
        adoption: &mut Adoption,
        recorded_at: Timestamp,
    ) -> Result<(TrustRootSpec, Expiry), BookError> {
        let root = self.load_root(index, adoption.root)?;
        let (index_spec, index_bytes) = self.load_index(index, adoption.index)?;
        adoption.files.clone_from(&index_spec.files);
        let adoption = &*adoption;
        let root_bytes = root.source.text.as_bytes();
        let signers = |signed: (&str, Sha256, &[u8]), root: &TrustRootSpec| {
            self.load_signers((index, adoption), signed, root)
        };
        let signed_root = (TRUST_ROOT_PATH, adoption.root, root_bytes);
        let signed_index = (TRUST_INDEX_PATH, adoption.index, index_bytes.as_slice());
        let before = self.root.as_deref();
        let before = before.map(|root| signers(signed_root, root)).transpose()?;
        let candidate = Candidate {
            commit: &adoption.commit,
            root: Signed {
                spec: &root.value.spec,
                sha256: adoption.root,
                signers: signers(signed_root, &root.value.spec)?,
            },
            root_signers_before: before.unwrap_or_default(),
            index: Signed {
                spec: &index_spec,
                sha256: adoption.index,
                signers: signers(signed_index, &root.value.spec)?,
            },
            files: &adoption.files,
        };
        let in_force = self
            .state
            .adoption()
            .zip(self.root.as_deref())
            .map(|(adoption, root)| InForce { adoption, root });
        let judged = trust::judge(&candidate, in_force, recorded_at)
            .map_err(|problems| BookError::Adoption { index, problems })?;
        // What was signed decides, not what the engine wrote of it: a version that it made up could let an old one back.
        if judged.as_ref() == Some(adoption) {
            let expiry = Expiry::of(&root.value.spec, &index_spec);
            Ok((root.value.spec, expiry))
        } else {
            Err(BookError::Misstated { index })
        }
    }

    pub(super) fn load_root(
        &self,
        index: u64,
        sha256: Sha256,
    ) -> Result<Document<TrustRoot>, BookError> {
        let bytes = self.evidence(index, sha256, &record::evidence_path(sha256, "yaml"))?;
        parse_manifest(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes)
            .map_err(|diagnostics| BookError::TrustFile { index, diagnostics })
    }

    fn load_index(
        &self,
        index: u64,
        sha256: Sha256,
    ) -> Result<(TrustIndexSpec, Vec<u8>), BookError> {
        let bytes = self.evidence(index, sha256, &record::evidence_path(sha256, "yaml"))?;
        let document = parse_manifest::<TrustIndex>(&Place::TrustIndex, TRUST_INDEX_PATH, &bytes);
        Ok((
            document
                .map_err(|diagnostics| BookError::TrustFile { index, diagnostics })?
                .value
                .spec,
            bytes,
        ))
    }

    /// The principals whose recorded signatures of a trust file are good, by the keys of a root.
    fn load_signers(
        &self,
        (index, adoption): (u64, &Adoption),
        (path, sha256, bytes): (&str, Sha256, &[u8]),
        root: &TrustRootSpec,
    ) -> Result<BTreeMap<PrincipalName, (TreePath, SignatureRef)>, BookError> {
        let people = People::of(root);
        let mut signers = BTreeMap::new();
        for (file, signature) in adoption
            .signatures
            .iter()
            .filter(|(file, _)| file.as_str().starts_with(path))
        {
            let evidence = record::signature_path(sha256, "yaml", &signature.key);
            let armored = self.evidence(index, signature.sha256, &evidence)?;
            let signer = people.verify(TRUST_NAMESPACE, bytes, &armored, index).ok();
            let signer = signer.filter(|signer| {
                let named = path_of_principal_signature(path, &signer.principal);
                signer.key == signature.key && file.as_str() == named
            });
            signers
                .extend(signer.map(|signer| (signer.principal, (file.clone(), signature.clone()))));
        }
        Ok(signers)
    }
}
