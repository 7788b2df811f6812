//! Environments: an image, an image with a conda specification, or a build context.
//!
//! Source: <https://learn.microsoft.com/azure/machine-learning/reference-yaml-environment>.

use serde_json::{Map, Value, json};

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::shape::source::{Source, bytes, parse};
use crate::adapter::azure_ml::shape::{Fields, Reason, Shape, folder, same};
use crate::adapter::azure_ml::wire::AssetProperties;
use crate::adapter::{Record, Result};

/// Where a Dockerfile is when nothing is said.
const DOCKERFILE: &str = "Dockerfile";

pub(super) async fn read(
    call: Call<'_>,
    record: &Record,
    source: &Source<'_>,
    fields: &Fields,
) -> Result<std::result::Result<Shape, Reason>> {
    let conda = match fields.get("conda_file") {
        None | Some(Value::Null) => None,
        // JSON is YAML too.
        Some(Value::Object(conda)) => Some(Value::Object(conda.clone()).to_string()),
        Some(Value::String(path)) => match text(call, record, source, path).await? {
            Ok(text) => Some(text),
            Err(reason) => return Ok(Err(reason)),
        },
        Some(_) => return Ok(Err("its `conda_file` is no path".to_owned())),
    };
    Ok(shape(record, fields, conda))
}

/// The text of a conda specification in a file of its own.
async fn text(
    call: Call<'_>,
    record: &Record,
    source: &Source<'_>,
    path: &str,
) -> Result<std::result::Result<String, Reason>> {
    let plain = path.strip_prefix("file:").unwrap_or(path);
    let plain = plain.trim_start_matches("./");
    let mut files = record.files.records().iter();
    let Some(file) = files.find(|file| file.path.as_str() == plain) else {
        let reason = format!("its `conda_file`, `{path}`, is no file in its folder");
        return Ok(Err(reason));
    };
    let read = match bytes(call, file, source).await? {
        Ok(bytes) => parse(plain, &bytes)
            .and_then(|_| String::from_utf8(bytes).map_err(|error| error.to_string())),
        Err(reason) => Err(reason),
    };
    Ok(read.map_err(|reason| format!("its `conda_file`, `{plain}`: {reason}")))
}

fn shape(
    record: &Record,
    fields: &Fields,
    conda: Option<String>,
) -> std::result::Result<Shape, Reason> {
    let mut all = Map::new();
    let mut context = None;
    for (name, value) in fields {
        match (name.as_str(), value) {
            // The names of assets are made by a template, the rest is for people.
            ("$schema" | "name" | "version" | "description" | "tags" | "conda_file", _) => {}
            ("image", Value::String(image)) => {
                all.insert("image".to_owned(), image.as_str().into());
            }
            ("os_type", Value::String(system)) => {
                all.insert("osType".to_owned(), os_type(system)?.into());
            }
            ("build", Value::Object(build)) => {
                let (folder, dockerfile) = build_of(record, build)?;
                context = Some(folder);
                all.insert("build".to_owned(), json!({ "dockerfilePath": dockerfile }));
            }
            ("inference_config", Value::Object(routes)) => {
                all.insert("inferenceConfig".to_owned(), inference(routes)?);
            }
            _ => return Err(format!("promote does not know its `{name}`")),
        }
    }
    match (all.contains_key("image"), &context) {
        (true, Some(_)) => return Err("it has both an `image` and a `build`".to_owned()),
        (false, None) => return Err("it has neither an `image` nor a `build`".to_owned()),
        (false, Some(_)) if conda.is_some() => {
            return Err("a `conda_file` goes with an `image`, not with a `build`".to_owned());
        }
        (true, None) | (false, Some(_)) => {}
    }
    if let Some(conda) = conda {
        all.insert("condaFile".to_owned(), conda.into());
    }
    Ok(Shape::Environment {
        fields: all,
        context,
    })
}

fn os_type(system: &str) -> std::result::Result<&'static str, Reason> {
    match system.to_ascii_lowercase().as_str() {
        "linux" => Ok("Linux"),
        "windows" => Ok("Windows"),
        _ => Err(format!(
            "its `os_type`, `{system}`, is neither `linux` nor `windows`"
        )),
    }
}

/// The folder of a build context, and the Dockerfile in it.
fn build_of(record: &Record, build: &Fields) -> std::result::Result<(String, String), Reason> {
    if let Some(other) = build
        .keys()
        .find(|name| !matches!(name.as_str(), "path" | "dockerfile_path"))
    {
        return Err(format!("promote does not know its `build.{other}`"));
    }
    let text = |name: &str| build.get(name).and_then(Value::as_str);
    let path = text("path").ok_or_else(|| "its `build` has no `path`".to_owned())?;
    let folder = folder(record, "build.path", path)?;
    let dockerfile = text("dockerfile_path").unwrap_or(DOCKERFILE);
    let whole = [folder.as_str(), dockerfile]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("/");
    let mut files = record.files.records().iter();
    if files.any(|file| file.path.as_str() == whole) {
        return Ok((folder, dockerfile.to_owned()));
    }
    Err(format!("there is no `{whole}` to build it by"))
}

/// The routes of a server.
fn inference(routes: &Fields) -> std::result::Result<Value, Reason> {
    let mut all = Map::new();
    for (name, route) in routes {
        let called = match name.as_str() {
            "liveness_route" => "livenessRoute",
            "readiness_route" => "readinessRoute",
            "scoring_route" => "scoringRoute",
            _ => {
                return Err(format!(
                    "promote does not know its `inference_config.{name}`"
                ));
            }
        };
        let path = route.get("path").and_then(Value::as_str);
        let port = route.get("port").and_then(Value::as_u64);
        let whole = path
            .zip(port)
            .filter(|_| route.as_object().is_some_and(|route| route.len() == 2));
        let (path, port) = whole.ok_or_else(|| {
            format!("its `inference_config.{name}` has other fields than `path` and `port`")
        })?;
        all.insert(called.to_owned(), json!({ "path": path, "port": port }));
    }
    Ok(Value::Object(all))
}

/// The first field in which an environment is not what it should be. `context` is where its build context should be.
pub(in crate::adapter::azure_ml) fn differs(
    fields: &Fields,
    context: Option<&str>,
    found: &AssetProperties,
) -> Option<String> {
    let wanted = |name: &str| fields.get(name).and_then(Value::as_str);
    if wanted("image").unwrap_or("") != found.image.as_deref().unwrap_or("") {
        return Some("image".to_owned());
    }
    let conda = found.conda_file.as_deref().unwrap_or("");
    if !is_same_conda(wanted("condaFile").unwrap_or(""), conda) {
        return Some("condaFile".to_owned());
    }
    if wanted("osType").unwrap_or("Linux") != found.os_type.as_deref().unwrap_or("Linux") {
        return Some("osType".to_owned());
    }
    let build = found.build.as_ref();
    let of_build = |name: &str| build?.get(name)?.as_str();
    let place = |uri: &str| {
        let uri = uri.split(['?', '#']).next().unwrap_or_default();
        uri.trim_end_matches('/').to_owned()
    };
    if of_build("contextUri").map(place) != context.map(place) {
        return Some("build.contextUri".to_owned());
    }
    let dockerfile = fields
        .get("build")
        .and_then(|build| build.get("dockerfilePath"));
    let dockerfile = dockerfile.and_then(Value::as_str).unwrap_or(DOCKERFILE);
    if of_build("dockerfilePath").unwrap_or(DOCKERFILE) != dockerfile {
        return Some("build.dockerfilePath".to_owned());
    }
    let nothing = Value::Null;
    let routes = fields.get("inferenceConfig").unwrap_or(&nothing);
    let found = found.inference_config.as_ref().unwrap_or(&nothing);
    same::plainly_differs(routes, found).then(|| "inferenceConfig".to_owned())
}

/// Whether two texts say the same to conda: the service writes them anew.
fn is_same_conda(wanted: &str, found: &str) -> bool {
    wanted == found
        || match (
            parse("conda", wanted.as_bytes()),
            parse("conda", found.as_bytes()),
        ) {
            (Ok(wanted), Ok(found)) => wanted == found,
            _ => false,
        }
}
