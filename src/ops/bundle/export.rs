//! `promote bundle export`.

use std::fs::File;
use std::io;
use std::io::{BufReader, BufWriter, Read, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::adapter::{Adapter, Locator, Record, transfer};
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::book::Book;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::staging::StagedTree;
use crate::fs::{beneath, durable};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileRecord, TreeDigest};
use crate::model::event::Registration;
use crate::model::id::WorkspaceName;
use crate::ops::bundle::collect::Collector;
use crate::ops::bundle::contents::Contents;
use crate::ops::bundle::facts::BundleFacts;
use crate::ops::bundle::show::read;
use crate::ops::bundle::{BUFFER_BYTES, Refused};
use crate::ops::plan::{find_version, unknown};
use crate::ops::register::adapter_failure;

/// What to write where.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The version.
    pub version: VersionId,
    /// The workspace that it is read from; one that holds it when left out.
    pub from: Option<WorkspaceName>,
    /// The file.
    pub to: PathBuf,
}

/// A bundle that was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// Its length, in bytes.
    pub bytes: u64,
    /// The workspace that the version was read from.
    pub workspace: WorkspaceName,
    /// The log's verifier key, which who takes the bundle has to have from somebody else.
    pub key: String,
    /// What it says.
    #[serde(flatten)]
    pub facts: BundleFacts,
}

/// Reads a version out of a workspace and writes it with its lineage, approvals and proof to one file. The file appears once
/// it was read back.
///
/// # Errors
///
/// When the ledger does not know the version, no workspace has its bytes, or the file cannot be written.
pub async fn export(context: &Context, request: &ExportRequest) -> Result<Exported> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let version = &request.version;
    let digest = find_version(&world, version)?.document.value.spec.digest;
    let book = engine.book()?;
    let registered = registration(book, version, digest)?;
    let collector = Collector {
        world: &world,
        book,
        version,
        registered,
    };
    let attached = collector.collect()?;
    let (workspace, adapter, record) = find(&engine, &world, request, digest).await?;
    let staging = engine.own_staging("bundle")?;
    let size = record.files.total_size();
    let reading = format!("reading {version}");
    context.progress.begin(&reading, Some(size));
    let fetched = transfer::fetch(adapter.as_ref(), &record, &staging).await;
    context.progress.end();
    let staged = fetched.map_err(|error| adapter_failure(&error))?;
    let failed = |error: Refused| {
        let message = format!("`{}` cannot be written", request.to.display());
        Failure::new(FailureKind::Invalid, error.to_string()).during(message)
    };
    let contents = Contents::new(record, attached).map_err(failed)?;
    context.progress.begin("writing", Some(size));
    let key = book.log().verifier();
    let written = durable::write_atomic_with(&request.to, |file| {
        write(&contents, &staged, file)?;
        // What others would not believe does not leave.
        let bytes = file.stream_position()?;
        file.rewind()?;
        let written = BufReader::with_capacity(BUFFER_BYTES, &*file);
        let facts = read(written, Some(key), context.progress.as_ref())?;
        Ok((bytes, facts))
    });
    context.progress.end();
    staged.remove();
    let (bytes, facts) = written.map_err(failed)?;
    Ok(Exported {
        file: request.to.clone(),
        bytes,
        workspace,
        key: key.to_string(),
        facts,
    })
}

fn write(
    contents: &Contents,
    staged: &StagedTree,
    file: &mut File,
) -> std::result::Result<(), Refused> {
    let root = staged.root();
    let open = |record: &FileRecord| -> io::Result<Box<dyn Read>> {
        let file = beneath::open_file(&root.join(record.path.as_str()))?;
        Ok(Box::new(file))
    };
    let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut writer = contents.write(writer, Some(&open))?;
    Ok(writer.flush()?)
}

/// The entry that registers a version.
fn registration<'b>(
    book: &'b Book,
    version: &VersionId,
    digest: TreeDigest,
) -> Result<(u64, &'b Registration)> {
    let all = book.state().registrations.get(version);
    let mut all = all.into_iter().flatten().rev();
    let found = all.find(|(_, registered)| registered.digest == digest);
    let found = found.map(|(index, registered)| (*index, registered.as_ref()));
    found.ok_or_else(|| {
        let message = format!("the ledger does not know `{version}` yet, so nothing proves it");
        Failure::new(FailureKind::Waiting, message).hint("the next `promote apply` records it")
    })
}

/// A workspace that has the version: the one that was named, else the one that it was made in, else any that was written.
async fn find(
    engine: &Engine,
    world: &World,
    request: &ExportRequest,
    digest: TreeDigest,
) -> Result<(WorkspaceName, Arc<dyn Adapter>, Record)> {
    let version = &request.version;
    let candidates = match &request.from {
        Some(name) if !world.targets.contains_key(name) => {
            let names: Vec<&str> = world.targets.keys().map(WorkspaceName::as_str).collect();
            return Err(unknown("workspace", name.as_str(), &names));
        }
        Some(name) => vec![name.clone()],
        None => candidates(world, version, digest)?,
    };
    let mut reasons = Vec::new();
    for name in candidates {
        let adapter = engine.adapter(world, &name)?;
        match adapter.stat(Locator::Version(version)).await {
            Ok(Some(record)) if record.digest == digest => return Ok((name, adapter, record)),
            Ok(Some(_)) => reasons.push(format!("`{name}` has other bytes under this version")),
            Ok(None) => reasons.push(format!("`{name}` does not have it")),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    let message = format!("no workspace gives `{version}`: {}", reasons.join("; "));
    Err(Failure::new(FailureKind::Unavailable, message)
        .hint("name a workspace that has it with `--from`; `promote search` tells which do"))
}

fn candidates(
    world: &World,
    version: &VersionId,
    digest: TreeDigest,
) -> Result<Vec<WorkspaceName>> {
    let made_in = &find_version(world, version)?.document.value.spec.workspace;
    let mut all = vec![made_in.clone()];
    let slots = world.state().slots.iter();
    let holding = slots.filter(|(slot, state)| {
        slot.artifact == version.artifact && state.ever_held.contains(&digest)
    });
    for (slot, _) in holding {
        if !all.contains(&slot.workspace) {
            all.push(slot.workspace.clone());
        }
    }
    all.retain(|name| world.targets.contains_key(name));
    Ok(all)
}
