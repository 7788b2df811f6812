//! Pipelines bind datasets there are in environments there are, and nothing else has inputs.
//!
//! Whether an environment may hold what is bound there is judged by the code that the gates use: see
//! `engine::pipelines`.

use super::Facts;
use super::snapshot::unknown_snapshot;
use crate::diagnostic::Diagnostic;
use crate::model::artifact::ArtifactKind;
use crate::model::snapshot::DataRef;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (id, document) in &facts.repository.artifacts {
        let inputs = &document.value.spec.inputs;
        if id.kind != ArtifactKind::Pipeline && !inputs.is_empty() {
            let message = format!("a {} has no inputs; only a pipeline reads data", id.kind);
            let loc = document.key_at("/spec/inputs");
            let problem = Diagnostic::error("inputs-without-pipeline", loc, message);
            found.push(problem.hint("bind them in the manifest of the pipeline that makes it"));
            continue;
        }
        if id.kind != ArtifactKind::Pipeline && document.value.spec.mode.is_some() {
            let message = format!("a {} has no mode; only a pipeline makes anything", id.kind);
            let problem = Diagnostic::error(
                "mode-without-pipeline",
                document.key_at("/spec/mode"),
                message,
            );
            found.push(problem.hint("declare it in the manifest of the pipeline that makes it"));
        }
        for (input, bindings) in inputs {
            let pointer = format!("/spec/inputs/{input}");
            for (environment, dataset) in bindings {
                let key = || document.entry(&pointer, environment);
                found.extend(facts.environment(environment, key));
                let value = || document.at(&format!("{pointer}/{environment}"));
                found.extend(match dataset {
                    DataRef::Dataset(dataset) => facts.dataset(dataset, value),
                    DataRef::Snapshot(id) => unknown_snapshot(facts, id, value),
                });
            }
        }
    }
    found
}
