//! Tokens of Microsoft Entra for containers of Azure Blob Storage.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use ::object_store::CredentialProvider;
use ::object_store::azure::AzureCredential;

use crate::adapter::entra::{Entra, STORAGE_SCOPE};
use crate::redact::Secret;

/// Asks for tokens, and remembers the last one, to be cut out of messages.
pub(in crate::adapter::object_store) struct Tokens {
    entra: Entra,
    last: Mutex<Option<Secret<String>>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Tokens").field(&self.entra).finish()
    }
}

impl Tokens {
    pub(super) const fn new(entra: Entra) -> Self {
        Self {
            entra,
            last: Mutex::new(None),
        }
    }

    /// The token that was given out last.
    pub(in crate::adapter::object_store) fn last(&self) -> Option<Secret<String>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    async fn token(&self) -> ::object_store::Result<Arc<AzureCredential>> {
        let token = self.entra.token(STORAGE_SCOPE).await;
        let token = token.map_err(|error| ::object_store::Error::Generic {
            store: "MicrosoftAzure",
            source: Box::new(error),
        })?;
        let bearer = AzureCredential::BearerToken(token.expose().clone());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(Arc::new(bearer))
    }
}

impl CredentialProvider for Tokens {
    type Credential = AzureCredential;

    fn get_credential<'tokens, 'call>(
        &'tokens self,
    ) -> Pin<Box<dyn Future<Output = ::object_store::Result<Arc<AzureCredential>>> + Send + 'call>>
    where
        'tokens: 'call,
        Self: 'call,
    {
        Box::pin(self.token())
    }
}
