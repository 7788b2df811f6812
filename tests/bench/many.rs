//! A real ledger with many entries: registrations that a person signed, sealed by the organisation's engine, with their
//! evidence. What the program would write in hours is written here in a minute, without waiting for the disk each time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use promote::attest::engine_key::EngineKey;
use promote::engine::record::{evidence_path, peek, seal, signature_path};
use promote::ledger::log::Log;
use promote::ledger::signer::Signer;
use promote::ledger::store::directory::DirectoryStore;
use promote::model::approval::MANIFEST_NAMESPACE;
use promote::model::digest::{Sha256, TreeDigest};
use promote::model::event::{Entry, Event, Registration, SignatureRef};
use promote::model::label::Label;
use promote::model::principal::KeyFingerprint;
use promote::redact::Secret;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha512};

use crate::organisation::Organisation;
use crate::scale::version;

/// How many entries are added at once.
const PART: u64 = 10_000;
/// The versions of one artifact.
const VERSIONS: u64 = 100;

/// An entry's line, and its evidence by path.
type Made = (Vec<u8>, Vec<(String, Vec<u8>)>);

/// A ledger that is being filled.
#[derive(Debug)]
pub(crate) struct Ledger {
    folder: PathBuf,
    log: Log,
    engine: EngineKey,
    person: Person,
    last: Entry,
}

impl Ledger {
    /// The ledger of an organisation, with the keys that `promote init` made.
    pub(crate) fn of(organisation: &Organisation) -> Self {
        let keys = organisation.repository().join(".git/promote");
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        let text = String::from_utf8(read(keys.join("log.key"))).unwrap();
        let signer = Signer::parse(&Secret::new(text)).unwrap();
        let folder = organisation.path("ledger");
        let store = Box::new(DirectoryStore::new(folder.clone()));
        let log = Log::open(store, signer.verifier().clone(), Some(signer)).unwrap();
        Self {
            last: peek(log.entries().last().unwrap()).unwrap(),
            engine: EngineKey::from_pem(&Secret::new(read(keys.join("engine.pem")))).unwrap(),
            person: Person::new(&read(organisation.key())),
            folder,
            log,
        }
    }

    /// Adds registrations until there are so many entries.
    pub(crate) fn fill(&mut self, size: u64) {
        let mut next = self.log.entries().len() as u64;
        let start = next;
        while next < size {
            let end = size.min(next + PART);
            let made = (next..end)
                .into_par_iter()
                .map(|number| self.entry(number - start));
            let made: Vec<Made> = made.collect();
            let mut lines = Vec::new();
            for (line, evidence) in made {
                for (path, bytes) in evidence {
                    let path = self.folder.join("evidence").join(path);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, bytes).unwrap();
                }
                lines.push(line);
            }
            self.log.append(lines, BTreeMap::new()).unwrap();
            next = end;
        }
    }

    /// The line of one registration, and its evidence.
    fn entry(&self, number: u64) -> Made {
        let ((path, manifest), (_, checksums)) = version(number / VERSIONS, number % VERSIONS);
        let manifest = manifest.into_bytes();
        let signature = self.person.sign(&manifest);
        let (hash, digest) = (Sha256::of(&manifest), Sha256::of(checksums.as_bytes()));
        let name = path.split('/').nth(2).unwrap();
        let registration = Registration {
            version: format!("bench/model/{name}@1.{}.0", number % VERSIONS)
                .parse()
                .unwrap(),
            digest: format!("{}{digest}", TreeDigest::PREFIX).parse().unwrap(),
            manifest: hash,
            workspace: "dev".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            producer: Some("ada".parse().unwrap()),
            signature: Some(SignatureRef {
                sha256: Sha256::of(&signature),
                key: self.person.fingerprint.clone(),
            }),
            label: Label::new(["internal".parse().unwrap()]).unwrap(),
            violation: None,
        };
        let entry = Entry {
            recorded_at: self.last.recorded_at.max(Timestamp::UNIX_EPOCH),
            event: Event::Registered(registration),
            ..self.last.clone()
        };
        let evidence = vec![
            (
                signature_path(hash, "yaml", &self.person.fingerprint),
                signature,
            ),
            (evidence_path(hash, "yaml"), manifest),
            (evidence_path(digest, "sha256"), checksums.into_bytes()),
        ];
        (seal(&entry, &self.engine).unwrap(), evidence)
    }
}

/// Somebody who signs as `ssh-keygen` does, without a process for each.
struct Person {
    key: Ed25519KeyPair,
    blob: Vec<u8>,
    fingerprint: KeyFingerprint,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Person")
    }
}

impl Person {
    fn new(openssh: &[u8]) -> Self {
        let key = ssh_key::PrivateKey::from_openssh(openssh).unwrap();
        let seed = key.key_data().ed25519().unwrap().private.to_bytes();
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let blob = [string(b"ssh-ed25519"), string(key.public_key().as_ref())].concat();
        let fingerprint = KeyFingerprint::from_sha256(*Sha256::of(&blob).as_bytes());
        Self {
            key,
            blob,
            fingerprint,
        }
    }

    /// A detached signature as OpenSSH's `PROTOCOL.sshsig` has it.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let about = [
            string(MANIFEST_NAMESPACE.as_bytes()),
            string(b""),
            string(b"sha512"),
        ]
        .concat();
        let hash = Sha512::digest(message);
        let signed = [b"SSHSIG".as_slice(), &about, &string(&hash)].concat();
        let signature = self.key.sign(&signed);
        let signature = [string(b"ssh-ed25519"), string(signature.as_ref())].concat();
        let whole = [
            b"SSHSIG".as_slice(),
            &1_u32.to_be_bytes(),
            &string(&self.blob),
            &about,
            &string(&signature),
        ];
        let text = STANDARD.encode(whole.concat());
        let mut armored = b"-----BEGIN SSH SIGNATURE-----\n".to_vec();
        for line in text.as_bytes().chunks(70) {
            armored.extend_from_slice(line);
            armored.push(b'\n');
        }
        armored.extend_from_slice(b"-----END SSH SIGNATURE-----\n");
        armored
    }
}

/// Bytes after their length, as SSH writes them.
fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}
