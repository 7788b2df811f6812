//! Registries, by the distribution API (OCI distribution specification 1.1).

mod answer;
mod auth;
mod blobs;
mod challenge;
mod client;
mod manifests;
mod probe;
mod upload;

use bytes::Bytes;

use crate::adapter::oci::document::{Blob, Document};
use crate::adapter::oci::names;
use crate::adapter::oci::registry::client::Connection;
use crate::adapter::oci::store::{Reference, Reporter, Source, Store};
use crate::adapter::{AdapterErrorKind, ByteStream, Capabilities, Info, Probe, Result};
use crate::config::Environment;
use crate::model::artifact::ArtifactId;
use crate::model::digest::Sha256;
use crate::model::id::WorkspaceName;
use crate::model::platform::{NameTemplate, OciSpec, is_repository_name};

/// A registry, with the repositories of one workspace in it.
#[derive(Debug)]
pub struct Registry {
    connection: Connection,
    names: NameTemplate,
    /// What the names of all repositories begin with; empty, or with a slash at its end.
    prefix: String,
    pointer: String,
}

impl Registry {
    pub(super) fn new(
        workspace: WorkspaceName,
        spec: &OciSpec,
        environment: &Environment,
    ) -> Result<Self> {
        let prefix = spec.repository.as_ref();
        Ok(Self {
            connection: Connection::new(Reporter::new(workspace), spec, environment)?,
            names: spec.template(),
            prefix: prefix
                .map(|prefix| format!("{prefix}/"))
                .unwrap_or_default(),
            pointer: spec.tag().to_owned(),
        })
    }
}

impl Store for Registry {
    fn reporter(&self) -> &Reporter {
        self.connection.reporter()
    }

    fn info(&self) -> Info {
        let prefix = self.prefix.trim_end_matches('/');
        let url = self.connection.address();
        Info {
            workspace: self.reporter().workspace().to_string(),
            kind: "oci",
            location: format!("{url}/{prefix}").trim_end_matches('/').to_owned(),
        }
    }

    /// The API has no condition on tags: they are looked at before and after.
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: false,
            compare_and_set: false,
            immutable: false,
        }
    }

    fn repository(&self, operation: &'static str, artifact: &ArtifactId) -> Result<String> {
        let error = |message: String| {
            let reporter = self.reporter();
            reporter.error(AdapterErrorKind::Unsupported, operation, message)
        };
        let name = self.names.name_of(artifact, &OciSpec::NAMES);
        let name = name.map_err(|reason| error(reason.to_string()))?;
        let name = format!("{}{name}", self.prefix);
        if is_repository_name(&name) {
            return Ok(name);
        }
        Err(error(format!(
            "`{name}` cannot be the name of a repository: between letters and digits there is one `.`, one or two `_`, or hyphens; set `names` in the workspace's manifest"
        )))
    }

    fn artifact_of(&self, repository: &str) -> Option<ArtifactId> {
        let name = repository.strip_prefix(&self.prefix)?;
        self.names.artifact_of(name)
    }

    fn owns(&self, repository: &str) -> bool {
        repository.starts_with(&self.prefix) && is_repository_name(repository)
    }

    fn pointer(&self) -> &str {
        &self.pointer
    }

    fn provider(&self) -> Option<String> {
        Some(format!("oci {}", self.connection.address()))
    }

    async fn repositories(&self, operation: &'static str) -> Result<Vec<String>> {
        let mut names = manifests::catalog(&self.connection, operation).await?;
        names.retain(|name| self.owns(name));
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn tags(&self, operation: &'static str, repository: &str) -> Result<Vec<String>> {
        let mut tags = manifests::tags(&self.connection, operation, repository).await?;
        // Others would lead to another place of the API.
        tags.retain(|tag| names::is_tag(tag));
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    async fn document(
        &self,
        operation: &'static str,
        repository: &str,
        reference: Reference<'_>,
    ) -> Result<Option<Document>> {
        manifests::get(&self.connection, operation, repository, reference).await
    }

    async fn put_document(
        &self,
        operation: &'static str,
        repository: &str,
        document: &Document,
    ) -> Result<()> {
        let reference = Reference::Digest(document.sha256());
        let put = manifests::put(&self.connection, operation, repository, reference, document);
        put.await.map(|_| ())
    }

    async fn tag(
        &self,
        operation: &'static str,
        repository: &str,
        tag: &str,
        document: &Document,
        expected: Option<Sha256>,
    ) -> Result<bool> {
        let reference = Reference::Tag(tag);
        let held = async || {
            let found = self.document(operation, repository, reference).await?;
            Ok(found.map(|found| found.sha256()))
        };
        if held().await? != expected {
            return Ok(false);
        }
        manifests::put(&self.connection, operation, repository, reference, document).await?;
        Ok(held().await? == Some(document.sha256()))
    }

    async fn has_blob(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
    ) -> Result<bool> {
        blobs::has(&self.connection, operation, repository, blob).await
    }

    async fn blob(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
    ) -> Result<ByteStream> {
        blobs::get(&self.connection, operation, repository, blob).await
    }

    async fn put_blob(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
        source: Source<'_>,
    ) -> Result<()> {
        upload::put(&self.connection, operation, repository, blob, source).await
    }

    async fn mount(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
        from: &str,
    ) -> Result<bool> {
        blobs::mount(&self.connection, operation, repository, blob, from).await
    }

    async fn referrers(
        &self,
        operation: &'static str,
        repository: &str,
        subject: Sha256,
    ) -> Result<Option<Document>> {
        manifests::referrers(&self.connection, operation, repository, subject).await
    }

    async fn put_referrer(
        &self,
        operation: &'static str,
        repository: &str,
        document: &Document,
    ) -> Result<bool> {
        let reference = Reference::Digest(document.sha256());
        manifests::put(&self.connection, operation, repository, reference, document).await
    }

    async fn loose(&self, _operation: &'static str) -> Result<Option<Vec<Blob>>> {
        Ok(None)
    }

    async fn probe(&self) -> Result<Probe> {
        probe::probe(&self.connection, &format!("{}promote-probe", self.prefix)).await
    }
}

/// Bytes of memory as the body of a request.
fn body_of(bytes: &Bytes) -> reqwest::Body {
    reqwest::Body::from(bytes.clone())
}
