//! A short past, asked about in every way.

use super::*;
use crate::engine::testing::{Made, TestOrganisation};
use crate::error::FailureKind;
use crate::ops::testing::context_of;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
const SECOND: &str = "wildlife/model/penguin-species@1.1.0";

/// A version that went to prod; an hour later another was registered, and a statement refused.
struct Past {
    context: Context,
    first: TreeDigest,
    middle: Timestamp,
    size: usize,
}

fn past(organisation: &TestOrganisation) -> Past {
    let first = organisation.promote_to_prod(FIRST, "weights");
    let middle = organisation.clock_now();
    organisation.wait(1);
    let made = Made {
        files: &[("model.bin", "better weights")],
        ..Made::default()
    };
    organisation.register("eve", SECOND, &made);
    organisation.say_bytes("dan", b"{}");
    let size = organisation.reconcile().ledger_size;
    Past {
        context: context_of(organisation, "fay"),
        first,
        middle,
        size: usize::try_from(size).unwrap(),
    }
}

impl Past {
    fn find(&self, change: impl FnOnce(&mut HistoryFilter)) -> Result<HistoryReport> {
        let mut filter = HistoryFilter::default();
        change(&mut filter);
        history(&self.context, &filter)
    }

    fn words(&self, change: impl FnOnce(&mut HistoryFilter)) -> Vec<&'static str> {
        let report = self.find(change).unwrap();
        report.entries.iter().map(|row| row.word).collect()
    }
}

#[test]
fn each_filter_finds_what_it_says_and_nothing_else() {
    let organisation = TestOrganisation::new();
    let past = past(&organisation);
    let by = |by: &'static str| move |filter: &mut HistoryFilter| filter.by = Some(by.to_owned());
    let artifact = |artifact: &'static str| {
        move |filter: &mut HistoryFilter| filter.artifact = Some(artifact.to_owned())
    };
    let digest = |digest: String| move |filter: &mut HistoryFilter| filter.digest = Some(digest);
    assert_eq!(past.words(by("eve")), ["registered", "registered"]);
    assert_eq!(past.words(by("dan")), ["received", "refused"]);
    assert_eq!(past.words(by("local")).len(), past.size);
    let of_artifact = past.words(artifact("penguin-species"));
    assert_eq!(of_artifact.len(), past.size - 2, "{of_artifact:?}");
    assert_eq!(
        past.words(artifact("wildlife/penguin-species")),
        of_artifact
    );
    assert_eq!(
        past.words(artifact("penguin-species@1.1.0")),
        ["registered"]
    );
    assert_eq!(
        past.words(|filter| filter.environment = Some("prod".parse().unwrap())),
        ["received", "received", "decided", "intended", "ended"]
    );
    assert_eq!(
        past.words(|filter| filter.workspace = Some("qa".parse().unwrap())),
        ["received", "decided", "intended", "ended"]
    );
    let of_digest = past.words(digest(past.first.to_string()));
    assert_eq!(of_digest.len(), past.size - 3);
    let digits: String = past.first.sha256().to_string().chars().take(8).collect();
    assert_eq!(past.words(digest(digits)), of_digest);
    for (failure, kind) in [
        (past.find(by("evee")), FailureKind::Invalid),
        (past.find(artifact("penguin-specie")), FailureKind::Invalid),
        (past.find(digest("12345".to_owned())), FailureKind::Usage),
    ] {
        let failure = failure.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(!failure.hints.is_empty());
    }
}

#[test]
fn nothing_is_too_old_and_a_limit_keeps_the_newest() {
    let organisation = TestOrganisation::new();
    let past = past(&organisation);
    let all = past.find(|_| {}).unwrap();
    let indices: Vec<u64> = all.entries.iter().map(|row| row.index).collect();
    assert_eq!(indices, (0..all.ledger_size).collect::<Vec<_>>());
    let first = &all.entries[0];
    let names: Vec<&str> = first.signers.iter().map(|who| who.name.as_str()).collect();
    assert_eq!(
        names,
        ["ann of Wildlife", "ben of Wildlife", "sue of Wildlife"]
    );
    assert_eq!(
        first.what,
        "trust root 1 and index 1 in force, 9 governed files"
    );
    let after = past.middle + jiff::SignedDuration::from_secs(1);
    assert_eq!(
        past.words(|filter| filter.since = Some(after)),
        ["refused", "registered"]
    );
    let limited = |filter: &mut HistoryFilter| {
        filter.until = Some(past.middle);
        filter.limit = Some(1);
    };
    let limited = past.find(limited).unwrap();
    assert_eq!(limited.entries.len(), 1);
    assert_eq!(limited.entries[0].what, "succeeded, the first there");
    assert_eq!(limited.left_out, past.size - 3);
}

#[test]
fn a_moment_of_the_past_is_as_it_was() {
    let organisation = TestOrganisation::new();
    let before = organisation.clock_now();
    organisation.wait(1);
    let first = organisation.promote_to_prod(FIRST, "weights");
    let between = organisation.clock_now();
    organisation.wait(1);
    let second = organisation.promote_to_prod(SECOND, "better weights");
    let context = context_of(&organisation, "fay");
    let held = |at, filter: &HistoryFilter| -> Vec<(String, TreeDigest)> {
        let report = holdings(&context, at, filter).unwrap();
        let slots = report.slots.iter();
        slots
            .map(|row| (row.environment.to_string(), row.digest))
            .collect()
    };
    let all = HistoryFilter::default();
    let pair = |digest| vec![("prod".to_owned(), digest), ("qa".to_owned(), digest)];
    assert_eq!(held(before, &all), []);
    assert_eq!(held(between, &all), pair(first));
    assert_eq!(held(organisation.clock_now(), &all), pair(second));
    let prod = HistoryFilter {
        environment: Some("prod".parse().unwrap()),
        ..HistoryFilter::default()
    };
    assert_eq!(held(between, &prod), [("prod".to_owned(), first)]);
}
