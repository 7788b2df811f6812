//! The stage of the story: a repository, workspaces, keys, a clock, and what was told so far.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::attest::ssh::sign;
use crate::clock::{Clock as _, ManualClock};
use crate::config::Environment;
use crate::context::{Context, Settings};
use crate::engine::Engine;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::topology::PatternName;
use crate::model::lineage::{CodeCommit, Lineage};
use crate::ops::attach::Attachments;
use crate::ops::demo::Line;
use crate::ops::demo::models::{Penguins, Trained};
use crate::ops::demo::people::Person;
use crate::ops::init::{InitRequest, init};
use crate::ops::register::told::LineageFiles;
use crate::ops::register::{NewArtifact, RegisterRequest};
use crate::ops::trust::{NewKey, add_key, commit_signed, sign as sign_trust};

/// The stage.
pub(super) struct Scene<'a> {
    pub(super) context: Context,
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
        let later = match seconds / 3_600 {
            1 => "1 hour later".to_owned(),
            hours => format!("{hours} hours later"),
        };
        self.say("", "", &format!("… {later}, {}", self.clock.now()), true);
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
        let signed = sign_trust(&ada, None)?;
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

    pub(super) fn observer(&self) -> Result<Engine> {
        self.context.observer()
    }

    pub(super) fn stop_unless(&self, is_expected: bool) -> Result<()> {
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

    pub(super) fn say(&mut self, who: &str, command: &str, result: &str, is_expected: bool) {
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
    pub(super) fn context_of(&self, person: Person) -> Context {
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

    pub(super) fn register_request(
        &self,
        model: &Trained,
        workspace: &str,
    ) -> Result<RegisterRequest> {
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
            snapshots: Vec::new(),
            lineage: Some(Lineage {
                datasets: vec![model.dataset.parse().or_fail(FailureKind::Internal)?],
                code: Some(code),
                ..Lineage::default()
            }),
            told_by: LineageFiles::default(),
            tags: BTreeMap::new(),
            description: None,
            metrics,
            card: Some("MODEL_CARD.md".parse().or_fail(FailureKind::Internal)?),
            artifact: Some(NewArtifact {
                owner: "data-scientists".parse().or_fail(FailureKind::Internal)?,
                purpose: "Pre-sorting of field records, which a person checks.".to_owned(),
                risk_tier: None,
            }),
            attachments: Attachments::default(),
            carried: None,
            branch: None,
            from,
        })
    }
}
