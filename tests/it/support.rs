//! What several modules need.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files under a folder with their paths relative to it, `/` between parts, sorted.
pub(crate) fn files_under(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort();
    files
}

fn collect(base: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(base, &path, files);
        } else {
            let relative = path
                .strip_prefix(base)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            files.push((relative, fs::read(&path).unwrap()));
        }
    }
}

/// Compares text with a file; with `UPDATE=1`, writes the file instead.
pub(crate) fn assert_file(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == text,
        "{} differs; run again with UPDATE=1 and look at the difference\n--- expected\n{expected}\n--- found\n{text}",
        path.display()
    );
}

/// The cells of a page of tables, by line: two spaces are between them at least.
pub(crate) fn cells(page: &str) -> Vec<Vec<&str>> {
    let cells = |line| {
        let cells = str::split(line, "  ").map(str::trim);
        cells.filter(|cell| !cell.is_empty()).collect()
    };
    page.lines().map(cells).collect()
}
