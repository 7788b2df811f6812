//! Where the bytes of versions are: a workspace's datastore, or what a registry lends.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::json;
use tokio::time::Instant;

use crate::adapter::azure_ml::AzureMlAdapter;
use crate::adapter::azure_ml::blob::{Access, Container};
use crate::adapter::azure_ml::layout::{self, DatastorePath};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::wire::{
    BlobReference, BlobReferenceAnswer, Datastore, DatastoreSecrets,
};
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::platform::{AzureMlPlace, HttpAddress};
use crate::redact::Secret;

/// How long the secrets of a datastore are used before they are asked for again.
const DATASTORE_LIFE: Duration = Duration::from_secs(1800);

/// A folder in a container.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) container: Container,
    /// Its path, without slashes around it; empty for all of the container.
    pub(super) path: String,
}

impl Place {
    /// The name of the blob at a path below.
    pub(super) fn blob(&self, path: &str) -> String {
        if self.path.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.path)
        }
    }

    /// The address of a folder below; the empty path is the place itself.
    pub(super) fn url(&self, path: &str) -> String {
        let blob = self.blob(path);
        let path = layout::escaped_path(blob.trim_end_matches('/'));
        format!("{}/{path}", self.container.url)
    }
}

/// A place to upload to, and how a version names it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) place: Place,
    pub(super) uri: String,
}

/// A datastore that was opened, and until when.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    container: Container,
    until: Instant,
}

impl AzureMlAdapter {
    /// Where the bytes of a version are.
    pub(super) async fn locate(&self, call: Call<'_>, path: &str, uri: &str) -> Result<Place> {
        match self.spec.place {
            AzureMlPlace::Workspace if uri.starts_with("http") => {
                self.beside(call, path, uri).await
            }
            AzureMlPlace::Workspace => {
                let DatastorePath { datastore, path } =
                    layout::datastore_path(uri, &self.spec).ok_or_else(|| {
                        let message =
                            format!("`{path}` keeps its bytes at `{uri}`, which is in no datastore of this workspace");
                        call.error(AdapterErrorKind::Unsupported, message)
                    })?;
                let container = self.datastore(call, &datastore).await?;
                Ok(Place { container, path })
            }
            AzureMlPlace::Registry => self.reference(call, path, uri).await,
        }
    }

    /// What an address of a blob leads to, when it is in the workspace's own datastore.
    async fn beside(&self, call: Call<'_>, path: &str, uri: &str) -> Result<Place> {
        let container = self.datastore(call, self.spec.datastore()).await?;
        let target = Url::parse(without_query(uri)).ok();
        let target = target.and_then(|url| split(&url));
        match target.filter(|(found, _)| *found == container.url) {
            Some((_, path)) => Ok(Place { container, path }),
            None => {
                let uri = without_query(uri);
                let message = format!(
                    "`{path}` keeps its bytes at `{uri}`, which is not in the datastore `{}`",
                    self.spec.datastore()
                );
                Err(call.error(AdapterErrorKind::Unsupported, message))
            }
        }
    }

    /// The container of a datastore.
    pub(super) async fn datastore(&self, call: Call<'_>, name: &str) -> Result<Container> {
        let mut opened = self.datastores.lock().await;
        if let Some(known) = opened.get(name)
            && known.until > Instant::now()
        {
            return Ok(known.container.clone());
        }
        let container = self.open_datastore(call, name).await?;
        let kept = Opened {
            container: container.clone(),
            until: Instant::now() + DATASTORE_LIFE,
        };
        opened.insert(name.to_owned(), kept);
        Ok(container)
    }

    async fn open_datastore(&self, call: Call<'_>, name: &str) -> Result<Container> {
        let path = format!("datastores/{}", layout::escaped(name));
        let answer = self.arm.get(call, &path).await?.success(call)?;
        let Datastore { properties } = answer.decode(call)?;
        if properties.datastore_type != "AzureBlob" {
            let message = format!(
                "the datastore `{name}` is of type `{}`; promote keeps bytes in one of type `AzureBlob`",
                properties.datastore_type
            );
            return Err(call.error(AdapterErrorKind::Unsupported, message));
        }
        let missing = |what: &str| call.unexpected(format!("the datastore `{name}` has no {what}"));
        let account = plain(properties.account_name).ok_or_else(|| missing("account"))?;
        let container = plain(properties.container_name).ok_or_else(|| missing("container"))?;
        let protocol = properties.protocol.unwrap_or_else(|| "https".to_owned());
        let endpoint = properties.endpoint;
        let endpoint = endpoint.unwrap_or_else(|| self.blob_endpoint().to_owned());
        let host = container_url(&protocol, &account, &endpoint, &container);
        let kind = properties
            .credentials
            .map(|credentials| credentials.credentials_type);
        let access = if kind.as_deref() == Some("None") {
            Access::Entra(Arc::clone(&self.arm.entra))
        } else {
            let secrets = self
                .arm
                .post(call, &format!("{path}/listSecrets"), None)
                .await?;
            let secrets: DatastoreSecrets = secrets.success(call)?.decode(call)?;
            self.access(call, name, &account, &container, &protocol, secrets)?
        };
        self.protected(call, &host)?;
        Ok(Container {
            client: self.arm.client.clone(),
            uploader: self.arm.uploader.clone(),
            url: host,
            access,
        })
    }

    fn access(
        &self,
        call: Call<'_>,
        datastore: &str,
        account: &str,
        container: &str,
        protocol: &str,
        secrets: DatastoreSecrets,
    ) -> Result<Access> {
        let refuse = |reason: &str| {
            let message = format!("the datastore `{datastore}` {reason}");
            call.error(AdapterErrorKind::Unsupported, message)
        };
        match secrets.secrets_type.as_str() {
            "AccountKey" => {
                let key = secrets
                    .key
                    .ok_or_else(|| refuse("does not hand out its key"))?;
                let query = crate::adapter::azure_ml::sas::query(
                    account,
                    container,
                    &Secret::new(key),
                    protocol,
                    self.clock.now(),
                );
                let query = query.ok_or_else(|| refuse("has a key that is not base64"))?;
                Ok(Access::Signature(query))
            }
            "Sas" => {
                let token = secrets.sas_token;
                let token = token.ok_or_else(|| refuse("does not hand out its signature"))?;
                let token = token.trim().trim_start_matches('?').to_owned();
                Ok(Access::Signature(Secret::new(token)))
            }
            _ => Err(refuse(
                "is opened by a service principal or a certificate of its own; use one with an account key, a signature or identity-based access",
            )),
        }
    }

    /// A place that a registry lends for uploading a version; `None` when the registry says that the version is there.
    pub(super) async fn lend(
        &self,
        call: Call<'_>,
        path: &str,
        folder: &str,
    ) -> Result<Option<Slot>> {
        let wish = json!({ "pendingUploadType": "TemporaryBlobReference" });
        let answer = self
            .arm
            .post(call, &format!("{path}/startPendingUpload"), Some(&wish))
            .await?;
        if answer.status == reqwest::StatusCode::CONFLICT {
            return Ok(None);
        }
        let what = answer.what.clone();
        let lent: BlobReferenceAnswer = answer.success(call)?.decode(call)?;
        let reference = lent.blob_reference_for_consumption;
        let (uri, signed) = signed(reference).ok_or_else(|| {
            call.unexpected(format!(
                "{what}: the answer has no address with a signature"
            ))
        })?;
        let base = self.signed_place(call, &uri, &signed)?;
        let uri = format!("{}/{folder}", without_query(&uri).trim_end_matches('/'));
        let place = Place {
            path: base.blob(folder),
            container: base.container,
        };
        Ok(Some(Slot { place, uri }))
    }

    /// A place that a registry opens for reading a version.
    async fn reference(&self, call: Call<'_>, path: &str, uri: &str) -> Result<Place> {
        if !uri.starts_with("https://") && !uri.starts_with("http://") {
            let message = format!(
                "`{path}` keeps its bytes at `{}`, which is no blob",
                without_query(uri)
            );
            return Err(call.error(AdapterErrorKind::Unsupported, message));
        }
        // `models/<name>/versions/<version>` becomes `datareferences/<name>/versions/<version>`.
        let (_, rest) = path.split_once('/').unwrap_or(("", path));
        let asset = format!("azureml://registries/{}/{path}", self.spec.name);
        let wish = json!({ "assetId": asset, "blobUri": without_query(uri) });
        let answer = self
            .arm
            .post(call, &format!("datareferences/{rest}"), Some(&wish))
            .await?;
        let what = answer.what.clone();
        let lent: BlobReferenceAnswer = answer.success(call)?.decode(call)?;
        let reference = lent.blob_reference_for_consumption;
        let (_, signed) = signed(reference).ok_or_else(|| {
            call.unexpected(format!(
                "{what}: the answer has no address with a signature"
            ))
        })?;
        self.signed_place(call, uri, &signed)
    }

    /// The folder at an address, opened by the signature of another address in the same container.
    fn signed_place(&self, call: Call<'_>, uri: &str, signed: &Secret<String>) -> Result<Place> {
        let unreadable = || call.unexpected("the registry names what is no address of a blob");
        let signature = Url::parse(signed.expose()).map_err(|_| unreadable())?;
        let target = Url::parse(uri).map_err(|_| unreadable())?;
        let (url, path) = split(&target).ok_or_else(unreadable)?;
        let (lent, _) = split(&signature).ok_or_else(unreadable)?;
        if url != lent {
            return Err(call.unexpected(
                "the registry lends a signature for another container than the one that holds the version",
            ));
        }
        let query = signature.query().unwrap_or_default().to_owned();
        self.protected(call, &url)?;
        let container = Container {
            client: self.arm.client.clone(),
            uploader: self.arm.uploader.clone(),
            url,
            access: Access::Signature(Secret::new(query)),
        };
        Ok(Place { container, path })
    }

    /// Signatures and bytes do not travel in the clear, unless the manifest says so.
    fn protected(&self, call: Call<'_>, url: &str) -> Result<()> {
        let parsed = url.parse::<HttpAddress>();
        let is_protected = parsed.is_ok_and(|address| address.is_protected());
        if is_protected || (self.spec.allow_http && url.starts_with("http://")) {
            return Ok(());
        }
        let host = Url::parse(url).ok();
        let host = host
            .as_ref()
            .and_then(|url| url.host_str())
            .unwrap_or_default();
        let message = format!("the bytes are at `{host}`, which is not encrypted");
        Err(call.error(AdapterErrorKind::PermissionDenied, message))
    }

    fn blob_endpoint(&self) -> &'static str {
        let suffix = self.spec.cloud.endpoints().blob_suffix;
        suffix.strip_prefix("blob.").unwrap_or(suffix)
    }
}

/// An address and the signed one beside it.
fn signed(reference: Option<BlobReference>) -> Option<(String, Secret<String>)> {
    let reference = reference?;
    let credential = reference.credential?;
    if credential.credential_type != "SAS" {
        return None;
    }
    let signed = credential.sas_uri?;
    let uri = reference.blob_uri;
    let uri = uri.unwrap_or_else(|| without_query(&signed).to_owned());
    Some((without_query(&uri).to_owned(), Secret::new(signed)))
}

fn without_query(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}

/// A name that can be part of an address as it is.
fn plain(name: Option<String>) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
    name.filter(|name| !name.is_empty() && name.bytes().all(is_plain))
}

/// The address of a container. An emulator, which is at a number instead of a name, has the account in the path.
fn container_url(protocol: &str, account: &str, endpoint: &str, container: &str) -> String {
    if is_number(endpoint.split(':').next().unwrap_or_default()) {
        format!("{protocol}://{endpoint}/{account}/{container}")
    } else {
        format!("{protocol}://{account}.blob.{endpoint}/{container}")
    }
}

fn is_number(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// The address of the container that something is in, and the path in it, with nothing escaped.
fn split(url: &Url) -> Option<(String, String)> {
    let host = url.host_str()?;
    let decoded = url.path().trim_matches('/').to_owned();
    let depth = if is_number(host) { 2 } else { 1 };
    let parts: Vec<&str> = decoded.split('/').collect();
    let (head, rest) = parts.split_at_checked(depth)?;
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let container = format!("{}://{host}{port}/{}", url.scheme(), head.join("/"));
    // What we write has nothing to unescape; what others wrote may.
    Some((container, layout::unescaped(&rest.join("/"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_into_container_and_path() {
        for (text, container, path) in [
            (
                "https://acct.blob.core.windows.net/c/LocalUpload/a%20b/",
                "https://acct.blob.core.windows.net/c",
                "LocalUpload/a b",
            ),
            (
                "http://127.0.0.1:10000/devstoreaccount1/c",
                "http://127.0.0.1:10000/devstoreaccount1/c",
                "",
            ),
        ] {
            let (found, inner) = split(&Url::parse(text).unwrap()).unwrap();
            assert_eq!((found.as_str(), inner.as_str()), (container, path));
        }
    }

    #[test]
    fn an_emulator_has_the_account_in_the_path() {
        assert_eq!(
            container_url("https", "a", "core.windows.net", "c"),
            "https://a.blob.core.windows.net/c"
        );
        assert_eq!(
            container_url("http", "a", "127.0.0.1:1", "c"),
            "http://127.0.0.1:1/a/c"
        );
    }
}
