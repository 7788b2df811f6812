//! Writing a version: files into a run of their own; then, when all are there, the version, which makes them visible.
//!
//! Until the registry has the version, nothing shows: what a cut write leaves is a run that is not finished, in the
//! experiment of promotions. The next write of the same version goes on with it, or removes it.

use crate::adapter::admit::admit;
use crate::adapter::mlflow::attempt::{Attempt, existing};
use crate::adapter::mlflow::{MlflowAdapter, registry};
use crate::adapter::{Content, ErrorStatus, Record, Result, Written};
use crate::flow::permit::FlowPermit;

pub(super) async fn write(
    adapter: &MlflowAdapter,
    permit: &FlowPermit,
    record: &Record,
    content: &dyn Content,
) -> Result<Written> {
    let call = adapter.call("write");
    admit(call.server.workspace.as_str(), permit, record)?;
    if let Some(held) = registry::find(adapter, call, &record.version).await? {
        adapter.unfinished.forget(&record.version);
        return existing(call, &held, record).await;
    }
    let attempt = Attempt::begin(adapter, call, record).await?;
    let written = match attempt.fill(record, content).await {
        Ok(hash) => attempt.register(record, hash).await,
        Err(error) => Err(error),
    };
    match &written {
        Ok(Written::Created) => attempt.clean_up(record).await,
        // It may have been registered all the same; the next write sees.
        Err(error) if error.status != ErrorStatus::Permanent => {}
        Ok(Written::Unchanged) | Err(_) => attempt.give_up().await,
    }
    written
}
