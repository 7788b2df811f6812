//! A short past, asked about in every way.

use jiff::Timestamp;

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
        let report = holdings(&context, (at, at), filter).unwrap();
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

#[test]
fn a_day_is_everything_that_ran_on_it_and_who_wanted_that() {
    let organisation = TestOrganisation::new();
    organisation.promote_to_prod(FIRST, "weights");
    let start = organisation.clock_now();
    organisation.wait(1);
    organisation.promote_to_prod(SECOND, "better weights");
    let context = context_of(&organisation, "fay");
    let prod = HistoryFilter {
        environment: Some("prod".parse().unwrap()),
        ..HistoryFilter::default()
    };
    let report = holdings(&context, (start, organisation.clock_now()), &prod).unwrap();
    let [first, second] = report.slots.as_slice() else {
        panic!("{report:#?}");
    };
    assert_eq!((first.since, first.until), (start, Some(second.since)));
    assert_eq!(second.until, None);
    let names = |people: &[Who]| -> std::collections::BTreeSet<String> {
        people.iter().map(|who| who.principal.to_string()).collect()
    };
    assert_eq!(
        names(&second.approved_by),
        ["bob".to_owned(), "dan".to_owned()].into()
    );
    assert_eq!(
        second.requested_by.as_ref().unwrap().name,
        "eve of Wildlife"
    );
    let before = start - jiff::SignedDuration::from_secs(1);
    assert!(
        holdings(&context, (before, before), &prod)
            .unwrap()
            .slots
            .is_empty()
    );
}

#[test]
fn who_approved_this_and_what_did_this_person_approve() {
    let organisation = TestOrganisation::new();
    let past = past(&organisation);
    let said = |of: Option<&str>, by: Option<&str>| -> Vec<(String, String, &'static str)> {
        let filter = HistoryFilter {
            by: by.map(str::to_owned),
            ..HistoryFilter::default()
        };
        let report = approvals(&past.context, of, &filter).unwrap();
        let rows = report.approvals.iter().map(|row| {
            assert!(row.approval.who.key.is_some() && !row.approval.meaning.is_empty());
            let place = row.to.workspace.to_string();
            (
                row.approval.who.principal.to_string(),
                place,
                row.status.word(),
            )
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort();
        rows
    };
    let row = |who: &str, place: &str| (who.to_owned(), place.to_owned(), "succeeded");
    let all = vec![row("bob", "prod"), row("bob", "qa"), row("dan", "prod")];
    assert_eq!(said(None, None), all);
    assert_eq!(said(Some("penguin-species@1.0.0"), None), all);
    assert_eq!(said(Some(&past.first.to_string()), None), all);
    assert_eq!(said(Some("penguin-species@1.1.0"), None), vec![]);
    assert_eq!(said(None, Some("dan")), vec![row("dan", "prod")]);
    assert_eq!(
        said(None, Some("dan of Wildlife")),
        vec![row("dan", "prod")]
    );
    let report = approvals(&past.context, None, &HistoryFilter::default()).unwrap();
    let into_qa = report
        .approvals
        .iter()
        .find(|row| row.to.workspace.as_str() == "qa");
    let promotion = into_qa.unwrap().promotion.short();
    assert_eq!(said(Some(&promotion), None), vec![row("bob", "qa")]);
    let failure = approvals(
        &past.context,
        Some("no-such-model"),
        &HistoryFilter::default(),
    );
    assert_eq!(failure.unwrap_err().kind, FailureKind::Invalid);
}
