//! How fast digests are computed.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use promote::clock::SystemClock;
use promote::fs::cache::DigestCache;
use promote::fs::tree::{Options, hash_tree};

use crate::measure::{ROUNDS, by_turns, folder, median, process, time, warm, write_file};
use crate::table::{Goal, Table};

/// One file of 1 GiB, as a whole process, from memory.
pub(crate) fn one_large_file(table: &mut Table) {
    let folder = folder();
    let path = folder.path().join("model.bin");
    write_file(&path, 1 << 30, 1);
    warm(&path);
    let ours = |_| {
        process(
            Command::new(env!("CARGO_BIN_EXE_promote"))
                .args(["--quiet", "digest"])
                .arg(&path),
        )
    };
    let theirs = |_| process(Command::new("openssl").args(["dgst", "-sha256"]).arg(&path));
    let (ours, theirs) = by_turns(ROUNDS, ours, theirs);
    table.add(
        "digest of one file of 1 GiB",
        ours,
        "openssl dgst -sha256",
        theirs,
        Goal::AtMost(1.0),
    );
}

/// 10,000 files of 16 KiB: two threads, and the cache.
pub(crate) fn many_files(table: &mut Table) {
    let folder = folder();
    let tree = folder.path().join("tree");
    for index in 0..10_000_u64 {
        let below = tree.join(format!("{:02}", index / 100));
        std::fs::create_dir_all(&below).unwrap();
        write_file(&below.join(format!("{index}.bin")), 16 << 10, index + 1);
    }
    let hash = |threads| {
        let options = Options {
            threads,
            ..Options::default()
        };
        time(|| hash_tree(&tree, &options).unwrap())
    };
    forget(&tree);
    let first = hash(0);
    let (two, one) = by_turns(ROUNDS, |_| hash(2), |_| hash(1));
    table.add(
        "digest of 10,000 files of 16 KiB, two threads",
        two,
        "one thread",
        one,
        Goal::Faster(1.8),
    );
    // The cache trusts nothing that was written within the last two seconds.
    std::thread::sleep(Duration::from_millis(2_500));
    let store = folder.path().join("cache");
    cached(&tree, &store);
    let again = median((0..ROUNDS).map(|_| cached(&tree, &store)).collect());
    table.add(
        "again, nothing changed, with the cache",
        again,
        "two threads, the first time",
        two,
        Goal::Below(0.05),
    );
    table.add(
        "the same",
        again,
        "the first time, from disk",
        first,
        Goal::Below(0.05),
    );
    // Whoever wants to know whether a file changed has to look at it: this is as fast as looking at each can be.
    let look = |_| {
        process(
            Command::new("find")
                .arg(&tree)
                .args(["-type", "f", "-printf", "%s %T@ %C@\\n"]),
        )
    };
    let (again, look) = by_turns(ROUNDS, |_| cached(&tree, &store), look);
    table.add(
        "the same",
        again,
        "find, looking at each file",
        look,
        Goal::AtMost(1.0),
    );
}

/// Makes the system forget the bytes of all files in two levels of folders, as after a start.
fn forget(tree: &Path) {
    for folder in std::fs::read_dir(tree).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = std::fs::File::open(file.unwrap().path()).unwrap();
            file.sync_all().unwrap();
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
    }
}

/// All that a call with a cache does: load it, hash what is not in it, and write it back.
fn cached(tree: &Path, store: &Path) -> Duration {
    time(|| {
        let cache = DigestCache::load(store, Arc::new(SystemClock));
        let options = Options {
            cache: Some(&cache),
            ..Options::default()
        };
        let files = hash_tree(tree, &options).unwrap();
        cache.save().unwrap();
        files
    })
}
