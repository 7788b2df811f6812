//! Every decoder on damaged input: a kept corpus, mutated in an order that is always the same, for a bounded time.
//!
//! An input that breaks a rule is printed in hex and kept in the corpus, so that it is tried first from then on.

mod lineage;
mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use promote::model::digest::Sha256;

use crate::fuzz::mutate::{MAX_INPUT_BYTES, Random, mutate};
use crate::support::{files_under, root};

/// How long one input may take; far more than any needs, since machines of CI are slow and shared.
const MAX_TIME: Duration = Duration::from_secs(5);
/// How much may be said of one input, in bytes.
const MAX_SAID_BYTES: usize = 8 << 20;
/// How many inputs are mutated further, besides the corpus: of those that are read, and of those that are not.
const MAX_POOL: [usize; 2] = [256, 64];

/// Decodes, checks what must hold, and says what came of it.
type Run = fn(&[u8]) -> String;

/// The inputs that are kept for a decoder.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/corpus").join(name);
    let mut files = if folder.exists() {
        files_under(&folder)
    } else {
        Vec::new()
    };
    if name == "manifest" {
        files.extend(files_under(&root().join("tests/manifests/valid")));
    }
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// What was said, without numbers and what is quoted: a new kind of answer is worth going on from.
fn kind_of(said: &str) -> String {
    let own_words = said.split('`').step_by(2);
    let said = own_words.flat_map(str::chars);
    said.filter(|c| !c.is_ascii_digit()).take(120).collect()
}

/// Runs one input; panics with it in hex, and keeps it, when a rule is broken.
#[track_caller]
fn try_input(folder: &Path, run: Run, input: &[u8]) -> String {
    let start = Instant::now();
    let broken = match catch_unwind(|| run(input)) {
        Ok(_) if start.elapsed() > MAX_TIME => format!("it took {:?}", start.elapsed()),
        Ok(said) if said.len() > MAX_SAID_BYTES => format!("{} bytes are said of it", said.len()),
        Ok(said) => return said,
        Err(_) => "a rule was broken, see above".to_owned(),
    };
    let file = folder.join(format!("broken-{}", &Sha256::of(input).to_string()[..16]));
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(&file, input).unwrap();
    let hex = input.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    panic!("{broken}; kept as {}\n{hex}", file.display());
}

/// Runs the corpus, and then mutations of it until the time is over.
#[track_caller]
fn fuzz(name: &str, run: Run) {
    let budget = if std::env::var_os("CI").is_some() {
        20
    } else {
        3
    };
    let folder = root().join("tests/corpus").join(name);
    let mut pool = corpus(name);
    assert!(!pool.is_empty(), "there is no corpus for `{name}`");
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    for input in &pool {
        kinds.insert(kind_of(&try_input(&folder, run, input)));
    }
    assert!(
        kinds.contains("good"),
        "nothing of the corpus is good: {kinds:?}"
    );
    let mut random = Random::new(name);
    let until = Instant::now() + Duration::from_secs(budget);
    let (mut tried, mut good) = (0_u64, 0_u64);
    let mut left = MAX_POOL;
    while Instant::now() < until {
        let input = mutate(&mut random, &pool);
        assert!(input.len() <= MAX_INPUT_BYTES);
        let said = try_input(&folder, run, &input);
        let is_good = said == "good";
        tried += 1;
        good += u64::from(is_good);
        let is_new = kinds.insert(kind_of(&said));
        let left = &mut left[usize::from(!is_good)];
        if *left > 0 && (is_good || is_new) {
            *left -= 1;
            pool.push(input);
        }
    }
    let counted = kinds.len();
    let said = format!("{name}: {tried} inputs, {good} good, {counted} kinds of answer\n");
    std::io::stdout().write_all(said.as_bytes()).unwrap();
    assert!(tried > 20, "only {tried} inputs were tried");
}

/// One test for each decoder, so that they run beside each other.
macro_rules! targets {
    ($($test:ident: $name:literal, $run:path;)*) => {
        $(#[test]
        fn $test() {
            fuzz($name, $run);
        })*

        /// The decoders by the folder of their corpus.
        const TARGETS: &[&str] = &[$($name),*];
    };
}

targets! {
    manifests: "manifest", targets::manifest;
    paths: "path", targets::path;
    checksums: "checksums", targets::checksums;
    statements: "statement", targets::statement;
    envelopes: "envelope", targets::envelope;
    entries: "entry", targets::entry;
    facts: "facts", targets::facts;
    bundles: "bundle", targets::bundle;
    attested_statements: "attested", targets::attested;
    notes: "note", targets::note;
    verifier_keys: "verifier-key", targets::verifier_key;
    proofs: "proof", targets::proof;
    tlog_proofs: "tlog-proof", targets::tlog_proof;
    submissions: "submission", targets::submission;
    archives: "archive", targets::archive;
    air_gap: "air-gap", targets::air_gap;
    ssh_keys: "ssh-key", targets::ssh_key;
    ssh_signatures: "ssh-signature", targets::ssh_signature;
    lineage_of_azure_ml: "lineage-azure-ml", lineage::azure_ml;
    lineage_of_azure_ml_jobs: "lineage-azure-ml-job", lineage::azure_ml_job;
    lineage_of_croissant: "lineage-croissant", lineage::croissant;
    lineage_of_dvc: "lineage-dvc", lineage::dvc;
    lineage_of_hugging_face: "lineage-hugging-face", lineage::hugging_face;
    lineage_of_mlflow_runs: "lineage-mlflow-run", lineage::mlflow_run;
    lineage_of_mlmodel: "lineage-mlmodel", lineage::mlmodel;
    lineage_of_odcs: "lineage-odcs", lineage::odcs;
    lineage_of_openlineage: "lineage-openlineage", lineage::openlineage;
}

#[test]
fn every_corpus_has_its_decoder() {
    for (path, _) in files_under(&root().join("tests/corpus")) {
        let name = path.split('/').next().unwrap();
        assert!(TARGETS.contains(&name), "{path} is of no decoder");
    }
}

#[test]
fn a_broken_rule_is_noticed_and_told_in_hex() {
    let run: Run = |input| {
        assert!(!input.starts_with(b"{"), "a planted mistake");
        "good".to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let told = catch_unwind(|| try_input(folder, run, b"{}")).unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.ends_with("\n7b7d"), "{told}");
    let kept = files_under(folder);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].1, b"{}");
    assert_eq!(try_input(folder, run, b"[]"), "good");
}
