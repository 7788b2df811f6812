//! What can be told of a bucket before anything depends on it. Nothing is made where nothing is.

use ::object_store::GetOptions;
use jiff::fmt::rfc2822;

use crate::adapter::object_store::answer::Cause;
use crate::adapter::object_store::conditions::{self, Conditions};
use crate::adapter::object_store::line::{Body, Heard};
use crate::adapter::object_store::session::Session;
use crate::adapter::object_store::{answer, pages};
use crate::adapter::{AdapterErrorKind, Permission, Probe, Result};

pub(super) async fn probe(session: &Session<'_>) -> Result<Probe> {
    // A bucket that cannot be listed is not usable at all.
    pages::first(session, session.layout().prefix()).await?;
    let mut probe = Probe::default();
    let mut permit = |what: &str, permission| {
        probe.permissions.insert(what.to_owned(), permission);
    };
    permit("list", Permission::Granted);
    let key = session.layout().conditions();
    let path = session.key(&key)?;
    let get = session
        .connected
        .bucket
        .get_opts(&path, GetOptions::default());
    let (got, heard) = Heard::during(Body::Stream, get).await;
    let (server, date) = heard.server();
    let mut keeps_versions = None;
    let is_there = match got {
        Ok(found) => {
            permit("read", Permission::Granted);
            let version = found.meta.version.as_deref();
            keeps_versions = Some(version.is_some_and(|version| version != "null"));
            true
        }
        Err(error) => {
            let failed = answer::Failed::of(&error, &heard);
            match (failed.cause, failed.is_refusal()) {
                (Cause::Absent, _) => permit("read", Permission::Granted),
                (_, true) => permit("read", Permission::Refused),
                (_, false) => return Err(session.failed(&key, failed)),
            }
            false
        }
    };
    // The object that tries conditions is there after the first write: only then is trying once more no change.
    let mut conditions = session.adapter.conditions();
    let write = if is_there {
        match conditions::find(session).await {
            Ok(found) => {
                conditions = Some(found);
                Permission::Granted
            }
            Err(error) if error.kind == AdapterErrorKind::PermissionDenied => Permission::Refused,
            Err(error) => return Err(error),
        }
    } else {
        Permission::Unknown
    };
    permit("write", write);
    probe.server = server;
    probe.clock = date.and_then(|date| {
        let parsed = rfc2822::parse(&date).ok()?;
        Some(parsed.timestamp())
    });
    probe.limits = limits(conditions, keeps_versions);
    Ok(probe)
}

/// What the store cannot do, and what is done about it.
fn limits(conditions: Option<Conditions>, keeps_versions: Option<bool>) -> Vec<String> {
    let mut limits = vec![
        "whoever may write to the bucket can change objects: every version is read back after it is written, and `promote scan` finds what changed later".to_owned(),
    ];
    let mut add = |text: &str| limits.push(text.to_owned());
    match conditions {
        None => add(
            "whether it refuses to overwrite is not known yet: that is tried with an object of our own before the first write",
        ),
        Some(found) => {
            if !found.decides_creation() {
                add(
                    "it overwrites although it is asked not to, or may when two ask at once: before a version is made visible, its folder is searched for other writers, and the record is read again",
                );
            }
            if !found.decides_pointers() {
                add(
                    "it moves pointers although others moved them meanwhile, or may when two do at once: they are read before and after; let only one `promote` write here at a time",
                );
            }
        }
    }
    if keeps_versions == Some(false) {
        add(
            "it keeps no older versions of objects: what is overwritten or deleted there is gone; switch versioning on where it matters",
        );
    }
    limits
}
