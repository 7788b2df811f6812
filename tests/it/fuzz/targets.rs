//! What must hold for each decoder: it ends, without a panic, and what it reads is read again from what is written of it.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use promote::attest::engine_key::EngineKey;
use promote::attest::ssh::key::SshPublicKey;
use promote::attest::ssh::signature;
use promote::attest::{bundle as bundles, dsse, model_signing};
use promote::engine::attestations::Attesters;
use promote::engine::evidence::Inputs;
use promote::engine::inbox;
use promote::engine::people::Signer;
use promote::engine::record::{TrustedEngine, open, peek, seal};
use promote::fs::archive::{ArchiveError, ArchiveReader, ArchiveWriter};
use promote::gate::decide;
use promote::gate::evidence::AttestationFinding;
use promote::ledger::checkpoint::Checkpoint;
use promote::ledger::key::Verifier;
use promote::ledger::note::Note;
use promote::ledger::proof::{verify_consistency, verify_inclusion};
use promote::ledger::tlog_proof::TlogProof;
use promote::ledger::witness::Submission;
use promote::manifest::layout::{Place, classify, explain_unexpected, path_of};
use promote::manifest::parsed::{Content, parse_file, parse_manifest};
use promote::manifest::policy::GateSpec;
use promote::manifest::repository::Repository;
use promote::manifest::yaml::Document;
use promote::model::attestation::PAYLOAD_TYPE;
use promote::model::digest::{Checksums, Sha256, TreePath};
use promote::model::event::{Entry, Said};
use promote::ops::bundle as air_gaps;
use promote::progress::Silent;
use promote::ui::diagnostics::{Colour, render_text};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{files_under, root};

/// What is said of input that is read.
const GOOD: &str = "good";

static KEY: LazyLock<EngineKey> =
    LazyLock::new(|| EngineKey::from_pem(&EngineKey::generate().unwrap()).unwrap());

/// What is written of a value reads as the same value.
#[track_caller]
fn same_again<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(value: &T) {
    assert_eq!(value.to_string().parse::<T>().unwrap(), *value);
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// `good`, or why not.
fn said(result: Result<(), String>) -> String {
    result.err().unwrap_or_else(|| GOOD.to_owned())
}

/// Where manifests of a kind stand; longer names first, since one begins with another.
const PATHS: [(&str, &str); 16] = [
    ("Topology", "promote.yaml"),
    ("Workspace", "workspaces/dev.yaml"),
    ("Dataset", "datasets/sales.yaml"),
    ("ModelVersion", "models/retail/churn/1.0.0.yaml"),
    ("PipelineVersion", "pipelines/retail/churn/1.0.0.yaml"),
    ("ComponentVersion", "components/retail/churn/1.0.0.yaml"),
    ("RuntimeVersion", "runtimes/retail/churn/1.0.0.yaml"),
    ("Model", "models/retail/churn/model.yaml"),
    ("Pipeline", "pipelines/retail/churn/pipeline.yaml"),
    ("Component", "components/retail/churn/component.yaml"),
    ("Runtime", "runtimes/retail/churn/runtime.yaml"),
    ("Release", "releases/prod/retail/model/churn.yaml"),
    ("Policy", "policies/prod.yaml"),
    ("Freeze", "freezes/year-end.yaml"),
    ("TrustRoot", "trust/root.yaml"),
    ("TrustIndex", "trust/index.yaml"),
];

pub(super) fn manifest(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let kind = PATHS
        .iter()
        .find(|(kind, _)| text.contains(&format!("kind: {kind}")));
    let path = kind.map_or("promote.yaml", |(_, path)| path);
    let parsed = parse_file(path, bytes).unwrap();
    for diagnostic in &parsed.diagnostics {
        let file = &diagnostic.loc.file.text;
        assert!(
            file.get(diagnostic.loc.span.clone()).is_some(),
            "{diagnostic:?}"
        );
    }
    if !parsed.diagnostics.is_empty() {
        return render_text(&parsed.diagnostics, Colour::Never);
    }
    let place = parsed.place.unwrap();
    match parsed.content.unwrap() {
        Content::Topology(document) => written(&place, path, &document),
        Content::Project(document) => written(&place, path, &document),
        Content::Workspace(document) => written(&place, path, &document),
        Content::Dataset(document) => written(&place, path, &document),
        Content::Artifact(document) => written(&place, path, &document),
        Content::Version(document) => written(&place, path, &document),
        Content::Release(document) => written(&place, path, &document),
        Content::Policy(document) => written(&place, path, &document),
        Content::Freeze(document) => written(&place, path, &document),
        Content::TrustRoot(document) => written(&place, path, &document),
        Content::TrustIndex(document) => written(&place, path, &document),
        Content::Checksums(_) => panic!("a manifest is no list of checksums"),
    }
    GOOD.to_owned()
}

/// What is written of a manifest reads as the same manifest.
fn written<T>(place: &Place, path: &str, document: &Arc<Document<T>>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let text = serde_yaml::to_string(&document.value).unwrap();
    match parse_manifest::<T>(place, path, text.as_bytes()) {
        Ok(again) => assert_eq!(again.value, document.value, "{text}"),
        Err(problems) => panic!("{}\n{text}", render_text(&problems, Colour::Never)),
    }
}

pub(super) fn path(bytes: &[u8]) -> String {
    said(text(bytes).and_then(|text| {
        if let Ok(path) = text.parse::<TreePath>() {
            same_again(&path);
        }
        let place = classify(text);
        assert!(place.is_none() || explain_unexpected(text).is_none());
        let place = place.ok_or("not one of ours")?;
        assert_eq!(path_of(&place), text);
        Ok(())
    }))
}

pub(super) fn checksums(bytes: &[u8]) -> String {
    said(text(bytes).and_then(|text| {
        let checksums = Checksums::parse(text).map_err(|error| error.to_string())?;
        let lines = checksums.entries().iter();
        let lines: String = lines
            .map(|(path, sha256)| format!("{sha256}  {path}\n"))
            .collect();
        assert_eq!(Checksums::parse(&lines).unwrap(), checksums);
        assert_eq!(Sha256::of(lines.as_bytes()), checksums.digest().sha256());
        Ok(())
    }))
}

pub(super) fn statement(bytes: &[u8]) -> String {
    // Whoever the statement says it is by, so that what follows is looked at too.
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let name = |pointer: &str| value.pointer(pointer).and_then(|name| name.as_str());
    let principal = name("/predicate/principal").and_then(|name| name.parse().ok());
    let signer = Signer {
        principal: principal.unwrap_or_else(|| "rita".parse().unwrap()),
        key: format!("SHA256:{}", "A".repeat(43)).parse().unwrap(),
    };
    let ledger = name("/predicate/binding/ledger").or(name("/predicate/ledger"));
    said(
        inbox::read(bytes, &signer, ledger.unwrap_or("ledger")).map(|said| {
            let written = serde_json::to_string(&said).unwrap();
            assert_eq!(serde_json::from_str::<Said>(&written).unwrap(), said);
        }),
    )
}

pub(super) fn envelope(bytes: &[u8]) -> String {
    let opened = dsse::open(bytes, &[((), *KEY.public_key())]);
    assert!(
        opened.is_err(),
        "nobody has signed this with the key of this run"
    );
    if let Ok(line) = dsse::seal(PAYLOAD_TYPE, bytes, &KEY) {
        let opened = dsse::open(line.as_bytes(), &[((), *KEY.public_key())]).unwrap();
        assert_eq!(opened.bytes.body(), bytes);
    }
    match opened.map(|_| ()).map_err(|error| error.to_string()) {
        // As far as anyone gets without the key.
        Err(error) if error == "no trusted key signed this envelope" => GOOD.to_owned(),
        other => said(other),
    }
}

/// The bytes are what the envelope of a line holds.
pub(super) fn entry(bytes: &[u8]) -> String {
    let line = serde_json::json!({ "payload": STANDARD.encode(bytes) }).to_string();
    let read = peek(line.as_bytes()).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    });
    said(read.map(|entry| {
        let written = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&written).unwrap(), entry);
        let trusted = TrustedEngine {
            name: entry.engine.clone(),
            key: *KEY.public_key(),
            environments: entry.event.environment().cloned().into_iter().collect(),
        };
        // A line that would be too long is not written.
        if let Ok(line) = seal(&entry, &KEY) {
            assert_eq!(open(&line, &[trusted]).unwrap(), entry);
        }
    }))
}

pub(super) fn facts(bytes: &[u8]) -> String {
    let read = serde_json::from_slice::<Inputs>(bytes).map_err(|error| error.to_string());
    said(read.map(|inputs| {
        let written = serde_json::to_string(&inputs).unwrap();
        let again: Inputs = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written);
        let policies: Vec<&[GateSpec]> = inputs.policies.iter().map(Vec::as_slice).collect();
        let decided = decide(&inputs.promotion, &inputs.evidence, &policies);
        let again = decide(&again.promotion, &again.evidence, &policies);
        assert_eq!(decided, again);
    }))
}

/// The version of the corpus that has an attestation, with its attesters.
struct Attested {
    attesters: Attesters,
    files: Checksums,
    payload: String,
}

static ATTESTED: LazyLock<Attested> = LazyLock::new(|| {
    let files = files_under(&root().join("tests/manifests/valid/multi-environment"));
    let (repository, _) = Repository::parse(files.clone());
    let root = &repository.unwrap().trust_root;
    let stem = "models/retail/churn/1.0.0";
    let find = |end: &str| {
        let path = format!("{stem}{end}");
        let bytes = &files.iter().find(|(known, _)| *known == path).unwrap().1;
        String::from_utf8(bytes.clone()).unwrap()
    };
    let bundle: serde_json::Value =
        serde_json::from_str(&find(".model-signing.sigstore.json")).unwrap();
    Attested {
        attesters: Attesters::of(&root.value.spec),
        files: Checksums::parse(&find(".sha256")).unwrap(),
        payload: bundle["dsseEnvelope"]["payload"]
            .as_str()
            .unwrap()
            .to_owned(),
    }
});

pub(super) fn bundle(bytes: &[u8]) -> String {
    let Attested {
        attesters,
        files,
        payload,
    } = &*ATTESTED;
    let sealed = bundles::seal(bytes, &KEY).unwrap();
    let opened = bundles::open(&sealed, &[((), *KEY.public_key())]).unwrap();
    assert_eq!(opened.bytes.body(), bytes);
    match attesters.judge(bytes, files.digest(), files.entries()) {
        AttestationFinding::Good { .. } => {
            // No change of what was signed is good, whatever stands around it.
            assert!(String::from_utf8_lossy(bytes).contains(payload));
            GOOD.to_owned()
        }
        AttestationFinding::Bad(why) => why,
    }
}

pub(super) fn attested(bytes: &[u8]) -> String {
    let Attested { files, .. } = &*ATTESTED;
    let checked = model_signing::check(bytes, files.digest(), files.entries());
    said(checked.map(|_| ()).map_err(|error| error.to_string()))
}

pub(super) fn note(bytes: &[u8]) -> String {
    let note = Note::parse(bytes).map_err(|error| error.to_string());
    said(note.and_then(|note| {
        assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        assert_eq!(
            Checkpoint::parse(&checkpoint.to_string()).unwrap(),
            checkpoint
        );
        Ok(())
    }))
}

pub(super) fn verifier_key(bytes: &[u8]) -> String {
    said(text(bytes).and_then(|text| {
        let key: Verifier = text.parse().map_err(|error| format!("{error}"))?;
        same_again(&key);
        Ok(())
    }))
}

/// Index or old size, size, leaf or old root, root, and the hashes of the proof.
pub(super) fn proof(bytes: &[u8]) -> String {
    let Some((numbers, hashes)) = bytes.split_at_checked(16) else {
        return "too short".to_owned();
    };
    let number = |at: usize| u64::from_be_bytes(numbers[at..at + 8].try_into().unwrap());
    let hashes: Vec<Sha256> = hashes
        .chunks_exact(32)
        .map(|hash| Sha256::from_bytes(hash.try_into().unwrap()))
        .collect();
    let [leaf, tree, proof @ ..] = hashes.as_slice() else {
        return "too short".to_owned();
    };
    let (index, size) = (number(0), number(8));
    let included = verify_inclusion(leaf, index, size, proof, tree);
    let continued = verify_consistency(index, size, proof, leaf, tree);
    // A proof has one hash at most for each level of the tree.
    assert!(proof.len() <= 65 || included.is_err() && continued.is_err());
    let both = included.or(continued);
    said(both.map_err(|error| error.to_string()))
}

pub(super) fn tlog_proof(bytes: &[u8]) -> String {
    let proof = TlogProof::parse(bytes).map_err(|error| error.to_string());
    said(proof.map(|proof| {
        assert_eq!(TlogProof::parse(&proof.to_bytes()), Ok(proof));
    }))
}

pub(super) fn submission(bytes: &[u8]) -> String {
    let submission = Submission::parse(bytes).map_err(|error| error.to_string());
    said(submission.map(|submission| {
        let again = Submission::parse(submission.to_string().as_bytes()).unwrap();
        assert_eq!(again.to_string(), submission.to_string());
    }))
}

pub(super) fn archive(bytes: &[u8]) -> String {
    let mut files = Vec::new();
    let mut read = || -> Result<(), ArchiveError> {
        let mut reader = ArchiveReader::new(bytes);
        while let Some(member) = reader.next_member()? {
            let mut content = Vec::new();
            reader.read::<ArchiveError>(&mut |piece| {
                content.extend_from_slice(piece);
                Ok(())
            })?;
            files.push((member.path, content));
        }
        Ok(())
    };
    let read = read().map_err(|error| error.to_string());
    said(read.map(|()| {
        let mut writer = ArchiveWriter::new(Vec::new());
        for (path, content) in &files {
            let size = content.len().try_into().unwrap();
            writer.add(path, size, &mut content.as_slice()).unwrap();
        }
        assert!(writer.finish().unwrap() == bytes, "another archive");
    }))
}

/// What is read of a bundle is what its files say: nothing else reads as the same version.
pub(super) fn air_gap(bytes: &[u8]) -> String {
    let read = air_gaps::read(bytes, None, &Silent);
    said(read.map_err(|error| error.to_string()).map(|facts| {
        let again = air_gaps::read(bytes, None, &Silent).unwrap();
        assert_eq!(again.digest, facts.digest);
        assert!(!facts.not_verified.is_empty() && facts.ledger.key.is_none());
    }))
}

pub(super) fn ssh_key(bytes: &[u8]) -> String {
    said(text(bytes).and_then(|text| {
        let key: SshPublicKey = text.parse().map_err(|error| format!("{error}"))?;
        same_again(&key);
        Ok(())
    }))
}

pub(super) fn ssh_signature(bytes: &[u8]) -> String {
    let verified = signature::verify(bytes, b"nobody has signed this", "approval@promote.dev");
    match verified.map(|_| ()).map_err(|error| error.to_string()) {
        // As far as anyone gets without the message.
        Err(error) if error.contains("over these bytes") => GOOD.to_owned(),
        Err(error) => error,
        Ok(()) => panic!("a signature over nothing fits"),
    }
}
