//! `promote demo`: the whole story on a real model, in a folder of its own.
//!
//! Every line is a use case that a command stands for, run with the keys of the person who would run it. The clock is
//! moved between the days of the story, which ends today, so that soak times pass without waiting for them.

mod acts;
mod models;
mod people;
mod scene;
mod told;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::durable;
use crate::model::promotion::OutcomeKind;
use crate::ops::demo::models::Trained;
use crate::ops::demo::people::Person;
use crate::ops::demo::scene::Scene;

/// One line of the story.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Who acts.
    pub who: String,
    /// The command that the line stands for.
    pub command: String,
    /// What came of it.
    pub result: String,
    /// Whether it came out as the story tells it.
    pub is_expected: bool,
}

/// What is left to explore.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoReport {
    /// The folder of everything.
    pub directory: PathBuf,
    /// The lines.
    pub lines: Vec<Line>,
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// How many promotions succeeded.
    pub promotions: usize,
}

/// How long ago the story begins: two soak times, and some hours of work.
const DAYS_AGO: i64 = 3;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Plays the story in a folder, and tells each line as it happens.
///
/// # Errors
///
/// When the folder is not empty, or the story does not go as it should.
pub async fn demo(
    context: &Context,
    directory: &Path,
    tell: &mut (dyn FnMut(&Line) + Send),
) -> Result<DemoReport> {
    if durable::exists(directory)
        && durable::read_dir_names(directory, 10).is_ok_and(|names| !names.is_empty())
    {
        let failure = Failure::new(
            FailureKind::Invalid,
            format!("`{}` is not empty", directory.display()),
        );
        return Err(failure.hint("name another folder, or remove this one"));
    }
    let mut scene = Scene::new(
        context,
        directory,
        context.clock.now().as_second() - DAYS_AGO * DAY,
        tell,
    )?;
    found(&mut scene)?;
    first_version(&mut scene).await?;
    second_version(&mut scene).await?;
    back_again(&mut scene).await?;
    production_data(&mut scene).await?;
    finish(scene)
}

/// An organisation, four people with their own keys, and a signed start.
fn found(scene: &mut Scene<'_>) -> Result<()> {
    scene.init()?;
    scene.add(&[Person::Dana, Person::Rita, Person::Omar, Person::Mia])?;
    scene.leave()?;
    scene.sign_trust()
}

/// A model goes from dev to qa, waits a day, and goes to prod.
async fn first_version(scene: &mut Scene<'_>) -> Result<()> {
    scene.register(Person::Dana, &Trained::FIRST, "dev").await?;
    scene.request(Person::Dana, &Trained::FIRST, "qa")?;
    scene.apply("waits").await?;
    scene.approve(&[Person::Dana], "qa", &Trained::FIRST)?;
    scene.apply("waits").await?;
    scene.approve(&[Person::Rita], "qa", &Trained::FIRST)?;
    scene.apply("promoted").await?;
    scene.request(Person::Dana, &Trained::FIRST, "prod")?;
    scene.apply("waits").await?;
    scene.pass(DAY + HOUR);
    scene.approve(&[Person::Omar, Person::Mia], "prod", &Trained::FIRST)?;
    scene.apply("promoted").await
}

/// A better version takes its place.
async fn second_version(scene: &mut Scene<'_>) -> Result<()> {
    scene
        .register(Person::Dana, &Trained::SECOND, "dev")
        .await?;
    scene.request(Person::Dana, &Trained::SECOND, "qa")?;
    scene.approve(&[Person::Omar], "qa", &Trained::SECOND)?;
    scene.apply("promoted").await?;
    scene.pass(DAY + HOUR);
    scene.request(Person::Dana, &Trained::SECOND, "prod")?;
    scene.approve(&[Person::Rita, Person::Mia], "prod", &Trained::SECOND)?;
    scene.apply("promoted").await
}

/// It disappoints, and the first comes back.
async fn back_again(scene: &mut Scene<'_>) -> Result<()> {
    scene.pass(HOUR);
    scene.rollback(Person::Rita, &Trained::SECOND, "prod")?;
    scene.approve(&[Person::Mia], "prod", &Trained::FIRST)?;
    scene.apply("promoted").await
}

/// A model that saw production data stays where such data may be, under every name.
async fn production_data(scene: &mut Scene<'_>) -> Result<()> {
    scene
        .register(Person::Dana, &Trained::FIELD, "prod")
        .await?;
    scene
        .register_is_denied(Person::Dana, &Trained::RENAMED, "dev")
        .await?;
    scene.request(Person::Dana, &Trained::FIELD, "dev")?;
    scene.apply("denied").await
}

fn finish(mut scene: Scene<'_>) -> Result<DemoReport> {
    scene.verify()?;
    let mut engine = scene.observer()?;
    engine.observe()?;
    let book = engine.book()?;
    let succeeded = |entry: &&crate::model::event::Entry| match &entry.event {
        crate::model::event::Event::Ended(outcome) => outcome.outcome == OutcomeKind::Succeeded,
        _ => false,
    };
    let (ledger_size, promotions) = (
        book.state().size,
        book.entries().iter().filter(succeeded).count(),
    );
    Ok(DemoReport {
        directory: scene.directory().to_owned(),
        lines: scene.into_lines(),
        ledger_size,
        promotions,
    })
}
