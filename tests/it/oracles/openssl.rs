//! `openssl` on what engines and the log sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use promote::attest::dsse;
use promote::attest::engine_key::EnginePublicKey;
use promote::ledger::checkpoint::Checkpoint;
use promote::ledger::key::Verifier;
use promote::ledger::note::Note;
use serde_json::Value;

use super::{Verdicts, root_of};
use crate::hand::ledger_lines;
use crate::oracle::{new_p256_key, shell};
use crate::organisation::Organisation;
use crate::variants::make_ready;

/// What `openssl` says of an ECDSA signature over an envelope's body, put together by hand.
fn openssl_opens(organisation: &Organisation, line: &[u8], public_key: &str) -> bool {
    let Ok(envelope) = serde_json::from_slice::<Value>(line) else {
        return false;
    };
    let field = |value: &Value| value.as_str().and_then(|text| STANDARD.decode(text).ok());
    let body = field(&envelope["payload"]);
    let signature = field(&envelope["signatures"][0]["sig"]);
    let kind = envelope["payloadType"].as_str();
    let (Some(body), Some(signature), Some(kind)) = (body, signature, kind) else {
        return false;
    };
    for (name, bytes) in [
        ("body", body),
        ("kind", kind.as_bytes().to_vec()),
        ("signature.der", signature),
        ("engine.pub", public_key.as_bytes().to_vec()),
    ] {
        std::fs::write(organisation.path(name), bytes).unwrap();
    }
    let script = r#"{ printf 'DSSEv1 %d %s %d ' "$(wc -c < kind)" "$(cat kind)" "$(wc -c < body)"; cat body; } |
        openssl dgst -sha256 -verify engine.pub -signature signature.der"#;
    shell(&organisation.path(""), script)
}

#[test]
fn openssl_agrees_on_entries() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let root = root_of(&organisation);
    let key = &root.engines.values().next().unwrap().key;
    new_p256_key(&organisation.path("keys"), "other");
    let other = std::fs::read_to_string(organisation.key("other.pub")).unwrap();
    let mut verdicts = Verdicts::default();
    let mut ask = |what: String, line: &[u8], key: &str| {
        let theirs = openssl_opens(&organisation, line, key);
        let ours = dsse::open(line, &[((), EnginePublicKey::from_pem(key).unwrap())]).is_ok();
        verdicts.add(what, theirs, ours);
    };
    let lines = ledger_lines(&organisation);
    for (index, line) in lines.iter().enumerate() {
        ask(format!("entry {index}"), line.as_bytes(), key);
    }
    let line = lines[0].as_bytes();
    ask("another key".to_owned(), line, &other);
    let mixed = {
        let mut first: Value = serde_json::from_slice(line).unwrap();
        let second: Value = serde_json::from_str(&lines[1]).unwrap();
        first["signatures"] = second["signatures"].clone();
        serde_json::to_vec(&first).unwrap()
    };
    ask("signature of another entry".to_owned(), &mixed, key);
    let kind = lines[0].replace("in-toto", "in-tot0");
    ask("other type".to_owned(), kind.as_bytes(), key);
    let hint = lines[0].find("\"keyid\":\"").unwrap() + 9;
    for step in 1..40 {
        let at = line.len() * step / 40;
        // Nothing but the key id is without a signature; the names of fields make it another form.
        if !(hint..hint + 64).contains(&at) && line[at].is_ascii_alphanumeric() {
            let mut changed = line.to_vec();
            changed[at] = if line[at] == b'A' { b'B' } else { b'A' };
            ask(format!("byte {at}"), &changed, key);
        }
    }
    let bad = verdicts.count() - lines.len();
    assert!(
        lines.len() >= 5 && bad >= 30,
        "{} good, {bad} bad",
        lines.len()
    );
    verdicts.expect(lines.len(), bad);
}

#[test]
fn openssl_agrees_on_the_checkpoint() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let vkey = root_of(&organisation).ledger.key;
    let verifier: Verifier = vkey.parse().unwrap();
    let public = STANDARD.decode(vkey.rsplit('+').next().unwrap());
    // `+` is also a character of base64, so the name and the id are taken off from the front.
    let public = public
        .ok()
        .filter(|bytes| bytes.len() == 33)
        .unwrap_or_else(|| {
            STANDARD
                .decode(vkey.splitn(3, '+').nth(2).unwrap())
                .unwrap()
        });
    // RFC 8410, section 4: the key in DER is this and its 32 bytes.
    let der = [
        &hex::decode("302a300506032b6570032100").unwrap()[..],
        &public[1..],
    ]
    .concat();
    std::fs::write(organisation.path("log.der"), der).unwrap();
    let good = organisation.git("ada", &["show", "promote-ledger:ledger/checkpoint"]) + "\n";
    let mut verdicts = Verdicts::default();
    let mut ask = |what: String, note: &[u8]| {
        let theirs = Note::parse(note).is_ok_and(|parsed| {
            let signature = &parsed.signatures()[0].signature;
            std::fs::write(organisation.path("text"), parsed.text()).unwrap();
            std::fs::write(organisation.path("signature"), signature).unwrap();
            let script = "openssl pkeyutl -verify -pubin -inkey log.der -keyform DER -rawin -in text -sigfile signature";
            shell(&organisation.path(""), script)
        });
        verdicts.add(what, theirs, Checkpoint::open(note, &verifier).is_ok());
    };
    ask("good".to_owned(), good.as_bytes());
    // Behind the text: a dash, the name, and the four bytes of the key's id, which no signature covers.
    let text = good.find("\n\n").unwrap() + 1;
    let signature = good.rfind(' ').unwrap() + 1 + 6;
    let places = (0..text)
        .step_by(3)
        .chain((signature..good.len() - 4).step_by(5));
    let mut bad = 0;
    for at in places {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        ask(format!("byte {at}"), &changed);
        bad += 1;
    }
    assert!(bad > 30, "{bad}");
    verdicts.expect(1, bad);
}
