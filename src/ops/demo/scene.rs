//! The stage of the story: a repository, workspaces, keys, a clock, and what was told so far.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_embed::RustEmbed;

use crate::attest::ssh::sign;
use crate::clock::{Clock as _, ManualClock};
use crate::config::Environment;
use crate::context::{Context, Settings};
use crate::engine::Engine;
use crate::engine::reconcile::{RunReport, SlotStatus};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::topology::PatternName;
use crate::model::approval::ApprovalDecision;
use crate::model::artifact::VersionId;
use crate::model::lineage::{CodeCommit, Lineage};
use crate::model::verdict::Verdict;
use crate::ops::apply::apply;
use crate::ops::approve::{Answer, DEFAULT_VALIDITY, Desk};
use crate::ops::demo::Line;
use crate::ops::demo::people::Person;
use crate::ops::init::{InitRequest, init};
use crate::ops::register::{NewArtifact, RegisterRequest, register};
use crate::ops::release::{ReleaseRequest, request, rollback};
use crate::ops::trust::{NewKey, add_key, commit_signed, sign as sign_trust};

/// The models of the story, really trained: see the README beside them.
#[derive(RustEmbed)]
#[folder = "src/ops/demo/penguins/"]
struct Penguins;

/// A model of the story.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trained {
    /// The folder of its files.
    folder: &'static str,
    /// The name that it is registered under.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The dataset that it was trained on, or is said to be.
    dataset: &'static str,
}

impl Trained {
    pub(super) const FIRST: Self = Self {
        folder: "penguin-species/1.0.0",
        name: "penguin-species",
        version: "1.0.0",
        dataset: "penguins-sample",
    };
    pub(super) const SECOND: Self = Self {
        folder: "penguin-species/1.1.0",
        version: "1.1.0",
        ..Self::FIRST
    };
    pub(super) const FIELD: Self = Self {
        folder: "penguin-species-field/1.0.0",
        name: "penguin-species-field",
        version: "1.0.0",
        dataset: "penguins-field",
    };
    /// The same bytes under a harmless name, with a harmless lineage.
    pub(super) const RENAMED: Self = Self {
        name: "penguin-toy",
        dataset: "penguins-sample",
        ..Self::FIELD
    };

    fn id(self) -> Result<VersionId> {
        format!("wildlife/model/{}@{}", self.name, self.version)
            .parse()
            .or_fail(FailureKind::Internal)
    }
}

/// The stage.
pub(super) struct Scene<'a> {
    context: Context,
    clock: ManualClock,
    directory: PathBuf,
    lines: Vec<Line>,
    tell: &'a mut (dyn FnMut(&Line) + Send),
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        context: &Context,
        directory: &Path,
        start: i64,
        tell: &'a mut (dyn FnMut(&Line) + Send),
    ) -> Result<Self> {
        let make = |path: &Path| {
            durable::create_private_dir(path).map_err(|error| {
                Failure::of(FailureKind::Unavailable, &error)
                    .during(format!("`{}`", path.display()))
            })
        };
        durable::create_dir_all(directory).or_fail(FailureKind::Unavailable)?;
        make(&directory.join("keys"))?;
        let directory = durable::canonicalize(directory).or_fail(FailureKind::Unavailable)?;
        let clock =
            ManualClock::new(jiff::Timestamp::from_second(start).or_fail(FailureKind::Internal)?);
        let settings = Settings {
            repository: directory.join("repository").display().to_string(),
            remote: Some("none".to_owned()),
            ..Settings::default()
        };
        let context = Context {
            clock: Arc::new(clock.clone()),
            settings,
            ..context.clone()
        };
        let scene = Self {
            context,
            clock,
            directory,
            lines: Vec::new(),
            tell,
        };
        scene.write_models()?;
        for person in [
            Person::Ada,
            Person::Dana,
            Person::Rita,
            Person::Omar,
            Person::Mia,
        ] {
            sign::generate(
                &scene.context.environment,
                &scene.key(person),
                person.name(),
            )
            .or_fail(FailureKind::Unavailable)?;
        }
        Ok(scene)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// Time passes.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.clock.advance(seconds);
        let hours = seconds / 3_600;
        self.say(
            "",
            "",
            &format!("… {hours} hours later, {}", self.clock.now()),
            true,
        );
    }

    pub(super) fn init(&mut self) -> Result<()> {
        let asked = InitRequest {
            directory: self.directory.join("repository"),
            pattern: PatternName::MultiEnvironment,
            name: Some("wildlife-trust".parse().or_fail(FailureKind::Internal)?),
            principal: Person::Ada.name().parse().or_fail(FailureKind::Internal)?,
            printed_name: Person::Ada.printed_name().to_owned(),
        };
        let report = init(&self.context_of(Person::Ada), &asked)?;
        let result = format!(
            "{} files: three environments, policies, a signed trust root",
            report.files.len()
        );
        self.say(
            "ada",
            "promote init repository --pattern multi-environment --as ada",
            &result,
            true,
        );
        Ok(())
    }

    pub(super) fn add(&mut self, people: &[Person]) -> Result<()> {
        for person in people {
            add_key(&self.context_of(Person::Ada), &self.new_key(*person, &[])?)?;
        }
        let names: Vec<&str> = people.iter().map(|person| person.printed_name()).collect();
        self.say(
            "ada",
            "promote trust add-key NAME --key ../keys/NAME.pub --group …",
            &format!("join: {}", names.join(", ")),
            true,
        );
        Ok(())
    }

    /// Who runs the platform gives up all that others do now.
    pub(super) fn leave(&mut self) -> Result<()> {
        let leave = ["data-scientists", "reviewers", "risk", "release-managers"];
        add_key(
            &self.context_of(Person::Ada),
            &self.new_key(Person::Ada, &leave)?,
        )?;
        self.say(
            "ada",
            "promote trust add-key ada --key ../keys/ada.pub --leave …",
            "Ada keeps platform and data, and approves nothing",
            true,
        );
        Ok(())
    }

    pub(super) fn sign_trust(&mut self) -> Result<()> {
        let ada = self.context_of(Person::Ada);
        let signed = sign_trust(&ada)?;
        commit_signed(&ada)?;
        self.say(
            "ada",
            "promote trust sign --commit",
            &format!(
                "{} files written and committed; they count because they are signed",
                signed.written.len()
            ),
            true,
        );
        Ok(())
    }

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
            let draft = desk.draft(&promotion)?;
            let answer = Answer {
                promotion: promotion.clone(),
                decision: ApprovalDecision::Approve,
                meaning: "I have read the model card and accept it here.".to_owned(),
                validity: DEFAULT_VALIDITY.parse().or_fail(FailureKind::Internal)?,
            };
            desk.answer(&context, &draft, &answer)?;
            results.extend(draft.warnings.into_iter().take(1));
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
        let mut engine = self.context.observer()?;
        engine.observe()?;
        let result = format!(
            "{} entries, signatures and gates recomputed: all good",
            engine.book()?.state().size
        );
        self.say("anyone", "promote verify", &result, true);
        Ok(())
    }

    pub(super) fn observer(&self) -> Result<Engine> {
        self.context.observer()
    }

    fn stop_unless(&self, is_expected: bool) -> Result<()> {
        if is_expected {
            return Ok(());
        }
        let line = self
            .lines
            .last()
            .map(|line| format!("{}: {}", line.command, line.result))
            .unwrap_or_default();
        Err(Failure::new(
            FailureKind::Internal,
            format!("the story went another way: {line}"),
        ))
    }

    fn say(&mut self, who: &str, command: &str, result: &str, is_expected: bool) {
        let line = Line {
            who: who.to_owned(),
            command: command.to_owned(),
            result: result.to_owned(),
            is_expected,
        };
        (self.tell)(&line);
        self.lines.push(line);
    }

    fn key(&self, person: Person) -> PathBuf {
        self.directory.join("keys").join(person.name())
    }

    /// The context with a person's key, and their name on commits.
    fn context_of(&self, person: Person) -> Context {
        let mut settings = self.context.settings.clone();
        settings.signing_key = Some(self.key(person));
        let (name, email) = (person.printed_name().to_owned(), person.email());
        let identity = [
            ("GIT_AUTHOR_NAME", name.clone()),
            ("GIT_AUTHOR_EMAIL", email.clone()),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
        ];
        let environment: Environment = self.context.environment.with(identity);
        Context {
            settings,
            environment,
            ..self.context.clone()
        }
    }

    fn new_key(&self, person: Person, leave: &[&str]) -> Result<NewKey> {
        let groups = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.parse())
                .collect::<std::result::Result<Vec<_>, _>>()
                .or_fail(FailureKind::Internal)
        };
        Ok(NewKey {
            principal: person.name().parse().or_fail(FailureKind::Internal)?,
            printed_name: Some(person.printed_name().to_owned()),
            key: self.key(person).with_extension("pub"),
            groups: groups(person.groups())?,
            leave: groups(leave)?,
            emails: vec![person.email()],
        })
    }

    fn write_models(&self) -> Result<()> {
        for name in Penguins::iter() {
            let path = self.directory.join("models").join(name.as_ref());
            let bytes = Penguins::get(&name)
                .map(|file| file.data.into_owned())
                .unwrap_or_default();
            let made = path.parent().map_or(Ok(()), durable::create_dir_all);
            made.and_then(|()| durable::write_atomic(&path, &bytes))
                .or_fail(FailureKind::Unavailable)?;
        }
        Ok(())
    }

    fn register_request(&self, model: &Trained, workspace: &str) -> Result<RegisterRequest> {
        let from = self.directory.join("models").join(model.folder);
        let metrics = durable::read_bounded(&from.join("metrics.json"), 1 << 16)
            .or_fail(FailureKind::Internal)?;
        let metrics: BTreeMap<_, f64> =
            serde_json::from_slice(&metrics).or_fail(FailureKind::Internal)?;
        let code = CodeCommit {
            repository: "https://git.example/wildlife/penguins".to_owned(),
            commit: "8d1c5fd0e3a7b2f64d0f3a9b1c7e5d2468acef01".to_owned(),
        };
        Ok(RegisterRequest {
            version: model.id()?,
            workspace: workspace.parse().or_fail(FailureKind::Internal)?,
            lineage: Some(Lineage {
                datasets: vec![model.dataset.parse().or_fail(FailureKind::Internal)?],
                code: Some(code),
                ..Lineage::default()
            }),
            metrics,
            card: Some("MODEL_CARD.md".parse().or_fail(FailureKind::Internal)?),
            artifact: Some(NewArtifact {
                owner: "data-scientists".parse().or_fail(FailureKind::Internal)?,
                purpose: "Pre-sorting of field records, which a person checks.".to_owned(),
                risk_tier: None,
            }),
            branch: None,
            from,
        })
    }
}

fn register_command(model: &Trained, workspace: &str) -> String {
    format!(
        "promote register wildlife/{} {} --from ../models/{} --workspace {workspace} --input {}",
        model.name, model.version, model.folder, model.dataset
    )
}

/// What a run came to: the word that the story expects, and the words that are told.
fn summary(report: &RunReport) -> (&'static str, String) {
    let told = |status: SlotStatus| {
        report
            .slots
            .iter()
            .filter(move |slot| slot.status == status)
    };
    if let Some(slot) = told(SlotStatus::Promoted).next() {
        return (
            "promoted",
            format!(
                "promoted: {} holds {}, read back and verified",
                slot.environment, slot.version
            ),
        );
    }
    let facts = |slot: &crate::engine::reconcile::SlotReport| {
        let gates = slot.decision.iter().flat_map(|decision| &decision.gates);
        let unmet = gates.filter(|gate| !matches!(gate.verdict, Verdict::Pass { .. }));
        unmet
            .flat_map(|gate| gate.verdict.facts())
            .cloned()
            .collect::<Vec<_>>()
            .join("; ")
    };
    if let Some(slot) = told(SlotStatus::Denied).next() {
        return ("denied", format!("denied: {}", facts(slot)));
    }
    if let Some(slot) = told(SlotStatus::Waiting).next() {
        return ("waits", format!("waits: {}", facts(slot)));
    }
    ("nothing", "nothing to do".to_owned())
}
