//! Whom a registry knows: nobody, a name and a password, or a token, also one that a service gives for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, StatusCode, Url};

use crate::adapter::oci::registry::answer::no_answer;
use crate::adapter::oci::registry::challenge::{Challenge, Token};
use crate::adapter::oci::registry::client::{Call, Connection};
use crate::adapter::{AdapterError, AdapterErrorKind, Result};
use crate::config::Environment;
use crate::model::platform::{HttpAddress, HttpCredentials};
use crate::model::secret::SecretRef;
use crate::net::http;
use crate::redact::Secret;

/// The longest answer of a token service, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The most tokens that are kept: one a repository and what is done there.
const MAX_TOKENS: usize = 4096;

/// What goes along with requests.
#[derive(Debug)]
pub(super) struct Credentials {
    given: Option<HttpCredentials>,
    environment: Environment,
    state: Mutex<State>,
}

/// What was learnt.
#[derive(Debug, Default)]
struct State {
    challenge: Option<Challenge>,
    tokens: BTreeMap<String, (Instant, Token)>,
}

impl Credentials {
    pub(super) fn new(given: Option<HttpCredentials>, environment: Environment) -> Self {
        Self {
            given,
            environment,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a refusal asks for; `false` when asking again would change nothing.
    pub(super) fn learn(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        response: &Response,
    ) -> Result<bool> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let mut challenges = headers.filter_map(|header| Challenge::parse(header.to_str().ok()?));
        let Some(challenge) = challenges.next() else {
            return Ok(false);
        };
        match (&self.given, &challenge) {
            (None, Challenge::Basic) | (Some(HttpCredentials::Bearer { .. }), _) => {
                return Ok(false);
            }
            (_, Challenge::Bearer { realm, .. }) => {
                realm_url(connection, call, realm)?;
            }
            (Some(HttpCredentials::Basic { .. }), Challenge::Basic) => {}
        }
        let mut state = self.state();
        let key = call.scopes.join(" ");
        let is_new = state.challenge.as_ref() != Some(&challenge);
        // A token may have been taken back before its time.
        let had_token = state.tokens.remove(&key).is_some();
        state.challenge = Some(challenge);
        Ok(is_new || had_token)
    }

    /// Adds to a request what the registry is known to ask for.
    pub(super) async fn add(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        request: RequestBuilder,
    ) -> Result<RequestBuilder> {
        if let Some(HttpCredentials::Bearer { token }) = &self.given {
            let token = self.load(connection, call, token).await?;
            return Ok(request.header(AUTHORIZATION, bearer(connection, call, &token)?));
        }
        let challenge = self.state().challenge.clone();
        match challenge {
            None => Ok(request),
            Some(Challenge::Basic) => self.add_basic(connection, call, request).await,
            Some(Challenge::Bearer { realm, service }) => {
                let token = self
                    .token(connection, call, &realm, service.as_deref())
                    .await?;
                Ok(request.header(AUTHORIZATION, bearer(connection, call, &token.text)?))
            }
        }
    }

    async fn add_basic(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        request: RequestBuilder,
    ) -> Result<RequestBuilder> {
        let Some(HttpCredentials::Basic { username, password }) = &self.given else {
            return Ok(request);
        };
        let password = self.load(connection, call, password).await?;
        Ok(request.basic_auth(username, Some(password.expose())))
    }

    /// Reads a secret where that may block: a command may take its time.
    async fn load(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        reference: &SecretRef,
    ) -> Result<Secret<String>> {
        let error = |message: String| {
            let reporter = connection.reporter();
            reporter.error(AdapterErrorKind::PermissionDenied, call.operation, message)
        };
        let (reference, environment) = (reference.clone(), self.environment.clone());
        let loaded = tokio::task::spawn_blocking(move || reference.load(&environment)).await;
        let loaded = loaded.map_err(|_| error("reading a secret was ended".to_owned()))?;
        let bytes = loaded.map_err(|reason| error(reason.to_string()))?;
        let text = String::from_utf8(bytes.expose().clone());
        let text = text.map_err(|_| error("a secret is not UTF-8".to_owned()))?;
        Ok(Secret::new(text))
    }

    /// The token for what a call needs: kept until most of its life is over.
    async fn token(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        realm: &str,
        service: Option<&str>,
    ) -> Result<Token> {
        let key = call.scopes.join(" ");
        let kept = self.state().tokens.get(&key).cloned();
        if let Some((_, token)) = kept.filter(|(until, _)| *until > Instant::now()) {
            return Ok(token);
        }
        let mut url = realm_url(connection, call, realm)?;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(service.map(|service| ("service", service)));
            query.extend_pairs(call.scopes.iter().map(|scope| ("scope", scope)));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let what = format!("asking `{host}` for a token");
        let request = connection.client().get(url);
        let request = self.add_basic(connection, call, request).await?;
        let failed = |error| no_answer(connection.reporter(), call.operation, &what, error);
        let response = http::send(request).await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(refused_token(connection, call, &what, response).await);
        }
        let body = http::body(response, MAX_ANSWER_BYTES)
            .await
            .map_err(failed)?;
        let Some(token) = Token::parse(&body) else {
            let message = format!("{what}: there is no token in the answer");
            let reporter = connection.reporter();
            return Err(reporter.error(AdapterErrorKind::Unexpected, call.operation, message));
        };
        let mut state = self.state();
        if state.tokens.len() >= MAX_TOKENS {
            state.tokens.clear();
        }
        let until = Instant::now().checked_add(token.life);
        if let Some(until) = until {
            state.tokens.insert(key, (until, token.clone()));
        }
        Ok(token)
    }
}

/// What a token service says instead of a token. Its text is left out, since it was sent a password.
async fn refused_token(
    connection: &Connection,
    call: &Call<'_>,
    what: &str,
    response: Response,
) -> AdapterError {
    let error = connection.refused(&Call { what, ..*call }, response).await;
    let status_alone = error
        .message
        .split(": ")
        .take(2)
        .collect::<Vec<_>>()
        .join(": ");
    let kind = match error.kind {
        AdapterErrorKind::NotFound | AdapterErrorKind::Corrupt | AdapterErrorKind::Unsupported => {
            AdapterErrorKind::Unexpected
        }
        other => other,
    };
    AdapterError {
        kind,
        message: status_alone.replace("the registry answers", "the service answers"),
        ..error
    }
}

/// The address of a token service. A password goes there, so it is encrypted, or on the registry's own host where that is not
/// encrypted either, or on this machine when the registry is too.
fn realm_url(connection: &Connection, call: &Call<'_>, realm: &str) -> Result<Url> {
    let refuse = || {
        connection.strange(
            call,
            "it sends for a token to an address that is neither encrypted nor its own",
        )
    };
    let url = Url::parse(realm).map_err(|_| refuse())?;
    if url.username() != "" || url.password().is_some() {
        return Err(refuse());
    }
    let is_own_host = url.host_str() == connection.base().host_str();
    let is_here = |address: &HttpAddress| address.is_protected();
    let origin: Option<HttpAddress> = url.origin().ascii_serialization().parse().ok();
    let both_here = connection.base().scheme() == "http"
        && origin.as_ref().is_some_and(is_here)
        && is_here(connection.address());
    let is_good = url.scheme() == "https"
        || (url.scheme() == "http"
            && (both_here || (is_own_host && connection.base().scheme() == "http")));
    if is_good { Ok(url) } else { Err(refuse()) }
}

fn bearer(connection: &Connection, call: &Call<'_>, token: &Secret<String>) -> Result<HeaderValue> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| {
        let message = "the token holds a character that no header can hold";
        let reporter = connection.reporter();
        reporter.error(AdapterErrorKind::PermissionDenied, call.operation, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}
