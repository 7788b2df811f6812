//! Whether a file of another tool is about the bytes that are registered.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::md5::{md5_of, md5_of_file};
use crate::manifest::foreign::told::{ForeignDigest, StatedDigest};
use crate::model::digest::{FileList, FileRecord, TreePath};
use crate::ops::register::folder_of;
use crate::ops::register::told::{ToldFile, refused};

/// Compares every digest that the file states of the artifact or of something in it, and the file with the one of its
/// name inside the artifact.
///
/// # Errors
///
/// When one is another, or bytes cannot be read.
pub(super) fn check(file: &ToldFile, from: &Path, files: &FileList) -> Result<()> {
    if let Some(problem) = other_mlmodel(file, files) {
        return Err(problem);
    }
    let mut problems = Vec::new();
    for stated in &file.told.digests {
        let Some(part) = part(file, stated, from.is_file()) else {
            continue;
        };
        let found = match digest(&stated.digest, &part, from, files) {
            Ok(found) => found,
            Err(error) => {
                let failure = Failure::of(FailureKind::Invalid, &error);
                return Err(failure.during(format!("`{}` cannot be read", from.display())));
            }
        };
        let (ForeignDigest::Sha256(expected)
        | ForeignDigest::Md5(expected)
        | ForeignDigest::DvcFolder(expected)) = &stated.digest;
        let message = match found {
            Some(found) if found == *expected => continue,
            Some(found) => format!(
                "the file lies about `{}`: it says {expected}, and the bytes are {found}",
                stated.path
            ),
            None => format!(
                "the file states a digest of `{}`, and there is no such file",
                stated.path
            ),
        };
        let problem = Diagnostic::error("digest-mismatch", stated.loc.clone(), message);
        problems.push(problem.hint(
            "register the bytes that the file is about, or let its tool write the file anew",
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(refused(&file.path, problems))
    }
}

/// An `MLmodel` that is not the one inside the artifact.
fn other_mlmodel(file: &ToldFile, files: &FileList) -> Option<Failure> {
    let name: TreePath = "MLmodel".parse().ok()?;
    let inside = files.get(&name).filter(|_| file.format.name == "mlmodel")?;
    let is_same = inside.sha256 == file.sha256;
    (!is_same).then(|| {
        let message = format!(
            "`{}` is not the `MLmodel` of these files, which has other bytes",
            file.path.display()
        );
        let failure = Failure::new(FailureKind::Invalid, message);
        failure.hint("name the `MLmodel` inside the artifact")
    })
}

/// What part of the artifact a digest is of: a path below its folder, empty for all of it. `None` when it is of something
/// else, or of more than the artifact.
fn part(file: &ToldFile, stated: &StatedDigest, is_file: bool) -> Option<String> {
    let subject = file.subject.as_deref()?;
    let rest = stated.path.trim_end_matches('/').strip_prefix(subject)?;
    if rest.is_empty() {
        // A single file is a tree of one.
        let name = subject.rsplit('/').next().unwrap_or(subject);
        return Some(if is_file { name } else { "" }.to_owned());
    }
    rest.strip_prefix('/').map(str::to_owned)
}

/// The digest of a part in the form that was stated; `None` when there is no such file.
fn digest(
    form: &ForeignDigest,
    part: &str,
    from: &Path,
    files: &FileList,
) -> std::io::Result<Option<String>> {
    let one = || {
        let path: TreePath = part.parse().ok()?;
        files.get(&path)
    };
    let md5 = |record: &FileRecord| md5_of_file(folder_of(from), &record.path, record.sha256);
    match form {
        ForeignDigest::Sha256(_) => Ok(one().map(|record| record.sha256.to_string())),
        ForeignDigest::Md5(_) => one().map(md5).transpose(),
        ForeignDigest::DvcFolder(_) => {
            let folder = if part.is_empty() {
                String::new()
            } else {
                format!("{part}/")
            };
            let mut list = Vec::new();
            for record in files.records() {
                if let Some(path) = record.path.as_str().strip_prefix(&folder) {
                    let (md5, path) = (md5(record)?, ascii(path));
                    list.push(format!("{{\"md5\": \"{md5}\", \"relpath\": {path}}}"));
                }
            }
            let is_there = !list.is_empty();
            let list = format!("[{}]", list.join(", "));
            Ok(is_there.then(|| md5_of(list.as_bytes())))
        }
    }
}

/// Text as Python's `json.dumps` writes it: what is not ASCII as escapes.
fn ascii(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::tree::{Options, hash_tree};

    #[test]
    fn a_folder_has_the_digest_that_dvc_gives_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            crate::fs::durable::write_atomic(&folder.path().join(name), bytes).unwrap();
        };
        write("w.bin", b"1\n2\n3\n");
        write("é😀", b"x");
        let files = hash_tree(folder.path(), &Options::default()).unwrap();
        let form = ForeignDigest::DvcFolder(String::new());
        let found = digest(&form, "", folder.path(), &files).unwrap();
        // python3: hashlib.md5(json.dumps([…], sort_keys=True).encode()).hexdigest()
        assert_eq!(found.as_deref(), Some("07ca864e9631d96de9814d383f885d7d"));
        assert_eq!(digest(&form, "none", folder.path(), &files).unwrap(), None);
        assert_eq!(ascii("a\"é😀"), r#""a\"\u00e9\ud83d\ude00""#);
    }
}
