//! Waiting for what the service does after it has answered.
//!
//! Source: <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>. The address in
//! `Azure-AsyncOperation` is asked before the one in `Location`; a state that is not said means that it is done.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use crate::adapter::azure_ml::arm::{Answer, Arm};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::wire::{Asset, OperationStatus, Provisioning, provisioning};
use crate::adapter::{AdapterErrorKind, Result};
use crate::net::http;
use crate::redact::printable;

/// How an operation that goes on is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The first pause, where the service asks for none; each further one is twice as long.
    pub first: Duration,
    /// The longest pause of our own.
    pub longest: Duration,
    /// When it has taken long enough.
    pub deadline: Duration,
}

impl Default for Pace {
    /// The SDK of Azure asks every 30 seconds, and large models take minutes.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            deadline: Duration::from_secs(1800),
        }
    }
}

/// Where to ask, and how the answer is to be read.
enum Watched {
    /// The body has a `status`.
    Operation(String),
    /// The status of the answer says it.
    Location(String),
}

impl Arm {
    /// Waits until what an answer began is done.
    pub(super) async fn finish(&self, call: Call<'_>, answer: Answer) -> Result<()> {
        let Some(watched) = watched(&answer.headers) else {
            return self.without_address(call, &answer);
        };
        let begun = Instant::now();
        let what = answer.what;
        let (mut asked, mut pause) = (http::retry_after(&answer.headers), self.pace.first);
        loop {
            let wait = asked.unwrap_or(pause);
            pause = pause.saturating_mul(2).min(self.pace.longest);
            let left = self.pace.deadline.saturating_sub(begun.elapsed());
            if wait > left {
                let seconds = self.pace.deadline.as_secs();
                let message = format!(
                    "{what}: the service was not done within {seconds} s; look at it later"
                );
                return Err(call.temporary(AdapterErrorKind::Unexpected, message));
            }
            tokio::time::sleep(wait).await;
            let (Watched::Operation(link) | Watched::Location(link)) = &watched;
            let url = self.following(call, link)?;
            let looked = self.send(call, Method::GET, url, None).await?;
            let looked = looked.success(call)?;
            asked = http::retry_after(&looked.headers);
            if is_done(call, &watched, &what, &looked)? {
                return Ok(());
            }
        }
    }

    /// A version when the service is done with it, whoever asked for it; as it is when that takes too long.
    pub(super) async fn settled(&self, call: Call<'_>, path: &str) -> Result<Option<Asset>> {
        let begun = Instant::now();
        let mut pause = self.pace.first;
        loop {
            let asset = self.asset(call, path).await?;
            let is_settled = asset
                .as_ref()
                .is_none_or(|asset| asset.properties.provisioning() != Provisioning::UnderWay);
            if is_settled || begun.elapsed().saturating_add(pause) > self.pace.deadline {
                return Ok(asset);
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(self.pace.longest);
        }
    }

    /// An answer that leads nowhere is of something that is done, unless it says otherwise.
    fn without_address(&self, call: Call<'_>, answer: &Answer) -> Result<()> {
        if answer.status == StatusCode::ACCEPTED {
            let message = format!("{}: accepted, and no address to ask at", answer.what);
            return Err(call.temporary(AdapterErrorKind::Unexpected, message));
        }
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&answer.body) else {
            return Ok(());
        };
        let state = value.pointer("/properties/provisioningState");
        match state.and_then(|state| state.as_str()).map(provisioning) {
            None | Some(Provisioning::Done) => Ok(()),
            Some(Provisioning::Failed) => {
                let message = format!("{}: the service could not make it", answer.what);
                Err(call.unexpected(message))
            }
            Some(Provisioning::UnderWay) => {
                let message = format!("{}: the service is still making it", answer.what);
                Err(call.temporary(AdapterErrorKind::Unexpected, message))
            }
        }
    }
}

fn watched(headers: &HeaderMap) -> Option<Watched> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    let operation = text("azure-asyncoperation").map(Watched::Operation);
    operation.or_else(|| text("location").map(Watched::Location))
}

fn is_done(call: Call<'_>, watched: &Watched, what: &str, looked: &Answer) -> Result<bool> {
    if looked.status == StatusCode::ACCEPTED {
        return Ok(false);
    }
    match watched {
        Watched::Location(_) => Ok(true),
        Watched::Operation(_) => {
            let status: OperationStatus = looked.decode(call)?;
            match status.status.as_deref().map(provisioning) {
                None | Some(Provisioning::Done) => Ok(true),
                Some(Provisioning::UnderWay) => Ok(false),
                Some(Provisioning::Failed) => {
                    let (code, message) = match status.error {
                        Some(error) => (error.code, error.message),
                        None => (None, None),
                    };
                    let code = printable(&code.unwrap_or_default());
                    let said = http::shown(message.unwrap_or_default().as_bytes());
                    let message = format!("{what}: the service gave it up: {code} {said}");
                    Err(call.unexpected(message.trim_end().to_owned()))
                }
            }
        }
    }
}
