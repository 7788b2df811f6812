//! Workspaces and registries of Azure Machine Learning, through Azure Resource Manager and Blob Storage.
//!
//! ```text
//! models/<name>                          the artifact; its tag `promote.current` is the pointer
//! models/<name>/versions/<version>       the version; its properties say which it is and what its digest is
//! components/<name>/versions/<version>   so is a component or a pipeline, whose bytes are at codes/<name>/versions/<version>
//! environments/<name>/versions/<version> so is a runtime, whose bytes are at data/<name>/versions/<version>
//! data/<name>/versions/<version>         what of these has no YAML file that can be taken as it is
//! LocalUpload/<digest>/<name>/<version>/ its files, in the workspace's datastore or in what the registry lends
//! …/.promote/record.json                 the file list, in the folder so that `publish` takes it along
//! ```
//!
//! Bytes go first and are compared while they go; the version comes last, so that a write that is cut leaves nothing that
//! shows. Nothing here compares and sets, and the service does not refuse to change what is there: the adapter looks
//! before and after, and says in its capabilities that this is not proof against a race.

mod arm;
mod blob;
mod copy;
mod describe;
mod face;
mod foreign;
mod held;
mod layout;
mod list;
mod lro;
mod pointer;
mod probe;
mod report;
mod roles;
mod sas;
mod shape;
mod storage;
mod sweep;
mod upload;
mod wire;
mod write;
mod xml;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use reqwest::Url;

pub use lro::Pace;

use crate::adapter::azure_ml::arm::Arm;
use crate::adapter::azure_ml::held::Located;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::Opened;
use crate::adapter::entra::Entra;
use crate::adapter::foreign::Foreign;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, ByteStream, Capabilities, Content, Description, Info, Locator, NativePlace, Probe,
    Record, Result, Selector, Written,
};
use crate::clock::{Clock, SystemClock};
use crate::config::Environment;
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::WorkspaceName;
use crate::model::platform::{AzureMlPlace, AzureMlSpec, NameTemplate};
use crate::net::http::{self, Reuse};

/// The longest part of the path of a resource, in characters.
const MAX_PART: usize = 260;

/// A workspace or a registry of Azure Machine Learning.
pub struct AzureMlAdapter {
    workspace: WorkspaceName,
    spec: AzureMlSpec,
    names: NameTemplate,
    arm: Arm,
    clock: Arc<dyn Clock>,
    datastores: tokio::sync::Mutex<BTreeMap<String, Opened>>,
    located: Mutex<VecDeque<Located>>,
}

impl fmt::Debug for AzureMlAdapter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AzureMlAdapter")
            .field("workspace", &self.workspace)
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl AzureMlAdapter {
    /// A workspace or a registry. Asks nobody yet.
    ///
    /// # Errors
    ///
    /// When the manifest's words cannot be part of an address, the address is not encrypted, or the machine has no
    /// certificates to check servers by.
    pub fn new(
        workspace: WorkspaceName,
        spec: AzureMlSpec,
        environment: Environment,
    ) -> Result<Self> {
        let call = Call {
            workspace: workspace.as_str(),
            operation: "open",
        };
        let management = spec.cloud.endpoints().management;
        let base = match &spec.endpoint {
            Some(endpoint) if !endpoint.is_protected() && !spec.allow_http => {
                let message = format!("`{endpoint}` is not encrypted, and tokens go there");
                return Err(call.unexpected(message));
            }
            Some(endpoint) => endpoint.as_str(),
            None => management,
        };
        let base = Url::parse(base);
        let base = base.map_err(|_| call.unexpected("its endpoint is no address"))?;
        let client = http::client(Reuse::Kept);
        let client = client.map_err(|error| call.http("no client", error))?;
        let uploader = http::uploader(Reuse::Kept);
        let uploader = uploader.map_err(|error| call.http("no client", error))?;
        let entra = Entra::new(
            spec.auth.clone(),
            spec.cloud,
            spec.authority.clone(),
            environment,
        );
        let arm = Arm {
            client,
            uploader,
            entra: Arc::new(entra),
            base,
            scope: format!("{management}/.default"),
            place: place(call, &spec)?,
            api_version: spec.api_version().to_owned(),
            pace: Pace::default(),
        };
        Ok(Self {
            workspace,
            names: spec.template(),
            spec,
            arm,
            clock: Arc::new(SystemClock),
            datastores: tokio::sync::Mutex::new(BTreeMap::new()),
            located: Mutex::new(VecDeque::new()),
        })
    }

    /// The same, watching long-running operations at another pace.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.arm.pace = pace;
        self
    }

    fn call(&self, operation: &'static str) -> Call<'_> {
        Call {
            workspace: self.workspace.as_str(),
            operation,
        }
    }
}

/// The path of the workspace or the registry.
fn place(call: Call<'_>, spec: &AzureMlSpec) -> Result<String> {
    let kind = match spec.place {
        AzureMlPlace::Workspace => "workspaces",
        AzureMlPlace::Registry => "registries",
    };
    let parts = [
        ("subscription", &spec.subscription),
        ("resourceGroup", &spec.resource_group),
        ("name", &spec.name),
    ];
    for (field, part) in parts {
        let is_part = !part.is_empty()
            && part.chars().count() <= MAX_PART
            && !matches!(part.as_str(), "." | "..")
            && !part.contains(['/', '\\', '?', '#', '%'])
            && !part.chars().any(char::is_control);
        if !is_part {
            let message = format!("`{field}` of its manifest cannot be part of an address");
            return Err(call.unexpected(message));
        }
    }
    Ok(format!(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/{kind}/{}",
        layout::escaped(&spec.subscription),
        layout::escaped(&spec.resource_group),
        layout::escaped(&spec.name)
    ))
}

impl Adapter for AzureMlAdapter {
    fn info(&self) -> Info {
        Info {
            workspace: self.workspace.to_string(),
            kind: "azure-ml",
            location: self.arm.place.clone(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        // A version that is put again is changed, a container's tags have no condition, and whoever can write can do both.
        Capabilities {
            create_only: false,
            compare_and_set: false,
            immutable: false,
        }
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(list::list(self, selector))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            match locator {
                Locator::Version(version) => self.record(self.call("stat"), version).await,
                Locator::Current(artifact) => pointer::load(self, artifact).await,
            }
        })
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(self.open(version, path))
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(write::write(self, permit, record, content))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(pointer::point(self, version, expected))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(describe::describe(self, version))
    }

    /// Of a workspace: its resource, which registries of the same cloud can take versions from.
    fn native(&self, version: &VersionId) -> Option<NativePlace> {
        copy::native(self, version)
    }

    /// Into a registry: the service's own `publish`.
    fn copy<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        from: &'a NativePlace,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(copy::copy(self, permit, record, from))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        Box::pin(foreign::foreign(self, address))
    }

    /// Also versions that others registered.
    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(sweep::sweep(self))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(probe::probe(self))
    }
}
