//! Parts of pages that several commands show.

use crate::diagnostic::Diagnostic;
use crate::engine::incident::{Incident, Standing};
use crate::engine::reconcile::{SlotReport, SlotStatus};
use crate::model::promotion::Promotion;
use crate::model::verdict::{Decision, Verdict};
use crate::ops::catalogue::HeldAt;
use crate::ui::report::{Page, Tone};

/// The word for a status.
pub(crate) const fn status_word(status: SlotStatus) -> (&'static str, Tone) {
    match status {
        SlotStatus::UpToDate => ("up to date", Tone::Faint),
        SlotStatus::Promoted => ("promoted", Tone::Good),
        SlotStatus::Ready => ("ready", Tone::Good),
        SlotStatus::Waiting => ("waiting", Tone::Waiting),
        SlotStatus::AtWork => ("at work", Tone::Waiting),
        SlotStatus::Unavailable => ("unavailable", Tone::Bad),
        SlotStatus::Denied => ("denied", Tone::Bad),
        SlotStatus::Errored => ("errored", Tone::Bad),
        SlotStatus::Failed => ("failed", Tone::Bad),
    }
}

/// One slot of a plan or a run: what happens to it, and what every gate that did not pass says.
pub(crate) fn slot(page: &mut Page, report: &SlotReport) {
    let (word, tone) = status_word(report.status);
    let what = format!(
        "{}@{} to {}",
        report.slot.artifact, report.version, report.slot.workspace
    );
    page.mark(tone, &format!("{word:<11}"), what);
    if let Some(promotion) = report
        .promotion
        .as_ref()
        .filter(|_| report.status != SlotStatus::Promoted)
    {
        page.line(format!(
            "            promotion {}: {}",
            promotion.id.short(),
            movement(promotion)
        ));
    }
    if let Some(reason) = &report.reason {
        page.line(format!("            {reason}"));
    }
    if let Some(report) = &report.decision {
        unmet_gates(page, report);
    }
}

/// What a promotion does, in words.
pub(crate) fn movement(promotion: &Promotion) -> String {
    let from = promotion
        .from
        .as_ref()
        .map_or_else(|| "from nowhere".to_owned(), |from| format!("from {from}"));
    let replaces = promotion.replaces.map_or_else(
        || "the first there".to_owned(),
        |digest| format!("replaces {}", digest.short()),
    );
    format!(
        "{} {} {from}, {replaces}",
        promotion.direction,
        promotion.digest.short()
    )
}

fn unmet_gates(page: &mut Page, decision: &Decision) {
    for gate in &decision.gates {
        let word = match &gate.verdict {
            Verdict::Pass { .. } => continue,
            Verdict::Pending { .. } => "needs",
            Verdict::Deny { .. } => "denied",
            Verdict::Unavailable { .. } => "unknown",
        };
        for fact in gate.verdict.facts() {
            page.line(format!("            {word}: {}: {fact}", gate.gate));
        }
    }
}

/// Every gate's answer.
pub(crate) fn gates(page: &mut Page, decision: &Decision) {
    for gate in &decision.gates {
        let (word, tone) = match &gate.verdict {
            Verdict::Pass { .. } => ("pass", Tone::Good),
            Verdict::Pending { .. } => ("pending", Tone::Waiting),
            Verdict::Deny { .. } => ("deny", Tone::Bad),
            Verdict::Unavailable { .. } => ("unavailable", Tone::Bad),
        };
        let mut facts = gate.verdict.facts().iter();
        page.mark(
            tone,
            &format!("  {word:<11}"),
            format!(
                "{:<21} {}",
                gate.gate,
                facts.next().map_or("", String::as_str)
            ),
        );
        for fact in facts {
            page.line(format!("{:36}{fact}", ""));
        }
    }
}

/// Access for an incident, in a line.
pub(crate) fn incident(page: &mut Page, incident: &Incident) {
    let terms = &incident.terms;
    let (word, tone) = match incident.standing {
        Standing::InForce => ("access:", Tone::Strong),
        Standing::ReviewDue => ("review due:", Tone::Bad),
        Standing::Waiting => ("access waits:", Tone::Waiting),
        Standing::Void => ("access void:", Tone::Bad),
        Standing::Reviewed => ("reviewed:", Tone::Faint),
        Standing::Lapsed => ("lapsed:", Tone::Faint),
    };
    let (id, person, role) = (incident.short(), &terms.person, &terms.role);
    let place = terms
        .workspace
        .as_ref()
        .map_or_else(|| terms.environment.to_string(), ToString::to_string);
    let end = match incident.standing {
        Standing::InForce | Standing::Waiting | Standing::Void => "until",
        Standing::ReviewDue | Standing::Reviewed | Standing::Lapsed => "ended",
    };
    let next = match incident.standing {
        Standing::ReviewDue => format!("; somebody else signs `promote access review {id}`"),
        Standing::Waiting => format!(
            "; {}; `promote access approve {id}`",
            incident.because.join(", ")
        ),
        Standing::Void => format!("; {}", incident.because.join(", ")),
        Standing::InForce | Standing::Reviewed | Standing::Lapsed => String::new(),
    };
    page.mark(
        tone,
        word,
        format!(
            "{person} as {role} in {place}, {end} {} ({id}){next}",
            incident.ends
        ),
    );
}

/// What is passed over, and why.
pub(crate) fn notes(page: &mut Page, not_adopted: &[String], ignored: &[Diagnostic]) {
    for problem in not_adopted {
        page.mark(Tone::Waiting, "not in force:", problem);
    }
    for problem in ignored {
        let (line, column) = problem.loc.line_and_column();
        page.mark(
            Tone::Waiting,
            "passed over:",
            format!(
                "{}:{line}:{column}: {}",
                problem.loc.file.path, problem.message
            ),
        );
    }
}

/// What stands where nothing is.
pub(crate) fn dash() -> String {
    "-".to_owned()
}

/// The most workspaces that a cell names.
const MAX_PLACES: usize = 6;

/// Workspaces that have a version, each with its region and how it is there.
pub(crate) fn places(places: &[HeldAt]) -> String {
    let first: Vec<String> = places.iter().take(MAX_PLACES).map(place).collect();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    some_of(&first, MAX_PLACES, places.len())
}

/// The first few of several names, and how many more there are.
pub(crate) fn some(names: &[&str], most: usize) -> String {
    some_of(names, most, names.len())
}

/// The first few of the names that are here, and how many more of all there are.
pub(crate) fn some_of(names: &[&str], most: usize, all: usize) -> String {
    let first: Vec<&str> = names.iter().take(most).copied().collect();
    match (first.as_slice(), all.saturating_sub(first.len())) {
        ([], 0) => dash(),
        (first, 0) => first.join(", "),
        (first, more) => format!("{}, {more} more", first.join(", ")),
    }
}

/// A number of bytes in words.
pub(crate) fn bytes(bytes: u64) -> String {
    const LARGER: [&str; 4] = ["MiB", "GiB", "TiB", "PiB"];
    if bytes < 1 << 10 {
        return format!("{bytes} B");
    }
    let (mut rest, mut unit) = (bytes, "KiB");
    for larger in LARGER {
        if rest < 1 << 20 {
            break;
        }
        rest >>= 10;
        unit = larger;
    }
    // Tenths, cut and not rounded: nothing is said to be larger than it is.
    let tenths = (rest % 1024) * 10 / 1024;
    format!("{}.{tenths} {unit}", rest / 1024)
}

fn place(place: &HeldAt) -> String {
    let HeldAt {
        workspace,
        environment,
        ..
    } = place;
    let name = if environment.as_str() == workspace.as_str() {
        workspace.to_string()
    } else {
        format!("{environment}/{workspace}")
    };
    match &place.region {
        Some(region) => format!("{name} ({region}, {})", place.word()),
        None => format!("{name} (gone, {})", place.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_the_largest_unit_that_they_fill() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn what_is_not_named_is_counted() {
        assert_eq!(some(&[], 2), "-");
        assert_eq!(some(&["a", "b"], 2), "a, b");
        assert_eq!(some(&["a", "b", "c"], 2), "a, b, 1 more");
        assert_eq!(some_of(&["a"], 2, 9), "a, 8 more");
    }
}
