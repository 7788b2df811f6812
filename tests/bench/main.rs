//! How fast it is, beside what else does the same on the same machine in the same minute.
//!
//! `cargo bench` prints one table; `cargo bench --bench promote -- start` prints the lines of one subject. A line asks for a ratio, which travels
//! between machines better than a time. Nothing fails here: a shared machine is noisy.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot arrange its files has nothing to say, and arranges files"
)]

mod between;
mod buckets;
mod commits;
mod digest;
mod ledger;
mod machine;
mod many;
mod measure;
mod mlflow;
mod organisation;
mod registry;
mod scale;
#[path = "../it/servers/mod.rs"]
mod servers;
mod size;
mod start;
mod table;
mod transfer;

use crate::table::Table;

/// The allocator of the program, for what runs in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One subject: its name for filters, and what adds its lines.
type Subject = (&'static str, fn(&mut Table));

/// Every subject.
const SUBJECTS: [Subject; 10] = [
    ("start", start::run),
    ("digest", digest::one_large_file),
    ("files", digest::many_files),
    ("transfer", transfer::run),
    ("scale", scale::run),
    ("ledger", ledger::run),
    ("size", size::run),
    ("mlflow", mlflow::run),
    ("registry", registry::run),
    ("buckets", buckets::run),
];

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut table = Table::default();
    for (name, run) in SUBJECTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            table.begin(name);
            run(&mut table);
        }
    }
    table.print(&machine::description());
}
