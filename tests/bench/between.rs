//! One artifact from a workspace to another, as the engine takes it: staged, written, read back.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use promote::adapter::content::LocalContent;
use promote::adapter::layer::{ReadCheck, Settings, layered};
use promote::adapter::transfer::{fetch, verify};
use promote::adapter::{self, Adapter, Locator, Record, Surroundings, Written};
use promote::config::Environment;
use promote::flow::declassification::Lowered;
use promote::flow::permit::{FlowPermit, Origin, permit};
use promote::fs::staging::{StagedTree, StagingArea};
use promote::fs::tree;
use promote::model::artifact::VersionId;
use promote::model::label::{Clearance, Tag};
use promote::model::platform::Platform;
use promote::model::workspace::WorkspaceFacts;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::measure::{folder, settle, time, write_file};
use crate::table::{Amount, Goal, Table};

/// The bytes of a mebibyte.
const MIB: u64 = 1 << 20;
/// How much memory each copy may take, in bytes.
const MAX_MEMORY: u64 = 128 * MIB;

/// What is copied: so many files, each of so many bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    files: u64,
    bytes: u64,
}

/// One large file, and many small ones. While working on what is measured, `BENCH_MIB` and `BENCH_FILES` make them smaller.
pub(crate) fn sizes() -> [Size; 2] {
    let wanted = |name: &str, usual: u64| {
        let text = std::env::var(name).ok();
        text.map_or(usual, |text| text.parse().unwrap())
    };
    [
        Size {
            files: 1,
            bytes: wanted("BENCH_MIB", 1024) * MIB,
        },
        Size {
            files: wanted("BENCH_FILES", 10_000),
            bytes: 16 << 10,
        },
    ]
}

impl Size {
    /// Whether it is one file.
    pub(crate) fn is_one(self) -> bool {
        self.files == 1
    }

    /// How often each side runs. With many files some peers take minutes each time.
    pub(crate) fn rounds(self) -> usize {
        if self.is_one() { 3 } else { 1 }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.is_one() {
            true => write!(formatter, "one file of {} MiB", self.bytes / MIB),
            false => write!(
                formatter,
                "{} files of {} KiB",
                self.files,
                self.bytes >> 10
            ),
        }
    }
}

/// Files, and the record that they make.
#[derive(Debug)]
pub(crate) struct Model {
    scratch: TempDir,
    pub(crate) record: Record,
}

impl Model {
    /// Makes the files.
    pub(crate) fn new(size: Size) -> Self {
        let scratch = folder();
        let model = scratch.path().join("model");
        std::fs::create_dir(&model).unwrap();
        for index in 0..size.files {
            write_file(
                &model.join(format!("{index:05}.bin")),
                size.bytes,
                index + 1,
            );
        }
        let version = format!("bench/model/files-{}@1.0.0", size.files);
        let files = tree::hash_tree(&model, &tree::Options::default()).unwrap();
        Self {
            scratch,
            record: Record {
                version: version.parse().unwrap(),
                digest: files.digest(),
                files,
            },
        }
    }

    /// The folder with the files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.scratch.path().join("model")
    }

    /// The same files as another version.
    pub(crate) fn version(&self, version: &str) -> Record {
        let mut record = self.record.clone();
        record.version.version = version.parse().unwrap();
        record
    }
}

/// A workspace as the engine opens it.
pub(crate) fn open(name: &str, spec: serde_json::Value, base: &Path) -> Arc<dyn Adapter> {
    let platform: Platform = serde_json::from_value(spec).unwrap();
    let surroundings = Surroundings {
        environment: Environment::default(),
        base: base.to_owned(),
    };
    let settings = Settings {
        read_check: ReadCheck::Caller,
        ..Settings::default()
    };
    let opened = adapter::open(&name.parse().unwrap(), &platform, &surroundings);
    layered(opened.unwrap(), &settings)
}

/// Takes artifacts from workspace to workspace, and notes the most memory that it took.
#[derive(Debug)]
pub(crate) struct Carrier {
    runtime: Runtime,
    folder: TempDir,
    peak: RefCell<u64>,
    /// Removing many files slows down who makes files after it, so that it is done at the end.
    staged: RefCell<Vec<StagedTree>>,
}

impl Carrier {
    pub(crate) fn new() -> Self {
        Self {
            runtime: Runtime::new().unwrap(),
            folder: folder(),
            peak: RefCell::new(0),
            staged: RefCell::default(),
        }
    }

    /// Writes a version from a folder.
    pub(crate) fn put(&self, model: &Model, record: &Record, adapter: &dyn Adapter) {
        self.write(adapter, record, &LocalContent::borrowed(&model.folder()));
    }

    /// The time that it takes to write a version from a folder and to read it back.
    pub(crate) fn put_and_verify(
        &self,
        model: &Model,
        record: &Record,
        target: &dyn Adapter,
    ) -> Duration {
        self.measured(|| {
            self.put(model, record, target);
            self.verify(target, record);
        })
    }

    /// The time that it takes to stage the version that `source` holds, to write it as `record` and to read it back.
    pub(crate) fn copy(
        &self,
        source: &dyn Adapter,
        held: &VersionId,
        target: &dyn Adapter,
        record: &Record,
    ) -> Duration {
        self.measured(|| {
            let staging = StagingArea::open(&self.folder.path().join("staging")).unwrap();
            let found = self.runtime.block_on(source.stat(Locator::Version(held)));
            let found = found.unwrap().unwrap();
            let staged = self.runtime.block_on(fetch(source, &found, &staging));
            let staged = staged.unwrap();
            self.write(target, record, &LocalContent::staged_for_last(&staged));
            self.verify(target, record);
            self.staged.borrow_mut().push(staged);
        })
    }

    /// The time in which the provider of both copies a version by itself.
    pub(crate) fn copy_natively(
        &self,
        source: &dyn Adapter,
        target: &dyn Adapter,
        record: &Record,
    ) -> Duration {
        let place = source.native(&record.version).unwrap();
        let permit = leave(target, record);
        self.measured(|| {
            let copied = target.copy(&permit, record, &place);
            assert_eq!(self.runtime.block_on(copied).unwrap(), Written::Created);
        })
    }

    /// Adds a line with the most memory that this took since the last such line.
    pub(crate) fn add_memory(&self, table: &mut Table, what: &str) {
        let bytes =
            |count: u64| Amount::Memory(f64::from(u32::try_from(count >> 10).unwrap()) * 1024.0);
        table.add(
            &format!("peak memory of {what}"),
            bytes(self.peak.replace(0)),
            "128 MiB",
            bytes(MAX_MEMORY),
            Goal::Below(1.0),
        );
    }

    /// Removes what was staged. Returns the time of one such removal.
    pub(crate) fn clear(&self) -> Duration {
        let staged = self.staged.take();
        let count = u32::try_from(staged.len()).unwrap().max(1);
        time(|| drop(staged)) / count
    }

    fn measured(&self, work: impl FnOnce()) -> Duration {
        settle();
        // Writing 5 sets the peak to what is held now (proc_pid_clear_refs(5)).
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let taken = time(work);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let most = kibibytes.unwrap() << 10;
        self.peak.replace_with(|peak| (*peak).max(most));
        taken
    }

    fn write(&self, adapter: &dyn Adapter, record: &Record, content: &LocalContent) {
        let permit = leave(adapter, record);
        let written = adapter.write(&permit, record, content);
        assert_eq!(self.runtime.block_on(written).unwrap(), Written::Created);
    }

    fn verify(&self, adapter: &dyn Adapter, record: &Record) {
        let verified = verify(adapter, &record.version, &record.files);
        assert_eq!(self.runtime.block_on(verified).unwrap(), record.digest);
    }
}

fn leave(adapter: &dyn Adapter, record: &Record) -> FlowPermit {
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        name: adapter.info().workspace.parse().unwrap(),
        environment: "bench".parse().unwrap(),
        accepts: std::collections::BTreeSet::new(),
        clearance: clearance.clone(),
    };
    let label = clearance.as_label();
    permit(
        record.digest,
        &label,
        &Lowered::nothing(),
        &Origin::Producer,
        &facts,
    )
    .unwrap()
}
