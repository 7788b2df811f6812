//! What the fake does with a request that is as the specification says.

use serde_json::{Value, json};

use super::blobs::Blobs;
use super::fake::{
    Answer, CONTAINER, Done, GROUP, Operation, PROVIDER, REGISTRY, SUBSCRIPTION, State, WORKSPACE,
    refuse,
};
use super::http::{Request, decoded};
use super::spec::Matched;
use crate::servers::azurite::{ACCOUNT, KEY};

pub(super) fn found(body: Value) -> Answer {
    (200, Vec::new(), body)
}

pub(super) fn absent(path: &str) -> Answer {
    refuse(404, "NotFound", &format!("there is no {path}"))
}

impl State {
    pub(super) fn route(&mut self, blobs: &Blobs, request: &Request, matched: &Matched) -> Answer {
        let path = decoded(&request.path);
        let is_registry = path.contains("/registries/");
        let name = if is_registry { REGISTRY } else { WORKSPACE };
        let kind = ["workspaces", "registries"][usize::from(is_registry)];
        let place = format!("{PROVIDER}/{kind}/{name}");
        let Some(rest) = path.strip_prefix(&place) else {
            return refuse(
                404,
                "ResourceNotFound",
                "another subscription, group or workspace",
            );
        };
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => found(resource(&place, name, kind)),
            ("GET", ["datastores", "workspaceblobstore"]) => found(self.datastore(blobs, &path)),
            ("POST", ["datastores", "workspaceblobstore", "listSecrets"]) => found(self.secrets()),
            ("GET", ["providers", "Microsoft.Authorization", "permissions"]) => self.roles(),
            ("GET", ["jobs", job]) => match self.settings.jobs.get(*job) {
                Some(properties) => {
                    found(json!({ "id": path, "name": job, "properties": properties }))
                }
                None => absent(&path),
            },
            ("POST", ["datareferences", ..]) => self.reference(blobs, matched),
            ("POST", [_, _, "versions", _, "startPendingUpload"]) => {
                self.lend(blobs, path.strip_suffix("/startPendingUpload").unwrap())
            }
            ("POST", [collection, _, "versions", _, "publish"]) => {
                self.publish(path.strip_suffix("/publish").unwrap(), collection, matched)
            }
            ("GET", [_] | [_, _, "versions"]) => self.list(request, &path),
            ("GET", [_, _] | [_, _, "versions", _]) => {
                self.go_on(blobs, &path);
                match self.assets.get(&path) {
                    Some(properties) => found(asset(&path, properties)),
                    None => absent(&path),
                }
            }
            ("PUT", [_, _]) => self.put_container(&path, is_registry, &matched.body),
            ("PUT", ["components", _, "versions", _]) => self.put_component(&path, &matched.body),
            ("PUT", ["environments", _, "versions", _]) => {
                self.put_environment(blobs, &path, &matched.body)
            }
            ("PUT", [_, _, "versions", _]) => {
                self.put_version(blobs, &path, is_registry, &matched.body)
            }
            other => panic!("the fake has no {other:?}"),
        }
    }

    fn datastore(&self, blobs: &Blobs, path: &str) -> Value {
        let endpoint = self.settings.endpoint.clone();
        let endpoint = endpoint.unwrap_or_else(|| blobs.endpoint());
        let secrets = json!({ "secretsType": self.settings.secrets });
        json!({ "id": path, "name": "workspaceblobstore", "properties": {
            "datastoreType": "AzureBlob", "isDefault": true, "accountName": ACCOUNT,
            "containerName": CONTAINER, "endpoint": endpoint, "protocol": "http",
            "credentials": { "credentialsType": self.settings.secrets, "secrets": secrets },
        } })
    }

    fn roles(&self) -> Answer {
        match self.settings.roles.as_slice() {
            [] => refuse(403, "AuthorizationFailed", "you may not ask"),
            roles => found(json!({ "value": roles })),
        }
    }

    fn secrets(&self) -> Value {
        match self.settings.secrets {
            "AccountKey" => json!({ "secretsType": "AccountKey", "key": KEY }),
            _ => {
                let token = format!("?{}", Blobs::signature(CONTAINER, "racwl"));
                json!({ "secretsType": "Sas", "sasToken": token })
            }
        }
    }

    fn list(&self, request: &Request, path: &str) -> Answer {
        let prefix = format!("{path}/");
        let view = request
            .query
            .get("listViewType")
            .map_or("ActiveOnly", String::as_str);
        let all = self.assets.iter().filter(|(key, properties)| {
            let rest = key.strip_prefix(&prefix);
            let is_archived = properties["isArchived"] == true;
            rest.is_some_and(|rest| !rest.contains('/'))
                && match view {
                    "All" => true,
                    "ArchivedOnly" => is_archived,
                    _ => !is_archived,
                }
        });
        let all: Vec<Value> = all
            .map(|(key, properties)| asset(key, properties))
            .collect();
        let skip: usize = request
            .query
            .get("$skip")
            .map_or(0, |text| text.parse().unwrap());
        let page = self.settings.page;
        let value: Vec<&Value> = all.iter().skip(skip).take(page).collect();
        let mut body = json!({ "value": value });
        if skip + page < all.len() {
            let host = self.settings.next_host.as_ref().unwrap_or(&self.url);
            let next = skip + page;
            let view = match request.query.get("listViewType") {
                Some(view) => format!("&listViewType={view}"),
                None => String::new(),
            };
            let query = format!("api-version=2024-04-01{view}&$skip={next}");
            body["nextLink"] = json!(format!("{host}{}?{query}", request.path));
        }
        found(body)
    }

    fn put_container(&mut self, path: &str, is_registry: bool, body: &Value) -> Answer {
        let mut properties = body["properties"].clone();
        say(path, &mut properties, "Succeeded");
        let is_new = self
            .assets
            .insert(path.to_owned(), properties.clone())
            .is_none();
        let body = asset(path, &properties);
        match (is_new, is_registry) {
            (false, _) => found(body),
            (true, false) => (201, Vec::new(), body),
            (true, true) => (201, vec![self.begin(Done::Whole(path.to_owned()))], body),
        }
    }

    fn put_version(
        &mut self,
        blobs: &Blobs,
        path: &str,
        is_registry: bool,
        body: &Value,
    ) -> Answer {
        let properties = body["properties"].clone();
        let uri = uri(&properties).to_owned();
        if let Some(held) = self
            .assets
            .get(path)
            .filter(|held| held["provisioningState"] != "Failed")
        {
            if self::uri(held) != uri {
                return refuse(400, "UserError", "Asset paths cannot be updated.");
            }
            let mut properties = properties;
            say(path, &mut properties, "Succeeded");
            self.assets.insert(path.to_owned(), properties.clone());
            return found(asset(path, &properties));
        }
        let (container, folder) = self.bytes_at(blobs, &uri);
        if blobs
            .names(&container, &format!("{}/", folder.trim_end_matches('/')))
            .is_empty()
        {
            return refuse(400, "UserError", &format!("there is nothing at {uri}"));
        }
        self.made(path, is_registry, properties)
    }

    /// A version that is new.
    pub(super) fn made(&mut self, path: &str, is_registry: bool, mut properties: Value) -> Answer {
        let (parent, _) = path.split_once("/versions/").unwrap();
        if !self.assets.contains_key(parent) {
            let along = made_along(parent, &properties);
            self.assets.insert(parent.to_owned(), along);
        }
        let state = if is_registry { "Creating" } else { "Succeeded" };
        say(path, &mut properties, state);
        self.assets.insert(path.to_owned(), properties.clone());
        let headers = if is_registry {
            vec![self.begin(Done::Whole(path.to_owned()))]
        } else {
            Vec::new()
        };
        (201, headers, asset(path, &properties))
    }

    /// Container and path of what a version says of its bytes.
    pub(super) fn bytes_at(&self, blobs: &Blobs, uri: &str) -> (String, String) {
        let own = format!(
            "azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}/datastores/workspaceblobstore/paths/"
        );
        if let Some(path) = uri.strip_prefix(&own) {
            return (CONTAINER.to_owned(), path.to_owned());
        }
        let rest = uri.strip_prefix(&blobs.url(""));
        let rest = rest.unwrap_or_else(|| panic!("{uri} is nowhere"));
        let (container, path) = rest.split_once('/').unwrap_or((rest, ""));
        (container.to_owned(), path.to_owned())
    }

    fn lend(&mut self, blobs: &Blobs, path: &str) -> Answer {
        if self.assets.contains_key(path) {
            return refuse(409, "Conflict", "the asset is there");
        }
        let number = self.lent.len();
        let container = self.lent.entry(path.to_owned());
        let container = container
            .or_insert_with(|| format!("lent-{number}"))
            .clone();
        blobs.create(&container);
        let uri = blobs.url(&container);
        let signed = format!("{uri}?{}", Blobs::signature(&container, "racwl"));
        found(json!({
            "pendingUploadId": "00000000-0000-0000-0000-000000000001",
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": uri, "storageAccountArmId": "/x",
                "credential": { "credentialType": "SAS", "sasUri": signed },
            },
        }))
    }

    fn reference(&self, blobs: &Blobs, matched: &Matched) -> Answer {
        let asset = matched.body["assetId"].as_str().unwrap();
        let own = format!("azureml://registries/{REGISTRY}/");
        let path = asset.strip_prefix(&own).unwrap();
        let path = format!("{PROVIDER}/registries/{REGISTRY}/{path}");
        let held = self.assets.get(&path).map(|held| uri(held).to_owned());
        let wanted = matched.body["blobUri"].as_str().unwrap();
        if held.as_deref() != Some(wanted) {
            return refuse(404, "NotFound", &format!("{wanted} is not of {asset}"));
        }
        let (container, _) = self.bytes_at(blobs, wanted);
        let signed = format!("{wanted}?{}", Blobs::signature(&container, "rl"));
        found(json!({ "blobReferenceForConsumption": {
            "blobUri": wanted, "storageAccountArmId": "/x",
            "credential": { "credentialType": "SAS", "sasUri": signed },
        } }))
    }

    /// Begins something that goes on, and says where to ask.
    pub(super) fn begin(&mut self, done: Done) -> (&'static str, String) {
        let left = self.settings.polls;
        self.operations.push(Operation { left, done });
        let number = self.operations.len() - 1;
        (
            "Azure-AsyncOperation",
            format!("{}/operations/{number}", self.url),
        )
    }

    pub(super) fn poll(&mut self, blobs: &Blobs, number: usize) -> Answer {
        let fails = self.settings.fails;
        let operation = &mut self.operations[number];
        let is_location = matches!(operation.done, Done::Publish(..));
        if operation.left > 0 {
            operation.left -= 1;
            let status = if is_location { 202 } else { 200 };
            return (status, Vec::new(), json!({ "status": "InProgress" }));
        }
        match &operation.done {
            Done::Whole(path) => {
                let state = if fails { "Failed" } else { "Succeeded" };
                if let Some(asset) = self.assets.get_mut(path) {
                    say(path, asset, state);
                }
                let error = json!({ "code": "StorageError", "message": "it did not work" });
                found(if fails {
                    json!({ "status": state, "error": error })
                } else {
                    json!({ "status": state })
                })
            }
            Done::Publish(..) if fails => refuse(409, "PublishFailed", "it did not work"),
            Done::Publish(from, to) => {
                let (from, to) = (from.clone(), to.clone());
                self.copy(blobs, &from, &to);
                (200, Vec::new(), Value::Null)
            }
        }
    }

    /// Time passes: what is being made is nearer to its end each time that somebody looks.
    fn go_on(&mut self, blobs: &Blobs, path: &str) {
        let is_of =
            |operation: &Operation| matches!(&operation.done, Done::Whole(own) if own == path);
        if let Some(number) = self.operations.iter().rposition(is_of) {
            self.poll(blobs, number);
        }
    }
}

/// Where a version says that its bytes are.
pub(super) fn uri(properties: &Value) -> &str {
    let mut uris = ["modelUri", "dataUri", "codeUri"].into_iter();
    let uri = uris.find_map(|name| properties.get(name));
    uri.and_then(Value::as_str).unwrap()
}

/// How far the service is; what is data does not say.
fn say(path: &str, properties: &mut Value, state: &str) {
    if !path.contains("/data/") {
        properties["provisioningState"] = json!(state);
    }
}

/// A container that the service makes along with its first version.
pub(super) fn made_along(path: &str, version: &Value) -> Value {
    let mut container = json!({ "tags": { "team": "retail" }, "latestVersion": "x" });
    say(path, &mut container, "Succeeded");
    if let Some(kind) = version.get("dataType") {
        container["dataType"] = kind.clone();
    }
    container
}

pub(super) fn asset(path: &str, properties: &Value) -> Value {
    let name = path.rsplit('/').next().unwrap();
    json!({ "id": path, "name": name, "type": "Microsoft.MachineLearningServices/x", "properties": properties,
        "systemData": { "createdAt": "2026-11-26T12:00:00Z", "createdBy": "ada", "createdByType": "User" } })
}

fn resource(place: &str, name: &str, kind: &str) -> Value {
    let kind = format!("Microsoft.MachineLearningServices/{kind}");
    json!({ "id": place, "name": name, "type": kind, "location": "westeurope", "properties": {} })
}
