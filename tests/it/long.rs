//! What is long, and why: the rows that `tidy` allows.

/// Sources that are longer, each with the reason. A row that is no longer needed is removed.
pub(crate) const LONG_FILES: &[(&str, &str)] = &[
    (
        "src/adapter/directory/tests.rs",
        "one short test a promise of the adapter",
    ),
    (
        "src/engine/audit/decision.rs",
        "one decision made again, one function for each group of its facts",
    ),
    (
        "src/engine/evidence.rs",
        "one function for each group of facts that gates judge",
    ),
    (
        "src/engine/execute.rs",
        "an attempt from staging to outcome, read in one go",
    ),
    (
        "src/engine/observe.rs",
        "one look at the world, in the order that matters",
    ),
    (
        "src/engine/reconcile.rs",
        "one run with its report; half of it is the report's types",
    ),
    (
        "src/engine/trust.rs",
        "the rules of adoption with the tests of each attack on them",
    ),
    (
        "src/flow/closure.rs",
        "the closure of labels with its laws as tests",
    ),
    (
        "src/git/commit.rs",
        "writing trees and commits, with tests against `git` itself",
    ),
    (
        "src/ledger/log/mod.rs",
        "one log: reading, appending and signing must be seen together",
    ),
    (
        "src/model/digest.rs",
        "one digest format: text, file lists, checksums, and their tests",
    ),
    (
        "src/plan/state.rs",
        "the fold over the ledger: one function for each event",
    ),
    (
        "tests/it/approvals.rs",
        "one story for each way to cheat with an approval",
    ),
    (
        "tests/it/bad_input.rs",
        "one story for each kind of bad input",
    ),
    (
        "tests/it/crashes.rs",
        "one story for each moment to be killed at",
    ),
    (
        "tests/it/flow.rs",
        "one story for each way to move labelled bytes",
    ),
    (
        "tests/it/tampering.rs",
        "one story for each way to change a ledger",
    ),
    (
        "tests/it/trust.rs",
        "one story for each way to change a rule",
    ),
];

/// Functions that are longer, each with the reason.
pub(crate) const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "src/adapter/mlflow/refusal.rs",
        "refusals_mean_what_mlflow_and_proxies_mean_by_them",
        "one table",
    ),
    (
        "tests/it/adapters/mlflow/hostile.rs",
        "refusals_are_told_apart_and_pages_become_one_line",
        "one table",
    ),
    (
        "tests/it/approvals.rs",
        "statements_that_contradict_themselves_are_refused_with_the_reason",
        "a table of contradictions",
    ),
    (
        "tests/it/bundle/rules.rs",
        "a_base_comes_first_and_may_have_another_name",
        "one story to its end",
    ),
    (
        "tests/it/flow.rs",
        "a_hand_written_manifest_of_production_bytes_in_dev_is_a_violation_and_goes_nowhere",
        "one story to its end",
    ),
    (
        "tests/it/trust.rs",
        "a_merge_alone_changes_no_rule",
        "a table of changes",
    ),
    (
        "tests/it/trust_keys.rs",
        "a_stolen_key_counts_for_nothing_from_the_entry_on_that_is_named",
        "one story to its end",
    ),
    (
        "tests/it/trust.rs",
        "an_entry_about_prod_by_the_engine_of_dev_is_refused_on_reading",
        "one story to its end",
    ),
];
