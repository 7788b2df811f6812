//! Requests to Azure Resource Manager.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use crate::adapter::azure_ml::lro::Pace;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::wire::{self, Asset, Page};
use crate::adapter::entra::Entra;
use crate::adapter::{AdapterError, AdapterErrorKind, Result};
use crate::net::http::{self, MAX_ANSWER_BYTES};
use crate::redact::Secret;

/// The most pages of one listing, and the most things on them.
const MAX_PAGES: usize = 10_000;
const MAX_ITEMS: usize = 100_000;

/// Azure Resource Manager, for one workspace or registry.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    pub(super) client: Client,
    /// For bytes, which may take long.
    pub(super) uploader: Client,
    pub(super) entra: Arc<Entra>,
    /// Where it is, without a slash at the end.
    pub(super) base: Url,
    /// What tokens are for.
    pub(super) scope: String,
    /// The path of the workspace or the registry.
    pub(super) place: String,
    pub(super) api_version: String,
    pub(super) pace: Pace,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What was asked, for messages: the method and the path.
    pub(super) what: String,
    token: Secret<String>,
}

/// What became of a wish to make or change something.
#[derive(Debug)]
pub(super) enum Made {
    /// It is done.
    Done,
    /// The service does not take it. Somebody else may have been quicker: the path of a version that is there cannot be
    /// changed, which the service calls a wrong request.
    Refused(AdapterError),
}

impl Answer {
    /// The answer, when it is a success.
    pub(super) fn success(self, call: Call<'_>) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(call.refused(
            &self.what,
            self.status,
            &self.headers,
            &self.body,
            &self.token,
        ))
    }

    /// The answer, when it is a success; `None` when there is no such thing.
    pub(super) fn found(self, call: Call<'_>) -> Result<Option<Self>> {
        if self.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.success(call).map(Some)
    }

    pub(super) fn decode<T: serde::de::DeserializeOwned>(&self, call: Call<'_>) -> Result<T> {
        wire::decode(call, &self.what, &self.body)
    }
}

impl Arm {
    /// The address of something below the workspace or the registry.
    pub(super) fn below(&self, path: &str) -> Url {
        self.address(&format!("{}/{path}", self.place))
    }

    /// The address of a path, with the version of the interface.
    pub(super) fn address(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url.query_pairs_mut()
            .append_pair("api-version", &self.api_version);
        url
    }

    /// An address that an answer leads to. Only on the same host: a token goes along.
    pub(super) fn following(&self, call: Call<'_>, link: &str) -> Result<Url> {
        let url = Url::parse(link).or_else(|_| self.base.join(link));
        let url = url.map_err(|_| call.unexpected("an answer leads to what is no address"))?;
        if url.origin() == self.base.origin() {
            return Ok(url);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let message = format!(
            "an answer leads from `{}` to `{host}`, which gets no token of ours",
            self.base.host_str().unwrap_or_default()
        );
        Err(call.error(AdapterErrorKind::PermissionDenied, message))
    }

    /// Sends a request and takes any answer.
    pub(super) async fn send(
        &self,
        call: Call<'_>,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let what = format!("`{method} {}`", url.path());
        let token = self.entra.token(&self.scope).await;
        let token = token.map_err(|error| call.entra(error))?;
        let is_post = method == Method::POST;
        let request = self.client.request(method, url).bearer_auth(token.expose());
        let request = match body {
            Some(body) => request.json(body),
            // A body that is missing has to be said to be empty: some gateways answer 411 otherwise.
            None if is_post => request.header(reqwest::header::CONTENT_LENGTH, "0"),
            None => request,
        };
        let failed = |error| call.http(&what, error);
        let response = http::send(request).await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::body(response, MAX_ANSWER_BYTES)
            .await
            .map_err(failed)?;
        if status == StatusCode::UNAUTHORIZED {
            // It may have been taken back; the next call asks for another.
            self.entra.forget(&self.scope).await;
        }
        Ok(Answer {
            status,
            headers,
            body,
            what,
            token,
        })
    }

    pub(super) async fn get(&self, call: Call<'_>, path: &str) -> Result<Answer> {
        let url = self.below(path);
        self.send(call, Method::GET, url, None).await
    }

    pub(super) async fn post(
        &self,
        call: Call<'_>,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let url = self.below(path);
        self.send(call, Method::POST, url, body).await
    }

    /// A container or a version; `None` when there is none.
    pub(super) async fn asset(&self, call: Call<'_>, path: &str) -> Result<Option<Asset>> {
        match self.get(call, path).await?.found(call)? {
            Some(answer) => answer.decode(call).map(Some),
            None => Ok(None),
        }
    }

    /// Makes or changes a container or a version, and waits until that is done.
    pub(super) async fn put(&self, call: Call<'_>, path: &str, body: &Value) -> Result<Made> {
        let url = self.below(path);
        let answer = self.send(call, Method::PUT, url, Some(body)).await?;
        let may_be_late = matches!(answer.status.as_u16(), 400 | 409 | 412);
        match answer.success(call) {
            Ok(answer) => self.finish(call, answer).await.map(|()| Made::Done),
            Err(error) if may_be_late => Ok(Made::Refused(error)),
            Err(error) => Err(error),
        }
    }

    /// All pages of a listing; empty when what is listed is not there.
    pub(super) async fn pages(
        &self,
        call: Call<'_>,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<Asset>> {
        let mut url = self.below(path);
        url.query_pairs_mut().extend_pairs(query);
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let answer = self.send(call, Method::GET, url, None).await?;
            let Some(answer) = answer.found(call)? else {
                return Ok(all);
            };
            let page: Page = answer.decode(call)?;
            all.extend(page.value);
            if all.len() > MAX_ITEMS {
                let message = format!("`{path}` has more than {MAX_ITEMS} entries; name artifacts");
                return Err(call.unexpected(message));
            }
            match page.next_link.filter(|link| !link.is_empty()) {
                Some(link) => url = self.following(call, &link)?,
                None => return Ok(all),
            }
        }
        let message = format!("the listing of `{path}` does not end within {MAX_PAGES} pages");
        Err(call.unexpected(message))
    }
}
