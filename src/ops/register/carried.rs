//! What a version brings along that another organisation sent: tags that it must have here too, and where it comes from.

use std::collections::BTreeMap;

use crate::engine::world::{MAX_FILE_BYTES, World};
use crate::error::{Failure, FailureKind, Result};
use crate::flow::closure::Explained;
use crate::manifest::layout::path_of_bundle;
use crate::model::artifact::VersionId;
use crate::model::label::{Label, Tag};

/// What a version brings along.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The sender's ledger, by name.
    pub ledger: String,
    /// Its label there. Here it has at least these tags, or it is refused.
    pub label: Label,
    /// The datasets that carry each tag there.
    pub carriers: BTreeMap<Tag, Vec<String>>,
    /// The bundle without the files of the version, which is kept beside its manifest.
    pub receipt: Vec<u8>,
}

/// Nobody makes data harmless by sending what was made from it to somebody who labels it lower.
pub(super) fn check_label(
    version: &VersionId,
    explained: &Explained,
    carried: &Carried,
) -> Result<()> {
    let here = &explained.label;
    let mut missing = carried.label.tags().difference(here.tags());
    let Some(tag) = missing.next() else {
        return Ok(());
    };
    let ledger = &carried.ledger;
    let message = format!(
        "`{version}` carries `{tag}` in `{ledger}`, and what is declared here gives it `{here}`"
    );
    let failure = Failure::new(FailureKind::Denied, message);
    let carriers = carried.carriers.get(tag).filter(|names| !names.is_empty());
    Err(match carriers {
        Some(names) => {
            let names = names.join("`, `");
            failure.hint(format!(
                "there the dataset `{names}` carries it: declare that with `{tag}` here too, and have it signed"
            ))
        }
        None => failure.hint(format!(
            "declare what it was made from with `{tag}` here too, or import the base that carries it first"
        )),
    })
}

/// The file that tells where the version comes from; `None` when one is kept already.
pub(super) fn receipt(
    world: &World,
    version: &VersionId,
    carried: &Carried,
) -> Result<Option<(String, Vec<u8>)>> {
    let path = path_of_bundle(version);
    if carried.receipt.len() > MAX_FILE_BYTES {
        let message = format!("what is kept of the bundle has more than {MAX_FILE_BYTES} bytes");
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let is_kept = world.head.entry(&path)?.is_some();
    Ok((!is_kept).then(|| (path, carried.receipt.clone())))
}
