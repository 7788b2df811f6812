//! Attestations stand beside a version, and are few enough to be looked at each time.

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::layout::{Place, path_of_attestation, path_of_version};
use crate::manifest::parsed::whole_file;

/// The most attestations of one version: each is read and verified whenever the version is judged.
const MAX_ATTESTATIONS: usize = 16;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (id, names) in &facts.repository.attestations {
        let has_version = facts.has(&Place::Version(id.clone()));
        for (index, name) in names.iter().enumerate() {
            let loc = || whole_file(&path_of_attestation(id, name));
            if !has_version {
                let message = format!(
                    "it is about `{id}`, and there is no {}",
                    path_of_version(id)
                );
                let problem = Diagnostic::error("unknown-version", loc(), message);
                found.push(problem.hint("remove it, or name it after a version that there is"));
            } else if index >= MAX_ATTESTATIONS {
                let message = format!("`{id}` has more than {MAX_ATTESTATIONS} attestations");
                let problem = Diagnostic::error("too-many-attestations", loc(), message);
                found.push(problem.hint("remove those that no policy asks for"));
            }
        }
    }
    found
}
