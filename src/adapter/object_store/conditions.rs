//! Whether the store keeps to conditions. Some stores that speak like S3 take `If-None-Match: *` without a word and
//! overwrite, and some look first and write then, so that of two at once both succeed. A name such as "S3" says nothing,
//! so it is tried, on an object of our own, before the first write. That the servers of the providers themselves decide who
//! is first is their documentation's word; of other servers the manifest has to say it, and a race tries to refute it.

use ::object_store::{PutMode, UpdateVersion};
use bytes::Bytes;

use crate::adapter::object_store::answer::{Cause, Failed};
use crate::adapter::object_store::session::{Session, put};
use crate::adapter::object_store::upload::Task;
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::digest::Sha256;
use crate::model::platform::BucketProvider;

/// What the object holds, for whoever finds it.
const TEXT: &[u8] = b"promote writes this object to see whether the store refuses to overwrite it. It can be deleted.\n";

/// The most bytes of that object that are read.
const MAX_BYTES: usize = 4096;
/// How many requests race, and how often: a store that looks first and writes then lets several of them win.
const RACERS: usize = 8;
const RACES: usize = 3;

/// Which conditions a store keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conditions {
    /// An object that is there is not overwritten when that is asked.
    pub(super) create: bool,
    /// An object is overwritten only in the version that is named, when one is.
    pub(super) update: bool,
    /// Both hold when several ask at once.
    pub(super) atomic: bool,
}

impl Conditions {
    /// All hold.
    pub(super) const KEPT: Self = Self {
        create: true,
        update: true,
        atomic: true,
    };

    /// Whether the store alone decides who creates an object.
    pub(super) const fn decides_creation(self) -> bool {
        self.create && self.atomic
    }

    /// Whether the store alone decides who moves a pointer.
    pub(super) const fn decides_pointers(self) -> bool {
        self.create && self.update && self.atomic
    }
}

/// What the store does, tried once for each adapter.
pub(super) async fn find(session: &Session<'_>) -> Result<Conditions> {
    if let Some(known) = session.adapter.conditions() {
        return Ok(known);
    }
    let key = session.layout().conditions();
    let text = || Bytes::from_static(TEXT);
    let create = match attempt(session, &key, text(), PutMode::Create).await? {
        Answer::Refused => true,
        Answer::Unsupported => false,
        // It was not there before; now it is.
        Answer::Done => attempt(session, &key, text(), PutMode::Create).await? == Answer::Refused,
    };
    if !create {
        // It has to be there for the next question.
        attempt(session, &key, text(), PutMode::Overwrite).await?;
    }
    let stale = PutMode::Update(stale(session.adapter.spec.url.provider()));
    let update = attempt(session, &key, text(), stale).await? == Answer::Refused;
    let spec = &session.adapter.spec;
    let found = Conditions {
        create,
        update,
        // A race can only refute: a store that looks first and writes then may be lucky. So it takes somebody's word too.
        atomic: spec.endpoint.is_none()
            || (spec.trust_conditions && update && is_atomic(session, &key).await?),
    };
    session.adapter.set_conditions(found);
    Ok(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Refused,
    Unsupported,
}

async fn attempt(session: &Session<'_>, key: &str, bytes: Bytes, mode: PutMode) -> Result<Answer> {
    let put = session.put(key, bytes, mode).await?;
    answer(session, key, put)
}

fn answer<T>(
    session: &Session<'_>,
    key: &str,
    put: std::result::Result<T, Failed>,
) -> Result<Answer> {
    match put {
        Ok(_) => Ok(Answer::Done),
        Err(failed) if failed.cause == Cause::Condition => Ok(Answer::Refused),
        Err(failed) if failed.kind() == AdapterErrorKind::Unsupported => Ok(Answer::Unsupported),
        Err(failed) => Err(session.failed(key, failed)),
    }
}

/// Whether of several who overwrite one version of an object at once at most one succeeds.
async fn is_atomic(session: &Session<'_>, key: &str) -> Result<bool> {
    for _ in 0..RACES {
        let Some((_, held)) = session.bytes(key, MAX_BYTES).await? else {
            return Ok(false);
        };
        let path = session.key(key)?;
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                // Stores name versions by the bytes: those of each racer differ from what is there.
                let nonce = Sha256::of(format!("{:?} {racer}", held.e_tag).as_bytes());
                let bytes = Bytes::from([TEXT, nonce.to_string().as_bytes(), b"\n"].concat());
                let mode = PutMode::Update(held.clone());
                let put = put(session.connected.clone(), path.clone(), bytes.into(), mode);
                Task::spawn(put)
            })
            .collect();
        let mut winners = 0;
        for racer in racers {
            let put = racer.end(session).await?;
            // Some stores answer that they are busy with the object: that racer has not won.
            if put.is_ok() {
                winners += 1;
            }
        }
        if winners > 1 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A version that no object has, in the form that the provider reads.
fn stale(provider: BucketProvider) -> UpdateVersion {
    let e_tag = match provider {
        BucketProvider::S3 => "\"00000000000000000000000000000000\"",
        BucketProvider::Azure => "\"0x8D0000000000000\"",
        BucketProvider::Gcs => "\"stale\"",
    };
    UpdateVersion {
        e_tag: Some(e_tag.to_owned()),
        version: Some("1".to_owned()),
    }
}
