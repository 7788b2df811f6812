//! What the service knows of a version: its tags and properties, who made it, and the job behind it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::adapter::azure_ml::held::Held;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::{AdapterErrorKind, Description, Result};
use crate::model::artifact::VersionId;
use crate::model::platform::AzureMlPlace;
use crate::redact::printable;

/// The most facts, and the longest value, in characters.
const MAX_FACTS: usize = 1000;
const MAX_VALUE: usize = 4096;
/// The properties of a job that say what code ran.
const GIT: &str = "git.";

/// Facts, bounded.
#[derive(Default)]
struct Facts(BTreeMap<String, String>);

impl Facts {
    fn add(&mut self, name: impl Into<String>, value: &str) {
        if self.0.len() < MAX_FACTS && !value.is_empty() {
            let value: String = value.chars().take(MAX_VALUE).collect();
            self.0.insert(printable(&name.into()), printable(&value));
        }
    }

    /// A text below a value of JSON, by a pointer (RFC 6901).
    fn add_at(&mut self, name: &str, value: &Value, pointer: &str) {
        if let Some(text) = value.pointer(pointer).and_then(Value::as_str) {
            self.add(name, text);
        }
    }
}

/// Also of a version that others registered.
pub(super) async fn describe(adapter: &AzureMlAdapter, version: &VersionId) -> Result<Description> {
    let call = adapter.call("describe");
    let Some(Held { path, asset }) = adapter.held(call, version).await? else {
        let message = format!("there is no `{version}`");
        return Err(call.error(AdapterErrorKind::NotFound, message));
    };
    let mut facts = Facts::default();
    let properties = &asset.properties;
    facts.add("asset", &path);
    for (group, words) in [
        ("tags", &properties.tags),
        ("properties", &properties.properties),
    ] {
        for (name, value) in words.iter().flatten() {
            facts.add(format!("{group}.{name}"), value.as_deref().unwrap_or(""));
        }
    }
    for (name, value) in [
        ("description", &properties.description),
        ("modelType", &properties.model_type),
        ("stage", &properties.stage),
        ("modelUri", &properties.model_uri),
        ("dataUri", &properties.data_uri),
        ("image", &properties.image),
    ] {
        facts.add(name, value.as_deref().unwrap_or(""));
    }
    if let Some(spec) = &properties.component_spec {
        for (name, pointer) in [
            ("component.type", "/type"),
            ("component.code", "/code"),
            ("component.environment", "/environment"),
            ("component.command", "/command"),
        ] {
            facts.add_at(name, spec, pointer);
        }
    }
    for (name, value) in asset.system_data.iter().flatten() {
        facts.add(format!("system.{name}"), value.as_str().unwrap_or(""));
    }
    if let Some(job) = &properties.job_name {
        facts.add("job", job);
        add_job(adapter, call, job, &mut facts).await?;
    }
    Ok(Description {
        properties: facts.0,
    })
}

/// What a job read and what it ran. A job that is gone says nothing more.
async fn add_job(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    name: &str,
    facts: &mut Facts,
) -> Result<()> {
    if adapter.spec.place != AzureMlPlace::Workspace {
        // It ran in a workspace, and the version does not say in which.
        return Ok(());
    }
    let path = format!("jobs/{}", layout::escaped(name));
    let Some(answer) = adapter.arm.get(call, &path).await?.found(call)? else {
        return Ok(());
    };
    let job: Value = answer.decode(call)?;
    for (name, pointer) in [
        ("job.type", "/properties/jobType"),
        ("job.status", "/properties/status"),
        ("job.experiment", "/properties/experimentName"),
        ("job.code", "/properties/codeId"),
        ("job.environment", "/properties/environmentId"),
        ("job.component", "/properties/componentId"),
    ] {
        facts.add_at(name, &job, pointer);
    }
    for (input, value) in object(&job, "/properties/inputs") {
        facts.add_at(&format!("job.inputs.{input}"), value, "/uri");
        facts.add_at(&format!("job.inputs.{input}"), value, "/value");
    }
    for (name, value) in object(&job, "/properties/properties") {
        if name.contains(GIT) {
            facts.add(format!("job.{name}"), value.as_str().unwrap_or(""));
        }
    }
    Ok(())
}

fn object<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let found = value.pointer(pointer).and_then(Value::as_object);
    found.into_iter().flatten()
}
