//! Proof by trying: random stories of several people, told to the real code and to a small model of the rules, and judged
//! by three oracles.
//!
//! - *Taint*: beside each file the test keeps what it was truly made from. Nothing may be where that may not be.
//! - *Agreement*: labels, leave to register, and every decision are those of the model, in both directions.
//! - *Two runs*: the same story over other production bytes looks the same from dev, to the letter.
//!
//! Each of the faults in [`Fault`] is planted in turn and must be noticed; one that survives fails the build.

mod rules;
mod steps;
mod story;
mod world;
mod writing;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::engine::proof::steps::{Step, stories};
use crate::engine::proof::story::{Seen, Story, Violation, violation};
use crate::model::planted::{self, Fault};

/// How many stories the right code must survive.
const STORIES: usize = 600;
/// Within how many stories a planted fault must be noticed.
const PATIENCE: usize = 1_500;

/// Tells a story to the end, or to the first thing that an oracle sees.
fn tell(steps: &[Step], secret: &'static str) -> Result<Seen, Violation> {
    let mut story = Story::new(secret);
    for step in steps {
        story.tell(step)?;
    }
    story.agree_on_labels(usize::MAX)?;
    Ok(story.seen)
}

fn judge(steps: &[Step]) -> Result<(), Violation> {
    let seen = tell(steps, "one")?;
    // What was let through on purpose may be seen.
    let is_plain = |step: &&Step| !matches!(step, Step::Declassify { .. });
    let plain: Vec<Step> = steps.iter().filter(is_plain).cloned().collect();
    let (first, second) = if plain.len() == steps.len() {
        (seen, tell(&plain, "another")?)
    } else {
        (tell(&plain, "one")?, tell(&plain, "another")?)
    };
    if first == second {
        Ok(())
    } else {
        Err(violation(
            "two runs",
            format!("{first:?} differs from {second:?}"),
        ))
    }
}

/// The first of so many stories in which an oracle sees something, with its number.
fn first_violation(stories_told: usize) -> Option<(usize, Vec<Step>, Violation)> {
    let mut runner = TestRunner::deterministic();
    let strategy = stories();
    for number in 1..=stories_told {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let Err(mut seen) = judge(&tree.current()) else {
            continue;
        };
        let mut shortest = tree.current();
        // Shrunk, so that a person can read it.
        for _ in 0..200 {
            if !tree.simplify() {
                break;
            }
            match judge(&tree.current()) {
                Err(again) => {
                    seen = again;
                    shortest = tree.current();
                }
                Ok(()) if !tree.complicate() => break,
                Ok(()) => {}
            }
        }
        return Some((number, shortest, seen));
    }
    None
}

#[test]
fn no_story_breaks_the_rules() {
    if let Some((number, steps, seen)) = first_violation(STORIES) {
        panic!("story {number}, {}: {}\n{steps:#?}", seen.oracle, seen.what);
    }
}

#[test]
fn every_planted_fault_is_noticed() {
    let try_one = |fault: &Fault| {
        let found = planted::with(Some(*fault), || first_violation(PATIENCE));
        let line = match &found {
            Some((number, steps, seen)) => {
                let (oracle, steps) = (seen.oracle, steps.len());
                format!(
                    "{fault:?}: noticed by {oracle} in story {number}; {steps} steps when shrunk"
                )
            }
            None => format!("{fault:?}: survived"),
        };
        (line, found.is_none().then_some(*fault))
    };
    let (lines, survived): (Vec<String>, Vec<Option<Fault>>) =
        Fault::ALL.par_iter().map(try_one).unzip();
    let survived: Vec<Fault> = survived.into_iter().flatten().collect();
    assert_eq!(survived, [], "of these:\n{}", lines.join("\n"));
}
