//! What the people of the story do, each with the command that it stands for.

use std::collections::BTreeSet;

use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::approval::ApprovalDecision;
use crate::ops::apply::apply;
use crate::ops::approve::{Answer, Asked, DEFAULT_VALIDITY, Desk};
use crate::ops::demo::models::{Trained, register_command};
use crate::ops::demo::people::Person;
use crate::ops::demo::scene::Scene;
use crate::ops::demo::told::summary;
use crate::ops::register::register;
use crate::ops::release::{ReleaseRequest, request, rollback};
use crate::ops::verify::{Verification, VerifyRequest, verify};

impl Scene<'_> {
    pub(super) async fn register(
        &mut self,
        person: Person,
        model: &Trained,
        workspace: &str,
    ) -> Result<()> {
        let report = register(
            &self.context_of(person),
            &self.register_request(model, workspace)?,
        )
        .await?;
        let result = format!(
            "{} bytes, {}…, label: {}",
            report.size,
            report.digest.short(),
            report.label
        );
        self.say(
            person.name(),
            &register_command(model, workspace),
            &result,
            true,
        );
        Ok(())
    }

    pub(super) async fn register_is_denied(
        &mut self,
        person: Person,
        model: &Trained,
        workspace: &str,
    ) -> Result<()> {
        let answer = register(
            &self.context_of(person),
            &self.register_request(model, workspace)?,
        )
        .await;
        let (result, is_expected) = match answer {
            Err(failure) if failure.kind == FailureKind::Denied => {
                (format!("denied: {}", failure.message), true)
            }
            Err(failure) => return Err(failure),
            Ok(_) => ("registered, which must not happen".to_owned(), false),
        };
        self.say(
            person.name(),
            &register_command(model, workspace),
            &result,
            is_expected,
        );
        self.stop_unless(is_expected)
    }

    pub(super) fn request(
        &mut self,
        person: Person,
        model: &Trained,
        environment: &str,
    ) -> Result<()> {
        let asked = ReleaseRequest {
            version: model.id()?,
            environment: environment.parse().or_fail(FailureKind::Internal)?,
            workspaces: BTreeSet::new(),
            reason: None,
            branch: None,
        };
        request(&self.context_of(person), &asked)?;
        let command = format!(
            "promote request wildlife/{}@{} --to {environment}",
            model.name, model.version
        );
        self.say(
            person.name(),
            &command,
            &format!("{environment} should hold it: a signed release, committed"),
            true,
        );
        Ok(())
    }

    pub(super) fn rollback(
        &mut self,
        person: Person,
        model: &Trained,
        environment: &str,
    ) -> Result<()> {
        let id = model.id()?;
        let environment_name = environment.parse().or_fail(FailureKind::Internal)?;
        let report = rollback(
            &self.context_of(person),
            &id.artifact,
            &environment_name,
            None,
            Some("it disappoints".to_owned()),
        )?;
        let command = format!(
            "promote rollback wildlife/{} --in {environment}",
            model.name
        );
        self.say(
            person.name(),
            &command,
            &format!(
                "back to {}: a release like any other",
                report.version.version
            ),
            true,
        );
        Ok(())
    }

    pub(super) fn approve(
        &mut self,
        people: &[Person],
        environment: &str,
        model: &Trained,
    ) -> Result<()> {
        let mut results = Vec::new();
        let promotion = self.waiting(&format!("{environment}-{}-", model.name))?;
        for person in people {
            let context = self.context_of(*person);
            let desk = Desk::open(&context)?;
            let drafts = desk.drafts(&Asked::One(promotion.clone()))?;
            let answer = Answer {
                decision: ApprovalDecision::Approve,
                meaning: "I have read the model card and accept it here.".to_owned(),
                validity: DEFAULT_VALIDITY.parse().or_fail(FailureKind::Internal)?,
            };
            for draft in drafts {
                desk.answer(&context, &draft, &answer)?;
                results.extend(draft.warnings.into_iter().take(1));
            }
        }
        let names: Vec<&str> = people.iter().map(|person| person.name()).collect();
        let result = results.first().map_or_else(
            || "signed with their own keys, handed in".to_owned(),
            |warning| format!("signed, but {warning}"),
        );
        self.say(
            &names.join(","),
            &format!("promote approve {promotion}"),
            &result,
            true,
        );
        Ok(())
    }

    /// The promotion that waits and whose id begins like this.
    fn waiting(&self, prefix: &str) -> Result<String> {
        let mut engine = self.context.observer()?;
        let world = engine.observe()?;
        let judged = engine.survey(&world, Vec::new())?.judged;
        let promotion = judged
            .into_iter()
            .map(|judged| judged.promotion.id.short())
            .find(|id| id.starts_with(prefix));
        promotion.ok_or_else(|| {
            Failure::new(
                FailureKind::Internal,
                format!("no promotion `{prefix}…` waits"),
            )
        })
    }

    /// One run of the engine, which must come to what the story says.
    pub(super) async fn apply(&mut self, expected: &str) -> Result<()> {
        let report = apply(&self.context, &BTreeSet::new(), None).await?;
        let (word, result) = summary(&report);
        self.say("ci", "promote apply", &result, word == expected);
        self.stop_unless(word == expected)
    }

    pub(super) fn verify(&mut self) -> Result<()> {
        let report = verify(&self.context, &VerifyRequest::default())?;
        let audit = &report.audit;
        let result = format!(
            "{} entries, {} signatures, {} decisions made again: all true",
            audit.entries, audit.signatures, audit.decisions
        );
        let is_expected = report.verdict == Verification::Passed;
        self.say("anyone", "promote verify", &result, is_expected);
        self.stop_unless(is_expected)
    }
}
