//! `promote trust add-key`.

use std::path::PathBuf;

use crate::attest::ssh::key::SshPublicKey;
use crate::attest::ssh::sign;
use crate::context::Context;
use crate::engine::people::People;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::manifest::trust_root::{PrincipalSpec, TrustRootSpec};
use crate::model::id::{GroupName, PrincipalName};
use crate::ops::plan::unknown_group;
use crate::ops::trust::files::{read_root, work_tree, write_root};

/// A principal to add, or a key to add to one.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The principal.
    pub principal: PrincipalName,
    /// The name as it is printed; needed for a new principal.
    pub printed_name: Option<String>,
    /// The file with the SSH public key.
    pub key: PathBuf,
    /// The groups to join.
    pub groups: Vec<GroupName>,
    /// Groups to leave, such as those that `init` put the first person in.
    pub leave: Vec<GroupName>,
    /// Addresses in Git commits.
    pub emails: Vec<String>,
}

/// Adds a key, a principal, or memberships to `trust/root.yaml` in the work tree. It counts once it is signed.
///
/// # Errors
///
/// When there is no such group, the key is somebody else's, or the file cannot be written.
pub fn add_key(context: &Context, new: &NewKey) -> Result<Vec<String>> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    let key = sign::read_public_key(&new.key).or_fail(FailureKind::Invalid)?;
    if let Some(owner) = People::of(&root.spec)
        .owner(&key.fingerprint())
        .filter(|owner| **owner != new.principal)
    {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("the key is `{owner}`'s already; a key belongs to one person"),
        ));
    }
    if let Some(from) = People::of(&root.spec).revoked_from(&key.fingerprint()) {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("the key is revoked from entry {from} of the ledger on; make another"),
        ));
    }
    add_principal(&mut root.spec, new, &key);
    for group in new.groups.iter().chain(&new.leave) {
        if !root.spec.groups.contains_key(group) {
            return Err(unknown_group(group, root.spec.groups.keys()));
        }
    }
    for (name, group) in &mut root.spec.groups {
        if new.leave.contains(name) {
            group.remove(&new.principal);
        }
        if new.groups.contains(name) {
            group.insert(new.principal.clone());
        }
    }
    write_root(&tree, &mut root)
}

fn add_principal(root: &mut TrustRootSpec, new: &NewKey, key: &SshPublicKey) {
    let printed = new
        .printed_name
        .clone()
        .unwrap_or_else(|| new.principal.to_string());
    let spec = root
        .principals
        .entry(new.principal.clone())
        .or_insert_with(|| PrincipalSpec {
            name: printed,
            keys: Vec::new(),
            emails: Vec::new(),
        });
    let text = key.to_string();
    if !spec.keys.contains(&text) {
        spec.keys.push(text);
    }
    if let Some(printed) = &new.printed_name {
        spec.name.clone_from(printed);
    }
    for email in &new.emails {
        if !spec.emails.contains(email) {
            spec.emails.push(email.clone());
        }
    }
}
