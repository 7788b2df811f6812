//! Requests to one registry, with whom it knows and without anything that leads elsewhere.

use reqwest::header::{HeaderValue, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};

use crate::adapter::oci::registry::answer::{no_answer, refused};
use crate::adapter::oci::registry::auth::Credentials;
use crate::adapter::oci::store::Reporter;
use crate::adapter::{AdapterError, AdapterErrorKind, Result};
use crate::config::Environment;
use crate::model::platform::{HttpAddress, OciSpec};
use crate::net::http::{self, Reuse};

/// One request: for whom, about what, and what has to be allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The method of the adapter.
    pub(super) operation: &'static str,
    /// What is asked about, for messages.
    pub(super) what: &'a str,
    /// What a token has to allow, such as `repository:a/b:pull`.
    pub(super) scopes: &'a [String],
}

/// The way to a registry.
#[derive(Debug)]
pub(super) struct Connection {
    reporter: Reporter,
    address: HttpAddress,
    base: Url,
    client: Client,
    /// For bodies that may take long.
    uploader: Client,
    credentials: Credentials,
}

impl Connection {
    pub(super) fn new(
        reporter: Reporter,
        spec: &OciSpec,
        environment: &Environment,
    ) -> Result<Self> {
        let refuse =
            |message: String| reporter.error(AdapterErrorKind::Unsupported, "open", message);
        if !spec.url.is_protected() && !spec.allow_http {
            let message = format!(
                "`{}` is not encrypted; write `allowHttp: true` into the workspace's manifest if that is meant",
                spec.url
            );
            return Err(refuse(message));
        }
        let base = Url::parse(spec.url.as_str());
        let base = base.map_err(|error| refuse(format!("`{}`: {error}", spec.url)))?;
        let client = http::client(Reuse::Kept).map_err(|error| refuse(error.to_string()))?;
        let uploader = http::uploader(Reuse::Kept).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            credentials: Credentials::new(spec.auth.clone(), environment.clone()),
            reporter,
            address: spec.url.clone(),
            base,
            client,
            uploader,
        })
    }

    pub(super) const fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    pub(super) const fn address(&self) -> &HttpAddress {
        &self.address
    }

    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn uploader(&self) -> &Client {
        &self.uploader
    }

    /// An address of the API, such as `a/b/tags/list` below `/v2/`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let base = self.base.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v2/{path}"));
        url
    }

    /// Whether an address is the registry's own, so that credentials may go there.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Sends a request that can be sent again: once more with a token when the registry asks for one.
    pub(super) async fn send(
        &self,
        call: &Call<'_>,
        make: impl Fn(&Client) -> RequestBuilder + Send + Sync,
    ) -> Result<Response> {
        let response = self.send_once(call, make(&self.client)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        if !self.credentials.learn(self, call, &response)? {
            return Ok(response);
        }
        self.send_once(call, make(&self.client)).await
    }

    /// Sends a request with what the registry is known to ask for.
    pub(super) async fn send_once(
        &self,
        call: &Call<'_>,
        request: RequestBuilder,
    ) -> Result<Response> {
        let request = self.credentials.add(self, call, request).await?;
        let sent = http::send(request).await;
        sent.map_err(|error| no_answer(&self.reporter, call.operation, call.what, error))
    }

    /// As [`send_once`](Self::send_once), for a request of the [`uploader`](Self::uploader) with a body of so many bytes.
    pub(super) async fn upload(
        &self,
        call: &Call<'_>,
        request: RequestBuilder,
        length: u64,
    ) -> Result<Response> {
        let request = self.credentials.add(self, call, request).await?;
        let sent = http::upload(request, length).await;
        sent.map_err(|error| no_answer(&self.reporter, call.operation, call.what, error))
    }

    /// Sends `GET` or `HEAD` and follows redirects, which registries use for blobs: at most three, never from an encrypted
    /// address to one that is not, and without credentials to any other host.
    pub(super) async fn follow(
        &self,
        call: &Call<'_>,
        method: Method,
        url: Url,
    ) -> Result<Response> {
        let mut url = url;
        let mut response = self
            .send(call, |client| client.request(method.clone(), url.clone()))
            .await?;
        for _ in 0..3 {
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            url = self.location(call, &url, &response)?;
            let request = self.client.request(method.clone(), url.clone());
            response = if self.is_own(&url) {
                self.send_once(call, request).await?
            } else {
                let sent = http::send(request).await;
                sent.map_err(|error| no_answer(&self.reporter, call.operation, call.what, error))?
            };
        }
        if is_redirect(response.status()) {
            return Err(self.strange(call, "it redirects more than three times"));
        }
        Ok(response)
    }

    /// Where an answer points to.
    pub(super) fn location(&self, call: &Call<'_>, from: &Url, response: &Response) -> Result<Url> {
        let location = response.headers().get(LOCATION).map(HeaderValue::to_str);
        let Some(Ok(location)) = location else {
            return Err(self.strange(call, "it does not say where to go on"));
        };
        let Ok(url) = from.join(location) else {
            return Err(self.strange(call, "it says a place to go on that is no address"));
        };
        let is_downgrade = url.scheme() != "https" && url.scheme() != self.base.scheme();
        if is_downgrade || !matches!(url.scheme(), "http" | "https") {
            return Err(self.strange(call, "it leads to an address without encryption"));
        }
        Ok(url)
    }

    /// Where an answer points to, which must be the registry itself: bytes and credentials go there.
    pub(super) fn own_location(
        &self,
        call: &Call<'_>,
        from: &Url,
        response: &Response,
    ) -> Result<Url> {
        let url = self.location(call, from, response)?;
        if self.is_own(&url) {
            return Ok(url);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let message = format!("it wants the request sent to another host, `{host}`");
        Err(self.strange(call, &message))
    }

    /// The error for an answer that does not make sense.
    pub(super) fn strange(&self, call: &Call<'_>, message: &str) -> AdapterError {
        let message = format!(
            "{}: the registry's answer is not followed: {message}",
            call.what
        );
        self.reporter
            .error(AdapterErrorKind::Unexpected, call.operation, message)
    }

    /// The error for an answer that is not what was asked for.
    pub(super) async fn refused(&self, call: &Call<'_>, response: Response) -> AdapterError {
        refused(&self.reporter, call.operation, call.what, response).await
    }
}

/// Whether an answer says to look elsewhere.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What a token has to allow for reading a repository.
pub(super) fn pull(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

/// What a token has to allow for writing to a repository.
pub(super) fn push(repository: &str) -> String {
    format!("repository:{repository}:pull,push")
}
