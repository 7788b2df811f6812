//! Files of other tools that tell what an artifact was made from: one file for each format, one row for each in
//! [`FORMATS`]. `docs/lineage.md` says what is read of each, and what is not.
//!
//! Reading them is pure. What they tell is what somebody wrote down, and never more than the producer signs for.

mod azure;
mod azure_job;
mod azure_yaml;
mod croissant;
mod dvc;
mod hugging_face;
mod mlflow_run;
mod mlmodel;
mod odcs;
mod openlineage;
mod reader;
pub mod told;

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::manifest::MAX_MANIFEST_BYTES;
pub use crate::manifest::foreign::reader::MAX_INPUTS;
use crate::manifest::foreign::reader::Reader;
use crate::manifest::foreign::told::Told;
use crate::manifest::parsed::whole_file;
use crate::manifest::yaml::{Bounds, Node, parse_json, parse_within, source_file};

/// The largest file, in bytes.
pub const MAX_BYTES: usize = MAX_MANIFEST_BYTES;
const BOUNDS: Bounds = Bounds {
    max_nodes: 50_000,
    one: "a file of lineage",
    many: "files of lineage",
};

/// A format of another tool.
#[derive(Debug)]
pub struct Format {
    /// What `--lineage-format` calls it.
    pub name: &'static str,
    /// Its files, for people.
    pub summary: &'static str,
    /// Whether a file is one, by its name and value. At most one format says so of any file that is written well.
    recognise: fn(&str, &Node) -> bool,
    /// Reads it.
    read: fn(&mut Reader<'_>),
}

/// Every format, in the order of their names.
pub static FORMATS: &[Format] = &[
    azure_yaml::FORMAT,
    azure_job::FORMAT,
    croissant::FORMAT,
    dvc::FORMAT,
    hugging_face::FORMAT,
    mlflow_run::FORMAT,
    mlmodel::FORMAT,
    odcs::FORMAT,
    openlineage::FORMAT,
];

/// The format of that name.
#[must_use]
pub fn find_format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Reads a file of another tool, of a given format or of the one that it looks like. `subject` is the path of the
/// artifact from the file's folder, when it is below it.
///
/// # Errors
///
/// All that is wrong with it, or that it looks like no format, or like several.
pub fn read(
    path: &str,
    bytes: &[u8],
    format: Option<&'static Format>,
    subject: Option<&str>,
) -> Result<(&'static Format, Told), Vec<Diagnostic>> {
    let source = text_of(path, bytes)?;
    let root = if source.text.trim_start().starts_with(['{', '[']) {
        parse_json(&source, &BOUNDS)?
    } else {
        parse_within(&source, &BOUNDS)?
    };
    let format = match format {
        Some(format) => format,
        None => recognise(path, &root)?,
    };
    let mut reader = Reader::new(&source, &root, subject);
    (format.read)(&mut reader);
    Ok((format, reader.end()?))
}

/// That a file is longer than [`MAX_BYTES`].
#[must_use]
pub fn too_large(path: &str) -> Diagnostic {
    let message = format!("a file of lineage has at most {MAX_BYTES} bytes, and this has more");
    let problem = Diagnostic::error("too-large", whole_file(path), message);
    problem.hint("say what it tells with `--input`")
}

fn text_of(path: &str, bytes: &[u8]) -> Result<Arc<SourceFile>, Vec<Diagnostic>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![too_large(path)]);
    }
    if !hugging_face::is_card(path) {
        return source_file(path, bytes);
    }
    let Some(front_matter) = hugging_face::front_matter(bytes) else {
        let message = "a card begins with front matter between two lines `---`, and this has none";
        let problem = Diagnostic::error("no-front-matter", whole_file(path), message);
        return Err(vec![problem]);
    };
    source_file(path, &front_matter)
}

fn recognise(path: &str, root: &Node) -> Result<&'static Format, Vec<Diagnostic>> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut found = FORMATS
        .iter()
        .filter(|format| (format.recognise)(name, root));
    let names = |formats: &mut dyn Iterator<Item = &'static Format>| {
        let names: Vec<String> = formats.map(|format| format!("`{}`", format.name)).collect();
        names.join(", ")
    };
    let (code, message, candidates) = match (found.next(), found.next()) {
        (Some(format), None) => return Ok(format),
        (Some(first), Some(second)) => (
            "ambiguous-format",
            "the file looks like more than one format of lineage",
            names(&mut [first, second].into_iter().chain(found)),
        ),
        (None, _) => (
            "unknown-format",
            "the file looks like no format of lineage",
            names(&mut FORMATS.iter()),
        ),
    };
    let problem = Diagnostic::error(code, whole_file(path), message);
    Err(vec![problem.hint(format!(
        "say which it is with `--lineage-format`: {candidates}"
    ))])
}

#[cfg(test)]
mod tests;
