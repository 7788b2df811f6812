//! Records as one page that needs nothing else: no script, no image, no address that is loaded. All that comes from people
//! is escaped, and a content security policy forbids what escaping might have missed.

mod promotion;

use crate::error::Result;
use crate::model::digest::Sha256;
use crate::ops::export::html::promotion::promotion;
use crate::ops::export::{Export, check_size, words};
use crate::ops::history::HistoryRow;
use crate::ops::records::PromotionRecord;
use crate::redact::printable;

/// The looks; nothing in it comes from outside.
const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#111;background:#fff}\
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem}h3{font-size:1.05rem;margin:2rem 0 .5rem}\
table{border-collapse:collapse;width:100%;margin:.5rem 0}caption{text-align:left;font-weight:600;padding:.3rem 0}\
th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
thead th{background:#eee}tbody th{font-weight:600;width:14rem;background:#f6f6f6}\
code{font-family:ui-monospace,monospace;font-size:.87em}article{break-inside:avoid}\
@media print{body{margin:0;max-width:none}a{color:inherit;text-decoration:none}}";

/// A page while it is written. Text goes in escaped; markup is ours alone.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Adds markup of ours.
    fn markup(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Adds text from anywhere.
    fn text(&mut self, text: &str) {
        for character in printable(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    /// Adds text in an element without attributes.
    fn element(&mut self, tag: &str, text: &str) {
        self.markup(&format!("<{tag}>"));
        self.text(text);
        self.markup(&format!("</{tag}>"));
    }

    fn head(&mut self, caption: &str, columns: &[&str]) {
        self.markup("<table>\n");
        self.element("caption", caption);
        self.markup("<thead><tr>");
        for column in columns {
            self.markup("<th scope=\"col\">");
            self.text(column);
            self.markup("</th>");
        }
        self.markup("</tr></thead>\n<tbody>\n");
    }

    fn row(&mut self, cells: &[String]) {
        self.markup("<tr>");
        for cell in cells {
            self.element("td", cell);
        }
        self.markup("</tr>\n");
    }

    fn tail(&mut self) {
        self.markup("</tbody></table>\n");
    }

    /// One fact of a record: its name, and what it is.
    fn fact(&mut self, name: &str, value: &str) {
        self.markup("<tr><th scope=\"row\">");
        self.text(name);
        self.markup("</th>");
        self.element("td", if value.is_empty() { words::NONE } else { value });
        self.markup("</tr>\n");
    }
}

pub(super) fn render(export: &Export<'_>) -> Result<String> {
    let mut page = Page::default();
    page.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n");
    page.markup("<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.element(
        "title",
        &format!("Promotions recorded in {}", export.ledger),
    );
    page.markup(&format!(
        "\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    ));
    page.element("h1", &format!("Promotions recorded in {}", export.ledger));
    introduction(&mut page, export);
    overview(&mut page, &export.records);
    check_size(&page.0)?;
    page.markup("<h2>Each promotion</h2>\n");
    for (number, record) in (1..).zip(&export.records) {
        promotion(&mut page, number, record);
        check_size(&page.0)?;
    }
    others(&mut page, &export.others);
    check_size(&page.0)?;
    page.markup("</main>\n</body>\n</html>\n");
    Ok(page.0)
}

fn introduction(page: &mut Page, export: &Export<'_>) {
    let known =
        |hash: Option<Sha256>| hash.map_or_else(|| words::NONE.to_owned(), |hash| hash.to_string());
    page.head("What this page was made from", &["fact", "value"]);
    page.fact("ledger", export.ledger);
    page.fact("entries", &export.ledger_size.to_string());
    page.fact(
        "checkpoint",
        &export.checkpoint.map_or_else(
            || words::NONE.to_owned(),
            |(size, root)| format!("{size} entries, root {root}"),
        ),
    );
    page.fact("first trust root (SHA-256)", &known(export.first_root));
    page.fact("made at", &export.at.to_string());
    page.fact("made by", concat!("promote ", env!("CARGO_PKG_VERSION")));
    let asked = if export.asked.is_empty() {
        "everything".to_owned()
    } else {
        export.asked.join(", ")
    };
    page.fact("asked for", &asked);
    page.fact("promotions", &export.records.len().to_string());
    page.tail();
    page.markup("<p>All times are UTC. This page is a rendering and is not signed: what it says stands in the ledger, under the entries that each promotion names. <code>promote verify --pinned FILE</code> verifies the whole ledger and decides every promotion again; <code>promote ledger prove INDEX --out FILE</code> proves one entry to somebody who has only the log&#39;s key.</p>\n");
}

fn overview(page: &mut Page, records: &[PromotionRecord]) {
    page.markup("<h2>All promotions</h2>\n");
    let columns = [
        "#",
        "last recorded",
        "what",
        "from",
        "to",
        "direction",
        "replaces",
        "asked by",
        "approved by",
        "decision",
        "outcome",
    ];
    page.head("In the order in which they were first recorded", &columns);
    for (number, record) in (1_usize..).zip(records) {
        let approvers: Vec<&str> = record.approvers().map(|who| who.name.as_str()).collect();
        let requester = record.request.release_signed_by.as_ref();
        page.markup(&format!("<tr><td><a href=\"#p{number}\">{number}</a></td>"));
        let cells = [
            record.last_recorded_at.to_string(),
            words::version(record),
            record
                .from
                .as_ref()
                .map_or_else(|| words::NONE.to_owned(), words::place),
            words::place(&record.to),
            record.direction.to_string(),
            words::replaced(record),
            requester.map_or_else(|| "not known".to_owned(), |who| who.name.clone()),
            approvers.join(", "),
            record.decision.as_ref().map_or_else(
                || "none yet".to_owned(),
                |decision| decision.result.to_string(),
            ),
            record.status.word().to_owned(),
        ];
        for cell in &cells {
            page.element("td", cell);
        }
        page.markup("</tr>\n");
    }
    page.tail();
}

fn others(page: &mut Page, others: &[HistoryRow]) {
    page.markup("<h2>What else was recorded</h2>\n");
    page.head(
        "Rules adopted, versions registered, statements refused, digests marked bad",
        &["entry", "time", "event", "version", "by", "what"],
    );
    for row in others {
        let version = match (&row.artifact, &row.version) {
            (Some(artifact), Some(version)) => format!("{artifact}@{version}"),
            (Some(artifact), None) => artifact.to_string(),
            (None, _) => String::new(),
        };
        let by = match row.signers.as_slice() {
            [] => format!("engine {}", row.entry.engine),
            signers => words::people(signers),
        };
        page.row(&[
            row.index.to_string(),
            row.entry.recorded_at.to_string(),
            row.word.to_owned(),
            version,
            by,
            row.what.clone(),
        ]);
    }
    page.tail();
}
