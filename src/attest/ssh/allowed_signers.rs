//! The file that people hand to `ssh-keygen -Y verify -f`, so that they can check signatures without this program.
//!
//! Format: `ssh-keygen(1)`, section "ALLOWED SIGNERS".

use std::collections::{BTreeMap, BTreeSet};

use crate::attest::ssh::key::SshPublicKey;
use crate::model::id::PrincipalName;

/// What one principal may sign, and with which keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigner {
    /// The keys.
    pub keys: BTreeSet<SshPublicKey>,
    /// The namespaces. They are constants of this program, so that nothing from outside can widen a line.
    pub namespaces: BTreeSet<&'static str>,
}

/// Writes one line for each key, sorted. Without namespaces a key gets no line: OpenSSH would take it for all of them.
#[must_use]
pub fn render(signers: &BTreeMap<PrincipalName, AllowedSigner>) -> String {
    let mut text = String::new();
    for (principal, signer) in signers {
        if signer.namespaces.is_empty() {
            continue;
        }
        let namespaces: Vec<_> = signer.namespaces.iter().copied().collect();
        let namespaces = namespaces.join(",");
        for key in &signer.keys {
            text.push_str(&format!("{principal} namespaces=\"{namespaces}\" {key}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::ssh::oracle::{Home, Kind, NAMESPACE};

    #[test]
    fn each_key_has_a_line_and_none_without_namespaces() {
        let home = Home::new();
        let [one, other] = [Kind::Ed25519, Kind::Ecdsa].map(|kind| home.public_key(kind));
        let ada = AllowedSigner {
            keys: [one.clone(), other.clone()].into(),
            namespaces: ["manifest@promote.dev", NAMESPACE].into(),
        };
        let ben = AllowedSigner {
            keys: [one.clone()].into(),
            namespaces: BTreeSet::new(),
        };
        let signers = [("ben".parse().unwrap(), ben), ("ada".parse().unwrap(), ada)].into();
        let namespaces = r#"namespaces="approval@promote.dev,manifest@promote.dev""#;
        let mut lines = [one, other].map(|key| format!("ada {namespaces} {key}\n"));
        // Keys sort by their encoding: the shorter length prefix first.
        lines.sort_by_key(|line| line.len());
        assert_eq!(render(&signers), lines.concat());
    }

    #[test]
    fn a_key_allowed_for_one_namespace_signs_for_no_other() {
        let home = Home::new();
        let key = home.public_key(Kind::Ed25519);
        let signature = home.sign(Kind::Ed25519, b"promote");
        for (namespace, is_accepted) in [(NAMESPACE, true), ("git", false)] {
            let keys = [key.clone()];
            assert_eq!(
                home.is_accepted_by_ssh_keygen(&keys, namespace, &signature, b"promote"),
                is_accepted
            );
        }
    }
}
