//! Models that others registered, by `azureml:NAME:VERSION` as Azure's own tools write it.

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::foreign::{Foreign, OPENED_AHEAD, Told};
use crate::adapter::{AdapterErrorKind, ByteStream, Result};
use crate::model::digest::{MAX_FILES, TreePath};
use crate::model::platform::AzureMlPlace;
use crate::net::http;

/// The files of a model, and the job that it came out of.
pub(super) async fn foreign<'a>(adapter: &'a AzureMlAdapter, address: &str) -> Result<Foreign<'a>> {
    let call = adapter.call("foreign");
    let named = address.strip_prefix("azureml:");
    let named = named.and_then(|named| named.split_once(':'));
    let Some((name, version)) = named.filter(|(name, version)| is_name(name) && is_name(version))
    else {
        let message = format!("`{address}`: write `azureml:NAME:VERSION`, of a model");
        return Err(call.error(AdapterErrorKind::Unsupported, message));
    };
    let path = format!("{}/{name}/versions/{version}", layout::MODELS);
    let Some(asset) = adapter.arm.asset(call, &path).await? else {
        let message = format!("there is no model `{address}`");
        return Err(call.error(AdapterErrorKind::NotFound, message));
    };
    let place = adapter.place_of(call, &path, &asset).await?;
    let blobs = place.container.below(call, &place.path, MAX_FILES).await?;
    let files = blobs
        .into_iter()
        .filter_map(|blob| Some((inner(&place, &blob)?, blob)))
        .collect::<Vec<_>>();
    if files.is_empty() {
        let message = format!("there is nothing at `{}`", place.path);
        return Err(call.error(AdapterErrorKind::NotFound, message));
    }
    let told = told(adapter, call, &asset).await?;
    let files = stream::iter(files).map(move |(path, blob)| {
        let place = place.clone();
        async move { file(call, &place, path, blob).await }
    });
    Ok(Foreign {
        files: files.buffered(OPENED_AHEAD).boxed(),
        told,
    })
}

/// Whether a text can be one part of the address of a resource.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(is_allowed)
}

/// The path of a blob within the model, which may be one file; `None` for what we put beside the files of our own versions.
fn inner(place: &Place, blob: &str) -> Option<String> {
    let below = blob.strip_prefix(&place.path)?.trim_start_matches('/');
    let name = match below {
        "" => blob.rsplit('/').next()?,
        below => below,
    };
    (!name.starts_with(layout::RECORD_FOLDER)).then(|| name.to_owned())
}

async fn file(
    call: Call<'_>,
    place: &Place,
    path: String,
    blob: String,
) -> Result<(TreePath, ByteStream)> {
    let name: TreePath = path.parse().map_err(|error| {
        let message = format!("`{}`: {error}", path.escape_debug());
        call.error(AdapterErrorKind::Unsupported, message)
    })?;
    match place.container.get(call, &blob).await? {
        Some(response) => Ok((name, http::stream(response))),
        None => {
            let message = format!("`{blob}` is listed and cannot be found");
            Err(call.error(AdapterErrorKind::NotFound, message))
        }
    }
}

/// What the service says of the job. A registry does not say in which workspace it ran.
async fn told(adapter: &AzureMlAdapter, call: Call<'_>, asset: &Asset) -> Result<Vec<Told>> {
    let job = asset.properties.job_name.as_deref();
    let is_known = adapter.spec.place == AzureMlPlace::Workspace;
    let Some(job) = job.filter(|job| is_known && is_name(job)) else {
        return Ok(Vec::new());
    };
    let answer = adapter.arm.get(call, &format!("jobs/{job}")).await?;
    let Some(answer) = answer.found(call)? else {
        return Ok(Vec::new());
    };
    let job: Value = answer.decode(call)?;
    Ok(vec![Told {
        format: "azure-ml-job",
        bytes: job.to_string().into_bytes(),
    }])
}
