//! Looking whether the workspace can be relied on, without changing anything.

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{DATE, HeaderMap};
use serde_json::Value;

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::{AdapterErrorKind, Permission, Probe, Result};
use crate::model::platform::AzureMlPlace;
use crate::redact::printable;

/// What the service cannot do, and what is done about it.
const LIMITS: [&str; 4] = [
    "a version that is there can be changed: promote looks before it writes and reads every version back, and `promote scan` finds what changed later",
    "there are no aliases, and tags know no condition: the pointer is the tag `promote.current`, looked at before and after it moves, and only one engine may promote into this workspace at a time",
    "versions have no `+`: build metadata is written with `_`",
    "a component, pipeline or runtime becomes a component or an environment only when a YAML file of Azure Machine Learning at its top can be taken as it is; else it is kept as a data asset of type `uri_folder`, whose description says why",
];

pub(super) async fn probe(adapter: &AzureMlAdapter) -> Result<Probe> {
    let call = adapter.call("probe");
    let mut probe = Probe {
        limits: LIMITS.map(str::to_owned).to_vec(),
        ..Probe::default()
    };
    let kind = match adapter.spec.place {
        AzureMlPlace::Workspace => "workspace",
        AzureMlPlace::Registry => "registry",
    };
    let read = look(adapter, call, kind, &mut probe).await;
    let read = permission(read)?;
    let mut add = |name: &str, permission| {
        probe.permissions.insert(name.to_owned(), permission);
    };
    add(&format!("read the {kind}"), read);
    for collection in [
        layout::CODES,
        layout::COMPONENTS,
        layout::DATA,
        layout::ENVIRONMENTS,
        layout::MODELS,
    ] {
        let listed = first_page(adapter, call, collection).await;
        add(&format!("read {collection}"), permission(listed)?);
    }
    match adapter.spec.place {
        AzureMlPlace::Workspace => {
            let datastore = adapter.spec.datastore();
            let opened = adapter.datastore(call, datastore).await;
            let read = match &opened {
                // A name that nothing has: what counts is whether the question is allowed.
                Ok(container) => Some(
                    container
                        .get(call, "LocalUpload/promote-probe")
                        .await
                        .map(drop),
                ),
                Err(_) => None,
            };
            add(
                &format!("open datastore {datastore}"),
                permission(opened.map(drop))?,
            );
            let read = read.map_or(Ok(Permission::Unknown), permission)?;
            add(&format!("read datastore {datastore}"), read);
        }
        AzureMlPlace::Registry => add("lend places for bytes", Permission::Unknown),
    }
    // What roles say is no proof: a policy, a lock or a deny assignment can forbid it all the same.
    let roles = adapter.roles(call).await?;
    for (name, actions) in adapter.writes() {
        let permission = roles.as_ref().map(|roles| roles.permission(&actions));
        add(&name, permission.unwrap_or(Permission::Unknown));
    }
    Ok(probe)
}

/// What the workspace or the registry says of itself.
async fn look(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    kind: &str,
    probe: &mut Probe,
) -> Result<()> {
    let url = adapter.arm.address(&adapter.arm.place);
    let answer = adapter.arm.send(call, Method::GET, url, None).await?;
    probe.clock = date(&answer.headers);
    let place: Value = answer.success(call)?.decode(call)?;
    let region = place.pointer("/location").and_then(Value::as_str);
    probe.server = Some(format!(
        "Azure Machine Learning, {kind} `{}` in `{}`, api-version {}",
        adapter.spec.name,
        printable(region.unwrap_or("?")),
        adapter.arm.api_version
    ));
    Ok(())
}

async fn first_page(adapter: &AzureMlAdapter, call: Call<'_>, collection: &str) -> Result<()> {
    let answer = adapter.arm.get(call, collection).await?;
    answer.success(call).map(drop)
}

/// What became of a question tells whether it is allowed; anything but a refusal is an error of its own.
fn permission(asked: Result<()>) -> Result<Permission> {
    match asked {
        Ok(()) => Ok(Permission::Granted),
        Err(error) if error.kind == AdapterErrorKind::PermissionDenied => Ok(Permission::Refused),
        Err(error) => Err(error),
    }
}

/// The time in an answer (RFC 9110, 6.6.1).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|date| date.timestamp())
}
