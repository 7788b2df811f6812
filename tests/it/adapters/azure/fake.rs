//! Azure Resource Manager and Microsoft Entra on loopback. Every request and every answer is held to the specification;
//! what is not as it says is remembered as a violation, and no test passes with one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use promote::adapter::azure_ml::{AzureMlAdapter, Pace};
use promote::config::Environment;
use serde_json::{Value, json};

use super::blobs::Blobs;
use super::http::{Fake, Reply, Request};
use super::spec::Spec;

pub(crate) const SUBSCRIPTION: &str = "00000000-1111-2222-3333-444444444444";
pub(crate) const GROUP: &str = "test-rg";
pub(crate) const WORKSPACE: &str = "dev";
pub(crate) const REGISTRY: &str = "shared-registry";
/// Where workspaces and registries are.
pub(super) const PROVIDER: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/test-rg/providers/Microsoft.MachineLearningServices";
/// The container of the workspace's datastore.
pub(super) const CONTAINER: &str = "azureml-blobstore";
/// What opens the fake, and what it hands out.
pub(crate) const CLIENT_SECRET: &str = "hunter2-client-secret-of-the-fake";
pub(crate) const TOKEN: &str = "eyJhbGciOiJub25lIn0.hunter2-token-of-the-fake";

/// Answers a request out of turn.
pub(super) type Fault = Box<dyn FnMut(&Request) -> Option<Reply> + Send>;

/// How the fake behaves.
pub(super) struct Settings {
    /// How many things a page has.
    pub(super) page: usize,
    /// The host that links to next pages name instead of the fake's.
    pub(super) next_host: Option<String>,
    /// How often a long-running operation says that it goes on.
    pub(super) polls: u32,
    /// Whether long-running operations fail in the end.
    pub(super) fails: bool,
    /// Whether `publish` takes properties and tags along.
    pub(super) keeps_properties: bool,
    /// What happens to the bytes that `publish` copies.
    pub(super) tampers: bool,
    /// How the datastore is opened: `AccountKey` or `Sas`.
    pub(super) secrets: &'static str,
    /// Where the datastore says that blobs are, instead of Azurite itself.
    pub(super) endpoint: Option<String>,
    /// What the caller may do, as Azure's roles say it; nothing is told when this is empty.
    pub(super) roles: Vec<Value>,
    /// Jobs by name.
    pub(super) jobs: BTreeMap<String, Value>,
    /// Looked at before anything else.
    pub(super) fault: Option<Fault>,
}

/// Something that goes on.
pub(super) struct Operation {
    pub(super) left: u32,
    pub(super) done: Done,
}

/// What happens when it is over.
pub(super) enum Done {
    /// A version or a container becomes whole.
    Whole(String),
    /// A version is copied: from, to.
    Publish(String, String),
}

pub(super) struct State {
    pub(super) settings: Settings,
    /// Containers and versions by their paths; each is its `properties`.
    pub(super) assets: BTreeMap<String, Value>,
    /// The containers that were lent, by the path of the version.
    pub(super) lent: BTreeMap<String, String>,
    pub(super) operations: Vec<Operation>,
    pub(super) violations: Vec<String>,
    /// Methods and paths, in order.
    pub(super) log: Vec<String>,
    pub(super) url: String,
}

/// The fake and the bytes behind it.
pub(crate) struct Arm {
    fake: Fake,
    pub(super) blobs: Arc<Blobs>,
    state: Arc<Mutex<State>>,
}

impl Arm {
    pub(crate) fn start() -> Self {
        let blobs = Arc::<Blobs>::default();
        let state = State {
            settings: Settings {
                page: 7,
                next_host: None,
                polls: 1,
                fails: false,
                keeps_properties: true,
                tampers: false,
                secrets: "AccountKey",
                endpoint: None,
                roles: Vec::new(),
                jobs: BTreeMap::new(),
                fault: None,
            },
            assets: BTreeMap::new(),
            lent: BTreeMap::new(),
            operations: Vec::new(),
            violations: Vec::new(),
            log: Vec::new(),
            url: String::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let spec = Spec::load();
        let (kept, bytes) = (Arc::clone(&state), Arc::clone(&blobs));
        let fake = Fake::start(move |request| {
            let mut state = kept.lock().unwrap();
            answer(&spec, &mut state, &bytes, request)
        });
        state.lock().unwrap().url = fake.url();
        Self { fake, blobs, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        self.fake.url()
    }

    /// The adapter for the workspace or the registry, with further words in its manifest.
    pub(super) fn adapter_with(&self, kind: &str, more: &Value) -> AzureMlAdapter {
        let name = if kind == "registry" {
            REGISTRY
        } else {
            WORKSPACE
        };
        let mut spec = json!({
            "subscription": SUBSCRIPTION, "resourceGroup": GROUP, "name": name, "type": kind,
            "auth": { "clientSecret": { "tenant": "t-1", "client": "c-1", "secret": "env:SECRET" } },
            "endpoint": self.url(), "authority": self.url(),
        });
        let all = spec.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        let spec = serde_json::from_value(spec).unwrap();
        let environment = Environment::from_iter([("SECRET", CLIENT_SECRET)]);
        let name = format!("azure-{kind}").parse().unwrap();
        let adapter = AzureMlAdapter::new(name, spec, environment).unwrap();
        adapter.with_pace(Pace {
            first: std::time::Duration::from_millis(1),
            longest: std::time::Duration::from_millis(20),
            deadline: std::time::Duration::from_secs(5),
        })
    }

    pub(super) fn adapter(&self, kind: &str) -> AzureMlAdapter {
        // Azurite takes its time on a busy machine, and a request would wait for it no longer than for anything else.
        self.blobs.endpoint();
        self.adapter_with(kind, &json!({}))
    }

    /// Fails the test when a request or an answer was not as the specification says.
    pub(crate) fn finish(&self) {
        let state = self.state();
        assert_eq!(state.violations, Vec::<String>::new());
        assert!(!state.log.is_empty(), "nothing was asked");
    }
}

/// An answer of the specification: status, headers, body.
pub(super) type Answer = (u16, Vec<(&'static str, String)>, Value);

pub(super) fn refuse(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "error": { "code": code, "message": message } });
    (status, Vec::new(), body)
}

fn answer(spec: &Spec, state: &mut State, blobs: &Blobs, request: &Request) -> Reply {
    if request.path.ends_with("/oauth2/v2.0/token") {
        return token(request);
    }
    let line = format!("{} {}", request.method, request.path);
    state.log.push(line.clone());
    if request.header("authorization") != format!("Bearer {TOKEN}") {
        return reply(refuse(401, "InvalidAuthenticationToken", "who are you?"));
    }
    let fault = state
        .settings
        .fault
        .as_mut()
        .and_then(|fault| fault(request));
    if let Some(reply) = fault {
        return reply;
    }
    if let Some(number) = request.path.strip_prefix("/operations/") {
        return reply(state.poll(blobs, number.parse().unwrap()));
    }
    let matched = match spec.request(&as_described(request)) {
        Ok(matched) => matched,
        Err(problem) => {
            state.violations.push(format!("{line}: {problem}"));
            return reply(refuse(400, "BadRequest", &problem));
        }
    };
    let answer = state.route(blobs, request, &matched);
    if let Err(problem) = spec.answer(&matched.operation, answer.0, &answer.2) {
        state
            .violations
            .push(format!("the answer to {line}: {problem}"));
    }
    reply(answer)
}

/// The description of Azure's permissions writes groups in small letters, and has a parent before each resource, which a
/// workspace has none of.
fn as_described(request: &Request) -> Request {
    let mut request = request.clone();
    if request
        .path
        .ends_with("/Microsoft.Authorization/permissions")
    {
        let path = request.path.replace("/resourceGroups/", "/resourcegroups/");
        let provider = "/Microsoft.MachineLearningServices/";
        request.path = path.replacen(provider, &format!("{provider}/"), 1);
    }
    request
}

fn token(request: &Request) -> Reply {
    let form = request.form();
    if form.get("client_secret").map(String::as_str) != Some(CLIENT_SECRET) {
        return Reply::json(401, &json!({ "error": "invalid_client" }));
    }
    let scopes = [
        "https://management.azure.com/.default",
        "https://storage.azure.com/.default",
    ];
    assert!(scopes.contains(&form["scope"].as_str()), "{form:?}");
    Reply::json(
        200,
        &json!({ "access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer" }),
    )
}

fn reply((status, headers, body): Answer) -> Reply {
    let mut reply = if body.is_null() {
        Reply::text(status, "")
    } else {
        Reply::json(status, &body)
    };
    reply.headers.extend(headers);
    reply
}
