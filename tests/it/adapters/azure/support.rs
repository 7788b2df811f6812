//! What the tests of this folder share.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use promote::adapter::conformance::{MemoryContent, Subject};
use promote::adapter::sweep::Found;
use promote::adapter::{Adapter, Record, Result, Selector, Written};
use promote::flow::declassification::Lowered;
use promote::flow::permit::{FlowPermit, Origin, permit};
use promote::model::artifact::VersionId;
use promote::model::label::{Clearance, Tag};
use promote::model::workspace::WorkspaceFacts;

use super::fake::{CLIENT_SECRET, Fault, TOKEN};
use super::http::{Reply, Request};
use crate::servers::azurite::KEY;

/// What must show nowhere.
pub(super) const SECRETS: [&str; 4] = [CLIENT_SECRET, TOKEN, KEY, "sig="];

pub(super) fn subject(adapter: Arc<dyn Adapter>, prefix: &str) -> Subject {
    Subject {
        adapter,
        prefix: prefix.to_owned(),
        secrets: SECRETS.map(str::to_owned).to_vec(),
    }
}

pub(super) fn version(text: &str) -> VersionId {
    text.parse().unwrap()
}

/// Writes files as a version.
pub(super) async fn write(
    adapter: &dyn Adapter,
    text: &str,
    files: &[(&str, &[u8])],
) -> (Record, Result<Written>) {
    let content = MemoryContent::new(files).unwrap();
    let record = content.record(&version(text)).unwrap();
    let permit = permitted(adapter, &record);
    let written = adapter.write(&permit, &record, &content).await;
    (record, written)
}

pub(super) async fn create(adapter: &dyn Adapter, text: &str, files: &[(&str, &[u8])]) -> Record {
    let (record, written) = write(adapter, text, files).await;
    assert_eq!(written.unwrap(), Written::Created);
    record
}

pub(super) async fn listed(adapter: &dyn Adapter) -> Vec<String> {
    let records = adapter.list(Selector::default()).await.unwrap();
    let records: Vec<Record> = records.try_collect().await.unwrap();
    records
        .iter()
        .map(|record| record.version.to_string())
        .collect()
}

pub(super) async fn swept(adapter: &dyn Adapter) -> Vec<Found> {
    adapter.sweep().await.unwrap().try_collect().await.unwrap()
}

/// The text of an error, which holds no secret.
pub(super) fn said<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    for shown in [format!("{error:?}"), error.to_string()] {
        let secret = SECRETS.iter().find(|secret| shown.contains(**secret));
        assert_eq!(secret, None, "in {shown}");
    }
    format!("{:?} {:?}: {}", error.kind, error.status, error.message)
}

/// Leave to write a record.
pub(super) fn permitted(adapter: &dyn Adapter, record: &Record) -> FlowPermit {
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        name: adapter.info().workspace.parse().unwrap(),
        environment: "prod".parse().unwrap(),
        accepts: BTreeSet::new(),
        clearance: clearance.clone(),
    };
    let label = clearance.as_label();
    let nothing = Lowered::nothing();
    permit(record.digest, &label, &nothing, &Origin::Producer, &facts).unwrap()
}

/// A fault: the first requests that match get this answer, or all of them.
pub(super) fn on(
    method: &'static str,
    end: &'static str,
    times: usize,
    reply: Reply,
) -> Option<Fault> {
    let mut left = times;
    Some(Box::new(move |request: &Request| {
        let is_meant = request.method == method && request.path.ends_with(end);
        if !is_meant || left == 0 {
            return None;
        }
        left -= 1;
        Some(reply.clone())
    }))
}
