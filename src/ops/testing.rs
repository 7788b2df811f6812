//! Contexts for tests of use cases.

use std::sync::Arc;

use crate::context::{Context, Settings};
use crate::engine::Unwatched;
use crate::engine::testing::TestOrganisation;
use crate::progress::Silent;

/// The context of a person of an organisation, who also has the engine's keys.
pub(crate) fn context_of(organisation: &TestOrganisation, who: &str) -> Context {
    let key = |name: &str| {
        let path = organisation.folder().join("keys").join(name);
        Some(format!("file:{}", path.display()).parse().unwrap())
    };
    Context {
        clock: Arc::new(organisation.clock.clone()),
        environment: organisation.environment().clone(),
        progress: Arc::new(Silent),
        watcher: Arc::new(Unwatched),
        settings: Settings {
            repository: organisation.repository_path().display().to_string(),
            remote: Some("none".to_owned()),
            state: Some(organisation.folder().join("state")),
            engine_key: key("engine.pem"),
            log_key: key("log.key"),
            signing_key: Some(organisation.key_path(who)),
            ..Settings::default()
        },
    }
}
