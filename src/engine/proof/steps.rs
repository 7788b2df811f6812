//! The steps that stories are made of, and how chance puts them together.

use proptest::prelude::*;

/// Picks the newest version; one less, the one before.
pub(super) const LAST: usize = usize::MAX;

/// One step of a story. Numbers pick from what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Makes new bytes in a workspace from what can be read there.
    Make {
        artifact: usize,
        datasets: u8,
        bases: Vec<usize>,
        place: usize,
        by: usize,
        is_signed: bool,
    },
    /// Registers known bytes, or a file of them among others, with a made-up claim.
    Copy {
        of: usize,
        artifact: usize,
        place: usize,
        by: usize,
        is_signed: bool,
        claim: u8,
        is_part: bool,
    },
    Relabel {
        dataset: usize,
        tags: u8,
    },
    Answer {
        who: usize,
        version: usize,
        place: usize,
        is_yes: bool,
    },
    Declassify {
        owners: u8,
        version: usize,
        place: usize,
    },
    Promote {
        version: usize,
        place: usize,
        approver: Option<usize>,
    },
    Wait {
        hours: i64,
    },
}

fn registering() -> impl Strategy<Value = Step> {
    let make = (
        0..3_usize,
        any::<u8>(),
        prop::collection::vec(any::<usize>(), 0..3),
        0..3_usize,
        0..2_usize,
        prop::bool::weighted(0.8),
    );
    let make = make.prop_map(
        |(artifact, datasets, bases, place, by, is_signed)| Step::Make {
            artifact,
            datasets,
            bases,
            place,
            by,
            is_signed,
        },
    );
    let copy = (
        any::<usize>(),
        0..3_usize,
        0..3_usize,
        0..2_usize,
        prop::bool::weighted(0.8),
        1..8_u8,
        any::<bool>(),
    );
    let copy = copy.prop_map(
        |(of, artifact, place, by, is_signed, claim, is_part)| Step::Copy {
            of,
            artifact,
            place,
            by,
            is_signed,
            claim,
            is_part,
        },
    );
    prop_oneof![2 => make, 1 => copy]
}

fn step() -> impl Strategy<Value = Step> {
    let relabel = (0..3_usize, 0..4_u8).prop_map(|(dataset, tags)| Step::Relabel { dataset, tags });
    let answer = (
        0..6_usize,
        any::<usize>(),
        0..3_usize,
        prop::bool::weighted(0.7),
    );
    let answer = answer.prop_map(|(who, version, place, is_yes)| Step::Answer {
        who,
        version,
        place,
        is_yes,
    });
    let declassify = (1..16_u8, any::<usize>(), 0..3_usize);
    let declassify = declassify.prop_map(|(owners, version, place)| Step::Declassify {
        owners,
        version,
        place,
    });
    let promote = (
        any::<usize>(),
        0..3_usize,
        prop::option::weighted(0.8, 0..3_usize),
    );
    let promote = promote.prop_map(|(version, place, approver)| Step::Promote {
        version,
        place,
        approver,
    });
    let wait = prop_oneof![Just(1), Just(30), Just(60)].prop_map(|hours| Step::Wait { hours });
    prop_oneof![6 => registering(), 2 => relabel, 1 => answer, 3 => declassify, 8 => promote, 1 => wait]
}

/// Something is let through, and something happens before it is used.
fn leave() -> impl Strategy<Value = Vec<Step>> {
    let leave = (1..16_u8, any::<usize>(), 0..3_usize, 0..3_usize, 0..5_usize);
    leave.prop_map(|(owners, version, place, other, then)| {
        let declassify = || Step::Declassify {
            owners,
            version,
            place,
        };
        let then = match then {
            0 => Step::Wait { hours: 60 },
            1 => Step::Relabel {
                dataset: 1,
                tags: 3,
            },
            2 => Step::Relabel {
                dataset: 0,
                tags: 1,
            },
            3 => declassify(),
            _ => Step::Wait { hours: 1 },
        };
        let promote = |place| Step::Promote {
            version,
            place,
            approver: Some(0),
        };
        vec![declassify(), then, promote(other), promote(place)]
    })
}

/// An answer that is used at once, or late.
fn late() -> impl Strategy<Value = Vec<Step>> {
    let late = (any::<usize>(), 0..3_usize, prop_oneof![Just(1), Just(60)]);
    late.prop_map(|(version, place, hours)| {
        let answer = Step::Answer {
            who: 2,
            version,
            place,
            is_yes: true,
        };
        vec![
            answer,
            Step::Wait { hours },
            Step::Promote {
                version,
                place,
                approver: None,
            },
        ]
    })
}

/// A slot goes on and comes back, after the data may have been labelled otherwise.
fn back() -> impl Strategy<Value = Vec<Step>> {
    (0..3_usize, 0..3_usize, 0..4_u8).prop_map(|(artifact, dataset, tags)| {
        let make = || Step::Make {
            artifact,
            datasets: 1,
            bases: Vec::new(),
            place: 0,
            by: 1,
            is_signed: true,
        };
        let promote = |version| Step::Promote {
            version,
            place: 1,
            approver: Some(0),
        };
        let relabel = Step::Relabel { dataset, tags };
        let (first, second) = (LAST - 1, LAST);
        vec![
            make(),
            make(),
            promote(first),
            promote(second),
            relabel,
            promote(first),
        ]
    })
}

/// Single steps, and some that matter only one after the other, so that chance alone would seldom bring them.
fn scene() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![6 => step().prop_map(|step| vec![step]), 2 => leave(), 1 => late(), 1 => back()]
}

/// Stories of some length.
pub(super) fn stories() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(scene(), 4..16).prop_map(|scenes| scenes.concat())
}
