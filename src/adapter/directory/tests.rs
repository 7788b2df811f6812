#![expect(clippy::disallowed_methods, reason = "tests arrange files")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::*;
use crate::adapter::conformance::{self, MemoryContent, Subject};
use crate::adapter::content::LocalContent;
use crate::adapter::layer::{Mode, Settings, layered};
use crate::adapter::transfer::{fetch, verify};
use crate::flow::declassification::Lowered;
use crate::flow::permit::{Origin, permit};
use crate::fs::durable;
use crate::fs::staging::{StagedTree, StagingArea};
use crate::model::label::{Clearance, Tag};
use crate::model::workspace::WorkspaceFacts;

struct Workspace {
    directory: tempfile::TempDir,
    adapter: Arc<DirectoryAdapter>,
}

fn workspace() -> Workspace {
    let directory = tempfile::tempdir().unwrap();
    let name = "dev".parse().unwrap();
    let adapter = Arc::new(DirectoryAdapter::new(name, &directory.path().join("root")));
    Workspace { directory, adapter }
}

fn subject(adapter: Arc<dyn Adapter>) -> Subject {
    Subject {
        adapter,
        prefix: "x-".to_owned(),
        secrets: vec!["hunter2".to_owned()],
    }
}

fn leave(digest: TreeDigest) -> FlowPermit {
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        name: "dev".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        clearance: clearance.clone(),
        accepts: std::collections::BTreeSet::new(),
    };
    permit(
        digest,
        &clearance.as_label(),
        &Lowered::nothing(),
        &Origin::Producer,
        &facts,
    )
    .unwrap()
}

fn version(text: &str) -> VersionId {
    format!("retail/model/churn@{text}").parse().unwrap()
}

async fn put(adapter: &dyn Adapter, id: &VersionId, files: &[(&str, &[u8])]) -> Record {
    let content = MemoryContent::new(files).unwrap();
    let record = content.record(id).unwrap();
    let permit = leave(record.digest);
    let written = adapter.write(&permit, &record, &content).await;
    written.unwrap();
    record
}

async fn staged(workspace: &Workspace, record: &Record) -> StagedTree {
    let area = StagingArea::open(&workspace.adapter.staging_directory()).unwrap();
    fetch(workspace.adapter.as_ref(), record, &area)
        .await
        .unwrap()
}

fn work_names(workspace: &Workspace) -> Vec<String> {
    let work = workspace.directory.path().join("root/.promote/tmp");
    durable::read_dir_names(&work, 100).unwrap()
}

#[tokio::test]
async fn the_directory_conforms() {
    let workspace = workspace();
    let subject = subject(workspace.adapter.clone());
    assert_eq!(conformance::check(&subject).await, []);
    assert_eq!(work_names(&workspace), Vec::<String>::new());
}

#[tokio::test]
async fn the_directory_conforms_with_all_layers() {
    let workspace = workspace();
    let adapter = layered(workspace.adapter.clone(), &Settings::default());
    assert_eq!(conformance::check(&subject(adapter)).await, []);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_makes_nothing() {
    let workspace = workspace();
    let settings = Settings {
        mode: Mode::DryRun,
        ..Settings::default()
    };
    let dry = layered(workspace.adapter.clone(), &settings);
    let content = MemoryContent::new(&[("a", b"1")]).unwrap();
    let record = content.record(&version("1.0.0")).unwrap();
    let written = dry.write(&leave(record.digest), &record, &content).await;
    assert_eq!(written.unwrap(), Written::Created);
    dry.point(&record.version, None).await.unwrap();
    assert!(!durable::exists(&workspace.directory.path().join("root")));
    put(workspace.adapter.as_ref(), &record.version, &[("a", b"1")]).await;
    let other = MemoryContent::new(&[("a", b"2")]).unwrap();
    let record = other.record(&version("1.0.0")).unwrap();
    let written = dry.write(&leave(record.digest), &record, &other).await;
    assert_eq!(written.unwrap_err().kind, AdapterErrorKind::AlreadyExists);
    let stale = dry.point(&record.version, Some(record.digest)).await;
    assert_eq!(stale.unwrap_err().kind, AdapterErrorKind::Precondition);
}

#[tokio::test]
async fn a_server_can_open_what_the_pointer_holds() {
    let workspace = workspace();
    let record = put(
        workspace.adapter.as_ref(),
        &version("1.2.0"),
        &[("m/model.onnx", b"1")],
    )
    .await;
    workspace
        .adapter
        .point(&record.version, None)
        .await
        .unwrap();
    let folder = workspace.directory.path().join("root/retail/model/churn");
    let file = folder.join("current/content/m/model.onnx");
    assert_eq!(std::fs::read(&file).unwrap(), b"1");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
    assert_eq!(
        std::fs::read_link(folder.join("current")).unwrap().to_str(),
        Some("1.2.0")
    );
    assert!(durable::exists(&folder.join("1.2.0/record.json")));
}

#[tokio::test]
async fn links_put_into_the_directory_lead_nowhere() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let record = put(adapter, &version("1.0.0"), &[("a/b", b"1"), ("c", b"2")]).await;
    let folder = workspace.directory.path().join("root/retail/model/churn");
    let outside = workspace.directory.path().join("outside");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("b"), "secret").unwrap();
    let content = folder.join("1.0.0/content");
    std::fs::remove_dir_all(content.join("a")).unwrap();
    symlink(&outside, content.join("a")).unwrap();
    std::fs::remove_file(content.join("c")).unwrap();
    symlink(outside.join("b"), content.join("c")).unwrap();
    for path in ["a/b", "c"] {
        let path = path.parse().unwrap();
        assert!(
            adapter.read(&record.version, &path).await.is_err(),
            "{path}"
        );
    }
    symlink("1.0.0", folder.join("2.0.0")).unwrap();
    assert!(
        adapter
            .stat(Locator::Version(&version("2.0.0")))
            .await
            .is_err()
    );
    symlink("../../../../outside", folder.join("current")).unwrap();
    let current = adapter
        .stat(Locator::Current(&record.version.artifact))
        .await;
    assert_eq!(current.unwrap_err().kind, AdapterErrorKind::Corrupt);
}

#[tokio::test]
async fn bytes_and_records_that_somebody_changed_are_corrupt() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let record = put(adapter, &version("1.0.0"), &[("a", b"1")]).await;
    let folder = workspace
        .directory
        .path()
        .join("root/retail/model/churn/1.0.0");
    let path = folder.join("content/a");
    let checked = layered(workspace.adapter.clone(), &Settings::default());
    checked
        .stat(Locator::Version(&record.version))
        .await
        .unwrap();
    for bytes in ["2", "12", ""] {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let found = verify(adapter, &record.version, &record.files).await;
        assert_eq!(
            found.unwrap_err().kind,
            AdapterErrorKind::Corrupt,
            "{bytes}"
        );
        let stream = checked
            .read(&record.version, &"a".parse().unwrap())
            .await
            .unwrap();
        let read: std::result::Result<Vec<_>, _> = stream.try_collect().await;
        assert_eq!(
            read.unwrap_err().kind(),
            io::ErrorKind::InvalidData,
            "{bytes}"
        );
        let area = StagingArea::open(&workspace.directory.path().join("staging")).unwrap();
        let staged = fetch(adapter, &record, &area).await;
        assert_eq!(
            staged.unwrap_err().kind,
            AdapterErrorKind::Corrupt,
            "{bytes}"
        );
        let left = durable::read_dir_names(&workspace.directory.path().join("staging"), 9);
        assert_eq!(left.unwrap(), Vec::<String>::new());
    }
    let text = std::fs::read_to_string(folder.join("record.json")).unwrap();
    for (from, to) in [
        ("\"a\"", "\"b\""),
        ("1.0.0", "1.0.1"),
        ("promote.dev", "x"),
        ("{", "["),
        ("\"size\": 1", "\"size\": -1"),
    ] {
        std::fs::remove_file(folder.join("record.json")).unwrap();
        std::fs::write(folder.join("record.json"), text.replacen(from, to, 1)).unwrap();
        let found = adapter.stat(Locator::Version(&record.version)).await;
        assert_eq!(found.unwrap_err().kind, AdapterErrorKind::Corrupt, "{from}");
    }
    std::fs::remove_file(folder.join("record.json")).unwrap();
    let found = adapter.stat(Locator::Version(&record.version)).await;
    assert_eq!(found.unwrap_err().kind, AdapterErrorKind::Corrupt);
}

#[tokio::test]
async fn a_tree_that_is_given_away_is_moved_and_another_is_copied() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let record = put(adapter, &version("1.0.0"), &[("a/b", b"1"), ("c", b"")]).await;
    let staged = staged(&workspace, &record).await;
    for (text, content, stays) in [
        ("2.0.0", LocalContent::staged(&staged), true),
        ("3.0.0", LocalContent::staged_for_last(&staged), false),
    ] {
        let copy = Record {
            version: version(text),
            ..record.clone()
        };
        let written = adapter.write(&leave(copy.digest), &copy, &content).await;
        assert_eq!(written.unwrap(), Written::Created);
        assert_eq!(durable::exists(&staged.root()), stays);
        let found = verify(adapter, &copy.version, &record.files).await;
        assert_eq!(found.unwrap(), record.digest);
    }
    staged.remove();
    let found = verify(adapter, &version("3.0.0"), &record.files).await;
    assert_eq!(found.unwrap(), record.digest);
}

#[tokio::test]
async fn a_tree_that_is_given_away_comes_back_when_the_write_fails() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let record = put(adapter, &version("1.0.0"), &[("a", b"1")]).await;
    let staged = staged(&workspace, &record).await;
    std::fs::write(staged.root().join("stowaway"), "x").unwrap();
    let copy = Record {
        version: version("2.0.0"),
        ..record.clone()
    };
    let content = LocalContent::staged_for_last(&staged);
    let written = adapter.write(&leave(copy.digest), &copy, &content).await;
    assert_eq!(written.unwrap_err().kind, AdapterErrorKind::Corrupt);
    assert!(
        adapter
            .stat(Locator::Version(&copy.version))
            .await
            .unwrap()
            .is_none()
    );
    std::fs::remove_file(staged.root().join("stowaway")).unwrap();
    let written = adapter.write(&leave(copy.digest), &copy, &content).await;
    assert_eq!(written.unwrap(), Written::Created);
}

#[tokio::test]
async fn a_tree_of_somebody_else_is_hashed_again() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let source = workspace.directory.path().join("source");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("a"), "1").unwrap();
    let record = MemoryContent::new(&[("a", b"1")])
        .unwrap()
        .record(&version("1.0.0"))
        .unwrap();
    let content = LocalContent::borrowed(&source);
    std::fs::write(source.join("a"), "2").unwrap();
    let written = adapter
        .write(&leave(record.digest), &record, &content)
        .await;
    assert_eq!(written.unwrap_err().kind, AdapterErrorKind::Corrupt);
    std::fs::write(source.join("a"), "1").unwrap();
    let written = adapter
        .write(&leave(record.digest), &record, &content)
        .await;
    assert_eq!(written.unwrap(), Written::Created);
    assert!(durable::exists(&source.join("a")));
}

#[tokio::test]
async fn many_files_are_written_and_read_back() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let names: Vec<String> = (0..200)
        .map(|number| format!("{}/{number}", number % 7))
        .collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), name.as_bytes()))
        .collect();
    let record = put(adapter, &version("1.0.0"), &files).await;
    let found = verify(adapter, &record.version, &record.files).await;
    assert_eq!(found.unwrap(), record.digest);
}

#[tokio::test]
async fn what_the_system_refuses_names_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("file");
    std::fs::write(&root, "").unwrap();
    let adapter = DirectoryAdapter::new("dev".parse().unwrap(), &root);
    let content = MemoryContent::new(&[("a", b"1")]).unwrap();
    let record = content.record(&version("1.0.0")).unwrap();
    let error = adapter
        .write(&leave(record.digest), &record, &content)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.status),
        (
            AdapterErrorKind::Unexpected,
            crate::adapter::ErrorStatus::Permanent
        )
    );
    assert!(
        error.message.contains(&root.display().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_person_puts_beside_the_versions_is_passed_over() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let record = put(adapter, &version("1.0.0"), &[("a", b"1")]).await;
    let root = workspace.directory.path().join("root");
    std::fs::write(root.join("README.md"), "x").unwrap();
    std::fs::write(root.join("retail/model/notes"), "x").unwrap();
    std::fs::create_dir_all(root.join("retail/modell/x/1.0.0")).unwrap();
    std::fs::create_dir_all(root.join("retail/model/churn/latest")).unwrap();
    let listed: Vec<Record> = adapter
        .list(Selector::default())
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, [record]);
}

/// Content whose first stream says that it was asked, and then stays silent.
#[derive(Debug)]
struct Silent(tokio::sync::Notify);

impl Content for Silent {
    fn open(&self, _: &TreePath) -> BoxFuture<'_, io::Result<ByteStream>> {
        self.0.notify_one();
        Box::pin(async { Ok(futures_util::stream::pending().boxed()) })
    }

    fn local_path(&self, _: &TreePath) -> Option<PathBuf> {
        None
    }
}

#[tokio::test]
async fn a_write_that_is_given_up_leaves_nothing() {
    let workspace = workspace();
    let adapter = workspace.adapter.as_ref();
    let content = MemoryContent::new(&[("a", b"1")]).unwrap();
    let record = content.record(&version("1.0.0")).unwrap();
    let (permit, silent) = (leave(record.digest), Silent(tokio::sync::Notify::new()));
    tokio::select! {
        written = adapter.write(&permit, &record, &silent) => panic!("{written:?}"),
        () = silent.0.notified() => {}
    }
    while !work_names(&workspace).is_empty() {
        tokio::task::yield_now().await;
    }
    let listed: Vec<_> = adapter
        .list(Selector::default())
        .await
        .unwrap()
        .collect()
        .await;
    assert!(listed.is_empty());
}
