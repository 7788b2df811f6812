//! Applications that prove themselves by a certificate, with openssl as the witness.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use promote::adapter::entra::{Entra, EntraError};
use promote::clock::ManualClock;
use promote::config::Environment;
use serde_json::{Value, json};

use super::entra::{JWT_BEARER, SCOPE, entra, granted, private, recorder, refusal};
use super::http::Fake;

fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    let output = command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    output.stdout
}

/// A key and a certificate, made by openssl: `NAME.key` and `NAME.crt`.
fn certificate(folder: &Path, name: &str) {
    let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=promote",
        "-keyout",
        &key,
        "-out",
        &crt,
    ];
    openssl(folder, &arguments);
}

fn read(folder: &Path, names: &[&str]) -> Vec<u8> {
    let read = |name: &&str| fs::read(folder.join(name)).unwrap();
    names.iter().flat_map(read).collect()
}

fn by_certificate(fake: &Fake, folder: &Path, pem: &[u8]) -> Entra {
    let path = private(folder, "both.pem", pem);
    let certificate = format!("file:{path}");
    let credentials =
        json!({ "certificate": { "tenant": "t-1", "client": "c-1", "certificate": certificate } });
    let clock = ManualClock::new("2026-11-26T12:00:00Z".parse().unwrap());
    entra(fake, credentials, Environment::default()).with_clock(Arc::new(clock))
}

#[tokio::test]
async fn a_certificate_proves_itself_by_a_jwt_that_openssl_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "own");
    certificate(folder, "issuer");
    let (fake, log) = recorder(granted());
    // The chain stands beside it, before the key; the right one is found all the same.
    let pem = read(folder, &["issuer.crt", "own.crt", "own.key"]);
    let entra = by_certificate(&fake, folder, &pem);
    entra.token(SCOPE).await.unwrap();
    let form = log.lock().unwrap()[0].form();
    assert_eq!(form["client_assertion_type"], JWT_BEARER);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_id"], "c-1");
    let assertion = &form["client_assertion"];
    let parts: Vec<&str> = assertion.split('.').collect();
    let decoded: Vec<Vec<u8>> = parts
        .iter()
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    let signed = format!("{}.{}", parts[0], parts[1]);
    fs::write(folder.join("signed"), signed).unwrap();
    fs::write(folder.join("signature"), &decoded[2]).unwrap();
    openssl(
        folder,
        &[
            "x509", "-in", "own.crt", "-pubkey", "-noout", "-out", "own.pub",
        ],
    );
    let verify = [
        "dgst",
        "-sha256",
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:32",
        "-verify",
        "own.pub",
        "-signature",
        "signature",
        "signed",
    ];
    assert_eq!(openssl(folder, &verify), b"Verified OK\n");
    let header: Value = serde_json::from_slice(&decoded[0]).unwrap();
    let der = openssl(folder, &["x509", "-in", "own.crt", "-outform", "der"]);
    let thumbprint = ring::digest::digest(&ring::digest::SHA256, &der);
    let thumbprint = URL_SAFE_NO_PAD.encode(thumbprint);
    assert_eq!(
        header,
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint })
    );
    let mut claims: Value = serde_json::from_slice(&decoded[1]).unwrap();
    let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(id.as_str().unwrap().len(), 32);
    assert_eq!(
        claims,
        json!({
            "aud": format!("{}/t-1/oauth2/v2.0/token", fake.url()), "iss": "c-1", "sub": "c-1",
            "iat": 1_795_694_400, "nbf": 1_795_694_400, "exp": 1_795_695_000,
        })
    );
}

/// Keys of several kinds, and two certificates.
fn keys(folder: &Path) {
    certificate(folder, "own");
    certificate(folder, "other");
    let encrypt = [
        "pkcs8",
        "-topk8",
        "-in",
        "own.key",
        "-out",
        "locked.key",
        "-passout",
        "pass:x",
    ];
    openssl(folder, &encrypt);
    openssl(
        folder,
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            "ec",
        ],
    );
    openssl(
        folder,
        &["pkcs8", "-topk8", "-nocrypt", "-in", "ec", "-out", "ec.key"],
    );
}

#[tokio::test]
async fn what_is_no_certificate_with_its_key_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keys(folder);
    let (fake, log) = recorder(granted());
    for (names, reason) in [
        (
            &["own.crt"][..],
            "holds no `PRIVATE KEY`; a certificate and its key in one PEM text are needed",
        ),
        (
            &["own.key"],
            "holds no `CERTIFICATE`; a certificate and its key in one PEM text are needed",
        ),
        (
            &["own.key", "other.crt"],
            "holds a certificate of another key",
        ),
        (
            &["own.crt", "locked.key"],
            "holds an encrypted private key; decrypt it with `openssl pkey`, and keep the file at mode 600",
        ),
        (
            &["own.crt", "ec.key"],
            "holds a private key that is not RSA with 2048 to 4096 bits",
        ),
    ] {
        let entra = by_certificate(&fake, folder, &read(folder, names));
        let EntraError::Form { reason: found, .. } = refusal(&entra).await else {
            panic!("{names:?}");
        };
        assert_eq!(found, reason);
    }
    assert!(log.lock().unwrap().is_empty(), "something was sent");
}

#[tokio::test]
async fn broken_pem_is_refused_without_a_word_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (fake, _) = recorder(granted());
    for (pem, reason) in [
        (
            "-----BEGIN PRIVATE KEY-----\nhunter2canary",
            "holds a block of PEM that does not end",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nhunter2canary!\n-----END PRIVATE KEY-----",
            "holds a block of PEM that is not base64",
        ),
    ] {
        let entra = by_certificate(&fake, folder, pem.as_bytes());
        assert!(refusal(&entra).await.to_string().ends_with(reason));
    }
}
