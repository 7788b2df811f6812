//! Statements that are about other files, or about nothing.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::digest::Checksums;

fn version() -> Checksums {
    let line = |path: &str| format!("{}  {path}\n", Sha256::of(path.as_bytes()));
    Checksums::parse(&["a.bin", "b/c.txt"].map(line).concat()).unwrap()
}

fn said_of(statement: &Value) -> Result<String, String> {
    let version = version();
    let bytes = serde_json::to_vec(statement).unwrap();
    check(&bytes, version.digest(), version.entries()).map_err(|error| error.to_string())
}

fn signed() -> Value {
    let bytes = statement("retail/model/churn@1.0.0", version().entries()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The statement with other files, and the root that follows from them.
fn with_files(change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut statement = signed();
    let resources = statement["predicate"]["resources"].as_array_mut().unwrap();
    change(resources);
    let hashes = resources
        .iter()
        .filter_map(|resource| resource["digest"].as_str()?.parse().ok());
    let root = root_of(hashes.collect::<Vec<Sha256>>().into_iter()).to_string();
    statement["subject"][0]["digest"]["sha256"] = root.into();
    statement
}

#[test]
fn a_model_signature_is_about_exactly_the_files_that_it_lists() {
    assert_eq!(said_of(&signed()).as_deref(), Ok(SIGNATURE_TYPE));
    let zeros = "0".repeat(64);
    for (statement, reason) in [
        (
            with_files(|files| drop(files.pop())),
            "it does not list `b/c.txt`, which is a file of the version",
        ),
        (
            with_files(|files| {
                files.push(json!({"name": "x\u{1b}[2J", "algorithm": "sha256", "digest": zeros}));
            }),
            "it lists `x\\u{1b}[2J`, which is no file of the version",
        ),
        (
            with_files(|files| files[0]["digest"] = zeros.clone().into()),
            "it has another SHA-256 of `a.bin` than the version",
        ),
        (
            with_files(|files| files[0]["name"] = "A.bin".into()),
            "it lists `A.bin`, which is no file of the version",
        ),
        (
            with_files(|files| files.push(files[0].clone())),
            "it lists `a.bin` twice",
        ),
        (
            with_files(|files| files[1]["algorithm"] = "blake2b".into()),
            "it gives `b/c.txt` no SHA-256",
        ),
        (
            with_files(|files| files[1]["digest"] = "00".into()),
            "it gives `b/c.txt` no SHA-256",
        ),
    ] {
        assert_eq!(said_of(&statement), Err(reason.to_owned()));
    }
}

#[test]
fn what_is_signed_otherwise_is_refused_with_the_reason() {
    for (pointer, value, reason) in [
        (
            "/_type",
            json!("https://in-toto.io/Statement/v0.1"),
            "it is signed, and its `_type` is not `https://in-toto.io/Statement/v1`",
        ),
        (
            "/subject/0/digest/sha256",
            json!("0".repeat(64)),
            "its subject is not the root of the files that it lists",
        ),
        (
            "/subject",
            json!([]),
            "a model signature has one subject, this has 0",
        ),
        (
            "/predicate/serialization/method",
            json!("shards"),
            "it lists `shards`, and only whole files with their SHA-256 are read",
        ),
        (
            "/predicateType",
            json!("a".repeat(257)),
            "its `predicateType` has 257 bytes, more than 256",
        ),
        (
            "/predicateType",
            json!("https://model_signing/signature/v2.0"),
            "it lists `retail/model/churn@1.0.0`, which is no file of the version",
        ),
    ] {
        let mut statement = signed();
        *statement.pointer_mut(pointer).unwrap() = value;
        assert_eq!(said_of(&statement), Err(reason.to_owned()));
    }
    let text = serde_json::to_string(&signed()).unwrap();
    let version = version();
    for changed in [
        text.replacen('{', r#"{"predicateType":"x","#, 1),
        text.replace(r#""algorithm""#, r#""name":"x","algorithm""#),
        format!("[{text}]"),
        "{}".to_owned(),
    ] {
        let refused = check(changed.as_bytes(), version.digest(), version.entries());
        assert!(
            matches!(refused, Err(StatementError::Json { .. })),
            "{changed}"
        );
    }
}

#[test]
fn other_statements_name_the_whole_or_every_file() {
    const TYPE: &str = "https://slsa.dev/provenance/v1";
    let of = |subject: Value| {
        said_of(&json!({
            "_type": STATEMENT_TYPE, "subject": subject, "predicateType": TYPE, "predicate": {"x": 1},
        }))
    };
    let version = version();
    let files: Vec<Value> = version
        .entries()
        .iter()
        .map(|(path, sha256)| json!({"name": path, "digest": {"sha256": sha256, "md5": "00"}}))
        .collect();
    let whole = |hex: String| json!({"name": "x", "digest": {"dirHash1": hex}});
    let good = whole(version.digest().sha256().to_string());
    let bad = whole("0".repeat(64));
    for subject in [
        json!(files),
        json!([good]),
        json!([bad, good]),
        json!([files[0], good]),
    ] {
        assert_eq!(of(subject).as_deref(), Ok(TYPE));
    }
    for (subject, reason) in [
        (
            json!([files[0]]),
            "it does not list `b/c.txt`, which is a file of the version",
        ),
        (json!([bad]), "it is about another digest"),
        (
            json!([]),
            "it does not list `a.bin`, which is a file of the version",
        ),
        (
            json!([{"name": "a.bin", "digest": {"md5": "00"}}]),
            "it gives `a.bin` no SHA-256",
        ),
    ] {
        assert_eq!(of(subject), Err(reason.to_owned()));
    }
}

proptest! {
    #[test]
    fn checking_never_panics(bytes: Vec<u8>) {
        let version = version();
        prop_assert!(check(&bytes, version.digest(), version.entries()).is_err());
    }
}
