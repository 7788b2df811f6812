//! What lets a write in: a permit for these bytes in this workspace, and a record that tells the truth about itself.

use crate::adapter::{AdapterError, AdapterErrorKind, Record, Result};
use crate::flow::permit::FlowPermit;

/// Checks that permit and record speak of the same bytes and of this workspace.
pub(crate) fn admit(workspace: &str, permit: &FlowPermit, record: &Record) -> Result<()> {
    let refuse = |kind, message| Err(AdapterError::permanent(kind, workspace, "write", message));
    if permit.workspace().as_str() != workspace {
        let message = format!("the permit is for workspace `{}`", permit.workspace());
        return refuse(AdapterErrorKind::PermissionDenied, message);
    }
    if permit.digest() != record.digest {
        let message = format!(
            "the permit is for `{}`, not for `{}`",
            permit.digest(),
            record.digest
        );
        return refuse(AdapterErrorKind::PermissionDenied, message);
    }
    if record.files.digest() != record.digest {
        let message = format!("the files of `{}` do not have its digest", record.version);
        return refuse(AdapterErrorKind::Corrupt, message);
    }
    Ok(())
}
