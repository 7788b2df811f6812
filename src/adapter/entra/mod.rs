//! Tokens of Microsoft Entra, for everything in Azure that wants one.
//!
//! Four forms of credentials: a client secret, a certificate, a token of another issuer (workload identity, OIDC of a CI
//! job), and the identity that the machine has. Secrets are read each time a token is asked for, so that whoever rotates
//! them need not tell anyone; tokens are kept until shortly before they end. Nothing here ever shows either.
//!
//! Source: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow> and
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.

mod answer;
mod assertion;
mod request;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::{Clock, SystemClock};
use crate::config::Environment;
use crate::config::secret::SecretError;
use crate::model::platform::{AzureCloud, EntraCredentials, HttpAddress};
use crate::model::secret::SecretRef;
use crate::net::http::{self, HttpError, Reuse};
use crate::redact::Secret;

/// What tokens for Blob Storage are for, in every cloud.
pub(crate) const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";
/// A token is asked for again so long before it ends, or after half its life when that is sooner.
const MARGIN: Duration = Duration::from_secs(300);
/// How long one request for a token may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no token. Never holds a secret, and no text of the server but its short codes.
#[derive(Debug, thiserror::Error)]
pub enum EntraError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A secret is not what it is said to be.
    #[error("the secret `{reference}` {reason}")]
    Form {
        /// Where the secret is.
        reference: SecretRef,
        /// What it is not.
        reason: String,
    },
    /// A tenant or a client cannot be part of an address.
    #[error(
        "`{0}` is neither the id nor a domain of a tenant; look it up with `az account show --query tenantId`"
    )]
    Tenant(String),
    /// Secrets would travel in the clear.
    #[error("secrets are not sent to `{0}`, which is not encrypted; write an `https` address")]
    Unprotected(String),
    /// The machine has no identity, or what hands its tokens out does not answer.
    #[error("this machine's managed identity cannot be asked at `{address}`: {reason}")]
    NoIdentity {
        /// Where it was asked.
        address: String,
        /// What happened.
        reason: String,
    },
    /// No answer, or none that can be read.
    #[error("Microsoft Entra at `{address}` gave no token: {source}")]
    Http {
        /// Where it was asked.
        address: String,
        /// Why.
        source: HttpError,
    },
    /// Entra says no.
    #[error("Microsoft Entra at `{address}` refuses these credentials ({status}): {code}")]
    Refused {
        /// Where it was asked.
        address: String,
        /// The status of the answer.
        status: u16,
        /// The codes in the answer, such as `invalid_client AADSTS7000215`.
        code: String,
    },
    /// Entra is busy, or something before it is.
    #[error("Microsoft Entra at `{address}` cannot answer now ({status}): {code}")]
    Busy {
        /// Where it was asked.
        address: String,
        /// The status of the answer.
        status: u16,
        /// The codes in the answer.
        code: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The machine cannot do what is needed, such as making random numbers.
    #[error("{0}")]
    Machine(String),
}

impl EntraError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn can_pass(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::NoIdentity { .. } => true,
            Self::Http { source, .. } => source.can_pass(),
            Self::Secret(_)
            | Self::Form { .. }
            | Self::Tenant(_)
            | Self::Unprotected(_)
            | Self::Refused { .. }
            | Self::Machine(_) => false,
        }
    }

    /// How long the server asks to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            Self::Secret(_)
            | Self::Form { .. }
            | Self::Tenant(_)
            | Self::Unprotected(_)
            | Self::NoIdentity { .. }
            | Self::Http { .. }
            | Self::Refused { .. }
            | Self::Machine(_) => None,
        }
    }
}

/// A token and until when it is used.
#[derive(Debug, Clone)]
struct Kept {
    token: Secret<String>,
    until: Instant,
}

/// Asks for tokens with one set of credentials, and keeps them.
pub struct Entra {
    credentials: EntraCredentials,
    authority: String,
    environment: Environment,
    clock: Arc<dyn Clock>,
    kept: Mutex<BTreeMap<String, Kept>>,
}

impl fmt::Debug for Entra {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entra")
            .field("credentials", &self.credentials)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl Entra {
    /// Tokens for these credentials, of a cloud's own authority or of another address. The manifest decides where secrets
    /// go: `AZURE_AUTHORITY_HOST` is not looked at. Asks nobody yet.
    #[must_use]
    pub fn new(
        credentials: EntraCredentials,
        cloud: AzureCloud,
        authority: Option<HttpAddress>,
        environment: Environment,
    ) -> Self {
        let own = cloud.endpoints().authority;
        Self {
            credentials,
            authority: authority.map_or_else(|| own.to_owned(), |given| given.to_string()),
            environment,
            clock: Arc::new(SystemClock),
            kept: Mutex::new(BTreeMap::new()),
        }
    }

    /// The same, with another clock to date assertions by.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A token for a scope, such as `https://management.azure.com/.default`: one that is kept, or a new one. Calls at the
    /// same time ask once.
    ///
    /// # Errors
    ///
    /// When a secret cannot be read, or Entra gives no token.
    pub async fn token(&self, scope: &str) -> Result<Secret<String>, EntraError> {
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.get(scope)
            && known.until > Instant::now()
        {
            return Ok(known.token.clone());
        }
        let asked = self.ask(scope);
        let fresh = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(fresh) => fresh?,
            Err(_) => {
                let late = format!("nothing within {} s", PATIENCE.as_secs());
                return Err(EntraError::Http {
                    address: self.authority.clone(),
                    source: HttpError::Line(late),
                });
            }
        };
        let token = fresh.token.clone();
        kept.insert(scope.to_owned(), fresh);
        Ok(token)
    }

    /// Forgets the token for a scope, because a server did not take it.
    pub async fn forget(&self, scope: &str) {
        self.kept.lock().await.remove(scope);
    }

    async fn ask(&self, scope: &str) -> Result<Kept, EntraError> {
        // A connection of its own: an hour passes until the next.
        let client = http::client(Reuse::OneEach).map_err(|source| EntraError::Http {
            address: self.authority.clone(),
            source,
        })?;
        let asked = Instant::now();
        let request = self.request(&client, scope).await?;
        let address = request.address;
        let sent = http::send(request.builder).await;
        let sent = sent.map_err(|source| match request.from {
            request::From::Authority => EntraError::Http {
                address: address.clone(),
                source,
            },
            request::From::Machine => EntraError::NoIdentity {
                address: address.clone(),
                reason: source.to_string(),
            },
        })?;
        let fresh = answer::read(sent, &address, request.from, self.clock.now()).await?;
        let life = fresh.life;
        let used = life.saturating_sub(MARGIN).max(life / 2);
        Ok(Kept {
            token: fresh.token,
            until: asked.checked_add(used).unwrap_or(asked),
        })
    }
}
