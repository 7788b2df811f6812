//! A short past, asked about in every way.

use super::*;
use crate::engine::testing::{Made, TestOrganisation};
use crate::error::FailureKind;
use crate::ops::testing::context_of;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
const SECOND: &str = "wildlife/model/penguin-species@1.1.0";

#[test]
fn each_filter_finds_what_it_says_and_nothing_else() {
    let organisation = TestOrganisation::new();
    let first = organisation.promote_to_prod(FIRST, "weights");
    let middle = organisation.clock_now();
    organisation.wait(1);
    organisation.register("eve", SECOND, &Made::default());
    organisation.say_bytes("dan", b"{}");
    organisation.reconcile();
    let context = context_of(&organisation, "fay");
    let all = history(&context, &HistoryFilter::default()).unwrap();
    let indices: Vec<u64> = all.entries.iter().map(|row| row.index).collect();
    assert_eq!(indices, (0..all.ledger_size).collect::<Vec<_>>());
    let find = |filter: HistoryFilter| -> Vec<String> {
        let report = history(&context, &filter).unwrap();
        let line = |row: &HistoryRow| {
            let who: Vec<&str> = row.signers.iter().map(|who| who.name.as_str()).collect();
            format!("{} {} {}", row.word, who.join("+"), row.what)
        };
        report.entries.iter().map(line).collect()
    };
    let words = |filter: HistoryFilter| -> Vec<String> {
        let word = |line: &String| line.split(' ').next().unwrap().to_owned();
        find(filter).iter().map(word).collect()
    };
    let by = |by: &str| HistoryFilter {
        by: Some(by.to_owned()),
        ..HistoryFilter::default()
    };
    assert_eq!(
        find(HistoryFilter {
            event: Some("adopted".to_owned()),
            ..HistoryFilter::default()
        }),
        [
            "adopted ann of Wildlife+ben of Wildlife+sue of Wildlife trust root 1 and index 1 in force, 10 governed files"
        ]
    );
    assert_eq!(words(by("eve")), ["registered", "registered"]);
    assert_eq!(words(by("dan")), ["received", "refused"]);
    assert_eq!(words(by("local")).len(), all.entries.len());
    let artifact = |text: &str| HistoryFilter {
        artifact: Some(text.to_owned()),
        ..HistoryFilter::default()
    };
    let of_artifact = words(artifact("penguin-species"));
    assert_eq!(of_artifact.len(), all.entries.len() - 2, "{of_artifact:?}");
    assert_eq!(words(artifact("wildlife/penguin-species")), of_artifact);
    assert_eq!(words(artifact("penguin-species@1.1.0")), ["registered"]);
    assert_eq!(
        words(HistoryFilter {
            environment: Some("prod".parse().unwrap()),
            ..HistoryFilter::default()
        }),
        ["received", "received", "decided", "intended", "ended"]
    );
    assert_eq!(
        words(HistoryFilter {
            workspace: Some("qa".parse().unwrap()),
            ..HistoryFilter::default()
        }),
        ["received", "decided", "intended", "ended"]
    );
    let digest = |text: String| HistoryFilter {
        digest: Some(text),
        ..HistoryFilter::default()
    };
    let of_digest = words(digest(first.to_string()));
    assert_eq!(of_digest.len(), all.entries.len() - 3);
    let digits: String = first.sha256().to_string().chars().take(8).collect();
    assert_eq!(words(digest(digits)), of_digest);
    assert_eq!(
        words(HistoryFilter {
            since: Some(middle + jiff::SignedDuration::from_secs(1)),
            ..HistoryFilter::default()
        }),
        ["refused", "registered"]
    );
    let limited = history(
        &context,
        &HistoryFilter {
            until: Some(middle),
            limit: Some(1),
            ..HistoryFilter::default()
        },
    )
    .unwrap();
    assert_eq!(limited.entries.len(), 1);
    assert_eq!(limited.entries[0].what, "succeeded, the first there");
    assert_eq!(limited.left_out, all.entries.len() - 3);
    for (filter, kind) in [
        (by("evee"), FailureKind::Invalid),
        (artifact("penguin-specie"), FailureKind::Invalid),
        (digest("12345".to_owned()), FailureKind::Usage),
    ] {
        let failure = history(&context, &filter).unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(!failure.hints.is_empty());
    }
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
