//! `promote trust add-witness`.

use crate::context::Context;
use crate::engine::witness::witness_keys;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::ledger::cosignature::WitnessKey;
use crate::ops::trust::files::{read_root, work_tree, write_root};

/// Lists a witness in the trust root of the work tree; a witness of that name gets this key instead of its own. It counts
/// once that is signed and adopted.
///
/// # Errors
///
/// When the key is not a witness's, is another witness's, or the file cannot be written.
pub fn add_witness(context: &Context, key: &str) -> Result<Vec<String>> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    let key: WitnessKey = key.trim().parse().or_fail(FailureKind::Usage)?;
    let known = witness_keys(&root.spec);
    let is_others =
        |known: &&WitnessKey| known.name() != key.name() && known.public_key() == key.public_key();
    if let Some(other) = known.iter().find(is_others) {
        let message = format!(
            "the key is that of witness `{}` already; a key is one witness's",
            other.name()
        );
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let keeps = |text: &String| {
        let known = text.parse::<WitnessKey>();
        known.is_ok_and(|known| known.name() != key.name())
    };
    root.spec.ledger.witnesses.retain(keeps);
    root.spec.ledger.witnesses.insert(key.to_string());
    write_root(&tree, &mut root)
}
