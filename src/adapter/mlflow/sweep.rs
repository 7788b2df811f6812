//! Every file of every version in the registry as it is now, whoever registered it.

use std::collections::BTreeSet;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::place::{Place, shown_place};
use crate::adapter::mlflow::registry::{self, Held};
use crate::adapter::mlflow::wire::{DownloadUri, Listing, ModelVersion, OneLoggedModel, OneRun};
use crate::adapter::mlflow::{MlflowAdapter, record, stored, upload};
use crate::adapter::sweep::Found;
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::{MAX_FILES, Sha256, TreePath};

/// The most folders in each other.
const MAX_DEPTH: usize = 64;

/// A version, and which of ours it is.
type Swept = (Option<VersionId>, ModelVersion);

/// All files of all versions. What cannot be read is in the stream, with the reason.
pub(super) async fn sweep(adapter: &MlflowAdapter) -> Result<BoxStream<'_, Result<Found>>> {
    let call = adapter.call("sweep");
    let models = registry::search(call, "").await?;
    let ours: BTreeSet<(String, String)> = registry::ours(adapter, models.clone())
        .into_values()
        .map(|model| (model.name, model.version))
        .collect();
    let swept = models.into_iter().map(move |model| {
        let key = (model.name.clone(), model.version.clone());
        let version = registry::claim(&model).filter(|_| ours.contains(&key));
        (version, model)
    });
    let found = stream::iter(swept.collect::<Vec<Swept>>())
        .then(move |(version, model)| files_of(call, version, model))
        .flatten();
    Ok(found.map(Ok).boxed())
}

/// The files of one version.
async fn files_of(
    call: Call<'_>,
    version: Option<VersionId>,
    model: ModelVersion,
) -> BoxStream<'_, Found> {
    let title = format!("models:/{}/{}", model.name, model.version);
    let unread = |path: String, reason: String| Found {
        path,
        part_of: None,
        content: Err(reason),
    };
    let mut problems = Vec::new();
    let mut paths = BTreeSet::new();
    let root = root(call, &model).await;
    match &root {
        Err(reason) => problems.push(unread(title.clone(), reason.clone())),
        Ok(root) => {
            if let Err(reason) = walk(call, root, &mut paths).await {
                problems.push(unread(title.clone(), reason));
            }
        }
    }
    if let Some(version) = &version {
        match missing(call, version, model, &paths).await {
            Ok(missing) => problems.extend(missing.into_iter().map(|path| Found {
                path: format!("{title}/{path}"),
                part_of: Some((version.clone(), path)),
                content: Err("it is not there".to_owned()),
            })),
            Err(reason) => problems.push(unread(title.clone(), reason)),
        }
    }
    let Ok(root) = root else {
        return stream::iter(problems).boxed();
    };
    let hashed = stream::iter(paths).map(move |path| {
        let (place, path_in_title) = (root.join(&path), format!("{title}/{path}"));
        let part_of = version.clone().zip(stored::tree_path(&path));
        async move {
            Found {
                path: path_in_title,
                part_of,
                content: hash(call, &place).await,
            }
        }
    });
    let hashed = hashed.buffered(upload::FILES_AT_ONCE);
    stream::iter(problems).chain(hashed).boxed()
}

/// The files that the record names and the server does not list.
async fn missing(
    call: Call<'_>,
    version: &VersionId,
    model: ModelVersion,
    paths: &BTreeSet<String>,
) -> std::result::Result<Vec<TreePath>, String> {
    let held = Held::of(call, version.clone(), model).map_err(|error| error.to_string())?;
    let record = record::load(call, &held).await;
    let record = record.map_err(|error| error.to_string())?;
    let is_missing = |path: &TreePath| {
        let stored = stored::stored(path);
        stored.is_ok_and(|stored| !paths.contains(&stored))
    };
    let files = record.files.records().iter().map(|file| &file.path);
    Ok(files.filter(|path| is_missing(path)).cloned().collect())
}

/// Where the files of a version are, if this server has them.
async fn root(call: Call<'_>, model: &ModelVersion) -> std::result::Result<Place, String> {
    resolve(call, source(call, model).await?).await
}

/// The address of a version's files, as the registry tells it.
pub(super) async fn source(
    call: Call<'_>,
    model: &ModelVersion,
) -> std::result::Result<String, String> {
    let query = [
        ("name", model.name.as_str()),
        ("version", model.version.as_str()),
    ];
    let uri = call.get::<DownloadUri>("model-versions/get-download-uri", &query);
    let uri = uri.await.map_err(|error| error.to_string())?;
    Ok(uri.artifact_uri)
}

/// The place that an address of MLflow means, if this server has it.
pub(super) async fn resolve(call: Call<'_>, mut uri: String) -> std::result::Result<Place, String> {
    let text = |error: crate::adapter::AdapterError| error.to_string();
    let mut below = String::new();
    if let Some(rest) = uri.strip_prefix("runs:/") {
        let (run, path) = rest.split_once('/').unwrap_or((rest, ""));
        let found = call.get::<OneRun>("runs/get", &[("run_id", run)]).await;
        below = path.trim_matches('/').to_owned();
        uri = found.map_err(text)?.run.info.artifact_uri;
    } else if let Some(id) = uri.strip_prefix("models:/m-") {
        let path = format!("logged-models/m-{}", stored::encoded(id));
        let found = call.get::<OneLoggedModel>(&path, &[]).await;
        uri = found.map_err(text)?.model.info.artifact_uri;
    }
    let whole = match below.as_str() {
        "" => uri,
        below => format!("{}/{below}", uri.trim_end_matches('/')),
    };
    Place::of(&whole, &call.server.url).ok_or_else(|| {
        format!(
            "its files are at `{}`, which this server does not serve",
            shown_place(&whole)
        )
    })
}

/// The paths of all files below a folder, as the server calls them.
pub(super) async fn walk(
    call: Call<'_>,
    root: &Place,
    paths: &mut BTreeSet<String>,
) -> std::result::Result<(), String> {
    let mut folders = vec![(root.clone(), String::new(), 0)];
    let mut count = 0;
    while let Some((folder, prefix, depth)) = folders.pop() {
        let listing = call.listing::<Listing>(&folder).await;
        for listed in listing.map_err(|error| error.to_string())?.files {
            count += 1;
            if count > MAX_FILES || depth > MAX_DEPTH {
                return Err(format!(
                    "it has more than {MAX_FILES} files, or more than {MAX_DEPTH} folders in each other"
                ));
            }
            let Some(place) = folder.child(&listed.path) else {
                let name: String = listed.path.chars().take(80).collect();
                return Err(format!("the server lists `{}`", name.escape_debug()));
            };
            let path = format!("{prefix}{}", listed.path);
            if listed.is_dir {
                folders.push((place, format!("{path}/"), depth + 1));
            } else {
                paths.insert(path);
            }
        }
    }
    if paths.is_empty() {
        return Err("it has no files".to_owned());
    }
    Ok(())
}

async fn hash(call: Call<'_>, place: &Place) -> std::result::Result<Sha256, String> {
    let answer = call.download(place).await;
    let answer = answer.map_err(|error| match error.kind {
        AdapterErrorKind::NotFound => "it is not there".to_owned(),
        _ => error.to_string(),
    })?;
    upload::hash(answer)
        .await
        .map_err(|error| error.to_string())
}
