//! One promotion: what, who, under which rules, what every gate observed, who approved, what was done.

use crate::ops::export::html::Page;
use crate::ops::export::words;
use crate::ops::history::Who;
use crate::ops::records::{AttemptRecord, PromotionRecord};

pub(super) fn promotion(page: &mut Page, number: usize, record: &PromotionRecord) {
    page.markup(&format!("<article id=\"p{number}\">\n"));
    let place = words::place(&record.to);
    page.element(
        "h3",
        &format!("{number}. {} to {place}", words::version(record)),
    );
    page.head("What, who, and under which rules", &["fact", "value"]);
    identity(page, record);
    request(page, record);
    data(page, record);
    rules(page, record);
    page.fact("could not be told", &record.gaps.join("; "));
    page.tail();
    gates(page, record);
    approvals(page, record);
    attempts(page, &record.attempts);
    page.markup("</article>\n");
}

fn identity(page: &mut Page, record: &PromotionRecord) {
    let entries: Vec<String> = record.entries.iter().map(ToString::to_string).collect();
    page.fact("promotion", &record.promotion.to_string());
    page.fact("entries", &entries.join(", "));
    page.fact("status", record.status.word());
    page.fact("kind", &record.what.artifact.kind.to_string());
    page.fact("digest", &record.what.digest.to_string());
    page.fact(
        "bytes",
        &record
            .what
            .bytes
            .map_or_else(String::new, |bytes| bytes.to_string()),
    );
    page.fact(
        "manifest (SHA-256)",
        &record
            .what
            .manifest
            .map_or_else(String::new, |hash| hash.to_string()),
    );
    page.fact(
        "made by",
        &record
            .what
            .producer
            .as_ref()
            .map_or_else(|| "nobody known signed the manifest".to_owned(), words::who),
    );
    page.fact(
        "from",
        &record.from.as_ref().map_or_else(String::new, words::place),
    );
    page.fact("to", &words::place(&record.to));
    page.fact("replaces", &words::replaced(record));
    page.fact("direction", &record.direction.to_string());
}

fn request(page: &mut Page, record: &PromotionRecord) {
    let request = &record.request;
    let signer = |who: Option<&Who>| who.map_or_else(|| "nobody known".to_owned(), words::who);
    page.fact(
        "release signed by",
        &signer(request.release_signed_by.as_ref()),
    );
    page.fact(
        "release (SHA-256)",
        &request
            .release
            .map_or_else(String::new, |hash| hash.to_string()),
    );
    page.fact(
        "release commit",
        request.commit.as_deref().unwrap_or_default(),
    );
    page.fact(
        "commit signed by",
        &signer(request.commit_signed_by.as_ref()),
    );
    page.fact(
        "authors, who may not approve",
        &words::people(&request.authors),
    );
}

fn data(page: &mut Page, record: &PromotionRecord) {
    let lineage = record.lineage.as_ref();
    page.fact("datasets, with their labels", &words::datasets(lineage));
    page.fact("derived from", &words::bases(lineage));
    page.fact("code", &words::code(lineage));
    page.fact(
        "run",
        lineage
            .and_then(|lineage| lineage.run.as_deref())
            .unwrap_or_default(),
    );
    if let Some(labels) = &record.labels {
        let label = labels.version.as_ref();
        page.fact(
            "label of the version",
            &label.map_or_else(|| "not known".to_owned(), ToString::to_string),
        );
        page.fact("clearance of the workspace", &labels.clearance.to_string());
    }
}

fn rules(page: &mut Page, record: &PromotionRecord) {
    if let Some(policy) = &record.policy {
        let adopted = format!(
            "{}; adopted in entry {}, index {} ({}), trust root {} ({})",
            policy.sha256,
            policy.adopted_in,
            policy.index_version,
            policy.index,
            policy.root_version,
            policy.root
        );
        page.fact("policy (SHA-256 of its gates)", &adopted);
    }
    if let Some(decision) = &record.decision {
        page.fact(
            "decision",
            &format!(
                "{} at {}, entry {}, by engine {} {}, rules {}, facts {}",
                decision.result,
                decision.at,
                decision.entry,
                decision.engine,
                decision.engine_version,
                decision.rules_version,
                decision.inputs
            ),
        );
    }
    let earlier: Vec<String> = record
        .earlier_decisions
        .iter()
        .map(ToString::to_string)
        .collect();
    page.fact("earlier decisions, by entry", &earlier.join(", "));
}

fn gates(page: &mut Page, record: &PromotionRecord) {
    let Some(decision) = &record.decision else {
        return;
    };
    page.head(
        "Gates, with what each observed",
        &["gate", "answer", "observed"],
    );
    for gate in &decision.gates {
        let verdict = &gate.verdict;
        page.row(&[
            gate.gate.clone(),
            verdict.result().to_string(),
            verdict.facts().join("; "),
        ]);
    }
    page.tail();
}

fn approvals(page: &mut Page, record: &PromotionRecord) {
    if record.approvals.is_empty() {
        return;
    }
    let columns = [
        "entry",
        "who",
        "groups",
        "said",
        "counted",
        "meaning",
        "signed at",
        "received at",
        "expires at",
        "statement (SHA-256)",
        "signature (SHA-256)",
    ];
    page.head("Approvals and rejections", &columns);
    for approval in &record.approvals {
        let groups: Vec<String> = approval.groups.iter().map(ToString::to_string).collect();
        page.row(&[
            approval.entry.to_string(),
            words::who(&approval.who),
            groups.join(", "),
            words::decision(approval.decision).to_owned(),
            words::counted(approval),
            approval.meaning.clone(),
            approval.signed_at.to_string(),
            approval.received_at.to_string(),
            approval.expires_at.to_string(),
            approval.statement.to_string(),
            approval.signature.to_string(),
        ]);
    }
    page.tail();
}

fn attempts(page: &mut Page, attempts: &[AttemptRecord]) {
    if attempts.is_empty() {
        return;
    }
    let columns = [
        "attempt",
        "engine",
        "began",
        "ended",
        "outcome",
        "digest read back",
        "pointer before",
        "pointer after",
        "reason",
    ];
    page.head("What was done", &columns);
    for attempt in attempts {
        let effect = attempt.effect.as_ref();
        let outcome = match (effect, &attempt.superseded_by) {
            (Some(effect), _) => effect.outcome.to_string(),
            (None, Some(other)) => format!("taken over by {other}"),
            (None, None) => "at work".to_owned(),
        };
        page.row(&[
            attempt.attempt.to_string(),
            attempt.engine.to_string(),
            format!("{} (entry {})", attempt.started_at, attempt.begun_in),
            effect.map_or_else(String::new, |effect| {
                format!("{} (entry {})", effect.ended_at, effect.entry)
            }),
            outcome,
            words::digest(effect.and_then(|effect| effect.read_back)),
            words::digest(effect.and_then(|effect| effect.pointer_before)),
            words::digest(effect.and_then(|effect| effect.pointer_after)),
            effect
                .and_then(|effect| effect.reason.clone())
                .unwrap_or_default(),
        ]);
    }
    page.tail();
}
