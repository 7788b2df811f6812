//! Who asks: the header that a request carries, read from where the secret is.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use tokio::task::spawn_blocking;

use crate::config::Environment;
use crate::model::platform::HttpCredentials;
use crate::model::secret::SecretRef;
use crate::redact::Secret;

/// How long a secret is used before it is read again. A version has thousands of files, and a secret may come from a
/// program.
const FRESH: Duration = Duration::from_secs(60);

/// The credentials of one workspace. Shows nothing of them.
pub(super) struct Auth {
    credentials: Option<HttpCredentials>,
    environment: Environment,
    known: Mutex<Option<(Instant, Secret<HeaderValue>)>>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = formatter.debug_struct("Auth");
        { shown }.field("credentials", &self.credentials).finish()
    }
}

impl Auth {
    /// Reads nothing yet.
    pub(super) const fn new(
        credentials: Option<HttpCredentials>,
        environment: Environment,
    ) -> Self {
        Self {
            credentials,
            environment,
            known: Mutex::new(None),
        }
    }

    /// Whether nobody is named.
    pub(super) const fn is_nobody(&self) -> bool {
        self.credentials.is_none()
    }

    /// The value of `Authorization`, not older than a minute; `None` when nobody is named.
    pub(super) async fn header(&self) -> Result<Option<Secret<HeaderValue>>, String> {
        if let Some((read, header)) = self.known().as_ref()
            && read.elapsed() < FRESH
        {
            return Ok(Some(header.clone()));
        }
        self.read().await
    }

    /// The value of `Authorization` as it is now; `None` when it is the same as before.
    pub(super) async fn newer(&self) -> Result<Option<Secret<HeaderValue>>, String> {
        let before = self.known().take().map(|(_, header)| header);
        let now = self.read().await?;
        Ok(now.filter(|now| before.as_ref() != Some(now)))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Secret<HeaderValue>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<Option<Secret<HeaderValue>>, String> {
        let header = match &self.credentials {
            None => return Ok(None),
            Some(HttpCredentials::Basic { username, password }) => {
                let secret = self.load(password).await?;
                let pair = [username.as_bytes(), b":", secret.expose()].concat();
                value(
                    &[b"Basic ", STANDARD.encode(pair).as_bytes()].concat(),
                    password,
                )?
            }
            Some(HttpCredentials::Bearer { token }) => {
                let secret = self.load(token).await?;
                value(&[b"Bearer ", secret.expose().as_slice()].concat(), token)?
            }
        };
        *self.known() = Some((Instant::now(), header.clone()));
        Ok(Some(header))
    }

    async fn load(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        let (reference, environment) = (reference.clone(), self.environment.clone());
        let loaded = spawn_blocking(move || reference.load(&environment)).await;
        let loaded = loaded.map_err(|error| error.to_string())?;
        loaded.map_err(|error| error.to_string())
    }
}

fn value(bytes: &[u8], reference: &SecretRef) -> Result<Secret<HeaderValue>, String> {
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| {
        format!("the secret `{reference}` holds a line break or another character that no header can hold")
    })?;
    value.set_sensitive(true);
    Ok(Secret::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(credentials: HttpCredentials, secret: &str) -> Auth {
        Auth::new(Some(credentials), Environment::from_iter([("S", secret)]))
    }

    #[tokio::test]
    async fn headers_are_those_of_the_standards_and_do_not_show() {
        let reference: SecretRef = "env:S".parse().unwrap();
        let basic = HttpCredentials::Basic {
            username: "Aladdin".to_owned(),
            password: reference.clone(),
        };
        let basic = auth(basic, "open sesame");
        let header = basic.header().await.unwrap().unwrap();
        // The example of RFC 7617, section 2.
        assert_eq!(header.expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let shown = format!("{basic:?}{header:?}");
        assert!(
            !shown.contains("QWxh") && !shown.contains("sesame"),
            "{shown}"
        );
        assert_eq!(basic.newer().await.unwrap(), None);
        let bearer = auth(
            HttpCredentials::Bearer {
                token: reference.clone(),
            },
            "mF_9.B5f-4.1JqM",
        );
        let header = bearer.header().await.unwrap().unwrap();
        assert_eq!(header.expose(), "Bearer mF_9.B5f-4.1JqM");
        let broken = auth(
            HttpCredentials::Bearer { token: reference },
            "hunter2\nX: y",
        );
        assert_eq!(
            broken.header().await.unwrap_err(),
            "the secret `env:S` holds a line break or another character that no header can hold"
        );
    }
}
