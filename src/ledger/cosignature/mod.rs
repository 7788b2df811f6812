//! Cosignatures: what a witness says of a checkpoint, as <https://c2sp.org/tlog-cosignature> defines `cosignature/v1` for
//! Ed25519 (signature type 0x04).
//!
//! A line `— <name> <base64(key id ‖ time ‖ signature)>` below a checkpoint, with the time in seconds since 1970 in eight
//! bytes. It says that at that time the witness had seen no larger tree of the ledger than this, and none that it does not
//! continue.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::ledger::key::{KeyError, KeyId, check_name, encode_key, key_id, split_key};
use crate::ledger::note::{Note, NoteError, NoteSignature};
use crate::ledger::signer::PRIVATE_PREFIX;
use crate::redact::Secret;

/// The signature type of Ed25519 cosignatures.
const COSIGNATURE_TYPE: u8 = 0x04;
/// The bytes that the time takes before the signature.
const TIME_BYTES: usize = 8;

/// Why a note has no cosignature of a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// There is none.
    #[error("it is not cosigned by `{name}` with the key {id}")]
    Missing {
        /// The name of the witness.
        name: String,
        /// The id of its key.
        id: KeyId,
    },
    /// There is one that the witness did not make, or for another time or text.
    #[error("the cosignature of `{name}` with the key {id} is not genuine")]
    NotGenuine {
        /// The name of the witness.
        name: String,
        /// The id of its key.
        id: KeyId,
    },
}

/// The public key of a witness by name: what checks cosignatures.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: KeyId,
    public: [u8; 32],
}

impl WitnessKey {
    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            id: key_id(name, COSIGNATURE_TYPE, &public),
            public,
        })
    }

    /// The name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that its cosignatures carry.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    /// When the witness cosigned a note; the latest time when it did so more than once.
    ///
    /// # Errors
    ///
    /// When no line is the witness's, or none that says so is genuine.
    pub fn verify(&self, note: &Note) -> Result<Timestamp, CosignatureError> {
        let (name, id) = (self.name.clone(), self.id);
        let is_ours = |line: &&NoteSignature| line.id == id && line.name == name;
        let mut ours = note.signatures().iter().filter(is_ours).peekable();
        if ours.peek().is_none() {
            return Err(CosignatureError::Missing { name, id });
        }
        // Anybody can add a line, so one that is not genuine takes nothing from one that is.
        let genuine = ours.filter_map(|line| self.time_of(note.text(), &line.signature));
        genuine.max().ok_or_else(|| CosignatureError::NotGenuine {
            name: self.name.clone(),
            id,
        })
    }

    fn time_of(&self, text: &str, signature: &[u8]) -> Option<Timestamp> {
        let (time, signature) = signature.split_at_checked(TIME_BYTES)?;
        let seconds = u64::from_be_bytes(time.try_into().ok()?);
        let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        let message = message(text, seconds);
        key.verify(message.as_bytes(), signature)
            .ok()
            .map(|()| time)
    }
}

/// What is signed.
fn message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = encode_key(COSIGNATURE_TYPE, &self.public);
        formatter.pad(&format!("{}+{}+{key}", self.name, self.id))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for WitnessKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, public) = split_key(text, COSIGNATURE_TYPE).map_err(KeyError::Verifier)?;
        let key = Self::new(name, public)?;
        if key.id == id {
            Ok(key)
        } else {
            Err(KeyError::Verifier(
                "its key id is not that of its name and key",
            ))
        }
    }
}

/// The private key of a witness. Shows nothing of it when printed.
#[derive(Debug)]
pub struct Cosigner {
    key: WitnessKey,
    seed: Secret<[u8; 32]>,
    pair: Secret<Ed25519KeyPair>,
}

impl Cosigner {
    /// Makes a new key from the system's random bytes.
    ///
    /// # Errors
    ///
    /// When the name cannot be one, or there are no random bytes.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        let filled = SystemRandom::new().fill(&mut seed);
        filled.map_err(|_| KeyError::Random)?;
        Self::new(name, seed)
    }

    /// Reads a private key.
    ///
    /// # Errors
    ///
    /// When it is not one. The error holds nothing of it.
    pub fn parse(text: &Secret<String>) -> Result<Self, KeyError> {
        let key = text.expose().trim_end_matches('\n');
        let key = key
            .strip_prefix(PRIVATE_PREFIX)
            .ok_or(KeyError::Private("it does not begin with `PRIVATE+KEY+`"))?;
        let (name, id, seed) = split_key(key, COSIGNATURE_TYPE).map_err(KeyError::Private)?;
        let cosigner = Self::new(name, seed)?;
        if cosigner.key.id == id {
            Ok(cosigner)
        } else {
            Err(KeyError::Private(
                "its key id is not that of its name and key",
            ))
        }
    }

    fn new(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        let no_seed = KeyError::Private("its seed is not one of Ed25519");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| no_seed.clone())?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| no_seed)?;
        Ok(Self {
            key: WitnessKey::new(name, public)?,
            seed: Secret::new(seed),
            pair: Secret::new(pair),
        })
    }

    /// The key that checks its cosignatures.
    #[must_use]
    pub const fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The private key as text, to be stored.
    #[must_use]
    pub fn private_key(&self) -> Secret<String> {
        let key = encode_key(COSIGNATURE_TYPE, self.seed.expose());
        Secret::new(format!(
            "{PRIVATE_PREFIX}{}+{}+{key}",
            self.key.name, self.key.id
        ))
    }

    /// Cosigns a note. Says nothing of whether it should be: that is [`crate::ledger::witness`].
    ///
    /// # Errors
    ///
    /// When the note has too many signatures already, or the time is before 1970.
    pub(super) fn cosign(&self, note: &Note, time: Timestamp) -> Result<Note, NoteError> {
        let early = NoteError::Malformed("its time is before 1970");
        let seconds = u64::try_from(time.as_second()).map_err(|_| early)?;
        let message = message(note.text(), seconds);
        let signature = self.pair.expose().sign(message.as_bytes());
        let signature = NoteSignature {
            name: self.key.name.clone(),
            id: self.key.id,
            signature: [&seconds.to_be_bytes(), signature.as_ref()].concat(),
        };
        let mut signatures = note.signatures().to_vec();
        signatures.retain(|line| line.name != self.key.name || line.id != self.key.id);
        signatures.push(signature);
        Note::new(note.text().to_owned(), signatures)
    }
}

#[cfg(test)]
mod tests;
