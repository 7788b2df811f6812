//! The request for a token, for each form of credentials.

use reqwest::{Client, RequestBuilder};
use tokio::task::spawn_blocking;

use crate::adapter::entra::{Entra, EntraError, assertion};
use crate::model::platform::{EntraCredentials, HttpAddress};
use crate::model::secret::SecretRef;
use crate::redact::Secret;

/// Where a virtual machine asks for its own tokens (Azure Instance Metadata Service).
const METADATA_SERVICE: &str = "http://169.254.169.254";
/// The kind of assertion (RFC 7523, 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Entra.
    Authority,
    /// What hands out the tokens of the machine's identity.
    Machine,
}

/// A request that can be sent.
pub(super) struct Request {
    pub(super) builder: RequestBuilder,
    /// Where it goes, for messages.
    pub(super) address: String,
    pub(super) from: From,
}

impl Entra {
    pub(super) async fn request(
        &self,
        client: &Client,
        scope: &str,
    ) -> Result<Request, EntraError> {
        match &self.credentials {
            EntraCredentials::ClientSecret {
                tenant,
                client: id,
                secret,
            } => {
                let address = self.token_address(tenant)?;
                let secret = self.text(secret).await?;
                let form = [("client_secret", secret.expose().as_str())];
                Ok(self.form(client, &address, id, scope, &form))
            }
            EntraCredentials::Certificate {
                tenant,
                client: id,
                certificate,
            } => {
                let address = self.token_address(tenant)?;
                let pem = self.load(certificate).await?;
                let signed = assertion::sign(&pem, &address, id, self.clock.now());
                let signed = signed.map_err(|reason| EntraError::Form {
                    reference: certificate.clone(),
                    reason,
                })?;
                Ok(self.asserted(client, &address, id, scope, &signed))
            }
            EntraCredentials::Federated {
                tenant,
                client: id,
                token,
            } => {
                let address = self.token_address(tenant)?;
                let token = self.text(token).await?;
                Ok(self.asserted(client, &address, id, scope, &token))
            }
            EntraCredentials::ManagedIdentity { client: id } => {
                Ok(self.machine(client, id.as_deref(), scope))
            }
        }
    }

    fn asserted(
        &self,
        client: &Client,
        address: &str,
        id: &str,
        scope: &str,
        assertion: &Secret<String>,
    ) -> Request {
        let form = [
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.expose().as_str()),
        ];
        self.form(client, address, id, scope, &form)
    }

    fn form(
        &self,
        client: &Client,
        address: &str,
        id: &str,
        scope: &str,
        proof: &[(&str, &str)],
    ) -> Request {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("scope", scope),
        ];
        form.extend_from_slice(proof);
        Request {
            builder: client.post(address).form(&form),
            address: self.authority.clone(),
            from: From::Authority,
        }
    }

    /// App Service, Functions and Container Apps say in variables where to ask; a virtual machine asks at an address that is
    /// the same everywhere. The variable for another one is that of the Azure SDKs.
    fn machine(&self, client: &Client, id: Option<&str>, scope: &str) -> Request {
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let variable = |name| {
            let value = self.environment.get(name);
            value.filter(|value| !value.is_empty())
        };
        let hosted = variable("IDENTITY_ENDPOINT").zip(variable("IDENTITY_HEADER"));
        let (builder, address) = match hosted {
            Some((endpoint, header)) => {
                let builder = client
                    .get(endpoint)
                    .query(&[("api-version", "2019-08-01"), ("resource", resource)])
                    .header("X-IDENTITY-HEADER", header);
                (builder, endpoint)
            }
            None => {
                let host = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
                let host = host.unwrap_or(METADATA_SERVICE).trim_end_matches('/');
                let builder = client
                    .get(format!("{host}/metadata/identity/oauth2/token"))
                    .query(&[("api-version", "2018-02-01"), ("resource", resource)])
                    .header("Metadata", "true");
                (builder, host)
            }
        };
        let builder = match id {
            Some(id) => builder.query(&[("client_id", id)]),
            None => builder,
        };
        let address = address.split(['?', '#']).next().unwrap_or_default();
        Request {
            builder,
            address: address.to_owned(),
            from: From::Machine,
        }
    }

    /// Where a tenant's tokens are issued.
    fn token_address(&self, tenant: &str) -> Result<String, EntraError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let is_tenant = (1..=255).contains(&tenant.len())
            && tenant.bytes().all(is_plain)
            && !tenant.starts_with('.');
        if !is_tenant {
            return Err(EntraError::Tenant(tenant.chars().take(80).collect()));
        }
        let authority = self.authority.trim_end_matches('/');
        let parsed = authority.parse::<HttpAddress>();
        if !parsed.is_ok_and(|address| address.is_protected()) {
            return Err(EntraError::Unprotected(authority.to_owned()));
        }
        Ok(format!("{authority}/{tenant}/oauth2/v2.0/token"))
    }

    async fn load(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, EntraError> {
        let (wanted, environment) = (reference.clone(), self.environment.clone());
        let loading = spawn_blocking(move || wanted.load(&environment)).await;
        let loaded = loading.map_err(|_| EntraError::Form {
            reference: reference.clone(),
            reason: "could not be read: the work was ended".to_owned(),
        })?;
        Ok(loaded?)
    }

    async fn text(&self, reference: &SecretRef) -> Result<Secret<String>, EntraError> {
        let bytes = self.load(reference).await?;
        let text = std::str::from_utf8(bytes.expose());
        let text = text.map_err(|_| EntraError::Form {
            reference: reference.clone(),
            reason: "is not text".to_owned(),
        })?;
        Ok(Secret::new(text.trim().to_owned()))
    }
}
