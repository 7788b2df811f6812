//! Which call of a run is made to fail, and how `strace` is told so.
//!
//! `strace` counts the calls of each thread by itself, among those that its path filter lets pass. Where one thread makes
//! all calls on a path that is the same in every run, path and number are enough. Otherwise the run is stopped after one
//! call after the other until the next one is the one that is meant: from the beginning where its path is known, and else
//! (temporary names, hashes of what was signed a moment ago) from the last call before it whose path is.

use std::collections::BTreeSet;

use crate::faults::calls::Call;

/// The most stops on the way to a call.
const MAX_STOPS: usize = 24;

/// Calls of one name, on one path as the program gives it or on any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) call: String,
    pub(super) path: Option<String>,
}

/// How a call is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    /// The run is stopped after the next of these, one after the other.
    pub(super) stops: Vec<Filter>,
    pub(super) last: Filter,
    /// The number of the call in its thread from there on, from 1.
    pub(super) when: usize,
}

/// A call that is made to fail.
#[derive(Debug)]
pub(super) struct Shot {
    pub(super) call: String,
    pub(super) shown: String,
    /// Ways to hit it, the fastest first.
    pub(super) aims: Vec<Aim>,
}

/// One for every call on a path of a workspace, a staging area or the ledger. A path that two runs had is taken to be in
/// every run.
pub(super) fn plan(run: &[Call], other: &[Call]) -> Vec<Shot> {
    let known: BTreeSet<String> = other.iter().flat_map(names).collect();
    let known = |call: &Call| -> Vec<String> {
        let mut names = names(call);
        names.retain(|name| known.contains(name));
        names
    };
    let shot = |(index, call): (usize, &Call)| {
        let shown = call.shown()?;
        let paths = known(call);
        let aims = if paths.is_empty() {
            let before = run[..index].iter().enumerate();
            let starts = before.flat_map(|(at, call)| {
                let on_path = move |path| on_path(run, at, path);
                known(call)
                    .into_iter()
                    .map(on_path)
                    .map(move |start| (at, start))
            });
            let aims = starts.map(|(at, start)| from_there(run, at, index, start));
            aims.min_by_key(|aim| aim.stops.len()).into_iter().collect()
        } else {
            let aims = paths.into_iter().map(|path| on_path(run, index, path));
            let stepwise = aims.min_by_key(|aim| aim.stops.len())?;
            at_once(run, index, &stepwise)
                .into_iter()
                .chain([stepwise])
                .collect()
        };
        let call = call.name.clone();
        Some(Shot { call, shown, aims })
    };
    let mut shots: Vec<Shot> = run.iter().enumerate().filter_map(shot).collect();
    for shot in &mut shots {
        shot.aims.retain(|aim| aim.stops.len() <= MAX_STOPS);
    }
    shots
}

/// What a filter may name a call by: its paths as they are given, and the folders and files behind its descriptors.
fn names(call: &Call) -> Vec<String> {
    if call.paths.is_empty() {
        return Vec::new();
    }
    let given = call.paths.iter().map(|named| named.given.clone());
    given.chain(call.descriptors.iter().cloned()).collect()
}

/// Stops after every call on the path before it.
fn on_path(run: &[Call], index: usize, path: String) -> Aim {
    let call = &run[index];
    let is_like = |other: &&Call| other.name == call.name && other.is_on(&path);
    let count = run[..index].iter().filter(is_like).count();
    let last = Filter {
        call: call.name.clone(),
        path: Some(path),
    };
    Aim {
        stops: vec![last.clone(); count],
        last,
        when: 1,
    }
}

/// Without stops, when one thread makes all these calls.
fn at_once(run: &[Call], index: usize, stepwise: &Aim) -> Option<Aim> {
    let Filter { call, path } = &stepwise.last;
    let is_like =
        |other: &&Call| other.name == *call && path.as_ref().is_some_and(|path| other.is_on(path));
    let mut before = run[..=index].iter().filter(is_like);
    before
        .all(|other| other.thread == run[index].thread)
        .then(|| Aim {
            stops: Vec::new(),
            last: stepwise.last.clone(),
            when: stepwise.stops.len() + 1,
        })
}

/// Goes to another call first, then stops after every call of the name, on whatever path.
fn from_there(run: &[Call], start: usize, index: usize, aim: Aim) -> Aim {
    let last = Filter {
        call: run[index].name.clone(),
        path: None,
    };
    let between = &run[start + 1..index];
    let count = between.iter().filter(|call| call.name == last.call).count();
    let mut stops = aim.stops;
    stops.push(aim.last);
    stops.extend(vec![last.clone(); count]);
    Aim {
        stops,
        last,
        when: 1,
    }
}
