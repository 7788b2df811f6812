//! `promote trust revoke`.

use serde::Serialize;

use crate::context::Context;
use crate::engine::people::People;
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::trust_root::{RevocationSpec, TrustRootSpec};
use crate::model::event::{Entry, Event};
use crate::model::id::PrincipalName;
use crate::model::principal::KeyFingerprint;
use crate::ops::trust::files::{read_root, work_tree, write_root};

/// A key that counts no longer.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The key.
    pub key: KeyFingerprint,
    /// The index in the ledger from which on it does not count; that of the next entry when left out.
    pub from: Option<u64>,
    /// Why, in words.
    pub reason: String,
}

/// What was revoked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeReport {
    /// The key.
    pub key: KeyFingerprint,
    /// Whose it is.
    pub principal: PrincipalName,
    /// The index in the ledger from which on it does not count.
    pub from: u64,
    /// The entries that are there already and will count no longer.
    pub struck: Vec<StruckEntry>,
    /// Whether the person has another key that counts.
    pub has_other_key: bool,
    /// The files that were written; sign and commit them.
    pub written: Vec<String>,
}

/// An entry that will count no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StruckEntry {
    /// Its index.
    pub index: u64,
    /// The word for what it records.
    pub event: &'static str,
}

/// Revokes a key in the trust root of the work tree. It counts no longer once that is signed and adopted.
///
/// # Errors
///
/// When the key is nobody's or was revoked from an earlier entry on, the ledger is not that long, or the file cannot be
/// written.
pub fn revoke(context: &Context, revocation: &Revocation) -> Result<RevokeReport> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    let people = People::of(&root.spec);
    let Some(principal) = people.owner(&revocation.key).cloned() else {
        return Err(no_key(&revocation.key, &root.spec));
    };
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let size = book.state().size;
    let from = revocation.from.unwrap_or(size);
    if from > size {
        let message =
            format!("the ledger has {size} entries, so nothing can be said of entry {from}");
        return Err(Failure::new(FailureKind::Invalid, message)
            .hint("leave `--from` out to revoke the key from the next entry on"));
    }
    if let Some(before) = people
        .revoked_from(&revocation.key)
        .filter(|before| *before <= from)
    {
        let message = format!(
            "the key is revoked from entry {before} on already, and that is never taken back"
        );
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let spec = RevocationSpec {
        from,
        reason: revocation.reason.clone(),
    };
    root.spec.revoked.insert(revocation.key.clone(), spec);
    let people = People::of(&root.spec);
    let keys = people.keys_of(&principal);
    Ok(RevokeReport {
        struck: struck(book.entries(), &revocation.key, from),
        has_other_key: keys.iter().any(|key| people.revoked_from(key).is_none()),
        written: write_root(&tree, &mut root)?,
        key: revocation.key.clone(),
        principal,
        from,
    })
}

/// The entries from an index on that record what a key has signed.
fn struck(entries: &[Entry], key: &KeyFingerprint, from: u64) -> Vec<StruckEntry> {
    let is_by = |entry: &Entry| match &entry.event {
        Event::Received(receipt) => receipt.key == *key,
        Event::Registered(registration) => {
            let signature = registration.signature.as_ref();
            signature.is_some_and(|signature| signature.key == *key)
        }
        // A refusal counts for nothing as it is; governed files are signed again with their next version.
        Event::Adopted(_) | Event::Refused { .. } => false,
        Event::Decided(_) | Event::Intended(_) | Event::TakenOver { .. } | Event::Ended(_) => false,
    };
    let all = (0..).zip(entries);
    all.filter(|(index, entry)| *index >= from && is_by(entry))
        .map(|(index, entry)| StruckEntry {
            index,
            event: entry.event.word(),
        })
        .collect()
}

fn no_key(key: &KeyFingerprint, root: &TrustRootSpec) -> Failure {
    let people = People::of(root);
    let known: Vec<String> = root
        .principals
        .keys()
        .flat_map(|principal| people.keys_of(principal))
        .map(|key| key.to_string())
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    crate::ops::plan::unknown("key", key.as_str(), &known)
}
