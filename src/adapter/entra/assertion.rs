//! The proof that an application holds the key of its certificate: a JWT that it signs.
//!
//! Source: <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>: PS256 with the certificate's
//! SHA-256 in the header `x5t#S256`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use serde_json::json;

use crate::model::digest::Sha256;
use crate::redact::Secret;

/// How long an assertion is good for, in seconds; it is used at once.
const LIFE_SECONDS: i64 = 600;

/// Signs an assertion with the key in a PEM text that also holds the certificate, in any order. The error says what
/// the text is not, without any of it.
pub(super) fn sign(
    pem: &Secret<Vec<u8>>,
    audience: &str,
    client: &str,
    now: Timestamp,
) -> Result<Secret<String>, String> {
    let text = std::str::from_utf8(pem.expose()).map_err(|_| "is not PEM".to_owned())?;
    let blocks = blocks(text)?;
    let key = key(&blocks)?;
    let certificate = certificate(&blocks, &key)?;
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::of(certificate).as_bytes());
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    let random = SystemRandom::new();
    let mut id = [0; 16];
    let no_random = |_| "cannot be used: the machine gives no random numbers".to_owned();
    random.fill(&mut id).map_err(no_random)?;
    let begin = now.as_second();
    let claims = json!({
        "aud": audience,
        "iss": client,
        "sub": client,
        "jti": hex::encode(id),
        "nbf": begin,
        "iat": begin,
        "exp": begin.saturating_add(LIFE_SECONDS),
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature)
        .map_err(|_| "holds a key that cannot sign".to_owned())?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(Secret::new(format!("{signed}.{signature}")))
}

/// A block of a PEM text (RFC 7468).
struct Block<'a> {
    label: &'a str,
    der: Secret<Vec<u8>>,
}

fn blocks(text: &str) -> Result<Vec<Block<'_>>, String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let broken = || "holds a block of PEM that does not end".to_owned();
        let (label, body) = begun.split_once("-----").ok_or_else(broken)?;
        let end = format!("-----END {label}-----");
        let (body, after) = body.split_once(end.as_str()).ok_or_else(broken)?;
        let base64: String = body.split_whitespace().collect();
        let der = STANDARD.decode(base64);
        let der = der.map_err(|_| "holds a block of PEM that is not base64".to_owned())?;
        blocks.push(Block {
            label,
            der: Secret::new(der),
        });
        rest = after;
    }
    Ok(blocks)
}

fn key(blocks: &[Block<'_>]) -> Result<RsaKeyPair, String> {
    let refused = |_| "holds a private key that is not RSA with 2048 to 4096 bits".to_owned();
    for block in blocks {
        match block.label {
            "PRIVATE KEY" => return RsaKeyPair::from_pkcs8(block.der.expose()).map_err(refused),
            "RSA PRIVATE KEY" => return RsaKeyPair::from_der(block.der.expose()).map_err(refused),
            "ENCRYPTED PRIVATE KEY" => {
                let way_out = "decrypt it with `openssl pkey`, and keep the file at mode 600";
                return Err(format!("holds an encrypted private key; {way_out}"));
            }
            _ => {}
        }
    }
    Err("holds no `PRIVATE KEY`; a certificate and its key in one PEM text are needed".to_owned())
}

/// The certificate of the key. A chain may stand beside it.
fn certificate<'a>(blocks: &'a [Block<'_>], key: &RsaKeyPair) -> Result<&'a [u8], String> {
    let public = key.public_key().as_ref();
    let holds_key = |der: &[u8]| der.windows(public.len()).any(|window| window == public);
    let mut certificates = blocks
        .iter()
        .filter(|block| block.label == "CERTIFICATE")
        .map(|block| block.der.expose().as_slice())
        .peekable();
    if certificates.peek().is_none() {
        return Err(
            "holds no `CERTIFICATE`; a certificate and its key in one PEM text are needed"
                .to_owned(),
        );
    }
    certificates
        .find(|der| holds_key(der))
        .ok_or_else(|| "holds a certificate of another key".to_owned())
}
