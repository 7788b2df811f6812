//! Models that others registered, and what runs logged: by the addresses that MLflow itself uses.
//!
//! | address | what it is |
//! | --- | --- |
//! | `models:/NAME/NUMBER`, `models:/NAME@ALIAS` | a version of a registered model |
//! | `models:/m-ID` | a logged model |
//! | `runs:/RUN/PATH` | what a run logged below a path |

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::adapter::foreign::{Foreign, OPENED_AHEAD, Told};
use crate::adapter::mlflow::MlflowAdapter;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::place::Place;
use crate::adapter::mlflow::sweep::{resolve, source, walk};
use crate::adapter::mlflow::wire::{ModelVersion, OneModel, OneVersion};
use crate::adapter::{AdapterErrorKind, ByteStream, Result};
use crate::model::digest::TreePath;
use crate::net::http;

/// The files of what an address names, and the run that logged them.
pub(super) async fn foreign<'a>(adapter: &'a MlflowAdapter, address: &str) -> Result<Foreign<'a>> {
    let call = adapter.call("foreign");
    let missing = |reason: String| call.error(AdapterErrorKind::NotFound, reason);
    let (uri, run) = match address.strip_prefix("models:/") {
        Some(named) if !named.starts_with("m-") || named.contains(['/', '@']) => {
            let model = model(call, address, named).await?;
            (source(call, &model).await.map_err(missing)?, model.run_id)
        }
        Some(_) => (address.to_owned(), String::new()),
        None => {
            let run = address.strip_prefix("runs:/").unwrap_or_default();
            let run = run.split('/').next().unwrap_or_default();
            (address.to_owned(), run.to_owned())
        }
    };
    let root = resolve(call, uri).await.map_err(missing)?;
    let mut paths = BTreeSet::new();
    walk(call, &root, &mut paths).await.map_err(missing)?;
    let files = paths.into_iter().map(move |path| (root.join(&path), path));
    let files = stream::iter(files.collect::<Vec<_>>());
    let files = files.map(move |(place, path)| file(call, place, path));
    Ok(Foreign {
        files: files.buffered(OPENED_AHEAD).boxed(),
        told: told(call, &run).await?,
    })
}

/// The version of a registered model that is meant by `NAME/NUMBER` or `NAME@ALIAS`.
async fn model(call: Call<'_>, address: &str, named: &str) -> Result<ModelVersion> {
    let not_there = || {
        let message = format!(
            "there is no `{address}`; write `models:/NAME/NUMBER`, `models:/NAME@ALIAS` or `runs:/RUN/PATH`"
        );
        call.error(AdapterErrorKind::NotFound, message)
    };
    let (name, number) = match (named.split_once('@'), named.split_once('/')) {
        (Some((name, alias)), _) => {
            let query = [("name", name)];
            let found = call
                .get::<OneModel>("registered-models/get", &query)
                .await?;
            let aliases = found.registered_model.aliases.into_iter();
            let mut aliases = aliases.filter(|known| known.alias == alias);
            (name, aliases.next().ok_or_else(not_there)?.version)
        }
        (None, Some((name, number))) => (name, number.to_owned()),
        (None, None) => return Err(not_there()),
    };
    let query = [("name", name), ("version", number.as_str())];
    let found = call.get::<OneVersion>("model-versions/get", &query).await?;
    Ok(found.model_version)
}

/// What the server says of a run; nothing when it does not have it.
async fn told(call: Call<'_>, run: &str) -> Result<Vec<Told>> {
    if run.is_empty() {
        return Ok(Vec::new());
    }
    match call.get::<Value>("runs/get", &[("run_id", run)]).await {
        Ok(run) => Ok(vec![Told {
            format: "mlflow-run",
            bytes: run.to_string().into_bytes(),
        }]),
        Err(error) if error.kind == AdapterErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn file(call: Call<'_>, place: Place, path: String) -> Result<(TreePath, ByteStream)> {
    let name: TreePath = path.parse().map_err(|error| {
        let message = format!("`{}`: {error}", path.escape_debug());
        call.error(AdapterErrorKind::Unsupported, message)
    })?;
    let answer = call.download(&place).await?;
    Ok((name, http::stream(answer)))
}
