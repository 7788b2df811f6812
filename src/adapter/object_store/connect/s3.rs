//! Buckets of S3, and of what speaks like it.

use std::sync::Arc;

use ::object_store::StaticCredentialProvider;
use ::object_store::aws::{
    AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredential, Checksum,
};
use ::object_store::client::{HttpRequest, HttpRequestBody, HttpService as _};
use ::object_store::path::Path;
use reqwest::Method;
use reqwest::header::HeaderValue;

use crate::adapter::object_store::connect::{ConnectError, Vault, ambient, no_retries};
use crate::adapter::object_store::line::Line;
use crate::model::platform::{HttpAddress, ObjectStoreCredentials, ObjectStoreSpec};

/// What nearly every tool takes for a bucket whose region nobody says.
const USUAL_REGION: &str = "us-east-1";

/// Requests that the crate does not know, signed by it.
#[derive(Debug)]
pub(in crate::adapter::object_store) struct Raw {
    store: Arc<AmazonS3>,
    line: Line,
    /// The address of the bucket, without a slash at its end.
    address: String,
    region: String,
    is_anonymous: bool,
}

pub(super) fn connect(
    spec: &ObjectStoreSpec,
    line: Line,
    vault: &mut Vault<'_>,
) -> Result<(Arc<AmazonS3>, Raw), ConnectError> {
    let bucket = spec.url.bucket();
    let region = region(spec, vault);
    // Names with dots are not in the certificate of `*.s3.amazonaws.com`.
    let is_host = spec.endpoint.is_none() && !bucket.contains('.');
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&region)
        .with_retry(no_retries())
        .with_checksum_algorithm(Checksum::SHA256)
        .with_virtual_hosted_style_request(is_host)
        .with_http_connector(line.clone());
    let builder = match &spec.endpoint {
        Some(endpoint) => builder
            .with_endpoint(endpoint.as_str())
            .with_allow_http(true),
        None => builder,
    };
    let store = credentials(builder, spec, vault)?.build();
    let store = Arc::new(store.map_err(|_| ConnectError::Refused("access key"))?);
    let address = match &spec.endpoint {
        Some(endpoint) => format!("{endpoint}/{bucket}"),
        None if is_host => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        None => format!("https://s3.{region}.amazonaws.com/{bucket}"),
    };
    let raw = Raw {
        store: Arc::clone(&store),
        line,
        address,
        region,
        is_anonymous: spec.auth == ObjectStoreCredentials::Anonymous,
    };
    Ok((store, raw))
}

fn region(spec: &ObjectStoreSpec, vault: &Vault<'_>) -> String {
    let ambient = || {
        let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        variables
            .into_iter()
            .find_map(|name| vault.environment.get(name))
    };
    let region = spec.region.as_deref().or_else(ambient);
    region.unwrap_or(USUAL_REGION).to_owned()
}

fn credentials(
    builder: AmazonS3Builder,
    spec: &ObjectStoreSpec,
    vault: &mut Vault<'_>,
) -> Result<AmazonS3Builder, ConnectError> {
    let other = |auth| ConnectError::Mismatch {
        auth,
        provider: "a bucket of S3",
        instead: "use `accessKey`, `ambient` or `anonymous`",
    };
    match &spec.auth {
        ObjectStoreCredentials::AccessKey {
            id,
            secret,
            session_token,
        } => {
            let token = session_token.as_ref();
            let credential = AwsCredential {
                key_id: vault.load(id)?,
                secret_key: vault.load(secret)?,
                token: token.map(|token| vault.load(token)).transpose()?,
            };
            let provider = StaticCredentialProvider::new(credential);
            Ok(builder.with_credentials(Arc::new(provider)))
        }
        ObjectStoreCredentials::Ambient => from_surroundings(builder, vault),
        ObjectStoreCredentials::Anonymous => Ok(builder.with_skip_signature(true)),
        ObjectStoreCredentials::AccountKey { .. } => Err(other("accountKey")),
        ObjectStoreCredentials::SharedAccessSignature { .. } => Err(other("sharedAccessSignature")),
        ObjectStoreCredentials::Entra(_) => Err(other("entra")),
        ObjectStoreCredentials::ServiceAccount { .. } => Err(other("serviceAccount")),
    }
}

fn from_surroundings(
    mut builder: AmazonS3Builder,
    vault: &mut Vault<'_>,
) -> Result<AmazonS3Builder, ConnectError> {
    for (name, value) in ambient::found(ambient::S3, vault) {
        let key: AmazonS3ConfigKey = name
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| ConnectError::Refused("environment"))?;
        let is_address = matches!(key, AmazonS3ConfigKey::StsEndpoint);
        if is_address {
            let address = value.parse::<HttpAddress>();
            if !address.is_ok_and(|address| address.is_protected()) {
                return Err(ConnectError::Open(name.to_owned()));
            }
        }
        builder = builder.with_config(key, value);
    }
    Ok(builder)
}

impl Raw {
    /// Copies an object of another bucket of the same store into this one (`CopyObject`).
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
    pub(in crate::adapter::object_store) async fn copy(
        &self,
        bucket: &str,
        from: &str,
        to: &Path,
    ) -> ::object_store::Result<()> {
        let source = format!("/{bucket}/{}", encoded(from));
        let address = format!("{}/{}", self.address, encoded(to.as_ref()));
        let generic =
            |source: Box<dyn std::error::Error + Send + Sync>| ::object_store::Error::Generic {
                store: "S3",
                source,
            };
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = address.parse().map_err(|error| generic(Box::new(error)))?;
        let source = HeaderValue::from_str(&source).map_err(|error| generic(Box::new(error)))?;
        request.headers_mut().insert("x-amz-copy-source", source);
        if !self.is_anonymous {
            let credential = self.store.credentials().get_credential().await?;
            AwsAuthorizer::new(&credential, "s3", &self.region)
                .try_authorize(&mut request, None)?;
        }
        let answer = self.line.call(request).await;
        let answer = answer.map_err(|error| generic(Box::new(error)))?;
        let (status, body) = (answer.status(), answer.into_body().bytes().await);
        let body = body.map_err(|error| generic(Box::new(error)))?;
        // The answer may begin before the copy ends, and say only then that it failed.
        let is_copied =
            status.is_success() && String::from_utf8_lossy(&body).contains("CopyObjectResult");
        if is_copied {
            return Ok(());
        }
        Err(generic("the object was not copied".into()))
    }
}

/// A name of an object as S3 signs it (RFC 3986, 2.3, with slashes kept).
fn encoded(key: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
