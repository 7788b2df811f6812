//! Commits by the thousand: what people would push in months is written here in seconds.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::organisation::{Organisation, run as succeed};

/// A file of the repository: its path and its text.
pub(crate) type File = (String, String);

/// Adds commits to the branch, each with its files.
pub(crate) fn commit(organisation: &Organisation, commits: &[Vec<File>]) {
    let mut stream = Vec::new();
    for (number, files) in (0_u64..).zip(commits) {
        write_commit(&mut stream, number, files);
    }
    let mut import = organisation
        .git(&["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(&stream).unwrap();
    assert!(import.wait().unwrap().success());
    succeed(&mut organisation.git(&["reset", "--quiet", "--hard"]));
}

/// A commit as `git fast-import` reads it.
fn write_commit(stream: &mut Vec<u8>, number: u64, files: &[File]) {
    let time = 1_700_000_000 + number;
    let from = if number == 0 {
        "from refs/heads/main^0\n"
    } else {
        ""
    };
    write!(stream, "commit refs/heads/main\ncommitter ada <ada@wildlife.example> {time} +0000\ndata 6\nbench\n\n{from}").unwrap();
    for (path, text) in files {
        write!(
            stream,
            "M 100644 inline {path}\ndata {}\n{text}\n",
            text.len()
        )
        .unwrap();
    }
}

/// The first lines of a manifest.
pub(crate) fn header(kind: &str, name: &str) -> String {
    format!("apiVersion: promote.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n")
}

/// The signature files of some files, by one call of `ssh-keygen` for many of them.
pub(crate) fn sign<'a>(
    organisation: &Organisation,
    namespace: &str,
    files: impl Iterator<Item = &'a File>,
) -> Vec<File> {
    let folder = organisation.path("to-sign");
    std::fs::create_dir_all(&folder).unwrap();
    let files: Vec<&File> = files.collect();
    let mut signatures = Vec::new();
    for part in files.chunks(500) {
        let paths: Vec<PathBuf> = (0..part.len())
            .map(|number| folder.join(number.to_string()))
            .collect();
        for (path, (_, text)) in paths.iter().zip(part) {
            std::fs::write(path, text).unwrap();
        }
        let mut keygen = Command::new("ssh-keygen");
        succeed(
            keygen
                .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
                .arg(organisation.key())
                .args(&paths),
        );
        for (path, (signed, _)) in paths.iter().zip(part) {
            let signature = path.with_extension("sig");
            signatures.push((
                format!("{signed}.sig"),
                std::fs::read_to_string(&signature).unwrap(),
            ));
            std::fs::remove_file(&signature).unwrap();
        }
    }
    signatures
}
