//! `promote bundle show`: needs no repository and no network.

use std::io::Read;
use std::path::PathBuf;

use crate::context::Context;
use crate::error::Result;
use crate::ledger::key::Verifier;
use crate::model::digest::FileRecord;
use crate::ops::bundle::facts::BundleFacts;
use crate::ops::bundle::opened::{Opened, Sink};
use crate::ops::bundle::{Refused, check, open, refused};
use crate::ops::ledger::read_verifier;
use crate::progress::Progress;

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct ShowRequest {
    /// The bundle.
    pub file: PathBuf,
    /// The sender's verifier key, or a file that holds it.
    pub key: Option<String>,
}

/// Checks a bundle, all of it, and tells what it says.
///
/// # Errors
///
/// When it cannot be read, or anything in it does not hold.
pub fn show(context: &Context, request: &ShowRequest) -> Result<BundleFacts> {
    let key = request.key.as_deref().map(read_verifier).transpose()?;
    let (file, length) = open(&request.file)?;
    let reading = format!("reading {}", request.file.display());
    context.progress.begin(&reading, Some(length));
    let facts = read(file, key.as_ref(), context.progress.as_ref());
    context.progress.end();
    facts.map_err(|error| refused(&request.file, &error))
}

/// The same, for what is read from anywhere.
///
/// # Errors
///
/// The reason, when anything in it does not hold.
pub fn read(
    from: impl Read,
    key: Option<&Verifier>,
    progress: &dyn Progress,
) -> std::result::Result<BundleFacts, Refused> {
    let opened = Opened::open(from)?;
    let mut facts = check::check(opened.contents(), key)?.facts;
    facts.has_files = opened.finish(&mut Hashed(progress))?;
    Ok(facts)
}

/// Takes files that are only hashed.
#[derive(Debug)]
struct Hashed<'a>(&'a dyn Progress);

impl Sink for Hashed<'_> {
    fn begin(&mut self, _: &[&FileRecord]) -> std::result::Result<(), Refused> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> std::result::Result<(), Refused> {
        self.0
            .advance(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn end(&mut self) -> std::result::Result<(), Refused> {
        Ok(())
    }
}
