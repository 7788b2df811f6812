//! Which governed files are in force. A merge alone changes nothing: a file counts only once the trust index pins it and
//! a threshold of the role that its path is delegated to has signed that index.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::ledger::cosignature::WitnessKey;
use crate::ledger::key::{KeyError, Verifier};
use crate::manifest::trust_index::TrustIndexSpec;
use crate::manifest::trust_root::{RoleSpec, TrustRootSpec};
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::{Adoption, Event, SignatureRef};
use crate::model::id::{GroupName, PrincipalName, RoleName};
use crate::model::principal::KeyFingerprint;
use crate::redact::printable;

/// The role that signs `trust/root.yaml` itself.
pub const ROOT_ROLE: &str = "root";

/// What one trust file says, what its bytes are, and who has signed them.
#[derive(Debug, Clone)]
pub struct Signed<'a, S> {
    /// What it says.
    pub spec: &'a S,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// The principals whose signatures are good, by the keys of one root, each with the signature file.
    pub signers: BTreeMap<PrincipalName, (TreePath, SignatureRef)>,
}

/// The trust files of one commit.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The commit.
    pub commit: &'a str,
    /// `trust/root.yaml`, signed with keys that it lists itself.
    pub root: Signed<'a, TrustRootSpec>,
    /// Who has signed it with keys that the root in force lists. What a new root says of keys is worth nothing yet.
    pub root_signers_before: BTreeMap<PrincipalName, (TreePath, SignatureRef)>,
    /// `trust/index.yaml`, signed with keys that the same commit's root lists.
    pub index: Signed<'a, TrustIndexSpec>,
    /// The governed files that the commit has, by path.
    pub files: &'a BTreeMap<TreePath, Sha256>,
}

/// What is in force now.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    /// The adoption.
    pub adoption: &'a Adoption,
    /// The trust root that it adopted.
    pub root: &'a TrustRootSpec,
}

/// When what is in force ends: with the trust root or the index, whichever is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    /// From when on nothing is done under it.
    pub at: Timestamp,
    /// The file that says so.
    pub file: &'static str,
}

impl Expiry {
    /// That of a trust root with its index.
    #[must_use]
    pub fn of(root: &TrustRootSpec, index: &TrustIndexSpec) -> Self {
        match index.expires {
            Some(at) if at < root.expires => Self {
                at,
                file: "trust/index.yaml",
            },
            Some(_) | None => Self {
                at: root.expires,
                file: "trust/root.yaml",
            },
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.at <= now
    }

    /// Whether an event may be recorded at a time: after the end only what takes its place, and how an attempt ended that
    /// had begun before. The one rule of expiry: engines ask before they append, and readers when they read.
    #[must_use]
    pub fn lets(&self, event: &Event, now: Timestamp) -> bool {
        let is_last = match event {
            Event::Adopted(_) | Event::Ended(_) => true,
            Event::Registered(_) | Event::Received(_) | Event::Refused { .. } => false,
            Event::Decided(_) | Event::Intended(_) | Event::TakenOver { .. } => false,
        };
        is_last || !self.is_past(now)
    }
}

impl std::fmt::Display for Expiry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` expired on {}", self.file, self.at)
    }
}

/// Why the trust files of a commit are not adopted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum TrustProblem {
    /// A file lacks signatures.
    #[error("`{path}` needs {needed} of role `{role}` to sign, {} have: {}", signed.len(), list(signed))]
    Signatures {
        /// The file that is signed.
        path: String,
        /// The role.
        role: String,
        /// How many of it must sign.
        needed: u32,
        /// Who of it has.
        signed: BTreeSet<PrincipalName>,
        /// Why that role: the governed files that changed.
        changed: BTreeSet<String>,
    },
    /// A governed file is in the commit, but not pinned.
    #[error("`{0}` is not pinned in `trust/index.yaml`")]
    Unpinned(String),
    /// A governed file is not what the index pins.
    #[error("`{0}` differs from what `trust/index.yaml` pins")]
    Changed(String),
    /// The index pins a file that the commit does not have.
    #[error("`{0}` is pinned in `trust/index.yaml`, and is not there")]
    Gone(String),
    /// No role may sign for a path.
    #[error("`trust/root.yaml` delegates `{0}` to no role")]
    NoRole(String),
    /// A version did not grow.
    #[error("`{path}` changed and its version is {version}; the one in force has {in_force}")]
    Version {
        /// The file.
        path: &'static str,
        /// Its version.
        version: u64,
        /// The version in force.
        in_force: u64,
    },
    /// The index was made for another root.
    #[error("`trust/index.yaml` was made for another `trust/root.yaml`")]
    OtherRoot,
    /// There is no trust root or index yet.
    #[error("there is no `trust/root.yaml` and `trust/index.yaml`")]
    Unsigned,
    /// A governed file is signed, and not valid.
    #[error("`{0}` is not valid; `promote check` says why")]
    Invalid(String),
    /// The key of the ledger is not one.
    #[error("`spec.ledger.key` in `trust/root.yaml` is not a verifier key: {0}")]
    LogKey(KeyError),
    /// The key of a witness is not one.
    #[error(
        "`{key}` in `spec.ledger.witnesses` of `trust/root.yaml` is not the key of a witness: {reason}"
    )]
    WitnessKey {
        /// What is written.
        key: String,
        /// Why not.
        reason: KeyError,
    },
    /// The new key of the ledger has another name.
    #[error(
        "`trust/root.yaml` names the ledger `{name}`; it is `{in_force}`, and its keys keep that name"
    )]
    LogName {
        /// The name of the new key.
        name: String,
        /// The name of the ledger.
        in_force: String,
    },
    /// A revocation is missing or begins later.
    #[error("`trust/root.yaml` takes back that key {0} is revoked; a revocation stays as it is")]
    TakenBack(KeyFingerprint),
    /// The trust root or the index has expired.
    #[error("{0}")]
    Expired(Expiry),
}

fn list(names: &BTreeSet<PrincipalName>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        names.join(", ")
    }
}

/// Judges the trust files of a commit: what to adopt, nothing to do, or everything that stands in the way.
///
/// # Errors
///
/// Every problem, sorted. Then what was in force stays in force.
pub fn judge(
    candidate: &Candidate<'_>,
    in_force: Option<InForce<'_>>,
    now: Timestamp,
) -> Result<Option<Adoption>, Vec<TrustProblem>> {
    let mut problems = BTreeSet::new();
    let expiry = Expiry::of(candidate.root.spec, candidate.index.spec);
    if expiry.is_past(now) {
        problems.insert(TrustProblem::Expired(expiry));
    }
    if candidate.index.spec.root != candidate.root.sha256 {
        problems.insert(TrustProblem::OtherRoot);
    }
    problems.extend(check_files(candidate));
    problems.extend(check_versions(candidate, in_force));
    problems.extend(check_log_key(candidate, in_force));
    problems.extend(check_witnesses(candidate));
    problems.extend(check_revocations(candidate, in_force));
    problems.extend(check_root_signatures(candidate, in_force));
    problems.extend(check_index_signatures(candidate, in_force));
    if !problems.is_empty() {
        return Err(problems.into_iter().collect());
    }
    let is_new = in_force.is_none_or(|now| {
        now.adoption.index != candidate.index.sha256 || now.adoption.root != candidate.root.sha256
    });
    Ok(is_new.then(|| adoption(candidate, in_force)))
}

fn adoption(candidate: &Candidate<'_>, in_force: Option<InForce<'_>>) -> Adoption {
    // The signatures of a root that is in force were recorded with it. Some keys sign differently each time, and a new
    // signature by the same key would take the place of the recorded one in the evidence.
    let is_new = in_force.is_none_or(|now| now.adoption.root != candidate.root.sha256);
    let of_root = candidate.root.signers.values();
    let of_root = of_root
        .chain(candidate.root_signers_before.values())
        .filter(|_| is_new);
    let signatures = of_root.chain(candidate.index.signers.values());
    Adoption {
        commit: candidate.commit.to_owned(),
        root_version: candidate.root.spec.version,
        root: candidate.root.sha256,
        index_version: candidate.index.spec.version,
        index: candidate.index.sha256,
        files: candidate.index.spec.files.clone(),
        signatures: signatures.cloned().collect(),
    }
}

/// Every governed file must be pinned, and every pin must hold.
fn check_files(candidate: &Candidate<'_>) -> Vec<TrustProblem> {
    let pins = &candidate.index.spec.files;
    let present = candidate
        .files
        .iter()
        .filter_map(|(path, sha256)| match pins.get(path) {
            None => Some(TrustProblem::Unpinned(path.to_string())),
            Some(pin) if pin != sha256 => Some(TrustProblem::Changed(path.to_string())),
            Some(_) => None,
        });
    let gone = pins
        .keys()
        .filter(|path| !candidate.files.contains_key(path))
        .map(|path| TrustProblem::Gone(path.to_string()));
    present.chain(gone).collect()
}

/// Versions only grow, and grow with every change: an old state that was validly signed once cannot be put back.
fn check_versions(candidate: &Candidate<'_>, in_force: Option<InForce<'_>>) -> Vec<TrustProblem> {
    let Some(InForce { adoption, .. }) = in_force else {
        return Vec::new();
    };
    let check = |path, version: u64, old: u64, is_same: bool| {
        let is_good = if is_same {
            version == old
        } else {
            version > old
        };
        (!is_good).then_some(TrustProblem::Version {
            path,
            version,
            in_force: old,
        })
    };
    let root = &candidate.root;
    let index = &candidate.index;
    let root = check(
        "trust/root.yaml",
        root.spec.version,
        adoption.root_version,
        root.sha256 == adoption.root,
    );
    let index = check(
        "trust/index.yaml",
        index.spec.version,
        adoption.index_version,
        index.sha256 == adoption.index,
    );
    root.into_iter().chain(index).collect()
}

/// A new key of the ledger must be one, and have the ledger's name: approvals and checkpoints name it.
fn check_log_key(candidate: &Candidate<'_>, in_force: Option<InForce<'_>>) -> Option<TrustProblem> {
    let (new, old) = (&candidate.root.spec.ledger.key, &in_force?.root.ledger.key);
    if new == old {
        return None;
    }
    let name = match new.parse::<Verifier>() {
        Ok(key) => key.name().to_owned(),
        Err(error) => return Some(TrustProblem::LogKey(error)),
    };
    let in_force = old.split('+').next().unwrap_or_default().to_owned();
    (name != in_force).then_some(TrustProblem::LogName { name, in_force })
}

/// What is no key would silently be one witness less.
fn check_witnesses(candidate: &Candidate<'_>) -> Vec<TrustProblem> {
    let problem = |key: &String| {
        let reason = key.parse::<WitnessKey>().err()?;
        let key = printable(key);
        Some(TrustProblem::WitnessKey { key, reason })
    };
    let witnesses = &candidate.root.spec.ledger.witnesses;
    witnesses.iter().filter_map(problem).collect()
}

/// A revocation is never taken back, nor begins later than it did: what was refused since would count again.
fn check_revocations(
    candidate: &Candidate<'_>,
    in_force: Option<InForce<'_>>,
) -> Vec<TrustProblem> {
    let revoked = &candidate.root.spec.revoked;
    let before = in_force.into_iter().flat_map(|now| &now.root.revoked);
    let is_kept =
        |key: &KeyFingerprint, from: u64| revoked.get(key).is_some_and(|now| now.from <= from);
    before
        .filter(|(key, revocation)| !is_kept(key, revocation.from))
        .map(|(key, _)| TrustProblem::TakenBack(key.clone()))
        .collect()
}

/// A root is signed by a threshold of its own root role and of the one before it, each with the keys that it lists, as
/// in TUF: a new root cannot make somebody's key another person's and be signed with that.
fn check_root_signatures(
    candidate: &Candidate<'_>,
    in_force: Option<InForce<'_>>,
) -> Vec<TrustProblem> {
    if in_force.is_some_and(|now| now.adoption.root == candidate.root.sha256) {
        return Vec::new();
    }
    let before = in_force.map(|now| (now.root, &candidate.root_signers_before));
    let after = (candidate.root.spec, &candidate.root.signers);
    let changed = BTreeSet::from(["trust/root.yaml".to_owned()]);
    let check = |(root, signers): (&TrustRootSpec, &BTreeMap<PrincipalName, _>)| {
        let signers = signers.keys().cloned().collect();
        check_role(root, ROOT_ROLE, "trust/root.yaml", &signers, &changed)
    };
    before
        .into_iter()
        .chain([after])
        .filter_map(check)
        .collect()
}

/// The index is signed by a threshold of each role that one of the changed files is delegated to.
fn check_index_signatures(
    candidate: &Candidate<'_>,
    in_force: Option<InForce<'_>>,
) -> Vec<TrustProblem> {
    if in_force.is_some_and(|now| now.adoption.index == candidate.index.sha256) {
        return Vec::new();
    }
    let empty = BTreeMap::new();
    let before = in_force.map_or(&empty, |now| &now.adoption.files);
    let root = candidate.root.spec;
    let mut roles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut problems = Vec::new();
    for path in changed_paths(before, &candidate.index.spec.files) {
        match role_of(root, path.as_str()) {
            Some((role, _)) => {
                roles
                    .entry(role.to_string())
                    .or_default()
                    .insert(path.to_string());
            }
            None => problems.push(TrustProblem::NoRole(path.to_string())),
        }
    }
    if roles.is_empty() {
        roles.insert(
            ROOT_ROLE.to_owned(),
            BTreeSet::from(["trust/root.yaml".to_owned()]),
        );
    }
    let signers: BTreeSet<PrincipalName> = candidate.index.signers.keys().cloned().collect();
    problems.extend(roles.iter().filter_map(|(role, changed)| {
        check_role(root, role, "trust/index.yaml", &signers, changed)
    }));
    problems
}

/// The paths that were added, removed, or given other bytes.
#[must_use]
pub fn changed_paths(
    before: &BTreeMap<TreePath, Sha256>,
    after: &BTreeMap<TreePath, Sha256>,
) -> BTreeSet<TreePath> {
    let all = before.keys().chain(after.keys());
    all.filter(|path| before.get(*path) != after.get(*path))
        .cloned()
        .collect()
}

/// The role that a governed file is delegated to: the longest of the paths that match, exact ones first.
#[must_use]
pub fn role_of<'a>(root: &'a TrustRootSpec, path: &str) -> Option<(&'a RoleName, &'a RoleSpec)> {
    let matches =
        |pattern: &str| pattern == path || (pattern.ends_with('/') && path.starts_with(pattern));
    let candidates = root.roles.iter().flat_map(|(name, role)| {
        role.paths
            .iter()
            .map(move |pattern| (pattern.len(), name, role, pattern))
    });
    let best = candidates
        .filter(|(_, _, _, pattern)| matches(pattern))
        .max_by_key(|(length, name, _, _)| (*length, std::cmp::Reverse(*name)));
    best.map(|(_, name, role, _)| (name, role))
}

/// The members of a role.
#[must_use]
pub fn members(root: &TrustRootSpec, role: &RoleSpec) -> BTreeSet<PrincipalName> {
    let of_group = |group: &GroupName| root.groups.get(group).into_iter().flatten().cloned();
    role.groups.iter().flat_map(of_group).collect()
}

fn check_role(
    root: &TrustRootSpec,
    role: &str,
    path: &str,
    signers: &BTreeSet<PrincipalName>,
    changed: &BTreeSet<String>,
) -> Option<TrustProblem> {
    let spec = root
        .roles
        .iter()
        .find(|(name, _)| name.as_str() == role)
        .map(|(_, spec)| spec);
    let signed: BTreeSet<PrincipalName> = spec
        .map(|spec| members(root, spec))
        .unwrap_or_default()
        .intersection(signers)
        .cloned()
        .collect();
    // A role that does not exist can be satisfied by nobody.
    let needed = spec.map_or(u32::MAX, |spec| spec.threshold);
    let is_met = u32::try_from(signed.len()).is_ok_and(|count| count >= needed && needed > 0);
    (!is_met).then(|| TrustProblem::Signatures {
        path: path.to_owned(),
        role: role.to_owned(),
        needed,
        signed,
        changed: changed.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::trust_root::LedgerTrustSpec;

    fn root(version: u64) -> TrustRootSpec {
        let role = |group: &str, threshold, paths: &[&str]| RoleSpec {
            threshold,
            groups: BTreeSet::from([group.parse().unwrap()]),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let group = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.parse().unwrap())
                .collect::<BTreeSet<PrincipalName>>()
        };
        TrustRootSpec {
            version,
            expires: "2030-01-01T00:00:00Z".parse().unwrap(),
            principals: BTreeMap::new(),
            groups: BTreeMap::from([
                ("admins".parse().unwrap(), group(&["ann", "bob"])),
                ("stewards".parse().unwrap(), group(&["sue"])),
            ]),
            roles: BTreeMap::from([
                ("root".parse().unwrap(), role("admins", 2, &[])),
                (
                    "platform".parse().unwrap(),
                    role(
                        "admins",
                        1,
                        &["promote.yaml", "workspaces/", "datasets/public/"],
                    ),
                ),
                ("data".parse().unwrap(), role("stewards", 1, &["datasets/"])),
            ]),
            engines: BTreeMap::new(),
            attesters: BTreeMap::new(),
            ledger: LedgerTrustSpec {
                key: "k".to_owned(),
                witnesses: BTreeSet::new(),
            },
            revoked: BTreeMap::new(),
        }
    }

    fn signers(names: &[&str]) -> BTreeMap<PrincipalName, (TreePath, SignatureRef)> {
        names
            .iter()
            .map(|name| {
                (
                    name.parse().unwrap(),
                    (
                        format!("trust/{name}.sig").parse().unwrap(),
                        SignatureRef {
                            sha256: Sha256::of(name.as_bytes()),
                            key: format!("SHA256:{}", "A".repeat(43)).parse().unwrap(),
                        },
                    ),
                )
            })
            .collect()
    }

    fn files(entries: &[(&str, &str)]) -> BTreeMap<TreePath, Sha256> {
        entries
            .iter()
            .map(|(path, text)| (path.parse().unwrap(), Sha256::of(text.as_bytes())))
            .collect()
    }

    struct Case<'a> {
        root_version: u64,
        root_signers: &'a [&'a str],
        root_signers_before: Option<&'a [&'a str]>,
        index_version: u64,
        index_signers: &'a [&'a str],
        pins: &'a [(&'a str, &'a str)],
        present: &'a [(&'a str, &'a str)],
    }

    const PINS: &[(&str, &str)] = &[("promote.yaml", "p"), ("datasets/a.yaml", "a")];

    const START: Case<'_> = Case {
        root_version: 1,
        root_signers: &["ann", "bob"],
        root_signers_before: None,
        index_version: 1,
        index_signers: &["ann", "sue"],
        pins: PINS,
        present: PINS,
    };

    fn run(case: &Case<'_>, in_force: Option<&Adoption>) -> Result<Option<Adoption>, Vec<String>> {
        let root_spec = root(case.root_version);
        let root_sha = Sha256::of(&case.root_version.to_be_bytes());
        let index_spec = TrustIndexSpec {
            version: case.index_version,
            expires: None,
            root: root_sha,
            files: files(case.pins),
        };
        let index_sha = Sha256::of(format!("{index_spec:?}").as_bytes());
        let present = files(case.present);
        let candidate = Candidate {
            commit: "c",
            root: Signed {
                spec: &root_spec,
                sha256: root_sha,
                signers: signers(case.root_signers),
            },
            root_signers_before: signers(case.root_signers_before.unwrap_or(case.root_signers)),
            index: Signed {
                spec: &index_spec,
                sha256: index_sha,
                signers: signers(case.index_signers),
            },
            files: &present,
        };
        let old_root = root(1);
        let in_force = in_force.map(|adoption| InForce {
            adoption,
            root: &old_root,
        });
        judge(
            &candidate,
            in_force,
            "2026-01-01T00:00:00Z".parse().unwrap(),
        )
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_start_needs_every_role_that_its_files_are_delegated_to() {
        assert!(run(&START, None).unwrap().is_some());
        assert_eq!(
            run(
                &Case {
                    root_signers: &["ann"],
                    ..START
                },
                None
            )
            .unwrap_err(),
            ["`trust/root.yaml` needs 2 of role `root` to sign, 1 have: `ann`"]
        );
        assert_eq!(
            run(
                &Case {
                    index_signers: &["ann"],
                    ..START
                },
                None
            )
            .unwrap_err(),
            ["`trust/index.yaml` needs 1 of role `data` to sign, 0 have: nobody"]
        );
    }

    #[test]
    fn what_is_not_pinned_is_not_adopted() {
        let extra: &[(&str, &str)] = &[
            ("promote.yaml", "p"),
            ("datasets/a.yaml", "A"),
            ("workspaces/x.yaml", "x"),
        ];
        assert_eq!(
            run(
                &Case {
                    present: extra,
                    ..START
                },
                None
            )
            .unwrap_err(),
            [
                "`workspaces/x.yaml` is not pinned in `trust/index.yaml`",
                "`datasets/a.yaml` differs from what `trust/index.yaml` pins",
            ]
        );
        assert_eq!(
            run(
                &Case {
                    present: &PINS[..1],
                    ..START
                },
                None
            )
            .unwrap_err(),
            ["`datasets/a.yaml` is pinned in `trust/index.yaml`, and is not there"]
        );
    }

    #[test]
    fn a_change_needs_only_the_roles_of_the_files_that_changed() {
        let first = run(&START, None).unwrap().unwrap();
        assert_eq!(run(&START, Some(&first)), Ok(None));
        let pins: &[(&str, &str)] = &[("promote.yaml", "p"), ("datasets/a.yaml", "lower")];
        let change = Case {
            index_version: 2,
            index_signers: &["sue"],
            pins,
            present: pins,
            ..START
        };
        assert!(run(&change, Some(&first)).unwrap().is_some());
        assert_eq!(
            run(
                &Case {
                    index_signers: &["ann", "bob"],
                    ..change
                },
                Some(&first)
            )
            .unwrap_err()
            .len(),
            1,
            "platform cannot lower a label"
        );
    }

    #[test]
    fn an_old_state_cannot_be_put_back() {
        let first = run(&START, None).unwrap().unwrap();
        let pins: &[(&str, &str)] = &[("promote.yaml", "q"), ("datasets/a.yaml", "a")];
        let second = run(
            &Case {
                index_version: 2,
                pins,
                present: pins,
                ..START
            },
            Some(&first),
        )
        .unwrap()
        .unwrap();
        assert_eq!(
            run(&START, Some(&second)).unwrap_err(),
            ["`trust/index.yaml` changed and its version is 1; the one in force has 2"]
        );
    }

    #[test]
    fn a_new_root_needs_the_old_roots_signers() {
        let first = run(&START, None).unwrap().unwrap();
        let next = Case {
            root_version: 2,
            index_version: 2,
            index_signers: &["ann", "bob"],
            ..START
        };
        assert!(run(&next, Some(&first)).unwrap().is_some());
        // Their names alone are not enough: it must be by keys that they had before.
        assert_eq!(
            run(
                &Case {
                    root_signers_before: Some(&["ann"]),
                    ..next
                },
                Some(&first)
            )
            .unwrap_err(),
            ["`trust/root.yaml` needs 2 of role `root` to sign, 1 have: `ann`"]
        );
        assert!(
            run(
                &Case {
                    root_signers: &["sue"],
                    ..next
                },
                Some(&first)
            )
            .is_err()
        );
    }
}
