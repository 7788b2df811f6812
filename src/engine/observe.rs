//! Looking at the world: fetch, inbox, adopt, register. Nothing is changed; what would be recorded is kept as pending.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::in_force::manifests_in_force;
use crate::engine::inbox::{
    self, Found, INBOX_BRANCH, MAX_STATEMENT_BYTES, MAX_STATEMENT_FILES, STATEMENTS_FOLDER,
};
use crate::engine::parse_cache::ParseCache;
use crate::engine::pending::Pending;
use crate::engine::people::People;
use crate::engine::record;
use crate::engine::registrations;
use crate::engine::requests::Requests;
use crate::engine::trust::{self, Candidate, Expiry, InForce, Signed, TrustProblem};
use crate::engine::witness::{Notes, WITNESS_BRANCH};
use crate::engine::world::{MAX_FILE_BYTES, World, governed_entries, targets, wanted};
use crate::gate::evidence::InboxFacts;
use crate::git::changes::Content;
use crate::git::snapshot::{Entry, Snapshot};
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::manifest::layout::{
    GOVERNED_PATHS, Place, TRUST_INDEX_PATH, TRUST_ROOT_PATH, is_governed,
    path_of_principal_signature,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::release::ReleaseSpec;
use crate::manifest::trust_index::TrustIndex;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::manifest::yaml::Document;
use crate::model::approval::{APPROVAL_NAMESPACE, TRUST_NAMESPACE};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreePath};
use crate::model::environment::EnvironmentOrder;
use crate::model::event::{Adoption, Event, SignatureRef};
use crate::model::id::PrincipalName;
use crate::plan::state::State;

/// The trust files of a commit, read.
#[derive(Debug)]
pub struct TrustFiles {
    root: Document<TrustRoot>,
    index: Document<TrustIndex>,
    files: BTreeMap<TreePath, Sha256>,
    signatures: BTreeMap<String, Vec<u8>>,
}

/// The trust files that were read last, with what Git calls the folders that they are of.
pub(super) type ReadTrustFiles = (Vec<Option<Content>>, Arc<TrustFiles>);

impl Engine {
    /// Looks at everything afresh.
    ///
    /// # Errors
    ///
    /// When something cannot be read or believed. What is merely not valid in the head is passed over and noted.
    pub fn observe(&mut self) -> Result<World, EngineError> {
        let branches = self.branches()?;
        self.read_ledger_and_manifests(&branches.main)?;
        let seen = self.sight(&branches)?;
        self.assemble(branches, seen)
    }

    /// Why governed files of the head are not in force, if they are not: what [`Engine::observe`] says of it, without looking at
    /// anything else.
    ///
    /// # Errors
    ///
    /// When something cannot be read or believed, or nothing was ever adopted.
    pub fn not_adopted(&mut self) -> Result<Vec<TrustProblem>, EngineError> {
        let branches = self.branches()?;
        self.open_or_refresh_book(&branches.main)?;
        Ok(self.sight(&branches)?.not_adopted)
    }

    fn branches(&self) -> Result<Branches, EngineError> {
        // The witnesses before the ledger, so that they have not seen more than will be read.
        let branches = [self.branch.as_str(), INBOX_BRANCH, WITNESS_BRANCH];
        let heads = self.repository.fetch(&branches)?;
        let witnesses = heads.get(WITNESS_BRANCH).copied().flatten();
        let cosigned = self.cosigned_notes(witnesses).ok();
        let Some(head) = heads.get(&self.branch).copied().flatten() else {
            return Err(EngineError::NoBranch {
                repository: self.repository.name().to_owned(),
                branch: self.branch.clone(),
            });
        };
        Ok(Branches {
            main: self.repository.snapshot(head)?,
            inbox: heads.get(INBOX_BRANCH).copied().flatten(),
            cosigned,
        })
    }

    /// Takes statements and adopts governed files, as far as they may be, on top of the ledger as it was read.
    fn sight(&mut self, branches: &Branches) -> Result<Sighting, EngineError> {
        let head = &branches.main;
        let state = self.book()?.state().clone();
        self.check_history(state.commit.as_deref(), head)?;
        let mut pending = Pending::new(
            state,
            self.clock.now(),
            head.commit().to_string(),
            self.name()?,
        );
        let mut root = self.book()?.root().map(Arc::clone);
        let mut expiry = self.book()?.expiry();
        let is_over = expiry.is_some_and(|expiry| expiry.is_past(pending.now()));
        let mut inbox = self.check_inbox(pending.state().inbox.as_deref(), branches.inbox)?;
        // Taking anything from a rewritten inbox would make its new history the accepted one.
        // Nor is anything taken under a root that has ended; under the next one it is.
        if let (Some(root), InboxFacts::Intact, false) = (root.as_deref(), inbox, is_over) {
            inbox = self.take_statements(&mut pending, root, branches.inbox)?;
        }
        let not_adopted = self.adopt(&mut pending, (&mut root, &mut expiry), head)?;
        let adoption = pending.state().adoption().cloned();
        let (Some(root), Some(expiry), Some(adoption)) = (root, expiry, adoption) else {
            return Err(EngineError::NothingAdopted(not_adopted));
        };
        Ok(Sighting {
            pending,
            root,
            expiry,
            adoption,
            inbox,
            not_adopted,
        })
    }

    fn assemble(&mut self, branches: Branches, seen: Sighting) -> Result<World, EngineError> {
        let head = branches.main;
        let Sighting {
            mut pending,
            root,
            expiry,
            adoption,
            ..
        } = seen;
        let adopted = self
            .repository
            .snapshot(adoption.commit.parse().map_err(|_| {
                EngineError::Internal(format!("`{}` is not a commit", adoption.commit))
            })?)?;
        let (mut manifests, mut ignored) =
            manifests_in_force(&mut self.cache, &head, &adopted, &adoption)?;
        self.raise_labels(&mut manifests, &pending.state().adoptions)?;
        let requests = self.requests(&head, &manifests, pending.state());
        let people = People::of(&root);
        let known = self.known.take();
        let registered = registrations::register(
            self.book()?,
            (&head, &people),
            &mut manifests,
            &mut pending,
            known,
        )?;
        self.known = registered.known;
        ignored.extend(registered.refused);
        let order = manifests.topology.value.spec.environments.clone();
        let environments = EnvironmentOrder::new(order)
            .ok_or_else(|| EngineError::Internal("the topology has no environments".to_owned()))?;
        let cosigned = branches.cosigned.map(|notes| self.cosigned(&root, notes));
        let cosigned = cosigned.transpose()?;
        let ledger = root
            .ledger
            .key
            .split('+')
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(World {
            targets: targets(&manifests),
            wanted: wanted(&manifests),
            head,
            manifests,
            root,
            expiry,
            people,
            ledger,
            pending,
            inbox: seen.inbox,
            cosigned,
            labels: registered.labels,
            manifest_hashes: registered.hashes,
            environments,
            requests,
            not_adopted: seen.not_adopted,
            ignored,
        })
    }

    /// Reads what is new of the ledger. At the first look the manifests are read at the same time, since both take long.
    fn read_ledger_and_manifests(&mut self, head: &Snapshot) -> Result<(), EngineError> {
        if self.book.is_some() {
            return self.open_or_refresh_book(head);
        }
        let kept = self.versions_path();
        let mut cache = std::mem::take(&mut self.cache);
        let (book, manifests) = rayon::join(
            || self.open_or_refresh_book(head),
            || {
                if let Some(path) = &kept {
                    cache = ParseCache::load(path);
                }
                cache.parse(head, head.all()?.iter())?;
                kept.as_ref().map_or(Ok(()), |path| cache.keep(path, head))
            },
        );
        self.cache = cache;
        book?;
        manifests
    }

    /// Where the releases of the head come from: what is known already, or begun to be read if any is to be judged.
    fn requests(
        &mut self,
        head: &Snapshot,
        manifests: &crate::manifest::repository::Repository,
        state: &State,
    ) -> Arc<Requests> {
        let releases = || {
            manifests
                .releases
                .values()
                .map(|release| &release.value.spec)
        };
        let version = |release: &ReleaseSpec| VersionId {
            artifact: release.artifact.clone(),
            version: release.version.clone(),
        };
        let requests = Requests::new(
            head.commit(),
            releases().map(|release| (&release.environment, version(release))),
            self.history_path(),
            Arc::clone(&self.history),
        );
        if let Some(known) = self
            .requests
            .as_ref()
            .filter(|known| known.covers(&requests))
        {
            return Arc::clone(known);
        }
        let requests = Arc::new(requests);
        let held = state.slots.iter().filter_map(|(slot, state)| {
            let held = state.held.as_ref()?;
            Some((&slot.artifact, held.digest))
        });
        let held: BTreeSet<_> = held.collect();
        if releases().any(|release| !held.contains(&(&release.artifact, release.digest))) {
            requests.begin(&self.repository);
        }
        self.requests = Some(Arc::clone(&requests));
        requests
    }

    /// The last accepted commit must be part of the history; otherwise somebody took something back in secret.
    fn check_history(&self, seen: Option<&str>, head: &Snapshot) -> Result<(), EngineError> {
        let Some(seen) = seen else { return Ok(()) };
        let is_known = seen.parse().is_ok_and(|seen| {
            self.repository
                .is_ancestor(seen, head.commit())
                .unwrap_or(false)
        });
        if is_known {
            Ok(())
        } else {
            Err(EngineError::Rewritten {
                branch: self.branch.clone(),
                seen: seen.to_owned(),
            })
        }
    }

    /// Takes statements that are not in the ledger yet, in the order in which they were made. Where there are more than are
    /// looked at, a rejection may be among the rest.
    fn take_statements(
        &self,
        pending: &mut Pending,
        root: &TrustRootSpec,
        head: Option<git2::Oid>,
    ) -> Result<InboxFacts, EngineError> {
        let Some(head) = head else {
            return Ok(InboxFacts::Intact);
        };
        let people = People::of(root);
        let ledger = root.ledger.key.split('+').next().unwrap_or_default();
        let (new, is_all) = self.new_statements(pending, &people, head)?;
        for found in new {
            if let Some(taken) =
                inbox::take(&found, &people, ledger, pending.state(), &head.to_string())
            {
                pending.push(taken.event)?;
                for (path, bytes) in taken.evidence {
                    pending.add_evidence(path, bytes);
                }
            }
        }
        Ok(if is_all {
            InboxFacts::Intact
        } else {
            InboxFacts::Unknown
        })
    }

    /// The statements of known people that the ledger does not have, and whether that is all of them.
    fn new_statements(
        &self,
        pending: &Pending,
        people: &People,
        head: git2::Oid,
    ) -> Result<(Vec<Found>, bool), EngineError> {
        let snapshot = self.repository.snapshot(head)?;
        let listed = snapshot.list(STATEMENTS_FOLDER)?;
        let known: BTreeSet<Sha256> = pending
            .state()
            .statements
            .keys()
            .map(|(statement, _)| *statement)
            .collect();
        let mut paths: Vec<String> = listed
            .into_iter()
            .filter(|entry| entry.kind.is_file())
            .map(|entry| entry.path)
            .filter(|path| inbox::name_of(path).is_none_or(|name| !known.contains(&name)))
            .collect();
        let is_all = paths.len() <= MAX_STATEMENT_FILES;
        paths.truncate(MAX_STATEMENT_FILES);
        let mut all = Vec::new();
        for (name, statement, signatures) in inbox::pair_files(&paths) {
            // Some keys sign differently each time; one signature of a key is enough.
            let mut keys = BTreeSet::new();
            for signature in signatures {
                let (Ok(Some(statement)), Ok(Some(signature))) = (
                    snapshot.read(&statement, MAX_STATEMENT_BYTES),
                    snapshot.read(&signature, MAX_STATEMENT_BYTES),
                ) else {
                    // Too large, or a link: nobody known can be blamed for it, so it leaves no trace.
                    continue;
                };
                // What leaves no trace is not kept in memory either.
                let signer = people.verify(
                    APPROVAL_NAMESPACE,
                    &statement,
                    &signature,
                    pending.state().size,
                );
                if signer.is_ok_and(|signer| keys.insert(signer.key)) {
                    all.push(Found {
                        name,
                        statement,
                        signature,
                    });
                }
            }
        }
        all.sort_by_cached_key(inbox::order);
        Ok((all, is_all))
    }

    /// Judges the trust files of the head, and adopts them if they hold.
    fn adopt(
        &mut self,
        pending: &mut Pending,
        (root, expiry): (&mut Option<Arc<TrustRootSpec>>, &mut Option<Expiry>),
        head: &Snapshot,
    ) -> Result<Vec<TrustProblem>, EngineError> {
        let files = match self.trust_files_of(head)? {
            Ok(files) => files,
            Err(problem) => return Ok(vec![problem]),
        };
        let commit = head.commit().to_string();
        let state = pending.state();
        let in_force = state
            .adoption()
            .zip(root.as_deref())
            .map(|(adoption, root)| InForce { adoption, root });
        let candidate = files.candidate(&commit, root.as_deref(), state.size);
        let judged = trust::judge(&candidate, in_force, pending.now());
        match judged {
            Err(problems) => return Ok(problems),
            Ok(None) => return Ok(Vec::new()),
            Ok(Some(adoption)) => {
                let problems = self.check_adoptable(head, &adoption)?;
                if !problems.is_empty() {
                    return Ok(problems);
                }
                for (path, bytes) in files.evidence(&adoption) {
                    pending.add_evidence(path, bytes);
                }
                // With the governed files in the evidence anyone can judge again without the repository.
                for (path, sha256) in &adoption.files {
                    let bytes = head.read(path.as_str(), MAX_FILE_BYTES)?;
                    pending.add_evidence(
                        record::evidence_path(*sha256, "yaml"),
                        bytes.unwrap_or_default(),
                    );
                }
                pending.push(Event::Adopted(adoption))?;
            }
        }
        *expiry = Some(Expiry::of(&files.root.value.spec, &files.index.value.spec));
        *root = Some(Arc::new(files.root.value.spec.clone()));
        Ok(Vec::new())
    }

    /// Governed files that are signed and not valid are not adopted: everything under them would stop.
    fn check_adoptable(
        &self,
        head: &Snapshot,
        adoption: &Adoption,
    ) -> Result<Vec<TrustProblem>, EngineError> {
        let mut cache = ParseCache::default();
        match manifests_in_force(&mut cache, head, head, adoption) {
            Ok((manifests, _)) => Ok(invalid_files(&crate::engine::rules::check(&manifests))),
            Err(EngineError::Invalid(problems)) => Ok(invalid_files(&problems)),
            Err(error) => Err(error),
        }
    }

    /// The governed files of a commit, by path.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn governed_files(
        &self,
        snapshot: &Snapshot,
    ) -> Result<BTreeMap<TreePath, Sha256>, EngineError> {
        let entries = governed_entries(snapshot)?;
        let governed: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.kind.is_file() && is_governed(&entry.path))
            .collect();
        let bytes = snapshot
            .repository()
            .read_files(&governed, MAX_FILE_BYTES)?;
        let files = governed.into_iter().zip(bytes);
        let hashed = files.filter_map(|(entry, bytes)| {
            let path = entry.path.parse().ok()?;
            Some((path, Sha256::of(&bytes)))
        });
        Ok(hashed.collect())
    }

    /// What [`Engine::read_trust_files`] says, read again only when something has changed.
    fn trust_files_of(
        &mut self,
        head: &Snapshot,
    ) -> Result<Result<Arc<TrustFiles>, TrustProblem>, EngineError> {
        let names = GOVERNED_PATHS.iter().map(|path| head.entry(path));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        if let Some((_, known)) = self.trust_files.as_ref().filter(|(of, _)| *of == names) {
            return Ok(Ok(Arc::clone(known)));
        }
        let read = self.read_trust_files(head)?.map(Arc::new);
        self.trust_files = read.as_ref().ok().map(|files| (names, Arc::clone(files)));
        Ok(read)
    }

    /// Reads the trust files of a commit; a problem when they are missing or not valid.
    ///
    /// # Errors
    ///
    /// When the repository cannot be read.
    pub fn read_trust_files(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Result<TrustFiles, TrustProblem>, EngineError> {
        let read = |path: &str| snapshot.read(path, MAX_MANIFEST_BYTES);
        let (Some(root), Some(index)) = (read(TRUST_ROOT_PATH)?, read(TRUST_INDEX_PATH)?) else {
            return Ok(Err(TrustProblem::Unsigned));
        };
        let Ok(root) = parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &root)
        else {
            return Ok(Err(TrustProblem::Invalid(TRUST_ROOT_PATH.to_owned())));
        };
        let Ok(index) = parse_manifest::<TrustIndex>(&Place::TrustIndex, TRUST_INDEX_PATH, &index)
        else {
            return Ok(Err(TrustProblem::Invalid(TRUST_INDEX_PATH.to_owned())));
        };
        let files = self.governed_files(snapshot)?;
        let mut signatures = BTreeMap::new();
        for entry in snapshot.list("trust")? {
            if entry.path.ends_with(".sig") && entry.kind.is_file() {
                let bytes = snapshot.read(&entry.path, MAX_STATEMENT_BYTES)?;
                signatures.extend(bytes.map(|bytes| (entry.path.clone(), bytes)));
            }
        }
        Ok(Ok(TrustFiles {
            root,
            index,
            files,
            signatures,
        }))
    }
}

/// A problem for each file that something is wrong with.
fn invalid_files(problems: &[Diagnostic]) -> Vec<TrustProblem> {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let paths: BTreeSet<String> = errors
        .map(|problem| problem.loc.file.path.clone())
        .collect();
    paths.into_iter().map(TrustProblem::Invalid).collect()
}

/// The newest commits of the branches that are looked at, and what witnesses have published.
struct Branches {
    main: Snapshot,
    inbox: Option<git2::Oid>,
    cosigned: Option<Notes>,
}

/// What is in force, and what would be recorded now.
struct Sighting {
    pending: Pending,
    root: Arc<TrustRootSpec>,
    expiry: Expiry,
    adoption: Adoption,
    inbox: InboxFacts,
    not_adopted: Vec<TrustProblem>,
}

impl TrustFiles {
    /// The files as [`trust::judge`] takes them, with the root in force, if there is one, and the index in the ledger
    /// that their adoption would have.
    #[must_use]
    pub fn candidate<'a>(
        &'a self,
        commit: &'a str,
        in_force: Option<&TrustRootSpec>,
        at: u64,
    ) -> Candidate<'a> {
        let own = &self.root.value.spec;
        let root = self.root.source.text.as_bytes();
        let index = self.index.source.text.as_bytes();
        Candidate {
            commit,
            root: Signed {
                spec: &self.root.value.spec,
                sha256: Sha256::of(root),
                signers: self.signers(TRUST_ROOT_PATH, root, own, at),
            },
            root_signers_before: in_force
                .map(|before| self.signers(TRUST_ROOT_PATH, root, before, at))
                .unwrap_or_default(),
            index: Signed {
                spec: &self.index.value.spec,
                sha256: Sha256::of(index),
                signers: self.signers(TRUST_INDEX_PATH, index, own, at),
            },
            files: &self.files,
        }
    }

    /// The trust root.
    #[must_use]
    pub const fn root(&self) -> &TrustRootSpec {
        &self.root.value.spec
    }

    fn signers(
        &self,
        path: &str,
        bytes: &[u8],
        root: &TrustRootSpec,
        at: u64,
    ) -> BTreeMap<PrincipalName, (TreePath, SignatureRef)> {
        let people = People::of(root);
        let mut signers = BTreeMap::new();
        for (file, armored) in self
            .signatures
            .iter()
            .filter(|(file, _)| file.starts_with(path))
        {
            let Ok(signer) = people.verify(TRUST_NAMESPACE, bytes, armored, at) else {
                continue;
            };
            // The name of the file says whose signature it claims to be; the key says whose it is.
            let is_named = *file == path_of_principal_signature(path, &signer.principal);
            if let (true, Ok(file)) = (is_named, file.parse()) {
                let signature = SignatureRef {
                    sha256: Sha256::of(armored),
                    key: signer.key,
                };
                signers.insert(signer.principal, (file, signature));
            }
        }
        signers
    }

    /// The trust files and the counted signatures, by their paths below `evidence/`.
    fn evidence(&self, adoption: &Adoption) -> BTreeMap<String, Vec<u8>> {
        let (root, index) = (
            self.root.source.text.as_bytes(),
            self.index.source.text.as_bytes(),
        );
        let mut evidence = BTreeMap::from([
            (record::evidence_path(adoption.root, "yaml"), root.to_vec()),
            (
                record::evidence_path(adoption.index, "yaml"),
                index.to_vec(),
            ),
        ]);
        for (file, signature) in &adoption.signatures {
            let signed = if file.as_str().starts_with(TRUST_ROOT_PATH) {
                adoption.root
            } else {
                adoption.index
            };
            let bytes = self
                .signatures
                .get(file.as_str())
                .cloned()
                .unwrap_or_default();
            evidence.insert(
                record::signature_path(signed, "yaml", &signature.key),
                bytes,
            );
        }
        evidence
    }
}
