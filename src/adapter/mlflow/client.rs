//! Asking the server: addresses, headers, and what its refusals mean.

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, HeaderValue, RANGE};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::adapter::mlflow::auth::Auth;
use crate::adapter::mlflow::place::Place;
use crate::adapter::mlflow::refusal::Meaning;
use crate::adapter::mlflow::wire::{Listing, Page, Refusal};
use crate::adapter::{AdapterError, AdapterErrorKind, ErrorStatus, Result};
use crate::model::id::WorkspaceName;
use crate::model::platform::HttpAddress;
use crate::net::http::{self, HttpError};
use crate::redact::Secret;

/// The calls of the tracking server and of the registry.
const API: &str = "/api/2.0/mlflow/";
/// The calls of the artifact proxy.
const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// Names one of several workspaces of a server, from MLflow 3.10 on.
const WORKSPACE: HeaderName = HeaderName::from_static("x-mlflow-workspace");
/// The most pages of one list.
const MAX_PAGES: usize = 1_000;
/// The most items of one list.
const MAX_ITEMS: usize = 100_000;
/// How much of a refusal is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// One server, or one workspace of it.
#[derive(Debug)]
pub(super) struct Server {
    /// Our name for it.
    pub(super) workspace: WorkspaceName,
    /// Where it is.
    pub(super) url: HttpAddress,
    /// Its own name for it.
    pub(super) header: Option<HeaderValue>,
    /// Who asks.
    pub(super) auth: Auth,
    /// Asks.
    pub(super) client: Client,
    /// Sends files, which may take long.
    pub(super) uploader: Client,
}

/// One method of the adapter at work: whom it asks, and its name for errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// Whom it asks.
    pub(super) server: &'a Server,
    /// Its name.
    pub(super) operation: &'static str,
}

impl<'a> Call<'a> {
    /// An error that trying again cannot help.
    pub(super) fn error(self, kind: AdapterErrorKind, message: impl Into<String>) -> AdapterError {
        let workspace = self.server.workspace.as_str();
        AdapterError::permanent(kind, workspace, self.operation, message)
    }

    /// What the server answers to a question.
    pub(super) async fn get<T: DeserializeOwned>(
        self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T> {
        let make = || {
            self.request(Method::GET, &format!("{API}{path}"))
                .query(query)
        };
        let answer = self.answer(path, make).await?;
        self.decode(path, answer).await
    }

    /// What the server answers when it is told something.
    pub(super) async fn tell<T: DeserializeOwned>(
        self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T> {
        let make = || {
            self.request(method.clone(), &format!("{API}{path}"))
                .json(body)
        };
        let answer = self.answer(path, make).await?;
        self.decode(path, answer).await
    }

    /// All items of a list in pages, which is bounded. `ask` asks for the page of a token.
    pub(super) async fn pages<P: Page, F: Future<Output = Result<P>>>(
        self,
        what: &str,
        ask: impl Fn(String) -> F,
    ) -> Result<Vec<P::Item>> {
        let mut items = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let (page, next) = ask(token.clone()).await?.split();
            items.extend(page);
            match next {
                _ if items.len() > MAX_ITEMS => break,
                None => return Ok(items),
                Some(next) if next == token => {
                    let message = format!("`{what}` gives the same page again and again");
                    return Err(self.error(AdapterErrorKind::Unexpected, message));
                }
                Some(next) => token = next,
            }
        }
        let message = format!("`{what}` has more than {MAX_PAGES} pages or {MAX_ITEMS} items");
        Err(self.error(AdapterErrorKind::Unexpected, message))
    }

    /// The bytes of a file, as they come.
    pub(super) async fn download(self, place: &Place) -> Result<Response> {
        let address = format!("{ARTIFACTS}/{}", place.encoded());
        self.file(place, || self.request(Method::GET, &address))
            .await
    }

    /// `length` bytes of a file from `start` on, as they come; the whole file where the server gives no parts.
    pub(super) async fn download_part(
        self,
        place: &Place,
        start: u64,
        length: u64,
    ) -> Result<Response> {
        let address = format!("{ARTIFACTS}/{}", place.encoded());
        let last = start.saturating_add(length).saturating_sub(1);
        let range = format!("bytes={start}-{last}");
        let make = || self.request(Method::GET, &address).header(RANGE, &range);
        self.file(place, make).await
    }

    async fn file(self, place: &Place, make: impl Fn() -> RequestBuilder) -> Result<Response> {
        match self.answer(place.as_str(), make).await {
            // 2.22 answers so when a file is not there.
            Err(error) if is_server_error(&error) && !self.is_listed(place).await => {
                let message = format!("`{place}` is not there");
                Err(self.error(AdapterErrorKind::NotFound, message))
            }
            answer => answer,
        }
    }

    /// Whether a file is in the folder that it should be in; also when it cannot be told.
    async fn is_listed(self, place: &Place) -> bool {
        let Some((folder, name)) = place.split() else {
            return true;
        };
        let listing = self.listing::<Listing>(&folder).await;
        let is_there = |listing: Listing| listing.files.iter().any(|file| file.path == name);
        listing.map_or(true, is_there)
    }

    /// Puts a file of a known length there, in place of what may be there.
    pub(super) async fn upload(self, place: &Place, length: u64, body: Body) -> Result<()> {
        let address = format!("{ARTIFACTS}/{}", place.encoded());
        let request = self.request_by(&self.server.uploader, Method::PUT, &address);
        let request = request.header(CONTENT_LENGTH, length).body(body);
        let header = self.header().await?;
        let answer = http::upload(authorized(request, header.as_ref()), length).await;
        let answer = answer.map_err(|error| self.http(place.as_str(), error))?;
        let answer = self.check(place.as_str(), answer).await?;
        let drained = http::body(answer, MAX_REFUSAL_BYTES).await;
        drained.map_err(|error| self.http(place.as_str(), error))?;
        Ok(())
    }

    /// What is in a folder, not in the folders in it.
    pub(super) async fn listing<T: DeserializeOwned>(self, place: &Place) -> Result<T> {
        let query = [("path", place.as_str())];
        let make = || self.request(Method::GET, ARTIFACTS).query(&query);
        let answer = self.answer(place.as_str(), make).await?;
        self.decode(place.as_str(), answer).await
    }

    /// A page that is no part of the API, such as `/version`.
    pub(super) async fn page(self, path: &str) -> Result<Response> {
        self.answer(path, || self.request(Method::GET, path)).await
    }

    fn request(self, method: Method, path: &str) -> RequestBuilder {
        self.request_by(&self.server.client, method, path)
    }

    fn request_by(self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        let address = format!("{}{path}", self.server.url);
        let request = client.request(method, address);
        match &self.server.header {
            None => request,
            Some(workspace) => request.header(WORKSPACE, workspace),
        }
    }

    async fn header(self) -> Result<Option<Secret<HeaderValue>>> {
        let header = self.server.auth.header().await;
        header.map_err(|message| self.error(AdapterErrorKind::PermissionDenied, message))
    }

    /// The answer, when it is a good one. Credentials that are refused are read again: they may have been rotated.
    async fn answer(self, what: &str, make: impl Fn() -> RequestBuilder) -> Result<Response> {
        let header = self.header().await?;
        let mut answer = self.send(what, authorized(make(), header.as_ref())).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let newer = self.server.auth.newer().await;
            let newer =
                newer.map_err(|message| self.error(AdapterErrorKind::PermissionDenied, message))?;
            if newer.is_some() {
                answer = self.send(what, authorized(make(), newer.as_ref())).await?;
            }
        }
        self.check(what, answer).await
    }

    async fn send(self, what: &str, request: RequestBuilder) -> Result<Response> {
        let sent = http::send(request).await;
        sent.map_err(|error| self.http(what, error))
    }

    async fn decode<T: DeserializeOwned>(self, what: &str, answer: Response) -> Result<T> {
        let decoded = http::json(answer).await;
        decoded.map_err(|error| self.http(what, error))
    }

    /// What went wrong on the line, or with the form of an answer.
    pub(super) fn http(self, what: &str, error: HttpError) -> AdapterError {
        let hint = match &error {
            HttpError::Form(_) => "; is the address that of MLflow, and not of a login page?",
            HttpError::Line(_) | HttpError::TooLarge(_) => "",
        };
        let made = self.error(
            AdapterErrorKind::Unexpected,
            format!("`{what}`: {error}{hint}"),
        );
        let made = match error.can_pass() {
            true => AdapterError {
                status: ErrorStatus::Temporary,
                ..made
            },
            false => made,
        };
        made.caused_by(error)
    }

    async fn check(self, what: &str, answer: Response) -> Result<Response> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = http::retry_after(answer.headers());
        let body = http::body(answer, MAX_REFUSAL_BYTES)
            .await
            .unwrap_or_default();
        let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
        let is_json = refusal.is_some();
        let refusal = refusal.unwrap_or_default();
        let said = match refusal.message.as_str() {
            "" => http::shown(&body),
            message => http::shown(message.as_bytes()),
        };
        let meaning = Meaning::of(
            status,
            &refusal.error_code,
            is_json,
            &said,
            retry_after.is_some(),
        );
        let hint = self.hint(status, meaning);
        let message = format!("`{what}`: {status}: {said}{hint}");
        let kind = meaning.kind;
        let error = self.error(kind, message);
        Err(match meaning.can_pass {
            false => error,
            true => AdapterError {
                status: ErrorStatus::Temporary,
                retry_after,
                ..error
            },
        })
    }

    fn hint(self, status: StatusCode, meaning: Meaning) -> &'static str {
        match (status.as_u16(), meaning.kind) {
            (401, _) if self.server.auth.is_nobody() => "; name who asks under `auth`",
            (401, _) => "; look at the credentials under `auth`",
            (403, _) => "; these credentials lack a permission",
            (413, _) => "; something before the server limits how long an upload may be",
            (300..=399, _) => "; name the address that it leads to",
            (404, AdapterErrorKind::Unexpected) => {
                "; this is no MLflow server of version 2.22 or later, or the address lacks a path"
            }
            _ => "",
        }
    }
}

/// Whether a server said that it failed, and not a line.
fn is_server_error(error: &AdapterError) -> bool {
    let is_passing = error.status == ErrorStatus::Temporary;
    error.kind == AdapterErrorKind::Unexpected && is_passing && error.source.is_none()
}

fn authorized(request: RequestBuilder, header: Option<&Secret<HeaderValue>>) -> RequestBuilder {
    match header {
        None => request,
        Some(header) => request.header(AUTHORIZATION, header.expose().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::net::http::testing::taking;

    #[tokio::test]
    async fn a_file_may_take_longer_than_a_line_may_be_silent() {
        const LENGTH: usize = 64 << 20;
        // First of all, for it says who encrypts.
        let uploader = http::uploader(http::Reuse::OneEach).unwrap();
        let impatient = Client::builder().read_timeout(std::time::Duration::from_millis(1));
        let server = Server {
            workspace: "lab".parse().unwrap(),
            url: taking(LENGTH).parse().unwrap(),
            header: None,
            auth: Auth::new(None, Environment::default()),
            client: impatient.build().unwrap(),
            uploader,
        };
        let call = Call {
            server: &server,
            operation: "write",
        };
        let place = Place::of("mlflow-artifacts:/1/r", &server.url).unwrap();
        let sent = call.upload(&place, 64 << 20, Body::from(vec![7; LENGTH]));
        sent.await.unwrap();
    }
}
