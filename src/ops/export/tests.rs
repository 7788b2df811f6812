//! What is written, read again.

use super::*;
use crate::engine::testing::TestOrganisation;
use crate::ops::testing::context_of;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

fn request(format: Format, folder: &Path) -> ExportRequest {
    ExportRequest {
        file: Some((format, folder.join("records"))),
        ..ExportRequest::default()
    }
}

fn written(context: &Context, request: &ExportRequest) -> (String, WrittenFile) {
    let report = export(context, request).unwrap().file.unwrap();
    let bytes = durable::read_bounded(&report.path, MAX_EXPORT_BYTES).unwrap();
    assert_eq!(report.sha256, Sha256::of(&bytes));
    (String::from_utf8(bytes).unwrap(), report)
}

#[test]
fn every_format_has_every_promotion() {
    let organisation = TestOrganisation::new();
    let digest = organisation.promote_to_prod(FIRST, "weights").to_string();
    let (context, folder) = (context_of(&organisation, "fay"), organisation.folder());
    let (lines, report) = written(&context, &request(Format::Jsonl, folder));
    assert_eq!(report.promotions, 2);
    let records: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["attempts"][0]["effect"]["readBack"], digest);
    assert_eq!(records[1]["status"], "succeeded");
    let (rows, _) = written(&context, &request(Format::Csv, folder));
    assert_eq!(rows.matches("\r\n").count(), 3);
    let last = rows.trim_end().lines().last().unwrap();
    for part in [
        digest.as_str(),
        "\"prod\"",
        "dan of Wildlife (dan, key SHA256:",
        "approvals: allow: ",
    ] {
        assert!(last.contains(part), "{part} is not in {last}");
    }
    let (page, _) = written(&context, &request(Format::Html, folder));
    assert_eq!(page.matches("<article ").count(), 2);
    for part in [
        digest.as_str(),
        "information-flow",
        "dan of Wildlife",
        "What else was recorded",
        "penguins-sample",
    ] {
        assert!(page.contains(part), "{part} is not on the page");
    }
}

#[test]
fn filters_leave_out_the_rest_and_the_page_says_so() {
    let organisation = TestOrganisation::new();
    organisation.promote_to_prod(FIRST, "weights");
    let (context, folder) = (context_of(&organisation, "fay"), organisation.folder());
    let mut prod = request(Format::Html, folder);
    prod.filter.environment = Some("prod".parse().unwrap());
    let (page, report) = written(&context, &prod);
    assert_eq!(report.promotions, 1);
    assert!(page.contains("<td>environment prod</td>"));
    let mut later = request(Format::Jsonl, folder);
    later.filter.since = Some(organisation.clock_now() + jiff::SignedDuration::from_secs(1));
    assert_eq!(written(&context, &later).1.promotions, 0);
}

/// Text that would be markup, a script or a formula if anything let it.
const HOSTILE: &str = "=HYPERLINK(\"http://evil.example\")<script>alert(1)</script><img src=x onerror=alert(1)>&'\u{202e}";

#[test]
fn what_people_write_is_never_markup() {
    let organisation = TestOrganisation::new();
    organisation.promote_to_prod(FIRST, "weights");
    let context = context_of(&organisation, "fay");
    let mut engine = context.observer().unwrap();
    let book = engine.open_ledger().unwrap();
    let filter = HistoryFilter::default();
    let mut export = gather(&context, book, &filter, &filter.resolve(book).unwrap());
    let clean = html::render(&export).unwrap();
    export.asked.push(HOSTILE.to_owned());
    for record in &mut export.records {
        for approval in &mut record.approvals {
            HOSTILE.clone_into(&mut approval.meaning);
            HOSTILE.clone_into(&mut approval.who.name);
        }
        record.gaps.push(HOSTILE.to_owned());
        for attempt in &mut record.attempts {
            if let Some(effect) = &mut attempt.effect {
                effect.reason = Some(HOSTILE.to_owned());
            }
        }
    }
    for row in &mut export.others {
        HOSTILE.clone_into(&mut row.what);
    }
    let page = html::render(&export).unwrap();
    // No tag more than before, however often the text is there.
    let tags = |page: &str| page.matches('<').count();
    assert!(page.matches("alert(1)").count() > 10);
    assert_eq!(tags(&page), tags(&clean));
    assert!(!page.contains('\u{202e}') && !page.contains("<script"));
    let rows = csv::render(&export.records).unwrap();
    assert!(rows.contains("\"'=HYPERLINK(\"\"http"), "{rows}");
}

#[test]
fn a_page_loads_nothing() {
    let organisation = TestOrganisation::new();
    organisation.promote_to_prod(FIRST, "weights");
    let context = context_of(&organisation, "fay");
    let (page, _) = written(&context, &request(Format::Html, organisation.folder()));
    for part in [
        "src=", "<link", "<script", "@import", "url(", "<iframe", "<form",
    ] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'"));
    let hrefs: Vec<&str> = page.split("href=\"").skip(1).collect();
    assert!(!hrefs.is_empty() && hrefs.iter().all(|href| href.starts_with("#p")));
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let context = context_of(&organisation, "fay");
    let failure = export(
        &context,
        &request(Format::Csv, &organisation.folder().join("nowhere")),
    );
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(
        failure
            .message
            .contains("nowhere/records` cannot be written")
    );
}
