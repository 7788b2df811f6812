//! Records as comma-separated values (RFC 4180), safe to open in a spreadsheet.
//!
//! Every cell is in quotes. A cell that a spreadsheet would take for a formula gets an apostrophe before it, and line breaks
//! become spaces; JSON Lines have the exact text.

use crate::error::Result;
use crate::ops::export::{check_size, words};
use crate::ops::records::PromotionRecord;
use crate::redact::printable;

/// A column: its name, and what is in it.
type Column = (&'static str, fn(&PromotionRecord) -> String);

/// The columns. Programs read them by name; new ones go to the end.
const COLUMNS: [Column; 38] = [
    ("promotion", |record| record.promotion.to_string()),
    ("status", |record| record.status.word().to_owned()),
    ("last_recorded_at", |record| {
        record.last_recorded_at.to_string()
    }),
    ("kind", |record| record.what.artifact.kind.to_string()),
    ("artifact", |record| record.what.artifact.to_string()),
    ("version", |record| optional(record.what.version.as_ref())),
    ("digest", |record| record.what.digest.to_string()),
    ("bytes", |record| optional(record.what.bytes)),
    ("producer", |record| {
        optional(record.what.producer.as_ref().map(words::who))
    }),
    ("from", |record| {
        optional(record.from.as_ref().map(words::place))
    }),
    ("to", |record| words::place(&record.to)),
    ("replaces", words::replaced),
    ("direction", |record| record.direction.to_string()),
    ("requested_by", |record| {
        optional(record.request.release_signed_by.as_ref().map(words::who))
    }),
    ("request_commit", |record| {
        optional(record.request.commit.as_ref())
    }),
    ("release_sha256", |record| optional(record.request.release)),
    ("barred_authors", |record| {
        words::people(&record.request.authors)
    }),
    ("decision", |record| {
        optional(record.decision.as_ref().map(|decision| decision.result))
    }),
    ("decided_at", |record| {
        optional(record.decision.as_ref().map(|decision| decision.at))
    }),
    ("decision_entry", |record| {
        optional(record.decision.as_ref().map(|decision| decision.entry))
    }),
    ("gates", |record| {
        let gates = record.decision.iter().flat_map(|decision| &decision.gates);
        gates.map(words::gate).collect::<Vec<_>>().join(" | ")
    }),
    ("approvals", |record| {
        record
            .approvals
            .iter()
            .map(words::approval)
            .collect::<Vec<_>>()
            .join(" | ")
    }),
    ("label", |record| {
        let labels = record.labels.as_ref();
        labels.map_or_else(String::new, |labels| {
            labels
                .version
                .as_ref()
                .map_or_else(|| "not known".to_owned(), ToString::to_string)
        })
    }),
    ("clearance", |record| {
        optional(
            record
                .labels
                .as_ref()
                .map(|labels| labels.clearance.to_string()),
        )
    }),
    ("datasets", |record| {
        words::datasets(record.lineage.as_ref())
    }),
    ("bases", |record| words::bases(record.lineage.as_ref())),
    ("code", |record| words::code(record.lineage.as_ref())),
    ("run", |record| {
        optional(
            record
                .lineage
                .as_ref()
                .and_then(|lineage| lineage.run.clone()),
        )
    }),
    ("policy_sha256", |record| {
        optional(record.policy.as_ref().map(|policy| policy.sha256))
    }),
    ("policy_version", |record| {
        optional(record.policy.as_ref().map(|policy| policy.index_version))
    }),
    ("trust_root_version", |record| {
        optional(record.policy.as_ref().map(|policy| policy.root_version))
    }),
    ("engine", |record| {
        let decision = record.decision.as_ref();
        optional(
            decision.map(|decision| format!("{} {}", decision.engine, decision.engine_version)),
        )
    }),
    ("ended_at", |record| {
        optional(record.effect().map(|effect| effect.ended_at))
    }),
    ("outcome", |record| {
        optional(record.effect().map(|effect| effect.outcome))
    }),
    ("reason", |record| {
        optional(record.effect().and_then(|effect| effect.reason.clone()))
    }),
    ("read_back", |record| {
        optional(record.effect().and_then(|effect| effect.read_back))
    }),
    ("entries", |record| {
        record
            .entries
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }),
    ("gaps", |record| record.gaps.join("; ")),
];

pub(super) fn render(records: &[PromotionRecord]) -> Result<String> {
    let mut text = row(COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    for record in records {
        text.push_str(&row(COLUMNS.iter().map(|(_, cell)| cell(record))));
        check_size(&text)?;
    }
    Ok(text)
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A row of cells in quotes that no spreadsheet computes.
pub(crate) fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.map(|text| cell(&text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell in quotes that no spreadsheet computes.
fn cell(text: &str) -> String {
    let line = text.replace(['\r', '\n', '\t'], " ");
    let safe = printable(&line).replace('"', "\"\"");
    if is_formula(&safe) {
        format!("\"'{safe}\"")
    } else {
        format!("\"{safe}\"")
    }
}

/// Whether a spreadsheet would compute a cell: the characters that OWASP lists under "CSV injection", also in full width,
/// and behind spaces and quotes that a spreadsheet skips.
fn is_formula(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    start.starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cells of one row, as RFC 4180 reads them.
    fn read(row: &str) -> Vec<String> {
        let inner = row.strip_suffix("\r\n").unwrap();
        let inner = inner.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        inner
            .split("\",\"")
            .map(|cell| cell.replace("\"\"", "\""))
            .collect()
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\"=1", "'=1", "＝1", "|x",
            "%0A=1",
        ] {
            let cell = cell(text);
            assert!(cell.starts_with("\"'"), "{text:?} became {cell}");
        }
        assert_eq!(cell("a=1"), "\"a=1\"");
        assert_eq!(cell("say \"yes\"\nand go"), "\"say \"\"yes\"\" and go\"");
        assert_eq!(cell("a\u{202e}b"), "\"a\\u{202e}b\"");
    }

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> =
            COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), COLUMNS.len());
    }

    proptest! {
        #[test]
        fn a_row_has_the_cells_that_were_put_in(cells in prop::collection::vec("[a-z0-9=+,;\" \r\n]{0,12}", 1..6)) {
            let written = row(cells.iter().cloned());
            prop_assert_eq!(written.matches("\r\n").count(), 1);
            prop_assume!(cells.iter().all(|cell| !cell.contains('"')));
            let read = read(&written);
            prop_assert_eq!(read.len(), cells.len());
            for (read, put) in read.iter().zip(&cells) {
                let put = put.replace(['\r', '\n'], " ");
                let marked = format!("'{put}");
                prop_assert!(*read == put || *read == marked);
                prop_assert!(!is_formula(read) || read.starts_with('\''));
            }
        }
    }
}
