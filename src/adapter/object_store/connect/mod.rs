//! From what the manifest says to a bucket that answers: secrets are read here, when the bucket is first needed.

mod ambient;
mod azure;
mod gcs;
mod s3;
mod token;

use std::sync::Arc;
use std::time::Duration;

use ::object_store::list::PaginatedListStore;
use ::object_store::multipart::MultipartStore;
use ::object_store::{ObjectStore, RetryConfig};

use crate::adapter::object_store::connect::token::Tokens;
use crate::adapter::object_store::line::Line;
use crate::config::Environment;
use crate::model::platform::{AzureCloud, BucketProvider, ObjectStoreSpec};
use crate::model::secret::SecretRef;
use crate::redact::Secret;

/// All that a bucket can do.
pub(super) trait Bucket: ObjectStore + MultipartStore + PaginatedListStore {}

impl<T: ObjectStore + MultipartStore + PaginatedListStore> Bucket for T {}

/// A bucket with the credentials for it.
#[derive(Clone)]
pub(super) struct Connected {
    /// The bucket.
    pub(super) bucket: Arc<dyn Bucket>,
    /// What was read to reach it, to be cut out of every message.
    secrets: Arc<Vec<Secret<String>>>,
    /// Where its tokens come from, which are cut out too.
    tokens: Option<Arc<Tokens>>,
    /// Whether no credentials were found, so that the machine is asked who it is.
    pub(super) asks_machine: bool,
    /// The same bucket for requests that the crate does not know, where it is of S3.
    pub(super) s3: Option<Arc<s3::Raw>>,
}

impl Connected {
    /// What must not show in any message.
    pub(super) fn secrets(&self) -> Vec<Secret<String>> {
        let token = self.tokens.as_ref().and_then(|tokens| tokens.last());
        self.secrets.iter().cloned().chain(token).collect()
    }
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connected(…)")
    }
}

/// Why there is no bucket to ask. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] crate::config::secret::SecretError),
    /// A secret is no text.
    #[error("the secret `{0}` is not UTF-8")]
    Form(SecretRef),
    /// The credentials are for another provider.
    #[error("`auth: {auth}` is not for {provider}; {instead}")]
    Mismatch {
        /// What the manifest says.
        auth: &'static str,
        /// Whose bucket it is.
        provider: &'static str,
        /// What can be said for it.
        instead: &'static str,
    },
    /// Nothing here can do it.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The address is open to everyone on the way.
    #[error(
        "`{0}` has no encryption, so that everyone on the way can read and change what is sent; use `https`, or say `allowHttp: true`"
    )]
    Open(String),
    /// The crate does not take what it is told. Its own words may hold the credentials.
    #[error("the {0} cannot be used for this bucket")]
    Refused(&'static str),
    /// No client can be made.
    #[error("{0}")]
    Client(#[from] crate::net::http::HttpError),
}

/// Reads secrets and keeps them to be cut out of messages.
#[derive(Debug)]
struct Vault<'a> {
    environment: &'a Environment,
    read: Vec<Secret<String>>,
    asks_machine: bool,
    tokens: Option<Arc<Tokens>>,
}

impl Vault<'_> {
    fn load(&mut self, reference: &SecretRef) -> Result<String, ConnectError> {
        let secret = reference.load(self.environment)?;
        let text = std::str::from_utf8(secret.expose());
        let text = text.map_err(|_| ConnectError::Form(reference.clone()))?;
        Ok(self.keep(text))
    }

    fn keep(&mut self, text: &str) -> String {
        let text = text.trim().to_owned();
        // A short text would be cut out of innocent words.
        if text.len() >= 6 {
            self.read.push(Secret::new(text.clone()));
        }
        text
    }
}

/// Reaches for a bucket: reads secrets and asks nothing of the network yet. Blocks.
pub(super) fn connect(
    spec: &ObjectStoreSpec,
    environment: &Environment,
) -> Result<Connected, ConnectError> {
    if let Some(endpoint) = &spec.endpoint
        && !endpoint.is_protected()
        && !spec.allow_http
    {
        return Err(ConnectError::Open(endpoint.to_string()));
    }
    let is_azure = spec.url.provider() == BucketProvider::Azure;
    if !is_azure && (spec.cloud != AzureCloud::Public || spec.authority.is_some()) {
        return Err(ConnectError::Unsupported(
            "`cloud` and `authority` are for containers of Azure alone",
        ));
    }
    let line = Line::new()?;
    let mut vault = Vault {
        environment,
        read: Vec::new(),
        asks_machine: false,
        tokens: None,
    };
    let (bucket, s3): (Arc<dyn Bucket>, _) = match spec.url.provider() {
        BucketProvider::S3 => {
            let (bucket, raw) = s3::connect(spec, line, &mut vault)?;
            (bucket, Some(Arc::new(raw)))
        }
        BucketProvider::Azure => (azure::connect(spec, line, &mut vault)?, None),
        BucketProvider::Gcs => (gcs::connect(spec, line, &mut vault)?, None),
    };
    Ok(Connected {
        bucket,
        secrets: Arc::new(vault.read),
        asks_machine: vault.asks_machine,
        tokens: vault.tokens,
        s3,
    })
}

/// No retries: the layer around the adapter knows when to try again and when to stop.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        retry_timeout: Duration::ZERO,
        ..RetryConfig::default()
    }
}
